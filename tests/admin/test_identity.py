"""The pages of identity: match rule, create rule, the review list, who waits for data."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from diptych.domain.creating import Creation, Wish
from diptych.domain.matching import MatchRule
from diptych.sync.matching import read_matching
from diptych.sync.outbound.create_rule import read_rule
from diptych.wiring import Workspace
from diptych.worker import Worker
from tests.admin.conftest import Browser, admit, browser_of


@pytest.fixture
def here(loaded: Workspace) -> Iterator[list[int]]:
    """Three people of ours, two of whom have one address; gone again afterwards."""
    made = [
        loaded.store.create_person("test", {"last_name": name, "email": email, "company_name": "Acme"})
        for name, email in (
            ("Odd", "odd@twin.example"),
            ("Even", "ODD@twin.example"),
            ("Solo", "solo@twin.example"),
        )
    ]
    yield made
    for number in made:
        if loaded.queries.person(number):
            loaded.store.delete_person("test", number)
    with loaded.store.transaction() as tx:
        tx.drop_creations(made)


def say(space: Workspace, person_id: int, wish: Wish, **more: object) -> None:
    with space.store.transaction() as tx:
        tx.save_creation(Creation(person_id, wish, space.clock.now(), **more))  # type: ignore[arg-type]


def test_a_match_rule_is_looked_at_set_and_people_are_joined_and_taken_apart(
    browser: Browser, loaded: Workspace, here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, object]]] = []
    monkeypatch.setattr(loaded, "_ask_for", lambda job, arguments=None: asked.append((job, arguments or {})))
    assert "each record is a person of its own" in browser.get("/identity")
    shown = browser.get("/identity?rule=email&largest=2")
    assert "odd@twin.example" in shown and "solo@twin.example" not in shown
    assert f'href="/people/{here[0]}"' in shown and "Join these people" in shown
    browser.get("/identity?rule=external-id", 422)
    browser.get("/identity?rule=nonsense", 422)
    browser.get("/identity?rule=email&largest=1", 422)
    assert "join the person they match" in browser.post("/identity/rule", rule="email")
    with loaded.store.looking() as tx:
        assert read_matching(tx).rule is MatchRule.EMAIL
    browser.post("/identity/rule", rule="none")
    browser.post("/identity/apply", rule="email", column="", largest="2")
    job, arguments = asked[-1]
    assert job == "gather"
    worker = Worker(loaded, browser.app.state.live.stopping)
    assert worker.gather(arguments, browser.app.state.live.stopping)["joins"]
    assert loaded.queries.person(here[1]) is None
    html = browser.get("/identity")
    assert "people became" in html and "by email" in html
    found = re.search(r'name="run" value="(\d+)"', html)
    assert found
    browser.post("/identity/undo", run=found.group(1))
    job, arguments = asked[-1]
    assert job == "undo" and worker.undo(arguments, browser.app.state.live.stopping)["status"] == "Succeeded"
    assert loaded.queries.person(here[1]) is not None
    browser.post("/identity/undo", 422, run="1")


def test_a_create_rule_is_looked_at_set_and_cleared(
    browser: Browser, loaded: Workspace, here: list[int]
) -> None:
    assert "Nobody is created" in browser.get("/identity/creating")
    shown = browser.get("/identity/creating?filter=email+contains+%22twin.example%22&policy=hold&allow=1")
    assert "3 people without a record" in shown and "Odd" in shown
    assert "no column" in browser.get("/identity/creating?filter=emial+is+blank", 422)
    browser.get("/identity/creating?filter=email+is+blank&policy=perhaps", 422)
    assert "no field" in browser.post("/identity/creating/default", 422, field="Nonsense__c", value="x")
    browser.post("/identity/creating/default", field="Company", value="[unknown]")
    browser.post("/identity/creating", filter='email = "nobody@twin.example"', policy="hold", allow="1")
    with loaded.store.looking() as tx:
        rule = read_rule(tx)
    assert (rule.filter, rule.policy.value, rule.allow_duplicates) == (
        'email = "nobody@twin.example"',
        "hold",
        True,
    )
    assert rule.defaults == {"Company": "[unknown]"}
    browser.post("/identity/creating/clear")
    browser.post("/identity/creating/default", field="Company", value="")
    with loaded.store.looking() as tx:
        assert not read_rule(tx).filter and not read_rule(tx).defaults


def test_people_for_review_are_linked_left_or_created(
    browser: Browser, loaded: Workspace, here: list[int]
) -> None:
    lead = loaded.queries.people(salesforce_type="lead", link_state="lead").rows[0]
    say(loaded, here[0], Wish.REVIEW, reason="<b>two</b> alike", matches=(str(lead["salesforce_id"]),))
    html = browser.get("/identity/review")
    assert (
        "&lt;b&gt;two&lt;/b&gt;" in html
        and f"(person {lead['id']})" in html
        and "Somebody else: create" in html
    )
    assert "not the id" in browser.post("/identity/review/link", 422, person=here[0], typed="0015e000001")
    done = browser.post("/identity/review/link", person=here[0], target=lead["salesforce_id"])
    assert f"it is person {lead['id']} now" in done and loaded.queries.person(here[0]) is None
    say(loaded, here[1], Wish.REVIEW, reason="perhaps")
    assert "with the next cycle" in browser.post("/identity/review/create", person=here[1])
    say(loaded, here[2], Wish.REVIEW, reason="perhaps")
    assert "Left as it is" in browser.post("/identity/review/dismiss", person=here[2])
    assert "not under review" in browser.post("/identity/review/dismiss", 422, person=lead["id"])
    assert "Nobody is for review" in browser.get("/identity/review")


def test_who_waits_for_data_is_shown_with_what_is_lacking(
    browser: Browser, loaded: Workspace, here: list[int]
) -> None:
    assert "Nobody waits" in browser.get("/identity/waiting")
    say(loaded, here[0], Wish.WAITING, reason="Salesforce demands Company", fields=("Company",))
    html = browser.get("/identity/waiting")
    assert "<code>company_name</code>" in html and f"/people/{here[0]}/edit" in html
    assert "waited for it goes" in browser.post(
        "/identity/creating/default", field="Company", value="[unknown]", **{"from": "waiting"}
    )
    browser.post("/identity/creating/default", field="Company", value="")


def test_the_pages_work_before_anything_is_connected(empty: Workspace) -> None:
    browser = admit(browser_of(empty))
    for address in ("/identity", "/identity/creating", "/identity/review", "/identity/waiting"):
        browser.get(address)
    browser.get("/identity?rule=email", 422)
    browser.get("/identity/creating?filter=email+is+blank", 422)
