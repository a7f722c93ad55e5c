"""What the API does, on a loaded workspace over HTTP against the practice org."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from diptych.access.tokens import Tokens
from diptych.wiring import Workspace
from tests.api.conftest import Caller
from tests.practice_org.server import RunningOrg


def test_a_bad_token_is_refused(client: TestClient) -> None:
    for given in ("Bearer dpt_nonsense", "Bearer ", "Basic YTpi", "Bearer " + "x" * 5000):
        assert client.get("/api/v1/status", headers={"Authorization": given}).status_code == 401


def test_the_session_of_a_browser_is_no_token(client: TestClient) -> None:
    client.get(client.app.state.access.new_link("http://x"), follow_redirects=False)  # type: ignore[attr-defined]
    assert client.get("/api/v1/status").status_code == 401
    client.cookies.clear()


def test_status(reader: Caller) -> None:
    found = reader.get("/status")
    assert found["state"] == "last_sync"
    assert {o["object"] for o in found["objects"]} >= {"Lead", "Contact"}
    assert reader.get("/sync/verify")["equal"] is None
    assert reader.get("/plan")["api_calls"] > 0
    assert reader.get("/preflight")["checks"]
    assert reader.get("/duplicates")["source"] == "here"


def test_a_person_is_found_edited_and_its_history_read(
    loaded: Workspace, reader: Caller, operator: Caller, practice_org: RunningOrg
) -> None:
    first = reader.get("/people", limit=1, salesforce_type="lead")
    number = first["items"][0]["id"]
    person = reader.get(f"/people/{number}")
    city = person["values"]["city"]
    edited = operator(
        "PATCH", f"/people/{number}", json={"values": {"city": "Kiel"}, "expected": {"city": city}}
    )
    assert edited["values"]["city"] == "Kiel"
    line = reader.get(f"/people/{number}/history", limit=1)["items"][0]
    assert (line["column"], line["old"], line["new"], line["actor"]) == (
        "city", city, "Kiel", "api:a test, operate",
    )  # fmt: skip
    assert loaded.run_cycle().status == "Succeeded"
    with practice_org.api() as salesforce:
        there = salesforce.get(f"sobjects/Lead/{person['salesforce_id']}").json()
    assert there["City"] == "Kiel"
    stale = operator.problem(
        "PATCH", f"/people/{number}", 409, json={"values": {"city": "Bern"}, "expected": {"city": "Oslo"}}
    )
    assert stale["errors"][0]["what"] == "is now Kiel"
    causes = reader.get("/why", who=str(number), column="city")[0]["causes"]
    assert any("api:a test, operate" in cause["text"] for cause in causes)


def test_what_salesforce_would_not_take_is_said_at_the_column(reader: Caller, operator: Caller) -> None:
    number = reader.get("/people", limit=1)["items"][0]["id"]
    wrong = {"email": "no address", "last_name": None, "number_of_employees": "many", "nothing": 1}
    said = operator.problem("PATCH", f"/people/{number}", 422, json={"values": wrong})
    assert {one["where"][-1] for one in said["errors"]} == set(wrong)
    operator.problem("POST", "/people", 422, json={"values": {"city": "Kiel"}})


def test_a_person_is_made_and_deleted(reader: Caller, operator: Caller) -> None:
    made = operator("POST", "/people", 201, json={"values": {"last_name": "Ovid", "unsubscribed": True}})
    assert made["link_state"] == "none"
    assert made["values"]["unsubscribed"] is True
    operator("DELETE", f"/people/{made['id']}", 204)
    reader.problem("GET", f"/people/{made['id']}", 404)
    assert reader.get(f"/people/{made['id']}/history")["items"]


def test_lists_go_on_by_cursor(reader: Caller) -> None:
    whole = [row["id"] for row in reader.get("/people", limit=500)["items"]]
    found: list[int] = []
    cursor = ""
    while cursor is not None:
        part = reader.get("/people", limit=7, cursor=cursor)
        found += [row["id"] for row in part["items"]]
        cursor = part["next"]
    assert found == whole
    assert sorted(found, reverse=True) == found
    assert "not one of this list" in reader.problem("GET", "/people?cursor=%25%25", 422)["detail"]


def test_runs_and_an_undo(reader: Caller, operator: Caller, loaded: Workspace) -> None:
    person = reader.get("/people", limit=1, salesforce_type="contact")["items"][0]["id"]
    operator("PATCH", f"/people/{person}", json={"values": {"title": "Abbess"}})
    planned = next(v for v in reader.get("/sync/plan")["values"] if v["person_id"] == person)
    assert (planned["column"], planned["ours"], planned["fate"]) == ("title", "Abbess", "sent")
    loaded.run_cycle()
    run = next(r for r in reader.get("/runs")["items"] if any(s["updated"] for s in r["steps"]))
    assert reader.get(f"/runs/{run['id']}")["kind"] == "cycle"
    preview = reader.get(f"/runs/{run['id']}/undo", person=person)
    assert preview["run_id"] is None
    assert any(item["column"] == "title" for item in preview["items"])
    done = operator("POST", f"/runs/{run['id']}/undo?person={person}")
    assert done["run_id"]
    reader.problem("GET", "/runs/999999", 404)
    reader.problem("GET", "/runs/999999/undo", 404)


def test_errors_and_conflicts_that_are_not_there(reader: Caller, operator: Caller) -> None:
    assert reader.get("/errors")["items"] == []
    for act in ("retry", "ignore", "decide"):
        body = {"json": {"winner": "ours"}} if act == "decide" else {}
        operator.problem("POST", f"/errors/77/{act}", 404, **body)
    operator.problem("POST", "/conflicts/77/reverse", 404)


def test_a_mapping_is_compared_and_put_in_place(reader: Caller, admin: Caller) -> None:
    document = reader.get("/mapping")
    entry = next(e for e in document["fields"] if e["field"] == "Lead.City")
    entry["policy"] = "ours"
    compared = reader("POST", "/mapping/preview", json=document)
    assert [(c["field"], c["before"]["policy"], c["after"]["policy"]) for c in compared["changes"]] == [
        ("Lead.City", "salesforce", "ours")
    ]
    assert admin("PUT", "/mapping", json=document)["version"] == document["version"] + 1
    assert reader.get("/mapping")["fields"] == document["fields"]
    line = admin.get("/audit", what="mapping")["items"][0]
    assert line["source"] == "api"
    assert "Lead.City: city, both, ours" in line["new"]
    entry["policy"] = "king"
    admin.problem("PUT", "/mapping", 422, json=document)


def test_a_change_of_the_mapping_is_previewed_made_and_undone(reader: Caller, admin: Caller) -> None:
    version = reader.get("/mapping/versions", limit=1)[0]["version"]
    wish = {"fields": ["Lead.City"], "direction": "inbound", "version": version, "reason": "theirs"}
    seen = reader("POST", "/mapping/change/preview", json=wish)
    assert (seen["version"], seen["fields"][0]["change"]["after"]["direction"]) == (version, "inbound")
    made = admin("POST", "/mapping/change", json=wish)
    assert (made["version"], [c["field"] for c in made["changes"]]) == (version + 1, ["Lead.City"])
    admin.problem("POST", "/mapping/change", 409, json=wish | {"direction": "both"})
    newest = reader.get("/mapping/versions", limit=1)[0]
    assert newest["reason"].endswith("- theirs") and newest["author"].startswith("token ")
    assert [c["field"] for c in reader.get("/mapping/diff", before=version, after=version + 1)] == [
        "Lead.City"
    ]
    (row,) = reader.get("/mapping/fields", search="lead.city")
    assert (row["changed_version"], row["direction"]) == (version + 1, "inbound")
    back = {"to": version}
    assert reader("POST", "/mapping/undo/preview", json=back)["fields"]
    assert admin("POST", "/mapping/undo", json=back)["version"] == version + 2
    document = reader.get("/mapping")
    promotion = {"document": document | {"fields": [{**document["fields"][0], "field": "Lead.No__c"}]}}
    seen = reader("POST", "/mapping/promotion/preview", json=promotion)
    assert seen["fields"] == [] and seen["not_taken"][0]["verdict"] == "missing"
    admin.problem("POST", "/mapping/promotion", 409, json=promotion)
    admin.problem("POST", "/mapping/undo", 409, json={"to": 999999})


def test_fields(reader: Caller, admin: Caller) -> None:
    found = reader.get("/fields", object="Lead", search="city")
    assert found[0]["description"]["name"] == "City"
    assert admin("POST", "/fields/deselect", json={"names": ["Lead.Fax"]})[0]["selected"] is False
    assert admin("POST", "/fields/select", json={"names": ["Lead.Fax"]})[0]["selected"] is True
    admin.problem("POST", "/fields/select", 409, json={"names": ["Lead.Nothing__c"]})


def test_switches(operator: Caller) -> None:
    assert operator("POST", "/sync/pause")["state"] == "paused"
    assert operator("POST", "/sync/resume")["state"] != "paused"
    operator("POST", "/sync/run", 202)
    operator("POST", "/sync/verify", 202, json={"repair": True})
    operator("POST", "/sync/reconcile", 202, json={"object": "Lead"})
    operator.problem("POST", "/sync/reconcile", 422, json={"object": "Nothing"})
    operator.problem("POST", "/sync/reconcile/Lead/allow", 403)


def test_settings_users_and_tokens(admin: Caller) -> None:
    assert admin("PATCH", "/settings", json={"pause_seconds": 77})["pause_seconds"] == 77
    admin.problem("PATCH", "/settings", 422, json={"pause_seconds": 0})
    assert "DIPTYCH_PORT" in admin.get("/settings/process")
    user = {"name": "vera", "role": "viewer", "password": "correct horse battery"}
    assert admin("POST", "/users", 201, json=user)["name"] == "vera"
    admin.problem("POST", "/users", 409, json=user)
    assert admin("PATCH", "/users/vera", json={"role": "operator", "disabled": True})["disabled_at"]
    assert "password" not in str(admin.get("/users")).replace("has_password", "")
    made = admin("POST", "/tokens", 201, json={"name": "job", "scope": "read"})
    admin("DELETE", f"/tokens/{made['token']['id']}", 204)
    assert Caller(admin.client, made["text"]).problem("GET", "/status", 401)
    whats = [line["what"] for line in admin.get("/audit", actor="token a test, admin")["items"]]
    assert "pause_between_cycles" in whats
    assert "user.role vera" in whats


def test_the_connection_shows_no_secret(admin: Caller, practice_org: RunningOrg) -> None:
    found = admin.get("/connection")
    assert found["identity"]["username"] == practice_org.username
    login = {
        "kind": "password",
        "login_url": practice_org.base_url,
        "username": practice_org.username,
        "password": practice_org.password,
        "security_token": practice_org.security_token,
    }
    assert admin("PUT", "/connection", json=login | {"save": False})["identity"] == found["identity"]
    said = admin.problem("PUT", "/connection", 422, json=login | {"password": "wrong"})
    assert said["code"]
    assert practice_org.password not in str(found)


def test_a_token_may_not_make_one_that_may_more(loaded: Workspace, operator: Caller) -> None:
    operator.problem("POST", "/tokens", 403, json={"name": "more", "scope": "admin"})
    assert not any(t.name == "more" for t in Tokens(loaded.store).all())


def test_what_is_not_there_is_a_problem_too(reader: Caller) -> None:
    assert reader.problem("GET", "/nothing", 404)["title"] == "Not Found"
    assert reader.problem("DELETE", "/status", 405)["title"] == "Method Not Allowed"


def test_a_defect_is_said_plainly(loaded: Workspace, reader: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(loaded, "status", broken)
    said = reader.problem("GET", "/status", 500)
    assert "secret" not in str(said)


def test_people_are_merged_taken_apart_and_deleted(
    loaded: Workspace, reader: Caller, operator: Caller, admin: Caller
) -> None:
    first, second = (
        operator("POST", "/people", 201, json={"values": {"last_name": name, "email": f"{name}@api.org"}})[
            "id"
        ]
        for name in ("Ames", "Bloom")
    )
    order = {"kind": "merge", "people": [first, second], "picks": {"last_name": second}}
    shown = reader("POST", "/actions/preview", json=order)
    assert (shown["person_id"], shown["steps"]) == (
        first,
        [f"join person {second} here; Salesforce is not touched"],
    )
    (name,) = (d for d in shown["differences"] if d["column"] == "last_name")
    assert (name["result"], name["policy"]) == ("Bloom", "picked")
    done = operator("POST", "/actions", json=order)
    assert (done["state"], done["person_id"], done["others"]) == ("done", first, [second])
    assert reader.get(f"/people/{second}")["values"]["last_name"] == "Bloom"
    assert "one person" in operator.problem("POST", "/actions", 409, json=order)["detail"]
    assert "has joined" in operator.problem("DELETE", f"/people/{second}", 409)["detail"]
    back = {"kind": "undo", "run": done["run_id"]}
    assert operator("POST", "/actions", json=back)["state"] == "done"
    assert reader.get(f"/people/{second}")["id"] == second
    assert "nothing to take back" in operator.problem("POST", "/actions", 409, json=back)["detail"]
    forget = {"kind": "delete", "people": [second], "forget": True}
    words = reader("POST", "/actions/preview", json=forget)["confirm"]
    assert words in operator.problem("POST", "/actions", 409, json=forget)["remedy"]
    final = {"person": second, "policy": "leave", "forget": True, "confirm": words}
    operator.problem("POST", "/actions/final", 403, json=final)
    assert words in admin.problem("POST", "/actions/final", 422, json=final | {"confirm": ""})["remedy"]
    admin.problem("POST", "/actions/final", 409, json=final | {"forget": False})
    assert admin("POST", "/actions/final", json=final)["state"] == "done"
    reader.get(f"/people/{second}", 404)
    assert [s["former_id"] for s in reader.get("/suppressions")] == [second]
    operator("DELETE", f"/suppressions/{second}", 204)
    operator.problem("DELETE", f"/suppressions/{second}", 404)
    assert [a["kind"] for a in reader.get("/actions", limit=3)] == ["delete", "undelete", "merge"]
    operator.problem("POST", "/actions/99999/cancel", 404)
    assert "name one person" in operator.problem("POST", "/actions", 422, json={"kind": "convert"})["detail"]


def test_who_is_created(reader: Caller, admin: Caller) -> None:
    assert reader.get("/create-rule")["filter"] == ""
    named = reader("POST", "/create-rule/preview", json={"filter": 'city = "nowhere at all"'})
    assert named["people"] == 0
    reader.problem("POST", "/create-rule/preview", 422, json={"filter": "email is what"})
    nobody = {"filter": 'city = "nowhere at all"'}
    assert "city" in admin("PUT", "/create-rule", json=nobody)["filter"]
    admin("PUT", "/create-rule", json={"filter": ""})
    assert admin.get("/audit", what="create.rule")["items"]
    assert reader.get("/waiting") == reader.get("/review") == []


def test_who_is_told_of_what(reader: Caller, admin: Caller) -> None:
    assert isinstance(reader.get("/alerts"), list)
    channel = {"kind": "webhook", "config": {"url": "http://127.0.0.1:9/x"}, "least": "critical"}
    made = admin("PUT", "/alerts/channels/pager", json=channel)
    assert made["secret"]
    assert made["secret"] not in str(reader.get("/alerts/channels"))
    admin("PUT", "/alerts/channels/pager", json=channel | {"digest": True})
    assert reader.get("/alerts/channels")[0]["digest"] is True
    admin("DELETE", "/alerts/channels/pager", 204)
    admin.problem("DELETE", "/alerts/channels/pager", 404)
    rule = {"kind": "sync_stopped", "severity": "warning", "threshold": 45}
    rules = admin("PATCH", "/alerts/rules", json={"rules": [rule]})["rules"]
    assert next(r for r in rules if r["kind"] == "sync_stopped")["threshold"] == 45


def test_one_field_of_the_mapping(reader: Caller, admin: Caller) -> None:
    found = admin("PATCH", "/mapping/fields/Lead.Title", json={"policy": "ask", "direction": "both"})
    assert found["changes"][0]["after"]["policy"] == "ask"
    admin.problem("PATCH", "/mapping/fields/Lead.Title", 422, json={})
    admin.problem("PATCH", "/mapping/fields/Lead.Nothing", 409, json={"policy": "ask"})
    assert reader.get("/mapping/fields", search="lead.title")[0]["policy"] == "ask"
    seen = reader("POST", "/mapping/reset/preview")
    assert "Lead.Title" in [one["change"]["field"] for one in seen["fields"]]
    assert admin("POST", "/mapping/reset", json={"version": seen["version"], "reason": "anew"})["changes"]
    admin.problem("POST", "/mapping/reset", 409, json={"version": seen["version"]})


def test_steps_and_throughput(reader: Caller) -> None:
    found = reader.get("/steps", object="Lead", limit=2)
    assert found["sums"]["steps"] >= len(found["items"]) > 0
    assert {one["object_name"] for one in found["items"]} == {"Lead"}
    assert reader.get("/steps", since="2999-01-01")["items"] == []
    run = found["items"][0]["run_id"]
    assert isinstance(reader.get(f"/runs/{run}/lines", what="updated"), list)
    assert reader.get("/throughput")["objects"]


def test_the_match_rule(reader: Caller, admin: Caller) -> None:
    assert admin("PUT", "/identity", json={"rule": "email"})["rule"] == "email"
    assert reader.get("/identity")["rule"] == "email"
    admin.problem("PUT", "/identity", 422, json={"rule": "external-id", "column": "nothing"})
    assert admin("PUT", "/identity", json={"rule": "none"})["rule"] == "none"
    assert admin.get("/audit", what="identity.rule")["items"]
