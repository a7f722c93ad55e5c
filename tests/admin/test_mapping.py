"""The mapping for life as pages: list, preview, apply, versions, undo, the file of another org, drift; and over the API."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from diptych.domain.mapping import Direction, Policy
from diptych.domain.roles import Role
from diptych.setup.mapping_rows import RowFilter
from diptych.sync import drift
from diptych.wiring import Workspace
from tests.admin.conftest import Browser, form_values
from tests.admin.test_roles import logged_in

FIELD = "Lead.Region__c"


def rule(loaded: Workspace, name: str = FIELD) -> tuple[Direction, Policy]:
    mapped = loaded.setup.editor.row(name).mapped
    return mapped.direction, mapped.policy


def restored(browser: Browser, loaded: Workspace, version: int) -> None:
    """The mapping as it was, for the tests that follow."""
    browser.post(f"/mapping/undo/{version}", version=str(loaded.setup.mapping().version))


def test_the_list_names_both_sides_and_is_searched_and_filtered(browser: Browser, loaded: Workspace) -> None:
    html = browser.get("/mapping?search=city")
    assert "Lead.City" in html and "<code>person.city</code>" in html and "also Contact.MailingCity" in html
    assert "both ways" in html and "version 1" in html
    narrow = browser.get("/mapping?search=region+lead")
    assert FIELD in narrow and "Lead.City<" not in narrow
    assert "No field is like that." in browser.get("/mapping?search=region&direction=outbound")
    person = loaded.queries.people(salesforce_type="lead").rows[0]["id"]
    loaded.store.edit_person("test", person, {"title": "x" * 300})
    loaded.run_cycle()
    html = browser.get("/mapping?state=errors")
    assert "Lead.Title" in html and 'href="/errors?object=Lead&amp;field=Title"' in html
    loaded.store.edit_person("test", person, {"title": "Head"})
    loaded.run_cycle()
    assert "No field is like that." in browser.get("/mapping?state=errors")


def test_a_change_is_previewed_made_and_undone(browser: Browser, loaded: Workspace) -> None:
    was = loaded.setup.mapping().version
    before = rule(loaded)
    person = loaded.queries.people(salesforce_type="lead").rows[1]["id"]
    loaded.store.edit_person("test", person, {"region": "South"})
    html = browser.get(f"/mapping/preview?name={FIELD}&direction=inbound&was_direction=both")
    assert "1 value is touched at once" in html and "read from Salesforce just now" in html
    assert "sent to Salesforce" in html and "taken from Salesforce" in html and "South" in html
    assert loaded.setup.mapping().version == was, "looking changes nothing"
    given = form_values(html) | {"reason": "sales owns <it>"}
    given.pop("form_token")
    html = browser.post("/mapping/apply", **given)
    assert f"This is version {was + 1}" in html
    assert rule(loaded) == (Direction.INBOUND, before[1])
    assert "The mapping was changed meanwhile" in browser.post("/mapping/apply", 422, **given)
    html = browser.get("/mapping/history")
    assert ("sales owns &lt;it&gt;" in html and "the person at this machine" in html) or "admin" in html
    html = browser.get(f"/mapping/diff?from={was}&to={was + 1}")
    assert "both ways" in html and "from Salesforce only" in html and "1 field differs" in html
    (line,) = [one for one in loaded.queries.audit(what="mapping (") if "sales owns" in one.what]
    assert f"{FIELD}: region, inbound" in str(line.new)
    html = browser.get(f"/mapping/undo/{was}")
    assert FIELD in html and f"Go back to version {was}" in html
    restored(browser, loaded, was)
    assert rule(loaded) == before and loaded.setup.mapping().version == was + 2
    assert loaded.run_cycle().status == "Succeeded"


def test_what_cannot_be_is_said_and_nothing_changes(browser: Browser, loaded: Workspace) -> None:
    version = loaded.setup.mapping().version
    for query, said in [
        ("name=Lead.Email&unmap=1", "cannot be left out"),
        (f"name={FIELD}&direction=sideways", "not a direction"),
        (f"name={FIELD}", "nothing would change"),
        (f"name={FIELD}&column=city", "both mapped"),
        ("name=Lead.Nope&direction=both", "not a mapped field"),
    ]:
        assert said in browser.get(f"/mapping/preview?{query}", 422), query
    assert "no version 999" in browser.get("/mapping/undo/999", 422)
    assert "not a mapped field" in browser.get("/mapping/field/Lead.Nope")
    assert loaded.setup.mapping().version == version


def test_a_field_is_unmapped_and_mapped_again(browser: Browser, loaded: Workspace) -> None:
    was = loaded.setup.mapping().version
    html = browser.get(f"/mapping/preview?name={FIELD}&unmap=1")
    assert "region keeps its" in html and "goes on with Contact.Region__c" in html
    given = form_values(html)
    given.pop("form_token")
    browser.post("/mapping/apply", **given)
    assert f"name={FIELD}&amp;add=1" in browser.get("/mapping/add?search=Region")
    html = browser.get(f"/mapping/preview?name={FIELD}&add=1")
    assert "Examples of what comes in" in html and "a backfill fills it" in html
    given = form_values(html)
    given.pop("form_token")
    browser.post("/mapping/apply", **given)
    assert loaded.setup.editor.diff(was, was + 2) == []


def test_many_fields_are_changed_as_one_version_and_taken_back_in_one_step(
    browser: Browser, loaded: Workspace
) -> None:
    was = loaded.setup.mapping().version
    listed = browser.get("/mapping?object=Lead&search=__c&direction=both")
    assert "fields that the filter shows" in listed and 'name="f_object" value="Lead"' in listed
    chosen = "f_object=Lead&f_search=__c&f_direction=both"
    wanted = [r.name for r in loaded.setup.editor.rows(RowFilter("__c", "Lead", "both"))]
    assert len(wanted) > 5
    html = browser.get(f"/mapping/preview?all=mapped&{chosen}&direction=inbound&blanks=keep_ours")
    assert "All fields that change" in html and f"{len(wanted)} fields change" in html
    assert loaded.setup.mapping().version == was
    given = form_values(html)
    given.pop("form_token")
    assert set(given["names"].split()) == set(wanted)
    assert f"{len(wanted)} fields are changed" in browser.post("/mapping/apply", **given)
    changes = loaded.setup.editor.diff(was, was + 1)
    assert {c.name for c in changes} == set(wanted)
    assert {(c.after.direction, c.after.blanks) for c in changes if c.after} == {("inbound", "keep_ours")}
    restored(browser, loaded, was)
    assert loaded.setup.editor.diff(was, was + 2) == []


def test_of_many_fields_those_that_cannot_be_changed_are_named_and_left_out(
    browser: Browser, loaded: Workspace
) -> None:
    was = loaded.setup.mapping().version
    names = f"name={FIELD}&name=Lead.Email&name=Account.Industry"
    html = browser.get(f"/mapping/preview?{names}&unmap=1&back=/mapping?object=Lead")
    assert "2 fields change" in html and "Lead.Email cannot be left out" in html
    assert 'href="/mapping?object=Lead"' in html
    assert "Account records come in only" in browser.get(
        f"/mapping/preview?{names}&direction=both&policy=ask"
    )
    assert "Choose at least one field." in browser.get("/mapping/preview?unmap=1&back=https://evil.example/")
    browser.post("/mapping/apply", names=f"{FIELD} Lead.Email Contact.Region__c", unmap="1")
    assert {c.name for c in loaded.setup.editor.diff(was, was + 1)} == {FIELD, "Contact.Region__c"}
    html = browser.get("/mapping/preview?add=1&all=free&f_search=Region__c&back=/mapping/add")
    assert "2 fields change" in html and "Here then" in html
    given = form_values(html)
    given.pop("form_token")
    assert "Map many fields at once" in browser.post("/mapping/apply", **given), "back where it was asked for"
    assert loaded.setup.editor.diff(was, was + 2) == []


def test_a_field_is_moved_by_the_two_lists(browser: Browser, loaded: Workspace) -> None:
    version = loaded.setup.mapping().version
    html = browser.get("/mapping/arrange?object=Lead")
    assert 'data-chip="Lead.Region__c"' in html and 'data-place="person.region"' in html
    html = browser.get(f"/mapping/move?name={FIELD}&to=person.title&back=/mapping/arrange?object=Lead")
    assert (
        "goes on with Contact.Title, Lead.Region__c" in html and "Lead.Title" in html and "unmapped" in html
    )
    assert 'href="/mapping/arrange?object=Lead"' in html
    assert "Contact.Region__c" in browser.get(f"/mapping/move?name={FIELD}&to=new")
    assert "does not fit the kind" in browser.get(f"/mapping/move?name={FIELD}&to=person.score", 422)
    assert "where it is to go" in browser.get(f"/mapping/move?name={FIELD}")
    assert "not a field that the sync user sees" in browser.get("/mapping/move?name=Lead.Nope&to=new", 422)
    assert loaded.setup.mapping().version == version


def test_a_file_of_another_org_is_compared_and_taken_over(browser: Browser, loaded: Workspace) -> None:
    was = loaded.setup.mapping().version
    document = json.loads(browser.get("/mappings/file"))
    region = next(e for e in document["fields"] if e["field"] == FIELD)
    region["policy"] = "ask"
    document["fields"].append({**region, "field": "Lead.Only_There__c", "column": "person.only_there"})
    answer = browser.client.post(
        "/mapping/promote",
        data={"form_token": browser.token()},
        files={"file": ("mapping.json", json.dumps(document), "application/json")},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 200, answer.text
    assert "Lead.Only_There__c" in answer.text and "not in this org" in answer.text
    assert loaded.setup.mapping().version == was
    given = form_values(answer.text)
    given.pop("form_token")
    assert "taken over" in browser.post("/mapping/promote/apply", **given)
    assert rule(loaded)[1] is Policy.ASK
    restored(browser, loaded, was)
    assert 'role="alert"' in browser.post("/mapping/promote", 422)
    assert "not a mapping file" in browser.post("/mapping/promote/apply", 422, text="{}")


def test_a_field_that_changed_in_salesforce_is_accepted_on_its_page(
    browser: Browser, loaded: Workspace
) -> None:
    with loaded.store.transaction() as tx:
        tx.save_setting(drift.waiting("Lead"), json.dumps({"Region__c": "Region__c was cut"}))
    html = browser.get("/mapping?state=held")
    assert FIELD in html and "Region__c was cut" in html and "1 field is held" in html
    assert f'href="/mapping/field/{FIELD}/accept"' in browser.get(f"/mapping/field/{FIELD}")
    html = browser.get(f"/mapping/field/{FIELD}/accept")
    assert "Region__c was cut" in html and "Take it over as it is now" in html
    assert loaded.setup.editor.row(FIELD).state == "held", "looking changes nothing"
    assert "is synced as it is now" in browser.post(f"/mapping/field/{FIELD}/accept")
    assert loaded.setup.editor.row(FIELD).state == "fine"
    assert "does not wait" in browser.post(f"/mapping/field/{FIELD}/accept", 422)
    assert "does not wait" in browser.get(f"/mapping/field/{FIELD}/accept", 422)
    assert 'role="alert"' in browser.post("/mapping/field/Lead.City/renamed", 422, new="Lead.Nope")
    assert "not a mapped field" in browser.get("/mapping/field/Lead.Nope/renamed?new=Lead.PhotoUrl", 422)


def test_a_viewer_looks_and_cannot_change(loaded: Workspace) -> None:
    viewer = logged_in(loaded, "vera", Role.VIEWER)
    for address in ("/mapping", "/mapping/history", f"/mapping/field/{FIELD}", "/mapping/promote"):
        html = viewer.get(address)
        assert 'action="/mapping/apply"' not in html and 'type="file"' not in html
    html = viewer.get(f"/mapping/preview?name={FIELD}&direction=outbound")
    assert "What this change would do" in html and 'action="/mapping/apply"' not in html
    token = re.search(r'name="form_token" value="(\w+)"', viewer.get("/account"))
    assert token
    answer = viewer.client.post(
        "/mapping/apply",
        data={"form_token": unescape(token.group(1)), "name": FIELD, "direction": "outbound"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "address", ["/mapping", "/mapping/arrange", "/mapping/add", "/mapping/history", f"/mapping/field/{FIELD}"]
)
def test_pages_have_no_inline_script_or_style(browser: Browser, address: str) -> None:
    html = browser.get(address)
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", html)
