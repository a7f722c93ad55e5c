"""The control plane's short cut to the life cycle of records."""

from __future__ import annotations

import pytest

from tests.practice_org.server import RunningOrg


def refused(org: RunningOrg, order: object) -> str:
    with pytest.raises(ValueError) as caught:
        org.control("lifecycle", order)
    return str(caught.value)


def row(org: RunningOrg, name: str, record_id: str) -> dict[str, object]:
    found: dict[str, object] = org.control(f"records?object={name}&id={record_id}")["records"][0]
    return found


def test_records_live_and_die_on_order(live_org: RunningOrg) -> None:
    with live_org.api("admin") as api:
        leads = [
            api.post("sobjects/Lead", json={"LastName": f"L{n}", "Company": "c"}).json()["id"]
            for n in range(3)
        ]
    live_org.control("fields", {"object": "Lead", "name": "Score", "type": "number"})
    live_org.control("fields", {"object": "Contact", "name": "Score", "type": "number"})
    pair = {"lead_field": "score__c", "target_object": "contact", "target_field": "Score__c"}
    assert live_org.control("lifecycle", {"mapping": [pair]})["mapping"][0]["lead_field"] == "Score__c"
    with live_org.api("admin") as api:
        api.patch(f"sobjects/Lead/{leads[0]}", json={"Score__c": 5})
    merged = live_org.control(
        "lifecycle", {"merge": {"winner": leads[0], "losers": leads[1], "values": {"Title": "t"}}}
    )
    assert merged == {"winner": leads[0], "losers": [leads[1]], "moved": []}
    username = live_org.user("sales")["username"]
    done = live_org.control(
        "lifecycle", {"convert": {"lead": leads[0], "no_opportunity": True}, "username": username}
    )
    assert done["opportunity"] is None and row(live_org, "Contact", done["contact"])["Score__c"] == 5
    changed = row(live_org, "Lead", leads[0])
    assert (changed["Title"], changed["LastModifiedById"]) == ("t", live_org.user("sales")["user_id"])
    assert live_org.control("lifecycle", {"delete": leads[2]}) == {"ids": [leads[2]]}
    assert live_org.control("lifecycle", {"undelete": [leads[2][:15]]}) == {"ids": [leads[2]]}
    live_org.control("lifecycle", {"delete": leads[2]})
    live_org.control("lifecycle", {"purge": leads[2]})
    assert live_org.control(f"records?object=Lead&id={leads[2]}")["total"] == 0
    live_org.control("lifecycle", {"hard_delete": done["contact"]})
    assert live_org.control(f"records?object=Contact&id={done['contact']}")["total"] == 0


def test_an_emptied_org_keeps_nothing_of_a_conversion(live_org: RunningOrg) -> None:
    lead = live_org.control("records?object=Lead&limit=1")["records"][0]["Id"]
    with live_org.api("admin") as api:
        made = api.post("sobjects/Lead", json={"LastName": "L", "Company": "c"}).json()["id"]
    live_org.control("lifecycle", {"convert": {"lead": made}})
    live_org.control("lifecycle", {"delete": lead})
    live_org.control("reset", {"records": True})
    for name in ("Lead", "Contact", "Account", "Opportunity", "OpportunityContactRole"):
        assert live_org.control(f"records?object={name}")["total"] == 0
    assert "UNDELETE_FAILED" in refused(live_org, {"undelete": lead})


def test_orders_that_make_no_sense(live_org: RunningOrg) -> None:
    lead = live_org.control("records?object=Lead&limit=1")["records"][0]["Id"]
    assert "INVALID_STATUS" in refused(live_org, {"convert": {"lead": lead, "status": "Nonsense"}})
    assert "one of convert" in refused(live_org, {})
    assert "one of convert" in refused(live_org, {"delete": lead, "undelete": lead})
    assert "missing or unknown: lead" in refused(live_org, {"convert": {}})
    assert "takes an object" in refused(live_org, {"merge": lead})
    assert "MALFORMED_ID" in refused(live_org, {"delete": "x"})
    assert "UNDELETE_FAILED" in refused(live_org, {"undelete": lead})
    assert "no user" in refused(live_org, {"delete": lead, "username": "nobody"})
    assert "no such fields" in refused(live_org, {"mapping": [{"lead_field": "Nope"}]})
    both = refused(live_org, {"delete": [lead, lead[:8] + "0000000"]})
    assert (
        "NOT_FOUND" in both
        and live_org.control(f"records?object=Lead&id={lead}")["records"][0]["IsDeleted"] == 0
    )
