"""Cases: their number, whether they are closed, and the account of their contact."""

from __future__ import annotations

from practice_org.data.standard.change import Change, value_of


def fill(change: Change) -> None:
    """Number a new case; IsClosed and ClosedDate follow the status."""
    row = change.row
    if change.creating and row.get("CaseNumber") is None:
        last = change.one('SELECT max("CaseNumber") FROM "Case"')[0]
        row["CaseNumber"] = f"{int(last or 1000) + 1:08d}"
    if row.get("ContactId") and row.get("AccountId") is None and change.altered("ContactId"):
        row["AccountId"] = value_of(change.connection, "Contact", row["ContactId"], "AccountId")
    if change.altered("Status"):
        found = change.one('SELECT "IsClosed" FROM "CaseStatus" WHERE "ApiName" = ?', row.get("Status"))
        closed = bool(found and found[0])
        if closed and not row.get("IsClosed"):
            row["ClosedDate"] = change.tx.stamp
        elif not closed:
            row["ClosedDate"] = None
        row["IsClosed"] = int(closed)
