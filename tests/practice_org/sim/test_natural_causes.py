"""Every fault that has a natural cause is reachable by that cause, with the same status and code.

The rows are those of the table in `docs/practice-org-misbehaviour.md`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from practice_org.schema import birth
from tests.practice_org.calls import Answer, Caller
from tests.practice_org.orders import Order
from tests.practice_org.server import RunningOrg

Cause = Callable[[Caller, Order, str], Callable[[], Answer]]
LEAD = {"LastName": "L", "Company": "C"}


def person(caller: Caller, name: str, **more: Any) -> str:
    return birth.create_user(caller.org, username=f"{name}@example.com", last_name=name, **more)


def patch(caller: Caller, lead: str, **values: Any) -> Callable[[], Answer]:
    return lambda: caller("PATCH", f"/sobjects/Lead/{lead}", values)


# -- causes: each makes the org so, and returns the call that then fails -----------------------------


def held_open(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("settings", {"lock_wait_seconds": 0})
    order("late_commit", {"object": "Lead", "id": lead, "values": {"Title": "x"}, "seconds": 60})
    return patch(admin, lead, Title="y")


def sibling_held_open(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("settings", {"lock_wait_seconds": 0})
    account = admin.create("Account", Name="A")
    held, other = (admin.create("Contact", LastName=n, AccountId=account) for n in "AB")
    order("late_commit", {"object": "Contact", "id": held, "values": {"Title": "x"}, "seconds": 60})
    return lambda: admin("PATCH", f"/sobjects/Contact/{other}", {"Title": "y"})


def deleted_by_another(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    admin("DELETE", f"/sobjects/Lead/{lead}")
    return patch(admin, lead, Title="y")


def public_read_only(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("sharing", {"defaults": {"Lead": "Read"}})
    return patch(Caller(admin.org, person(admin, "seller")), lead, Title="y")


def private(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("sharing", {"defaults": {"Lead": "Private"}})
    return patch(Caller(admin.org, person(admin, "seller")), lead, Title="y")


def read_only_field(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("schema_change", {"object": "Lead", "field": "Title", "change": "read"})
    return patch(admin, lead, Title="y")


def hidden_field(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("schema_change", {"object": "Lead", "field": "Title", "change": "hide"})
    return patch(admin, lead, Title="y")


def dropped_field(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("fields", {"object": "Lead", "name": "Mood", "type": "text"})
    order("schema_change", {"object": "Lead", "field": "Mood__c", "change": "drop"})
    return patch(admin, lead, Mood__c="y")


def shortened_field(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("fields", {"object": "Lead", "name": "Mood", "type": "text", "length": 20})
    order("schema_change", {"object": "Lead", "field": "Mood__c", "change": "length", "length": 3})
    return patch(admin, lead, Mood__c="wonderful")


def field_now_required(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("fields", {"object": "Lead", "name": "Mood", "type": "text"})
    order("schema_change", {"object": "Lead", "field": "Mood__c", "change": "require"})
    return patch(admin, lead, Mood__c=None)


def value_taken_from_picklist(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order(
        "fields",
        {"object": "Lead", "name": "Mood", "type": "picklist", "picklist": ["a"], "restricted": True},
    )
    order("schema_change", {"object": "Lead", "field": "Mood__c", "change": "picklist", "values": ["b"]})
    return patch(admin, lead, Mood__c="a")


def validation_rule(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("rules", {"validation": [{"object": "Lead", "message": "no", "when": 'Title = "y"'}]})
    return patch(admin, lead, Title="y")


def duplicate_rule(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    matching = {"object": "Lead", "name": "M", "items": [{"field": "Email"}]}
    order(
        "rules", {"matching": [matching], "duplicate": [{"object": "Lead", "name": "D", "matching": ["M"]}]}
    )
    admin.create("Lead", Email="a@example.com", **LEAD)
    return patch(admin, lead, Email="a@example.com")


def unique_value_taken(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    order("fields", {"object": "Lead", "name": "Key", "type": "text", "length": 9, "unique": True})
    admin.create("Lead", Key__c="1", **LEAD)
    return patch(admin, lead, Key__c="1")


def failing_automation(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    rules = {"automation": [{"object": "Lead", "set": {"Title": "bad"}}]}
    order("rules", {**rules, "validation": [{"object": "Lead", "message": "no", "when": 'Title = "bad"'}]})
    return patch(admin, lead, Title="y")


def converted(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    with admin.org.transaction() as tx:
        tx.connection.execute('UPDATE "Lead" SET "IsConverted" = 1')
    return patch(admin, lead, Title="y")


def owner_has_left(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    return patch(admin, lead, OwnerId=person(admin, "gone", active=False))


def reference_to_nothing(admin: Caller, order: Order, lead: str) -> Callable[[], Answer]:
    contact = admin.create("Contact", LastName="C")
    return lambda: admin("PATCH", f"/sobjects/Contact/{contact}", {"AccountId": "001000000000001"})


CAUSES: list[tuple[str, Cause]] = [
    ("UNABLE_TO_LOCK_ROW", held_open),
    ("UNABLE_TO_LOCK_ROW", sibling_held_open),
    ("ENTITY_IS_DELETED", deleted_by_another),
    ("INSUFFICIENT_ACCESS_OR_READONLY", public_read_only),
    ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", private),
    ("INVALID_FIELD_FOR_INSERT_UPDATE", read_only_field),
    ("INVALID_FIELD", hidden_field),
    ("INVALID_FIELD", dropped_field),
    ("STRING_TOO_LONG", shortened_field),
    ("REQUIRED_FIELD_MISSING", field_now_required),
    ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", value_taken_from_picklist),
    ("FIELD_CUSTOM_VALIDATION_EXCEPTION", validation_rule),
    ("DUPLICATES_DETECTED", duplicate_rule),
    ("DUPLICATE_VALUE", unique_value_taken),
    ("CANNOT_EXECUTE_FLOW_TRIGGER", failing_automation),
    ("CANNOT_UPDATE_CONVERTED_LEAD", converted),
    ("INACTIVE_OWNER_OR_USER", owner_has_left),
    ("INVALID_CROSS_REFERENCE_KEY", reference_to_nothing),
]


@pytest.mark.parametrize(("code", "cause"), CAUSES, ids=[cause.__name__ for _, cause in CAUSES])
def test_a_refused_write(admin: Caller, order: Order, code: str, cause: Cause) -> None:
    lead = admin.create("Lead", **LEAD)
    order("faults", {"trigger": "update", "error_code": code})
    ordered = admin("PATCH", f"/sobjects/Lead/{lead}", {"Title": "t"})
    assert ordered.json[0]["errorCode"] == code
    natural = cause(admin, order, lead)()
    assert (natural.json[0]["errorCode"], natural.status) == (code, ordered.status)


def test_undelete_of_what_is_not_in_the_bin(admin: Caller, order: Order) -> None:
    from practice_org.data import dml
    from practice_org.errors import ApiError

    lead = admin.create("Lead", **LEAD)
    codes = []
    order("faults", {"trigger": "undelete", "error_code": "UNDELETE_FAILED"})
    for _ in range(2):
        with pytest.raises(ApiError) as caught:
            dml.undelete(admin.org, admin.user_id, "Lead", lead)
        codes.append((caught.value.code, caught.value.status))
    assert codes[0] == codes[1] and codes[0][0] == "UNDELETE_FAILED"


# -- through the door --------------------------------------------------------------------------------

QUERY = {"q": "SELECT Id FROM Lead"}


def answered(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


def ordered(live_org: RunningOrg, api: httpx2.Client, code: str, **more: Any) -> tuple[int, str]:
    live_org.control("faults", {"trigger": "query", "error_code": code, **more})
    return answered(api.get("query", params=QUERY))


def test_a_session_ends(live_org: RunningOrg) -> None:
    for cause in (
        lambda: live_org.control("clock", {"advance": 7201}),
        lambda: live_org.control("sessions", {"expire": live_org.username}),
    ):
        with live_org.api() as api:
            expected = ordered(live_org, api, "INVALID_SESSION_ID")
            assert api.get("query", params=QUERY).status_code == 200
            cause()
            assert answered(api.get("query", params=QUERY)) == expected == (401, "INVALID_SESSION_ID")
    with live_org.api("sales") as api:
        live_org.control("users", {"username": live_org.user("sales")["username"], "active": False})
        assert answered(api.get("query", params=QUERY)) == expected


def test_calls_are_used_up(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        expected = ordered(live_org, api, "REQUEST_LIMIT_EXCEEDED")
        live_org.control("limits", {"DailyApiRequests": 1})
        assert api.get("query", params=QUERY).status_code == 200
        refused = api.get("query", params=QUERY)
        assert answered(refused) == expected == (403, "REQUEST_LIMIT_EXCEEDED")
        assert refused.json()[0]["message"] == "TotalRequests Limit exceeded."
        assert api.get("limits").json()["DailyApiRequests"]["Remaining"] == 0


def test_too_many_long_calls_at_once(live_org: RunningOrg) -> None:
    text = "ConcurrentPerOrgLongTxn Limit exceeded."
    with live_org.api() as api, live_org.api() as slow:
        expected = ordered(live_org, api, "REQUEST_LIMIT_EXCEEDED", message=text)
        live_org.control("settings", {"concurrent_long_calls": 1, "long_call_seconds": 1})
        live_org.control("faults", {"trigger": "retrieve", "latency_ms": 2500})
        lead = live_org.control("records?object=Lead&limit=1")["records"][0]["Id"]
        thread = threading.Thread(target=lambda: slow.get(f"sobjects/Lead/{lead}"))
        thread.start()
        refused = None
        while thread.is_alive() and refused is None:
            answer = api.get("query", params=QUERY)
            refused = answer if answer.status_code != 200 else None
        thread.join()
    assert refused is not None and answered(refused) == expected
    assert refused.json()[0]["message"] == text


def test_the_profile_loses_the_api(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        expected = ordered(live_org, api, "API_DISABLED_FOR_ORG")
        live_org.control(
            "users", {"username": live_org.username, "system_permissions": {"ApiEnabled": False}}
        )
        assert answered(api.get("query", params=QUERY)) == expected == (403, "API_DISABLED_FOR_ORG")


def test_a_query_locator_is_lost(live_org: RunningOrg) -> None:
    live_org.control("seed", {"people": 400})

    def page_of(api: httpx2.Client) -> str:
        first = api.get("query", params=QUERY, headers={"Sforce-Query-Options": "batchSize=200"}).json()
        return str(live_org.base_url + first["nextRecordsUrl"])

    with live_org.api() as api, live_org.api() as other:
        expected = ordered(live_org, api, "INVALID_QUERY_LOCATOR")
        following = page_of(api)
        assert answered(other.get(following)) == expected == (400, "INVALID_QUERY_LOCATOR")
        assert api.get(following).status_code == 200
        for _ in range(10):
            page_of(api)
        assert answered(api.get(following)) == expected
        following = page_of(api)
        for _ in range(48):
            live_org.control("clock", {"advance": 3700})
            assert api.get("limits").status_code == 200
        assert answered(api.get(following)) == expected


def test_a_record_that_is_not_there(live_org: RunningOrg) -> None:
    with live_org.api() as api:
        live_org.control("faults", {"trigger": "retrieve", "error_code": "NOT_FOUND"})
        lead = live_org.control("records?object=Lead&limit=1")["records"][0]["Id"]
        expected = answered(api.get(f"sobjects/Lead/{lead}"))
        assert api.get(f"sobjects/Lead/{lead}").status_code == 200
        assert answered(api.get("sobjects/Lead/00Q000000000001")) == expected == (404, "NOT_FOUND")
        live_org.control("sharing", {"defaults": {"Lead": "Private"}})
        with live_org.api("sales") as sales:
            hidden = [
                r["Id"]
                for r in live_org.control("records?object=Lead&limit=100")["records"]
                if r["OwnerId"] != live_org.user("sales")["user_id"]
            ]
            assert answered(sales.get(f"sobjects/Lead/{hidden[0]}")) == expected


def test_too_many_records_in_a_call(live_org: RunningOrg) -> None:
    record = {"attributes": {"type": "Lead"}, **LEAD}
    with live_org.api() as api:
        order = {"trigger": "any", "path": "/composite/sobjects", "error_code": "EXCEEDED_ID_LIMIT"}
        live_org.control("faults", order)
        expected = answered(api.post("composite/sobjects", json={"records": [record]}))
        natural = answered(api.post("composite/sobjects", json={"records": [record] * 201}))
    assert natural == expected == (400, "EXCEEDED_ID_LIMIT")


def test_a_token_is_refused(live_org: RunningOrg) -> None:
    def token(password: str) -> httpx2.Response:
        return httpx2.post(
            f"{live_org.base_url}/services/oauth2/token",
            data={
                "grant_type": "password",
                "client_id": live_org.client_id,
                "client_secret": live_org.client_secret,
                "username": live_org.username,
                "password": password,
            },
        )

    whole = live_org.password + live_org.security_token
    live_org.control(
        "faults", {"trigger": "token", "error_code": "invalid_grant", "message": "authentication failure"}
    )
    refused = token(whole)
    assert token(whole).status_code == 200
    wrong = token("wrong")
    assert (wrong.status_code, wrong.json()) == (refused.status_code, refused.json())


# -- causes without a refusal --------------------------------------------------------------------------


def test_a_background_job_bumps_the_modstamp(admin: Caller, order: Order) -> None:
    order("rules", {"automation": [{"object": "Lead", "moment": "later", "seconds": 5, "bump": True}]})
    lead = admin.create("Lead", **LEAD)
    soql = f"SELECT SystemModstamp, LastModifiedDate FROM Lead WHERE Id = '{lead}'"
    admin.org.clock.advance(10)
    row = admin.query(soql)["records"][0]
    assert row["SystemModstamp"] > row["LastModifiedDate"]


def test_a_late_commit_bears_the_stamp_of_its_start(admin: Caller, order: Order) -> None:
    lead = admin.create("Lead", **LEAD)
    admin.org.clock.freeze()
    order("late_commit", {"object": "Lead", "id": lead, "values": {"Title": "Late"}, "seconds": 30})
    started = admin.org.clock.now()
    admin.org.clock.advance(31)
    row = admin.query("SELECT Title, SystemModstamp FROM Lead")["records"][0]
    assert row["Title"] == "Late"
    assert row["SystemModstamp"].startswith(started.strftime("%Y-%m-%dT%H:%M:%S"))


@pytest.mark.parametrize("speed", ["slow", "stuck"])
def test_a_job_does_not_come_to_an_end(admin: Caller, order: Order, speed: str) -> None:
    order("jobs", {"speed": speed})
    job = admin("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"}).json["id"]
    states = {admin("GET", f"/jobs/query/{job}").json["state"] for _ in range(3)}
    assert "JobComplete" not in states
