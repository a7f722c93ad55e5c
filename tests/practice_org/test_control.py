"""The control plane moves what it says, and nothing without its token."""

from __future__ import annotations

import httpx2
import pytest

from practice_org.sim import received
from tests.practice_org.server import RunningOrg


def test_it_needs_its_own_token(live_org: RunningOrg) -> None:
    for given in ("", f"Bearer {live_org.token('admin')}", "Bearer x"):
        answer = httpx2.get(f"{live_org.base_url}/__sim__/state", headers={"Authorization": given})
        assert answer.status_code == 401


def test_it_says_what_there_is(live_org: RunningOrg) -> None:
    listed = live_org.control("")
    assert {"POST /__sim__/faults", "POST /__sim__/late_commit", "GET /__sim__/requests"} <= set(listed)
    assert all(listed.values())


@pytest.mark.parametrize(
    ("path", "order", "names"),
    [
        ("jobs", {"speed": "warp"}, "warp|speed"),
        ("settings", {"soap_login": True}, "soap_login"),
        ("settings", {"session_seconds": "long"}, "session_seconds"),
        ("users", {"username": "a@b.c", "color": 1}, "color"),
        ("users", {"profile": "Nobody", "objects": {}}, "Nobody"),
        ("users", {"profile": "Standard User", "fields": {"Lead.Nope": "read"}}, "Nope"),
        ("users", {"profile": "Standard User", "fields": {"Lead.Title": "maybe"}}, "maybe"),
        ("settings", {"lock_status": "500"}, "lock_status"),
        ("rules", {"assignment": {"Lead": "nobody"}}, "assignment"),
        ("limits", {"Nonsense": 3}, "Nonsense"),
        ("limits", {"used": -1}, "used"),
        ("seed", {"people": 0}, "people"),
        ("rules", [{"object": "Lead", "message": "m", "when": {"field": "Nope", "is": "blank"}}], "Nope"),
        ("fields", {"object": "Lead", "name": "X", "type": "blob"}, "blob"),
        ("late_commit", {"object": "Lead", "id": "nope", "seconds": 1}, "nope"),
        ("clock", {"offset": 5}, "offset"),
        ("clock", {"offset_seconds": 1e300}, "hundred years"),
        ("clock", {"freeze": "2190-12-31T00:00:00Z", "advance": 3e9}, "years"),
        ("clock", {"advance": "an hour"}, "advance"),
        ("clock", {"freeze": "tomorrow"}, "tomorrow"),
        ("clock", [], "object"),
        ("limits", [], "object"),
        ("jobs", 7, "object"),
        ("reset", {"everything": True}, "everything"),
        ("users", {"username": "a@b.c", "system_permissions": ["ApiEnabled"]}, "system_permissions"),
        ("users", {"username": "a@b.c", "active": "no"}, "active"),
        ("events", {"define": []}, "define|kind|indices"),
        ("metadata", {"type": "CustomField", "components": [5]}, "CustomField|kind|5"),
        ("sharing", {"share": [5]}, "."),
        ("warp", {}, "no such order"),
    ],
)
def test_what_cannot_be_done_is_named(live_org: RunningOrg, path: str, order: object, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        live_org.control(path, order)


def test_users_are_created_changed_and_shut_out(live_org: RunningOrg) -> None:
    made = live_org.control(
        "users", {"username": "nina@example.com", "first_name": "Nina", "last_name": "Ny", "password": "pw"}
    )
    live_org.facts["users"].append({"role": "nina", **made})
    token = live_org.token("nina")
    live_org.control("users", {"username": "nina@example.com", "active": False})
    answer = httpx2.get(
        f"{live_org.base_url}/services/data/v60.0/limits", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 401
    with pytest.raises(ValueError, match="inactive"):
        live_org.token("nina")


def test_rights_of_a_profile_reach_describe_and_query(live_org: RunningOrg) -> None:
    live_org.control(
        "users", {"username": live_org.username, "fields": {"Lead.Title": "hidden", "Lead.Rating": "read"}}
    )
    with live_org.api() as api:
        fields = {f["name"]: f for f in api.get("sobjects/Lead/describe").json()["fields"]}
        assert "Title" not in fields and fields["Rating"]["updateable"] is False
        assert "No such column" in api.get("query", params={"q": "SELECT Title FROM Lead"}).text
    live_org.control("users", {"username": live_org.username, "system_permissions": {"ApiEnabled": False}})
    with live_org.api() as api:
        assert api.get("limits").status_code == 403


def test_a_field_made_on_order_can_be_used_at_once(live_org: RunningOrg) -> None:
    live_org.control(
        "fields", {"object": "Lead", "name": "Mood__c", "type": "text", "length": 20, "label": "Mood"}
    )
    with live_org.api() as api:
        made = api.post("sobjects/Lead", json={"LastName": "L", "Company": "C", "Mood__c": "fine"}).json()
        got = api.get(f"sobjects/Lead/{made['id']}", params={"fields": "Mood__c"}).json()
    assert got["Mood__c"] == "fine"


def test_an_assignment_rule_gives_new_records_their_owner(live_org: RunningOrg) -> None:
    owner = live_org.user("sales")["user_id"]
    live_org.control("rules", {"assignment": {"Lead": owner}})
    with live_org.api() as api:
        body = {"LastName": "Routed", "Company": "C"}
        routed = api.post("sobjects/Lead", json=body).json()["id"]
        kept = api.post("sobjects/Lead", json=body, headers={"Sforce-Auto-Assign": "FALSE"}).json()["id"]
        owners = [api.get(f"sobjects/Lead/{one}").json()["OwnerId"] for one in (routed, kept)]
    assert owners == [owner, live_org.user("sync")["user_id"]]


def test_bump_moves_the_modstamp_alone(live_org: RunningOrg) -> None:
    live_org.control("clock", {"advance": 100})
    before = live_org.control("records?object=Lead&limit=1")["records"][0]
    assert live_org.control("bump", {"object": "Lead", "ids": [before["Id"][:15]]}) == {"bumped": 1}
    after = live_org.control(f"records?object=Lead&id={before['Id']}")["records"][0]
    assert {name for name in after if after[name] != before[name]} == {"SystemModstamp"}
    assert after["SystemModstamp"] > before["SystemModstamp"]


def test_a_late_commit_is_stamped_with_its_start(live_org: RunningOrg) -> None:
    row = live_org.control("records?object=Lead&limit=1")["records"][0]
    live_org.control("clock", {"freeze": "2027-01-01T00:00:00Z"})
    live_org.control(
        "late_commit", {"object": "Lead", "id": row["Id"], "values": {"Title": "Late"}, "seconds": 30}
    )
    with live_org.api() as api:
        record = f"sobjects/Lead/{row['Id']}"
        assert api.get(record).json()["Title"] != "Late"
        live_org.control("clock", {"advance": 31})
        late = api.get(record).json()
    assert (late["Title"], late["SystemModstamp"]) == ("Late", "2027-01-01T00:00:00.000+0000")


def test_reset_brings_everything_back_and_can_empty_the_org(live_org: RunningOrg) -> None:
    live_org.control("faults", {"trigger": "any", "status": 500, "times": None})
    live_org.control("settings", {"refresh_rotation": True, "lock_status": 500})
    live_org.control("jobs", {"speed": "slow"})
    live_org.control("limits", {"used": 15000})
    live_org.control("clock", {"freeze": True})
    live_org.control("reset", {"records": True})
    state = live_org.control("state")
    assert state["faults"] == [] and state["settings"]["refresh_rotation"] is False
    assert state["settings"]["lock_status"] == 400
    assert state["jobs"] == {"speed": "instant"} and state["limits"]["used"] == 0
    assert state["clock"] == {"offset_seconds": 0.0, "frozen": False}
    assert state["records"]["Lead"] == 0
    sown = live_org.control("seed", {"people": 10, "seed": 3})
    assert {name: sown[name] for name in ("accounts", "contacts", "leads")} == {
        "accounts": 1,
        "contacts": 3,
        "leads": 7,
    }
    assert sown["campaigns"] == 3
    assert live_org.control("records?object=CampaignMemberStatus")["total"] == 6


def test_orders_make_objects_record_types_and_person_accounts(live_org: RunningOrg) -> None:
    made = live_org.control(
        "objects",
        {"name": "Visit", "label": "Visit", "fields": [{"name": "Hall", "type": "text", "length": 10}]},
    )
    assert made["name"] == "Visit__c"
    kind = live_org.control("record_types", {"object": "Lead", "name": "Trade", "default": True})
    with live_org.api("sales") as api:
        created = api.post("sobjects/Visit__c", json={"Name": "First", "Hall__c": "3"})
        assert created.status_code == 201, created.text
        lead = api.post("sobjects/Lead", json={"LastName": "Typed", "Company": "C"}).json()["id"]
        assert api.get(f"sobjects/Lead/{lead}").json()["RecordTypeId"] == kind["id"]
    assert live_org.control("objects", {"name": "Visit__c", "delete": True}) == {"deleted": "Visit__c"}
    for wrong in ({"name": "Visit", "delete": True}, {"name": "1st"}):
        with pytest.raises(ValueError, match="400"):
            live_org.control("objects", wrong)
    assert live_org.control("person_accounts", {}) == {"person_accounts": True}
    with live_org.api("sales") as api:
        person = api.post("sobjects/Account", json={"LastName": "Berg", "PersonEmail": "b@example.com"})
        assert person.status_code == 201, person.text


def test_the_request_log_keeps_what_matters_and_no_secret(live_org: RunningOrg) -> None:
    live_org.control("requests", method="DELETE")
    with live_org.api() as api:
        api.post(
            "sobjects/Lead",
            json={"LastName": "Logged", "Company": "C"},
            headers={"X-Cycle": "c-17", "Sforce-Call-Options": "client=diptych"},
        )
    log = live_org.control("requests?method=POST")
    assert log["received"] == 2
    login, write = log["requests"]
    assert login["body"] is None and "authorization" not in write["headers"]
    assert (
        write["headers"]["x-cycle"] == "c-17" and write["headers"]["sforce-call-options"] == "client=diptych"
    )
    assert (write["object"], write["status"], write["user"]) == ("Lead", 201, live_org.username)
    assert '"Logged"' in write["body"] and len(write["body_sha256"]) == 64
    assert live_org.control(f"requests?since={write['number']}")["requests"] == []


def test_the_log_keeps_the_latest_bodies_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(received, "ALL_BODIES", 100)
    log = received.ReceivedLog()
    for number in range(5):
        log.add(
            time="",
            method="POST",
            path="/x",
            query="",
            status=200,
            object=None,
            user=None,
            headers={},
            body=b"x" * 40 + str(number).encode(),
            faults=(),
            seconds=0.0,
        )
    rows = log.listing()["requests"]
    assert [row["body"] is not None for row in rows] == [False, False, False, True, True]
    assert all(row["body_length"] == 41 for row in rows)


def test_a_refused_order_moves_nothing(live_org: RunningOrg) -> None:
    before = live_org.control("state")
    with pytest.raises(ValueError, match="cut"):
        live_org.control("faults", [{"trigger": "query", "status": 503}, {"cut": "sideways"}])
    with pytest.raises(ValueError, match="years"):
        live_org.control("clock", {"offset_seconds": 7, "advance": 3.1e9, "freeze": "2199-06-01T00:00:00Z"})
    after = live_org.control("state")
    assert after["faults"] == before["faults"] == []
    assert after["clock"] == before["clock"]


def test_faults_are_understood_in_the_spelling_of_json(live_org: RunningOrg) -> None:
    made = live_org.control("faults", {"trigger": "update", "errorCode": "UNABLE_TO_LOCK_ROW", "afterN": 2})
    assert (made[0]["error_code"], made[0]["after_n"]) == ("UNABLE_TO_LOCK_ROW", 2)
