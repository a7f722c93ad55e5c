"""Rules and sharing hold whichever way a record is reached: SOAP, search, Bulk, pages, merge, conversion."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx2

from practice_org.schema import birth
from tests.practice_org.calls import Caller
from tests.practice_org.orders import Order
from tests.practice_org.server import RunningOrg
from tests.practice_org.soap.client import Client, local, text

BY_EMAIL = {"object": "Lead", "name": "M", "items": [{"field": "Email"}]}
DUPLICATE = {"object": "Lead", "name": "D", "matching": ["M"]}
RECORD = [("type", "Lead"), ("LastName", "L"), ("Company", "C"), ("Email", "a@example.com")]


def test_soap_shows_what_was_found_and_lets_pass_who_insists(live_org: RunningOrg) -> None:
    live_org.control("rules", {"matching": [BY_EMAIL], "duplicate": [DUPLICATE]})
    soap = Client(live_org, live_org.token("admin"))
    first = text(soap.results("create", ("sObjects", RECORD))[0], "id")
    (refused,) = soap.results("create", ("sObjects", RECORD))
    error = next(e for e in refused if local(e) == "errors")
    assert error.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "DuplicateError"
    assert text(error, "statusCode") == "DUPLICATES_DETECTED"
    found = {local(e): e.text for e in error.iter()}
    assert found["duplicateRule"] == "D" and found["allowSave"] == "true" and found["Id"] == first
    soap.headers = {"DuplicateRuleHeader": {"allowSave": "true"}}
    assert text(soap.results("create", ("sObjects", RECORD))[0], "success") == "true"


def test_a_search_finds_no_private_records_of_others(live_org: RunningOrg) -> None:
    rows = live_org.control("records?object=Lead&limit=50")["records"]
    other = next(
        r for r in rows if r["OwnerId"] != live_org.user("sales")["user_id"] and len(r["LastName"]) > 3
    )
    path = f"search?q={quote('FIND {' + other['LastName'] + '} IN NAME FIELDS RETURNING Lead(Id)')}"
    with live_org.api("sales") as api:
        before = [r["Id"] for r in api.get(path).json()["searchRecords"]]
        live_org.control("sharing", {"defaults": {"Lead": "Private"}})
        after = [r["Id"] for r in api.get(path).json()["searchRecords"]]
    assert other["Id"] in before and other["Id"] not in after


def test_the_pages_show_no_private_records_of_others(live_org: RunningOrg) -> None:
    seller = live_org.user("sales")
    rows = live_org.control("records?object=Lead&limit=50")["records"]
    other = next(r for r in rows if r["OwnerId"] != seller["user_id"])
    with httpx2.Client(base_url=live_org.base_url, follow_redirects=True, trust_env=False) as browser:
        page = browser.get(f"/secur/frontdoor.jsp?sid={live_org.token('sales')}&retURL=/{other['Id']}")
        assert other["LastName"] in page.text
        live_org.control("sharing", {"defaults": {"Lead": "Private"}})
        hidden = browser.get(f"/{other['Id']}")
        assert hidden.status_code == 404 or other["LastName"] not in hidden.text


def bulk_ids(caller: Caller) -> set[str]:
    job = caller("POST", "/jobs/query", {"operation": "query", "query": "SELECT Id FROM Lead"}).json["id"]
    for thread in list(caller.org.jobs.values()):
        thread.join()
    return set(caller("GET", f"/jobs/query/{job}/results").text.replace('"', "").split()[1:])


def test_bulk_results_hold_no_private_records_of_others(admin: Caller, order: Order) -> None:
    seller = birth.create_user(admin.org, username="s@example.com", last_name="S")
    mine, _ = (admin.create("Lead", LastName="L", Company="C", OwnerId=o) for o in (seller, admin.user_id))
    order("sharing", {"defaults": {"Lead": "Private"}})
    assert bulk_ids(Caller(admin.org, seller)) == {mine}
    assert len(bulk_ids(admin)) == 2


def test_duplicates_are_looked_for_among_what_the_user_sees(admin: Caller, order: Order) -> None:
    seller = Caller(admin.org, birth.create_user(admin.org, username="s@example.com", last_name="S"))
    body: dict[str, Any] = {"LastName": "L", "Company": "C", "Email": "a@example.com"}
    order("rules", {"matching": [BY_EMAIL], "duplicate": [DUPLICATE]})
    order("sharing", {"defaults": {"Lead": "Private"}})
    admin.create("Lead", **body)
    assert seller("POST", "/sobjects/Lead", body).status == 201
    order("rules", {"duplicate": [{**DUPLICATE, "sharing": "bypass"}]})
    third = birth.create_user(admin.org, username="t@example.com", last_name="T")
    assert Caller(admin.org, third)("POST", "/sobjects/Lead", body).status == 400


def test_merging_needs_access_to_both_records(live_org: RunningOrg) -> None:
    seller = live_org.user("sales")["user_id"]
    with live_org.api("admin") as api:
        ids = [
            api.post("sobjects/Lead", json={"LastName": "L", "Company": "C", "OwnerId": owner}).json()["id"]
            for owner in (seller, live_org.user("sync")["user_id"])
        ]
    live_org.control("sharing", {"defaults": {"Lead": "Private"}})
    soap = Client(live_org, live_org.token("sales"))
    request = [("masterRecord", [("type", "Lead"), ("Id", ids[0])]), ("recordToMergeIds", ids[1])]
    (result,) = soap.results("merge", ("request", request))
    assert text(result, "success") == "false"
    assert "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY" in "".join(result.itertext())
