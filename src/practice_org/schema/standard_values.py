"""The rows behind standard picklists: lead, task and case statuses, task priorities, opportunity stages.

The values are those of the recorded describes' picklists; which of them are closed, converted or won, and
the probabilities and forecast categories of stages, are those of a new Developer Edition [K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.schema import setup_rows
from practice_org.schema.catalogue import VALUE_PREFIX

if TYPE_CHECKING:
    from practice_org.org import Org

PICKLISTS = {
    "LeadStatus": ("Lead", "Status"),
    "TaskStatus": ("Task", "Status"),
    "TaskPriority": ("Task", "Priority"),
    "CaseStatus": ("Case", "Status"),
    "OpportunityStage": ("Opportunity", "StageName"),
}
"""The picklist that each object's rows are the values of."""
_TRUE = {
    "LeadStatus": ("IsConverted", ("Closed - Converted",)),
    "TaskStatus": ("IsClosed", ("Completed",)),
    "TaskPriority": ("IsHighPriority", ("High",)),
    "CaseStatus": ("IsClosed", ("Closed",)),
}
_PROBABILITIES = {
    "Prospecting": 10,
    "Qualification": 10,
    "Needs Analysis": 20,
    "Value Proposition": 50,
    "Id. Decision Makers": 60,
    "Perception Analysis": 70,
    "Proposal/Price Quote": 75,
    "Negotiation/Review": 90,
    "Closed Won": 100,
    "Closed Lost": 0,
}
FORECAST_NAMES = {
    "Omitted": "Omitted",
    "Pipeline": "Pipeline",
    "BestCase": "Best Case",
    "MostLikely": "Most Likely",
    "Forecast": "Commit",
    "Closed": "Closed",
}
"""The name (ForecastCategoryName) of each ForecastCategory."""


def store(org: Org) -> None:
    """Store the rows of those objects that have none."""
    with org.transaction() as tx:
        creator = setup_rows.first_user(org)
        for object_name, (owner, picklist) in PICKLISTS.items():
            if tx.connection.execute(f'SELECT 1 FROM "{object_name}" LIMIT 1').fetchone():
                continue
            found = org.schema[owner].get(picklist)
            entries = found.picklist if found else ()
            for position, entry in enumerate(entries, 1):
                row = {
                    "Id": ids.mint(tx.connection, VALUE_PREFIX)[0],
                    "MasterLabel": entry.label,
                    "ApiName": entry.value,
                    "SortOrder": position,
                    **(
                        _stage(entry.value)
                        if object_name == "OpportunityStage"
                        else _status(object_name, entry.value, entry.default)
                    ),
                    "CreatedDate": tx.stamp,
                    "LastModifiedDate": tx.stamp,
                    "SystemModstamp": tx.stamp,
                    "CreatedById": creator,
                    "LastModifiedById": creator,
                }
                setup_rows.insert_row(org, object_name, row)


def _status(object_name: str, value: str, default: bool) -> dict[str, Any]:
    flag, values = _TRUE[object_name]
    return {"IsDefault": int(default), flag: int(value in values)}


def _stage(value: str) -> dict[str, Any]:
    closed, won = value.startswith("Closed"), value == "Closed Won"
    category = "Closed" if won else "Omitted" if closed else "Pipeline"
    return {
        "IsActive": 1,
        "IsClosed": int(closed),
        "IsWon": int(won),
        "ForecastCategory": category,
        "ForecastCategoryName": FORECAST_NAMES[category],
        "DefaultProbability": _PROBABILITIES.get(value, 0),
    }


ELEMENTS = {
    "IsConverted": "converted",
    "IsClosed": "closed",
    "IsWon": "won",
    "IsHighPriority": "highPriority",
    "DefaultProbability": "probability",
    "ForecastCategory": "forecastCategory",
}
"""What the rows say beside the label, and its name in a StandardValueSet."""


def meanings(org: Org, object_name: str) -> dict[str, dict[str, Any]]:
    """By value: whether it is converted, closed and so on, under the names of a StandardValueSet."""
    obj = org.schema.get(object_name)
    if object_name not in PICKLISTS or obj is None:
        return {}
    columns = [name for name in ELEMENTS if obj.get(name)]
    rows = org.reader().execute(f'SELECT "ApiName", {", ".join(columns)} FROM "{object_name}"').fetchall()
    return {
        str(name): {
            ELEMENTS[column]: bool(given) if column.startswith("Is") else given
            for column, given in zip(columns, found, strict=True)
        }
        for name, *found in rows
    }


def put(org: Org, object_name: str, values: list[dict[str, Any]]) -> None:
    """Make the rows those of a StandardValueSet's values, in their order; rows that are gone are deleted."""
    obj = org.schema.get(object_name)
    if object_name not in PICKLISTS or obj is None:
        return
    with org.transaction() as tx:
        creator = setup_rows.first_user(org)
        known = {
            str(name).lower(): row_id
            for row_id, name in tx.connection.execute(f'SELECT "Id", "ApiName" FROM "{object_name}"')
        }
        for position, one in enumerate(values, 1):
            name = str(one["fullName"])
            row: dict[str, Any] = {
                "MasterLabel": str(one.get("label") or name),
                "ApiName": name,
                "SortOrder": position,
                "LastModifiedDate": tx.stamp,
                "SystemModstamp": tx.stamp,
                "LastModifiedById": creator,
                **_told(one),
            }
            if obj.get("IsDefault"):
                row["IsDefault"] = int(bool(one.get("default")))
            if obj.get("IsActive"):
                row["IsActive"] = int(one.get("isActive", True))
            row = {column: given for column, given in row.items() if obj.get(column)}
            row_id = known.pop(name.lower(), None)
            if row_id is None:
                made = {"CreatedDate": tx.stamp, "CreatedById": creator}
                setup_rows.insert_row(
                    org, object_name, {"Id": ids.mint(tx.connection, VALUE_PREFIX)[0], **made, **row}
                )
            else:
                sets = ", ".join(f'"{column}" = ?' for column in row)
                tx.connection.execute(
                    f'UPDATE "{object_name}" SET {sets} WHERE "Id" = ?', (*row.values(), row_id)
                )
        for row_id in known.values():
            tx.connection.execute(f'DELETE FROM "{object_name}" WHERE "Id" = ?', (row_id,))


def _told(value: dict[str, Any]) -> dict[str, Any]:
    """The columns that a value speaks of."""
    out = {column: value[element] for column, element in ELEMENTS.items() if value.get(element) is not None}
    out = {column: int(given) if isinstance(given, bool) else given for column, given in out.items()}
    if "ForecastCategory" in out:
        out["ForecastCategoryName"] = FORECAST_NAMES.get(str(out["ForecastCategory"]), "")
    return out
