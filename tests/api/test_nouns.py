"""Joining, defaults at create, preparing the org, renamed fields, refreshing, set-up, sessions: what the pages do, by the API."""

from __future__ import annotations

import json

from diptych.access.sessions import Sessions
from diptych.sync.joining import RUN
from diptych.wiring import Workspace
from diptych.worker import REFRESH
from tests.api.conftest import Caller
from tests.practice_org.server import RunningOrg


def test_people_are_joined_by_a_rule(
    loaded: Workspace, reader: Caller, operator: Caller, admin: Caller
) -> None:
    for name in ("Lear", "Lyr"):
        operator("POST", "/people", 201, json={"values": {"last_name": name, "email": "king@api.org"}})
    wish = {"rule": "email", "sample": 500}
    seen = reader("POST", "/identity/preview", json=wish)
    assert any(one["key"] == ["king@api.org"] for one in seen["sample"])
    before = seen["counts"]["groups"]
    reader.problem("POST", "/identity/preview", 409, json={})
    reader.problem("POST", "/identity/preview", 422, json={"rule": "none"})
    reader.problem("POST", "/identity/preview", 422, json={"rule": "external-id"})
    reader.problem("POST", "/identity/preview", 422, json={"rule": "external-id", "column": "nothing"})
    admin("POST", "/identity/apply", 202, json={"rule": "email"})
    (job,) = (one for one in loaded.jobs.list() if one.name == "gather")
    assert job.arguments["rule"] == "email"
    from threading import Event

    from diptych.worker import Worker

    worker = Worker(loaded, Event())
    done = worker.gather(job.arguments, Event())
    assert reader("POST", "/identity/preview", json=wish)["counts"]["groups"] == 0
    assert reader.get("/identity")["joining"] is None
    run = reader.get("/runs", kind=RUN)["items"][0]["id"]
    assert done["run"] == run
    admin.problem("POST", "/identity/undo", 404, json={"run": 999_999})
    admin("POST", "/identity/undo", 202, json={"run": run})
    (asked,) = (one for one in loaded.jobs.list() if one.name == "undo")
    worker.undo(asked.arguments, Event())
    assert reader("POST", "/identity/preview", json=wish)["counts"]["groups"] == before


def test_join_policies(reader: Caller, admin: Caller) -> None:
    found = {one["column"]: one for one in reader.get("/join-policies")}
    assert not found["city"]["chosen"]
    made = admin("PUT", "/join-policies/city", json={"policy": "most_recent"})
    assert made == {"column": "city", "policy": "most_recent", "chosen": True}
    assert not admin("PUT", "/join-policies/city", json={"policy": "default"})["chosen"]
    assert (
        "means nothing" in admin.problem("PUT", "/join-policies/city", 422, json={"policy": "sum"})["detail"]
    )
    admin.problem("PUT", "/join-policies/nothing", 404, json={"policy": "default"})


def test_defaults_at_create(reader: Caller, admin: Caller) -> None:
    assert admin("PUT", "/create-rule/defaults/Company", json={"value": "unknown"})["defaults"] == {
        "Company": "unknown"
    }
    assert reader.get("/create-rule")["defaults"] == {"Company": "unknown"}
    assert admin("DELETE", "/create-rule/defaults/Company")["defaults"] == {}
    admin.problem("PUT", "/create-rule/defaults/Nothing__c", 422, json={"value": "x"})
    admin.problem("PUT", "/create-rule/defaults/Company", 422, json={"value": "  "})


def test_the_org_is_prepared_and_that_is_taken_back(admin: Caller, practice_org: RunningOrg) -> None:
    one = practice_org.user("admin")
    login = {name: one[name] for name in ("username", "password", "security_token")}
    parts = ["permissions", "visibility", "layouts", "lead-mapping"]
    wish = {"creating": True, "without": ["fields", *parts], "administrator": login}
    seen = admin("POST", "/prepare/preview", json=wish)
    assert (seen["user"], seen["lacking"]) == (one["username"], [])
    assert [change["act"] for change in seen["changes"]][:2] == ["create_fields"] * 2
    assert admin("POST", "/prepare", json=wish) == seen["changes"]
    assert admin.get("/prepare") == seen["changes"]
    assert admin("POST", "/prepare/preview", json=wish)["changes"] == []
    assert admin("POST", "/prepare/undo", json={"administrator": login}) == seen["changes"][::-1]
    assert admin.get("/prepare") == []
    wrong = {"administrator": login | {"password": "wrong"}}
    assert admin.problem("POST", "/prepare/preview", 422, json=wrong)["code"] == "INVALID_LOGIN"
    assert one["password"] not in json.dumps(admin.get("/audit")["items"])
    assert "nothing" in admin.problem("POST", "/prepare/undo", 409)["detail"]


def test_a_field_is_called_otherwise(reader: Caller, admin: Caller) -> None:
    assert admin("POST", "/fields/deselect", json={"names": ["Lead.Fax"]})
    admin("POST", "/fields/sync")
    admin.problem("POST", "/fields/renamed", 409, json={"old": "Lead.Title", "new": "Lead.Nothing__c"})
    admin.problem("POST", "/fields/renamed", 409, json={"old": "Lead.Nothing__c", "new": "Lead.Fax"})
    admin.problem("POST", "/fields/renamed", 409, json={"old": "", "new": ""})
    before = reader.get("/mapping/fields/Lead.Title")
    seen = reader("POST", "/fields/renamed/preview", json={"old": "Lead.Title", "new": "Lead.Fax"})
    assert [one["change"]["field"] for one in seen["fields"]] == ["Lead.Fax"]
    reader.problem("POST", "/fields/renamed/preview", 409, json={"old": "", "new": ""})
    reader.problem("POST", "/schema/accept/preview", 409, json={"field": "Lead.Nothing__c"})
    wish = {"old": "Lead.Title", "new": "Lead.Fax", "version": seen["version"]}
    admin("POST", "/fields/renamed", json=wish)
    after = reader.get("/mapping/fields/Lead.Fax")
    assert (after["column"], after["policy"]) == (before["column"], before["policy"])
    reader.problem("GET", "/mapping/fields/Lead.Title", 409)
    admin("POST", "/fields/renamed", json={"old": "Lead.Fax", "new": "Lead.Title"})
    assert [row["column"] for row in reader.get("/mapping/fields", search="lead.title", policy="ours")] == []


def test_fields_are_read_again(loaded: Workspace, reader: Caller, operator: Caller) -> None:
    operator.problem("POST", "/sync/refresh", 409, json={"fields": ["Lead.Nothing__c"]})
    operator("POST", "/sync/refresh", 202, json={"fields": ["Lead.City"]})
    operator("POST", "/sync/refresh", 202, json={"fields": ["Contact.Title"]})
    assert [job.name for job in loaded.jobs.list()].count(REFRESH) == 1
    done = loaded.refresh_asked()
    assert {(one.object_name, one.fields) for one in done} == {("Contact", ("Title",)), ("Lead", ("City",))}
    assert loaded.refresh_asked() == []
    operator("POST", "/sync/refresh", 202)


def test_the_set_up_can_be_gone_through(reader: Caller, admin: Caller) -> None:
    assert reader.get("/setup")["step"] == "running"
    for step in ("prepared", "confirm", "finish-mapping"):
        assert admin("POST", f"/setup/{step}")["started_at"]


def test_sessions_are_listed_and_ended(loaded: Workspace, admin: Caller) -> None:
    Sessions(loaded.store).begin(None, "link", "127.0.0.1", "a browser")
    one = admin.get("/sessions")[0]
    assert (one["how"], one["agent"]) == ("link", "a browser")
    admin("DELETE", f"/sessions/{one['id']}", 204)
    admin.problem("DELETE", f"/sessions/{one['id']}", 404)


def test_the_rest_of_settings_and_alerts(reader: Caller, operator: Caller, admin: Caller) -> None:
    assert admin("PATCH", "/settings", json={"keep_days": 120})["keep_days"] == 120
    admin.problem("PATCH", "/settings", 422, json={"keep_days": 5})
    assert operator("POST", "/alerts/acknowledge") == reader.get("/alerts")
    assert admin("POST", "/alerts/digest", 202) == {"channels": 0}
    assert reader.get("/alerts/messages") == []
    number = reader.get("/people", limit=1)["items"][0]["id"]
    assert isinstance(reader.get(f"/people/{number}/accounts"), list)
    reader.problem("GET", "/people/999999/accounts", 404)
