"""Person accounts on writing: the person's values go to the contact behind the account.

Which records are persons, and what one may not write: Salesforce help, "Person Accounts"; the texts of
refusals are platform knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org import ids
from practice_org.data.standard.change import Change
from practice_org.errors import ApiError
from practice_org.schema import person_accounts
from practice_org.schema.person_accounts import NAMES, SHARED, contact_field, is_person_field


def fill_account(change: Change) -> None:
    """Set the person's values aside for the contact; the account's name is the person's."""
    if not change.org.setting(person_accounts.SETTING):
        return
    row, obj = change.row, change.obj
    names = [f.name for f in obj.fields if is_person_field(f) and f.name in row]
    given = {name: row.pop(name) for name in names}
    if change.creating:
        person = given.get("LastName") is not None or _person_type(change, row.get("RecordTypeId"))
    else:
        person = bool(row.get("IsPersonAccount"))
    if not person:
        if any(value not in (None, 0) for value in given.values()):
            raise _bad_fields(next(name for name, value in given.items() if value not in (None, 0)))
        if change.creating and row.get("Name") is None:
            raise _missing("Name")
        return
    if "Name" in change.given and change.altered("Name"):
        raise _bad_fields("Name")
    if change.creating:
        row["IsPersonAccount"] = 1
        row["PersonContactId"] = ids.mint(change.connection, "003")[0]
        if not _person_type(change, row.get("RecordTypeId")):
            row["RecordTypeId"] = _first_person_type(change)
    elif not any(name in given for name in NAMES) and not given:
        change.kept["person"] = {}
        return
    last, first = _names(change, given)
    if last is None:
        raise _missing("LastName")
    row["Name"] = f"{first} {last}" if first else last
    change.kept["person"] = given


def _person_type(change: Change, record_type: str | None) -> bool:
    if record_type is None:
        return False
    found = change.one('SELECT "IsPersonType" FROM "RecordType" WHERE "Id" = ?', record_type)
    return bool(found and found[0])


def _first_person_type(change: Change) -> str | None:
    found = change.one(
        'SELECT "Id" FROM "RecordType" WHERE "SobjectType" = \'Account\' AND "IsPersonType" = 1 '
        'AND "IsActive" = 1 ORDER BY "Id" LIMIT 1'
    )
    return found[0] if found else None


def _names(change: Change, given: Mapping[str, Any]) -> tuple[Any, Any]:
    held: tuple[Any, ...] = (None, None)
    if not change.creating:
        held = change.one(
            'SELECT "LastName", "FirstName" FROM "Contact" WHERE "Id" = ?', change.row["PersonContactId"]
        ) or (None, None)
    return given.get("LastName", held[0]), given.get("FirstName", held[1])


def _bad_fields(name: str) -> ApiError:
    return ApiError(
        400,
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Account: bad field names on insert/update call: {name}",
        (name,),
    )


def _missing(name: str) -> ApiError:
    return ApiError(400, "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{name}]", (name,))


def follow_account(change: Change) -> None:
    """Write the contact of a person account."""
    row = change.row
    if not row.get("IsPersonAccount") or "person" not in change.kept:
        return
    values = {contact_field(name): value for name, value in change.kept["person"].items()}
    values |= {name: row.get(name) for name in SHARED if change.altered(name)}
    if change.creating:
        change.add(
            "Contact",
            {
                **values,
                "Id": row["PersonContactId"],
                "AccountId": row["Id"],
                "OwnerId": row["OwnerId"],
                "Name": row["Name"],
                "IsPersonAccount": 1,
            },
        )
    elif values or change.altered("Name"):
        change.touch("Contact", row["PersonContactId"], {**values, "Name": row["Name"]})


def refuse_contact(change: Change) -> None:
    """Refuse to write the contact of a person account itself."""
    if change.before is not None and change.before.get("IsPersonAccount"):
        raise _reference()


def refuse_delete(row: Mapping[str, Any]) -> None:
    """Refuse to delete the contact of a person account without its account."""
    if row.get("IsPersonAccount"):
        raise _reference()


def _reference() -> ApiError:
    return ApiError(400, "INVALID_CROSS_REFERENCE_KEY", "cannot reference person contact", ())
