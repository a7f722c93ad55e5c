"""The salesperson's pages, used without JavaScript."""

from __future__ import annotations

import html
import re

import httpx2
import pytest

from tests.practice_org.server import RunningOrg


class Person:
    """Somebody at a browser; forms are sent as the page wrote them, with what they typed on top."""

    def __init__(self, org: RunningOrg, role: str = "sales") -> None:
        self.http = httpx2.Client(base_url=org.base_url, trust_env=False, follow_redirects=True)
        one = org.user(role)
        page = self.http.post(
            "/login", data={"username": one["username"], "password": one["password"], "to": "/"}
        )
        assert page.status_code == 200, page.text

    def see(self, path: str) -> httpx2.Response:
        return self.http.get(path)

    def send(self, page: httpx2.Response, action: str, **typed: str) -> httpx2.Response:
        return self.http.post(action, data={**form_of(page), **typed})


def form_of(page: httpx2.Response) -> dict[str, str]:
    """All inputs of the page's last form, as a browser would send them."""
    text = page.text[page.text.rindex("<form") :]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", text):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ("checkbox" not in tag or " checked" in tag):
            sent[name[1]] = html.unescape(value[1]) if value else ""
    for name, inner in re.findall(r'<select[^>]*name="([^"]*)">(.*?)</select>', text, re.S):
        chosen = re.search(r'value="([^"]*)" selected', inner) or re.search(r'value="([^"]*)"', inner)
        sent[name] = html.unescape(chosen[1]) if chosen else ""
    for name, inner in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>\n?(.*?)</textarea>', text, re.S):
        sent[name] = html.unescape(inner)
    return sent


def new_lead(org: RunningOrg, **fields: object) -> str:
    with org.api("admin") as api:
        return str(
            api.post("sobjects/Lead", json={"LastName": "Quill", "Company": "Ink", **fields}).json()["id"]
        )


def stored(org: RunningOrg, record_id: str) -> dict[str, object]:
    row: dict[str, object] = org.control(f"records?object=Lead&id={record_id}")["records"][0]
    return row


def test_nobody_sees_anything_before_logging_in(live_org: RunningOrg) -> None:
    http = httpx2.Client(base_url=live_org.base_url, trust_env=False)
    record = new_lead(live_org)
    for path in ("/", "/leads", "/bin", f"/{record}", f"/{record}/edit"):
        assert http.get(path).headers["location"].startswith("/login")
    page = http.get("/login")
    assert "Practice org - not Salesforce" in page.text and "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    wrong = http.post("/login", data={"username": live_org.username, "password": "no"})
    assert wrong.status_code == 401 and "wrong" in wrong.text
    one = live_org.user("sales")
    away = http.post(
        "/login",
        data={"username": one["username"], "password": one["password"], "to": "//elsewhere.example.com"},
    )
    assert away.headers["location"] == "/"


def test_lists_search_and_open_by_15_or_18_characters(live_org: RunningOrg) -> None:
    record = new_lead(
        live_org, FirstName="Zeta", Email="zeta.quill@example.com", Description="first\nsecond <b>"
    )
    person = Person(live_org)
    assert "Zeta Quill" in person.see("/leads").text
    assert "Zeta Quill" in person.see("/leads?q=zeta+ink").text
    assert "Nothing found" in person.see("/leads?q=zeta+nothing%25").text
    for tab in ("contacts", "accounts", "bin"):
        assert person.see(f"/{tab}").status_code == 200
    for form in (record, record[:15]):
        page = person.see(f"/{form}")
        assert "first\nsecond &lt;b&gt;" in page.text and "by Ada Winter" in page.text
    assert person.see("/00QPr0zzzzzzzzz").status_code == 404


def test_an_edit_goes_through_the_data_layer_and_says_who(live_org: RunningOrg) -> None:
    record = new_lead(live_org, Description='keep "this"\nexactly', AnnualRevenue=12.0, Newsletter__c=True)
    before = stored(live_org, record)
    live_org.control("clock", {"advance": 5})
    person = Person(live_org)
    form = person.see(f"/{record}/edit")
    page = person.send(form, f"/{record}/edit", Email="new@example.com", Title='Étude, "x"')
    assert "Saved" in page.text and "by Mara Lindqvist" in page.text
    after = stored(live_org, record)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"Email", "Title", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}
    assert after["Title"] == 'Étude, "x"' and after["LastModifiedById"] == live_org.user("sales")["user_id"]


def test_refusals_keep_what_was_typed(live_org: RunningOrg) -> None:
    record = new_lead(live_org, Email="old@example.com")
    rule = {
        "object": "Lead",
        "message": "Leads need a phone.",
        "field": "Phone",
        "when": {"field": "Phone", "is": "blank"},
    }
    live_org.control("rules", [rule])
    person = Person(live_org)
    form = person.see(f"/{record}/edit")
    page = person.send(form, f"/{record}/edit", Title="Typed")
    assert page.status_code == 400 and "Leads need a phone." in page.text and 'value="Typed"' in page.text
    live_org.control("rules", [])
    bad = person.send(form, f"/{record}/edit", Email="no address")
    assert bad.status_code == 400 and "invalid email address" in bad.text
    assert stored(live_org, record)["Email"] == "old@example.com"
    number = person.send(form, f"/{record}/edit", AnnualRevenue="much")
    assert number.status_code == 400 and "is not a number" in number.text


def test_two_people_editing_at_once_are_told(live_org: RunningOrg) -> None:
    record = new_lead(live_org)
    person = Person(live_org)
    form = person.see(f"/{record}/edit")
    live_org.control("clock", {"advance": 5})
    with live_org.api("admin") as api:
        api.patch(f"sobjects/Lead/{record}", json={"Title": "First"})
    page = person.send(form, f"/{record}/edit", Title="Second")
    assert page.status_code == 400 and "Somebody else has changed" in page.text
    assert stored(live_org, record)["Title"] == "First"


def test_create_delete_and_undelete(live_org: RunningOrg) -> None:
    person = Person(live_org)
    empty = person.send(person.see("/leads/new"), "/leads/new", LastName="", Company="")
    assert empty.status_code == 400 and "Required fields are missing" in empty.text
    page = person.send(
        person.see("/leads/new"), "/leads/new", LastName="Newcomer", Company="Co", Newsletter__c="on"
    )
    assert "Created" in page.text
    record = page.url.path.strip("/")
    row = stored(live_org, record)
    assert (row["Newsletter__c"], row["Status"], row["OwnerId"]) == (
        1,
        "Open - Not Contacted",
        live_org.user("sales")["user_id"],
    )
    gone = person.send(page, f"/{record}/delete")
    assert "recycle bin" in gone.text and person.see(f"/{record}").status_code == 404
    assert "Newcomer" in person.see("/bin").text
    back = person.send(person.see("/bin"), f"/bin/{record}/undelete")
    assert "Back from the recycle bin" in back.text and stored(live_org, record)["IsDeleted"] == 0


def test_forms_need_their_token(live_org: RunningOrg) -> None:
    record = new_lead(live_org)
    person = Person(live_org)
    page = person.see(f"/{record}")
    assert person.send(page, f"/{record}/delete", form_token="guess").status_code == 403
    person.http.headers["Sec-Fetch-Site"] = "cross-site"
    assert person.send(page, f"/{record}/delete").status_code == 403
    assert stored(live_org, record)["IsDeleted"] == 0


@pytest.mark.parametrize("right", ["read", "hidden"])
def test_field_security_holds_on_the_pages(live_org: RunningOrg, right: str) -> None:
    record = new_lead(live_org, Title="Secret title")
    live_org.control("users", {"profile": "Standard User", "fields": {"Lead.Title": right}})
    person = Person(live_org)
    assert ("Secret title" in person.see(f"/{record}").text) == (right == "read")
    assert 'name="Title"' not in person.see(f"/{record}/edit").text


def test_object_rights_hold_on_the_pages(live_org: RunningOrg) -> None:
    record = new_lead(live_org)
    live_org.control("users", {"profile": "Standard User", "objects": {"Lead": ["Read"]}})
    person = Person(live_org)
    page = person.see(f"/{record}")
    assert "Edit</a>" not in page.text and "Delete</button>" not in page.text
    live_org.control("users", {"profile": "Standard User", "objects": {"Lead": []}})
    assert person.see("/leads").status_code == 403 and person.see(f"/{record}").status_code == 403


def test_a_lead_is_converted_by_hand(live_org: RunningOrg) -> None:
    person = Person(live_org)
    record = new_lead(live_org, FirstName="Zeta", Email="zeta@example.com")
    assert f'href="/{record}/convert"' in person.see(f"/{record}").text
    page = person.see(f"/{record}/convert")
    assert "New account: Ink" in page.text and form_of(page)["status"] == "Closed - Converted"
    wrong = person.send(page, f"/{record}/convert", status="Nonsense")
    assert wrong.status_code == 400 and "invalid convertedStatus: Nonsense" in wrong.text
    done = person.send(wrong, f"/{record}/convert", status="Closed - Converted", opportunity_name="Big one")
    assert (
        done.status_code == 200
        and "Converted. This is the contact." in done.text
        and "Zeta Quill" in done.text
    )
    row = stored(live_org, record)
    assert row["IsConverted"] == 1 and str(done.url).endswith(f"/{row['ConvertedContactId']}?done=converted")
    deal = live_org.control(f"records?object=Opportunity&id={row['ConvertedOpportunityId']}")["records"][0]
    assert deal["Name"] == "Big one"
    after = person.see(f"/{record}")
    assert "/convert" not in after.text and "/edit" not in after.text
    assert person.see(f"/{record}/convert").status_code == 404
    second = new_lead(live_org, FirstName="Zeta", Email="zeta@example.com")
    page = person.see(f"/{second}/convert")
    assert f"{row['ConvertedAccountId']})</option>" in page.text
    joined = person.send(page, f"/{second}/convert", contact=str(row["ConvertedContactId"]), opportunity="")
    assert joined.status_code == 200, joined.text
    again = stored(live_org, second)
    assert (
        again["ConvertedAccountId"] == row["ConvertedAccountId"] and again["ConvertedOpportunityId"] is None
    )


def test_two_records_are_merged_by_hand_and_the_loser_brought_back(live_org: RunningOrg) -> None:
    person = Person(live_org)
    winner = new_lead(live_org, Title="kept", City="here")
    loser = new_lead(live_org, Title="lost", City="there")
    page = person.see(f"/{winner}/merge")
    assert f"/{winner}/merge?with={loser}" in page.text
    assert "No other lead is like that" in person.see(f"/{winner}/merge?q=nobody-at-all").text
    page = person.see(f"/{winner}/merge?with={loser}")
    assert page.text.count('value="there"') == 2
    done = person.send(page, f"/{winner}/merge", Title="here", City="there", Company="here")
    assert "Merged." in done.text
    row = stored(live_org, winner)
    assert (row["Title"], row["City"]) == ("kept", "there")
    assert stored(live_org, loser)["MasterRecordId"] == winner
    assert person.send(page, f"/{winner}/merge", City="there").status_code == 200
    back = person.send(person.see("/bin"), f"/bin/{loser}/undelete")
    assert "Back from the recycle bin." in back.text and stored(live_org, loser)["MasterRecordId"] is None
    assert person.see(f"/{live_org.user('sales')['user_id']}/merge").status_code == 404
