"""Opportunities: what follows from the stage, the close date and the amount; contact roles and history.

The stage brings its probability and forecast category unless the caller gives others, and says whether
the opportunity is closed and won (object reference, Opportunity and OpportunityStage).
"""

from __future__ import annotations

from typing import Any

from practice_org import ids
from practice_org.data.standard.change import Change
from practice_org.schema.standard_values import FORECAST_NAMES

TRACKED = ("StageName", "Amount", "CloseDate", "Probability", "ForecastCategory", "ExpectedRevenue")
"""Fields whose change writes a row of OpportunityHistory."""


def fill(change: Change) -> None:
    """Complete an opportunity's derived columns."""
    row = change.row
    if change.creating:
        change.kept["contact"] = row.pop("ContactId", None)
    if change.altered("StageName"):
        _stage(change)
    elif "ForecastCategoryName" in change.given:
        row["ForecastCategory"] = _category(row.get("ForecastCategoryName"))
    amount, probability = row.get("Amount"), row.get("Probability")
    row["ExpectedRevenue"] = None if amount is None else round(amount * (probability or 0) / 100, 2)
    if change.altered("CloseDate"):
        _fiscal(change)
    _note_history(change)


def _stage(change: Change) -> None:
    row, given = change.row, change.given
    found = change.one(
        'SELECT "IsClosed", "IsWon", "ForecastCategory", "DefaultProbability" FROM "OpportunityStage" '
        'WHERE "ApiName" = ? COLLATE NOCASE',
        row.get("StageName"),
    )
    closed, won, category, probability = found or (0, 0, "Pipeline", 0.0)
    row["IsClosed"], row["IsWon"] = closed, won
    if given.get("Probability") is None:
        row["Probability"] = probability
    if given.get("ForecastCategoryName") is None:
        row["ForecastCategoryName"] = FORECAST_NAMES[category]
    row["ForecastCategory"] = _category(row["ForecastCategoryName"]) or category
    if change.before is not None:
        row["LastStageChangeDate"] = change.tx.stamp


def _category(name: str | None) -> str | None:
    return next((value for value, label in FORECAST_NAMES.items() if label == name), None)


def _fiscal(change: Change) -> None:
    """The fiscal period of the close date; the year bears the name of the calendar year it ends in."""
    close = change.row.get("CloseDate")
    if not close:
        return
    first = (change.one('SELECT "FiscalYearStartMonth" FROM "Organization"') or (1,))[0] or 1
    year, month = int(close[:4]), int(close[5:7])
    quarter = (month - first) % 12 // 3 + 1
    fiscal = year + int(first > 1 and month >= first)
    change.row.update(FiscalYear=fiscal, FiscalQuarter=quarter, Fiscal=f"{fiscal} {quarter}")


def _note_history(change: Change) -> None:
    """Mint the id of the coming history row, which the opportunity itself may have to name."""
    if not any(change.altered(name) for name in TRACKED):
        return
    made = ids.mint(change.connection, change.org.schema["OpportunityHistory"].prefix)[0]
    change.kept["history"] = made
    if change.before is None:
        return
    for name, column in (
        ("Amount", "LastAmountChangedHistoryId"),
        ("CloseDate", "LastCloseDateChangedHistoryId"),
    ):
        if change.altered(name):
            change.row[column] = made


def follow(change: Change) -> None:
    """The history of a change, and the primary contact that a new opportunity was given."""
    row = change.row
    if "history" in change.kept:
        before: dict[str, Any] = change.before or {}
        change.add(
            "OpportunityHistory",
            {
                "Id": change.kept["history"],
                "OpportunityId": row["Id"],
                **{name: row.get(name) for name in TRACKED},
                "PrevAmount": before.get("Amount"),
                "PrevCloseDate": before.get("CloseDate"),
            },
        )
    contact = change.kept.get("contact")
    if contact:
        change.add(
            "OpportunityContactRole",
            {"OpportunityId": row["Id"], "ContactId": contact, "IsPrimary": 1},
        )


def follow_role(change: Change) -> None:
    """An opportunity has one primary contact role: a new one takes the mark from the other."""
    row = change.row
    if not row.get("IsPrimary") or not change.altered("IsPrimary"):
        return
    others = change.connection.execute(
        'SELECT "Id" FROM "OpportunityContactRole" WHERE "OpportunityId" = ? AND "IsPrimary" = 1 '
        'AND "IsDeleted" = 0 AND "Id" <> ?',
        (row["OpportunityId"], row["Id"]),
    ).fetchall()
    for (other,) in others:
        change.touch("OpportunityContactRole", other, {"IsPrimary": 0})
