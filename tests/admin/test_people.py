"""People as the marketer sees and edits them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from diptych.wiring import Workspace
from tests.admin.conftest import Browser, form_values
from tests.practice_org.server import RunningOrg

Look = Callable[[int, str], Any]


def a_person(workspace: Workspace, kind: str = "lead", skip: int = 0) -> int:
    rows = workspace.queries.people(salesforce_type=kind, link_state=kind, sort="id").rows
    return int(rows[skip]["id"])


# ------------------------------------------------------------ the list


def test_the_list_shows_everybody_with_a_pager(browser: Browser, loaded: Workspace) -> None:
    everybody = loaded.queries.people().everyone
    html = browser.get("/people")
    assert f"of {everybody}" in html
    assert html.count('scope="row"') == min(50, everybody)


def test_search(browser: Browser, loaded: Workspace) -> None:
    row = loaded.queries.people(salesforce_type="lead", sort="id").rows[0]
    html = browser.get(f"/people?search={row['email']}")
    assert f'href="/people/{row["id"]}"' in html
    assert "1 to 1 of 1" in html
    assert f'value="{row["email"]}"' in html
    assert f'href="/people/{row["id"]}"' in browser.get(f"/people?search={row['salesforce_id'][:15]}")
    assert "Nobody matches" in browser.get("/people?search=no-such-person-anywhere")


def test_filter_by_type(browser: Browser, loaded: Workspace) -> None:
    contacts = loaded.queries.people(salesforce_type="contact").total
    assert f"of {contacts}" in browser.get("/people?salesforce_type=contact")


def test_sorting_goes_both_ways(browser: Browser, loaded: Workspace) -> None:
    first = browser.get("/people?sort=email")
    last = browser.get("/people?sort=-email")
    rows = loaded.queries.people(sort="email", page_size=1).rows
    assert first.index(rows[0]["email"]) < first.index("</tr>", first.index("<tbody>"))
    assert 'aria-sort="ascending"' in first
    assert 'aria-sort="descending"' in last


@pytest.mark.parametrize(
    "query",
    ["sort=nonsense", "page=x", "page=99999999999", "salesforce_type=zz", "link_state=zz", "search=%00"],
)
def test_nonsense_in_the_address_does_no_harm(browser: Browser, query: str) -> None:
    assert "People" in browser.get(f"/people?{query}")


@pytest.mark.parametrize("number", ["0", "-1", "abc", "999999", "99999999999999999999999"])
def test_nobody_there(browser: Browser, number: str) -> None:
    assert "Not found" in browser.get(f"/people/{number}", 404)
    assert "Not found" in browser.get(f"/people/{number}/edit", 404)
    browser.post(f"/people/{number}/delete", 404)


# ------------------------------------------------------------ why


def test_why_a_value_is_what_it_is(browser: Browser, loaded: Workspace) -> None:
    number = a_person(loaded, skip=5)
    assert f'href="/people/{number}/why?field=city"' in browser.get(f"/people/{number}")
    loaded.store.edit_person("admin", number, {"city": "<b>Kiel</b>"})
    html = browser.get(f"/people/{number}/why?field=city")
    assert "&lt;b&gt;Kiel&lt;/b&gt;" in html and "<b>Kiel" not in html
    assert "edited here by admin" in html
    assert "Nothing holds it: the next sync sends ours." in html
    assert "Lead.City, both ways" in html
    assert "Causes, newest first" in browser.get(f"/people/{number}/why")
    assert "Causes, newest first" in browser.get(f"/people/{number}/why?field=nonsense")
    browser.get("/people/999999/why", 404)


# ------------------------------------------------------------ a person


def test_a_person_with_fields_api_names_and_the_way_to_the_record(
    browser: Browser, loaded: Workspace
) -> None:
    number = a_person(loaded)
    person = loaded.queries.person(number)
    connection = loaded.setup.connection()
    assert person and connection
    html = browser.get(f"/people/{number}")
    assert str(person.values["email"]) in html
    assert "Lead.Email" in html
    assert "Contact.Email" not in html  # not a field of this person's record
    assert "assistant_phone" not in html  # leads have none
    owner = str(person.values["owner_id"])
    assert loaded.queries.names_of("salesforce_user", [owner])[owner] in html
    assert f'href="{connection.identity.instance_url}/{person.pairs[0].sf_id}"' in html


def test_values_are_escaped_everywhere(browser: Browser, loaded: Workspace) -> None:
    evil = """<script>alert(1)</script>"'&"""
    number = loaded.store.create_person("test", {"last_name": evil, "email": "x@y.example", "title": evil})
    for address in (
        "/people?search=script", f"/people/{number}", f"/people/{number}/edit", f"/people/{number}/delete",
    ):  # fmt: skip
        html = browser.get(address)
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;" in html
    assert browser.shown(f"/people/{number}/edit")["title"] == evil
    browser.post(f"/people/{number}/delete")


# ------------------------------------------------------------ editing


def test_an_edit_arrives_in_salesforce(
    browser: Browser, loaded: Workspace, value_here: Look, practice_org: RunningOrg
) -> None:
    number = a_person(loaded)
    form = browser.shown(f"/people/{number}/edit")
    html = browser.post(f"/people/{number}/edit", **{**form, "title": "Head of Hinges"})
    assert "Saved: 1 field changed" in html
    assert value_here(number, "title") == "Head of Hinges"
    assert "pending" in html
    assert 'tag ours">here</span> admin' in html
    assert "pending" in browser.get(f"/people?search={form['email']}")

    assert loaded.run_cycle().status == "Succeeded"
    person = loaded.queries.person(number)
    assert person
    with practice_org.api("sales") as api:
        there = api.get(f"sobjects/Lead/{person.pairs[0].sf_id}", params={"fields": "Title"}).json()
    assert there["Title"] == "Head of Hinges"
    assert "pending" not in browser.get(f"/people/{number}")


def test_only_what_was_changed_is_written(browser: Browser, loaded: Workspace, value_here: Look) -> None:
    number = a_person(loaded, skip=1)
    form = browser.shown(f"/people/{number}/edit")
    loaded.store.edit_person("somebody", number, {"phone": "+41 31 555 00 00"})
    browser.post(f"/people/{number}/edit", **{**form, "title": "Carver"})
    assert value_here(number, "title") == "Carver"
    assert value_here(number, "phone") == "+41 31 555 00 00"


def test_saving_what_was_shown_changes_nothing(browser: Browser, loaded: Workspace) -> None:
    for kind in ("lead", "contact"):
        number = a_person(loaded, kind, skip=2)
        before = loaded.queries.person(number)
        form = browser.shown(f"/people/{number}/edit")
        assert "Nothing was changed" in browser.post(f"/people/{number}/edit", **form)
        assert loaded.queries.person(number) == before


def test_an_edit_of_what_changed_meanwhile_is_said_and_not_lost(
    browser: Browser, loaded: Workspace, value_here: Look
) -> None:
    number = a_person(loaded, skip=3)
    form = browser.shown(f"/people/{number}/edit")
    loaded.store.edit_person("somebody", number, {"title": "Theirs"})
    html = browser.post(f"/people/{number}/edit", 409, **{**form, "title": "Mine", "city": "Bern"})
    assert "Changed meanwhile to: Theirs" in html
    again = form_values(html)
    assert again["title"] == "Mine"
    assert again["city"] == "Bern"
    assert value_here(number, "title") == "Theirs"
    assert value_here(number, "city") != "Bern"  # nothing half-saved

    browser.post(f"/people/{number}/edit", **again)  # knowingly
    assert value_here(number, "title") == "Mine"
    assert value_here(number, "city") == "Bern"


def test_two_who_type_the_same_do_not_disturb_each_other(
    browser: Browser, loaded: Workspace, value_here: Look
) -> None:
    number = a_person(loaded, skip=4)
    form = browser.shown(f"/people/{number}/edit")
    loaded.store.edit_person("somebody", number, {"title": "Same"})
    browser.post(f"/people/{number}/edit", **{**form, "title": "Same"})
    assert value_here(number, "title") == "Same"


@pytest.mark.parametrize(
    ("column", "text", "why"),
    [
        ("last_name", "", "does not take a blank"),
        ("last_name", "x" * 81, "Salesforce takes 80"),
        ("email", "not an address", "not an email address"),
        ("number_of_employees", "12.5", "whole number"),
        ("number_of_employees", "99999999999", "whole number"),
        ("annual_revenue", "much", "Write a number"),
        ("annual_revenue", "1e999999", "Write a number"),
        ("title", "a\x00b", "control character"),
        ("unsubscribed", "", "Choose yes or no"),
    ],
)
def test_what_salesforce_would_not_take_is_said_at_the_field(
    browser: Browser, loaded: Workspace, column: str, text: str, why: str
) -> None:
    number = a_person(loaded, skip=5)
    before = loaded.queries.person(number)
    form = browser.shown(f"/people/{number}/edit")
    html = browser.post(f"/people/{number}/edit", 422, **{**form, column: text, "phone": "12345"})
    field = html[html.index(f'id="h-{column}"') :]
    assert why in field[: field.index("</div>")]
    assert form_values(html)["phone"] == "12345"
    assert loaded.queries.person(number) == before


def test_a_field_that_only_comes_in_cannot_be_edited(browser: Browser, loaded: Workspace) -> None:
    lead, contact = a_person(loaded, skip=5), a_person(loaded, "contact")
    assert "company_name" in browser.shown(f"/people/{lead}/edit")
    form = browser.shown(f"/people/{contact}/edit")
    assert "company_name" not in form  # a contact's comes from its account
    assert "owner_id" not in form
    before = loaded.queries.person(contact)
    browser.post(f"/people/{contact}/edit", **{**form, "company_name": "Elsewhere", "was.company_name": ""})
    assert loaded.queries.person(contact) == before


def test_blank_and_text_of_several_lines(browser: Browser, loaded: Workspace, value_here: Look) -> None:
    number = a_person(loaded, skip=6)
    form = browser.shown(f"/people/{number}/edit")
    browser.post(f"/people/{number}/edit", **{**form, "description": "one\r\ntwo ", "phone": ""})
    assert value_here(number, "description") == "one\ntwo"
    assert value_here(number, "phone") is None
    form = browser.shown(f"/people/{number}/edit")
    form |= {"description": "one\r\ntwo", "was.description": "one\r\ntwo"}  # as a browser sends them
    assert "Nothing was changed" in browser.post(f"/people/{number}/edit", **form)


# ------------------------------------------------------------ by hand, and away


def test_a_person_made_by_hand(browser: Browser, loaded: Workspace) -> None:
    assert "not de-duplicated" in browser.get("/people/new")
    before = loaded.queries.people().everyone
    html = browser.post("/people/new", last_name="Handmade", email="hand@made.example", unsubscribed="yes")
    assert "Handmade" in html
    assert "only here" in html
    (row,) = loaded.queries.people(search="Handmade").rows
    person = loaded.queries.person(row["id"])
    assert person
    assert person.values["unsubscribed"] is True
    assert person.system["link_state"] == "none"
    assert not person.pairs
    browser.post("/people/new", last_name="Handmade", email="hand@made.example")  # again: somebody else
    assert loaded.queries.people().everyone == before + 2


def test_somebody_without_anything_is_nobody(browser: Browser, loaded: Workspace) -> None:
    before = loaded.queries.people().everyone
    assert "at least a name" in browser.post("/people/new", 422, city="Bern")
    assert "not an email address" in browser.post("/people/new", 422, last_name="X", email="@@")
    assert loaded.queries.people().everyone == before


def test_deleting_asks_and_leaves_salesforce_alone(
    browser: Browser, loaded: Workspace, practice_org: RunningOrg
) -> None:
    number = a_person(loaded, "contact", skip=1)
    person = loaded.queries.person(number)
    assert person
    sf_id = str(person.pairs[0].sf_id)
    question = browser.get(f"/people/{number}/delete")
    assert sf_id in question
    assert "does not come back" in question
    assert loaded.queries.person(number)
    browser.post(f"/people/{number}/delete")
    browser.get(f"/people/{number}", 404)

    practice_org.edit("Contact", sf_id, Title="Still here")
    assert loaded.run_cycle().status == "Succeeded"
    assert not loaded.queries.people(search=sf_id).rows
