"""Orders that convert, merge, delete, undelete and purge records, acting as a user, without SOAP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from practice_org.data import dml
from practice_org.data.lifecycle.actor import any_id
from practice_org.data.lifecycle.convert import Conversion, convert, converted_statuses
from practice_org.data.lifecycle.mapping import LEAD_CONVERT_SETTINGS
from practice_org.data.lifecycle.merge import Merge, merge
from practice_org.org import Org
from practice_org.sim.plane import BadOrder, Control, Order, caller_id

BIN = {"delete": "delete", "undelete": "undelete", "purge": "emptyRecycleBin", "hard_delete": "hardDelete"}
ACTS = ("convert", "merge", *BIN, "mapping")


def lifecycle(control: Control, order: Order) -> Any:
    """`{convert | merge | delete | undelete | purge | hard_delete | mapping: ..., username}`: one act on records.

    `convert`: `{lead, status, account, contact, opportunity, opportunity_name, no_opportunity,
    overwrite_lead_source, owner}`; all but `lead` may be left out. `merge`: `{winner, losers, values}`.
    The others take an id or a list of ids; `purge` those in the recycle bin. `mapping` replaces the lead
    field mapping by a list of `{lead_field, target_object, target_field}`. Without `username` the org
    itself acts. What the data layer refuses is answered 400 with its errorCode.
    """
    named = [act for act in ACTS if act in order]
    if len(named) != 1:
        raise BadOrder(f"an order has one of {', '.join(ACTS)}")
    org, act = control.org, named[0]
    user = caller_id(control, order["username"]) if order.get("username") else None
    given = order[act]
    if act == "mapping":
        return {"mapping": store_mapping(org, given)}
    if act == "convert":
        return _convert(org, user, _table(given, act))
    if act == "merge":
        return _merge(org, user, _table(given, act))
    return {"ids": _bin(org, user, BIN[act], given if isinstance(given, list) else [given])}


def _table(given: Any, act: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise BadOrder(f"{act} takes an object")
    return given


def _convert(org: Org, user: str | None, given: Mapping[str, Any]) -> Any:
    statuses = converted_statuses(org)
    done = convert(
        org,
        user,
        [
            Conversion(
                lead_id=str(given["lead"]),
                converted_status=given.get("status") or (statuses[0] if statuses else None),
                account_id=given.get("account"),
                contact_id=given.get("contact"),
                opportunity_id=given.get("opportunity"),
                opportunity_name=given.get("opportunity_name"),
                do_not_create_opportunity=bool(given.get("no_opportunity")),
                overwrite_lead_source=bool(given.get("overwrite_lead_source")),
                owner_id=given.get("owner"),
            )
        ],
    )[0]
    if done.error is not None:
        raise done.error
    return {
        "lead": done.lead_id,
        "account": done.account_id,
        "contact": done.contact_id,
        "opportunity": done.opportunity_id,
    }


def _merge(org: Org, user: str | None, given: Mapping[str, Any]) -> Any:
    winner = any_id(str(given["winner"]))
    obj = org.schema.by_prefix(winner)
    if obj is None:
        raise BadOrder(f"{winner} is a record of nothing")
    losers = given["losers"] if isinstance(given["losers"], list) else [given["losers"]]
    done = merge(org, user, [Merge(obj.name, winner, tuple(losers), given.get("values") or {})])[0]
    if done.error is not None:
        raise done.error
    return {"winner": done.id, "losers": list(done.loser_ids), "moved": list(done.moved_ids)}


def _bin(org: Org, user: str | None, operation: str, given: list[Any]) -> list[str]:
    writes = []
    for text in given:
        record_id = any_id(str(text))
        obj = org.schema.by_prefix(record_id)
        if obj is None:
            raise BadOrder(f"{record_id} is a record of nothing")
        writes.append(dml.Write(operation, obj, record_id))
    outcomes = dml.apply(org, user, writes, dml.Options(all_or_none=True))
    refused = [o.error for o in outcomes if o.error and o.error.code != "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    if refused:
        raise refused[0]
    return [str(outcome.id) for outcome in outcomes]


def store_mapping(org: Org, given: Any) -> list[dict[str, str]]:
    """Replace the lead field mapping. Raises BadOrder for a field that there is not."""
    if not isinstance(given, list):
        raise BadOrder("a mapping is a list")
    checked = []
    for one in given:
        target = org.schema.get(str(_table(one, "a mapping").get("target_object")))
        source = org.schema["Lead"].get(str(one.get("lead_field")))
        field = target.get(str(one.get("target_field"))) if target else None
        if target is None or source is None or field is None:
            raise BadOrder(f"no such fields: {one}")
        if target.name not in ("Account", "Contact", "Opportunity"):
            raise BadOrder(f"leads do not become a {target.name}")
        checked.append({"lead_field": source.name, "target_object": target.name, "target_field": field.name})
    org.set_setting(LEAD_CONVERT_SETTINGS, checked)
    return checked
