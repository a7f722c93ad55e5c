"""Whoever writes: what a subscriber makes of the events alone is what the tables hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.practice_org.events.bus import Bus, Decoded
from tests.practice_org.events.test_subscribing import ALL
from tests.practice_org.server import RunningOrg

OBJECTS = ("Account", "Contact", "Lead", "Opportunity", "Campaign", "CampaignMember", "Task")
Rows = dict[str, dict[str, Any]]


def soap(org: RunningOrg, body: str) -> str:
    """Call the partner API; the answer's text."""
    answer = org._client.post(
        f"{org.base_url}/services/Soap/u/60.0",
        content="<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/' "
        "xmlns='urn:partner.soap.sforce.com' xmlns:o='urn:sobject.partner.soap.sforce.com' "
        "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>"
        f"<e:Header><SessionHeader><sessionId>{org.token('admin')}</sessionId></SessionHeader></e:Header>"
        f"<e:Body>{body}</e:Body></e:Envelope>",
        headers={"Content-Type": "text/xml", "SOAPAction": '""'},
    )
    assert "<success>true</success>" in answer.text, answer.text
    return answer.text


def flat(event: Decoded, names: set[str] | None = None) -> dict[str, Any]:
    """Values by column; of `names` alone when they are given."""
    out: dict[str, Any] = {}
    for field, value in event.value.items():
        if field == "ChangeEventHeader":
            continue
        prefix = "" if field == "Name" else field.removesuffix("Address")
        parts = value if isinstance(value, dict) else {}
        if names is None and not parts:
            out[field] = value
        for part, inner in parts.items():
            out[prefix + part] = inner
    if names is None:
        return {k: v for k, v in out.items() if v is not None}
    wanted = {}
    for name in names:
        field, _, part = name.partition(".")
        prefix = "" if field == "Name" else field.removesuffix("Address")
        value = event.value[field]
        wanted[prefix + part if part else field] = (value or {}).get(part) if part else value
    return wanted


def replayed(events: list[Decoded]) -> dict[str, Rows]:
    tables: dict[str, Rows] = {name: {} for name in OBJECTS}
    for event in events:
        table = tables.setdefault(event.header["entityName"], {})
        for record in event.header["recordIds"]:
            kind = event.header["changeType"]
            if kind == "UPDATE":
                table[record] = {**table[record], **flat(event, event.changed)}
            elif kind == "DELETE":
                del table[record]
            else:
                assert kind in ("CREATE", "UNDELETE"), kind
                table[record] = flat(event)
    return tables


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


def stored(org: RunningOrg, object_name: str, schema: Any) -> Rows:
    dates = {
        f["name"]
        for f in schema["fields"]
        if f.get("doc", "").split(":")[1:2] in (["DateTime"], ["DateOnly"])
    }
    rows = org.control(f"records?object={object_name}", method="GET")["records"]
    return {
        row["Id"]: {k: moment(v) if k in dates else v for k, v in row.items() if v is not None}
        for row in rows
        if not row.get("IsDeleted")
    }


def write_in_every_way(org: RunningOrg) -> None:
    with org.api("admin") as api:

        def made(object_name: str, **values: Any) -> str:
            answer = api.post(f"sobjects/{object_name}", json=values)
            assert answer.status_code == 201, answer.text
            return str(answer.json()["id"])

        def lead(number: int, **values: Any) -> dict[str, Any]:
            return {"attributes": {"type": "Lead"}, "LastName": f"L{number}", "Company": "C", **values}

        many = api.post("composite/sobjects", json={"records": [lead(n) for n in range(6)]}).json()
        ids = [one["id"] for one in many]
        changes = [
            {"attributes": {"type": "Lead"}, "id": i, "Title": "same", "City": "Bonn"} for i in ids[:3]
        ]
        changes += [{"attributes": {"type": "Lead"}, "id": ids[3], "Email": "no address"}]
        api.patch("composite/sobjects", json={"records": changes})
        api.patch("composite/sobjects", json={"records": changes, "allOrNone": True})
        refused = {"allOrNone": True, "compositeRequest": [
            {"method": "POST", "url": "/services/data/v60.0/sobjects/Lead", "referenceId": "a",
             "body": {"LastName": "Rolled back", "Company": "C"}},
            {"method": "POST", "url": "/services/data/v60.0/sobjects/Lead", "referenceId": "b", "body": {}},
        ]}  # fmt: skip
        assert "b" in api.post("composite", json=refused).text
        api.post("composite/tree/Account", json={"records": [
            {"attributes": {"type": "Account", "referenceId": "r"}, "Name": "Tree", "Contacts": {"records": [
                {"attributes": {"type": "Contact", "referenceId": "s"}, "LastName": "Leaf"}]}}]})  # fmt: skip
        for values in ({"LastName": "Up", "Company": "C"}, {"LastName": "Up again"}):
            api.patch("sobjects/Lead/Legacy_Id__c/up-1", json=values)
        job = api.post("jobs/ingest", json={"object": "Lead", "operation": "update"}).json()["id"]
        rows = f"Id,Fax,Title\n{ids[0]},1,#N/A\n{ids[1]},1,#N/A\n{ids[2]},2,x\nnonsense,1,x\n"
        api.put(f"jobs/ingest/{job}/batches", content=rows.encode())
        api.patch(f"jobs/ingest/{job}", json={"state": "UploadComplete"})
        while api.get(f"jobs/ingest/{job}").json()["state"] != "JobComplete":
            pass
        account = made("Account", Name="Parent")
        contact = made("Contact", LastName="Child", AccountId=account, Birthdate="1980-02-29")
        campaign = made("Campaign", Name="Fair")
        made("CampaignMember", CampaignId=campaign, LeadId=ids[4])
        made("CampaignMember", CampaignId=campaign, ContactId=contact)
        made("Task", Subject="Call", WhoId=ids[4])
        api.delete(f"sobjects/Account/{account}")
        soap(org, f"<undelete><ids>{account}</ids></undelete>")
        soap(org, f"<delete><ids>{ids[5]}</ids></delete>")
        loser = made("Lead", LastName="Loser", Company="C", Phone="123")
        made("CampaignMember", CampaignId=campaign, LeadId=loser)
        soap(
            org,
            f"<merge><request><masterRecord><o:type>Lead</o:type><o:Id>{ids[3]}</o:Id><o:Phone>123</o:Phone>"
            f"</masterRecord><recordToMergeIds>{loser}</recordToMergeIds></request></merge>",
        )
        status = api.get(
            "query", params={"q": "SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true"}
        ).json()["records"][0]["MasterLabel"]
        soap(
            org,
            f"<convertLead><leadConverts><convertedStatus>{status}</convertedStatus><leadId>{ids[4]}</leadId>"
            "</leadConverts></convertLead>",
        )
        org.control(
            "late_commit", {"object": "Lead", "id": ids[1], "values": {"Title": "late"}, "seconds": 0}
        )
        api.get("limits")


def test_the_events_alone_make_the_tables(served: RunningOrg, bus: Bus) -> None:
    stream = bus.earliest(ALL)
    write_in_every_way(served)
    served.control("events", {"keepalive_seconds": 0.2})
    events: list[Decoded] = []
    while True:
        response = stream.response()
        if not response.events:
            break
        events += [bus.decoded(one) for one in response.events]
        stream.ask(num_requested=100)
    tables = replayed(events)
    for name in OBJECTS:
        schema = bus.schema(bus.call("GetTopic", topic_name=f"/data/{name}ChangeEvent").schema_id)
        there = stored(served, name, schema)
        assert there.keys() == tables[name].keys(), name
        for record, row in there.items():
            told = {k: v for k, v in tables[name][record].items() if v is not None}
            assert {k: row.get(k) for k in told} == told, (name, record)
            assert {f["name"] for f in schema["fields"]} & set(row) - set(told) <= {"Name"}, (name, record)
    conversion = next(one for one in events if one.brief[:2] == ("Opportunity", "CREATE"))
    together = [one for one in events if one.header["transactionKey"] == conversion.header["transactionKey"]]
    assert {one.brief[:2] for one in together} >= {
        ("Account", "CREATE"),
        ("Contact", "CREATE"),
        ("Opportunity", "CREATE"),
        ("Lead", "UPDATE"),
    }
    assert [one.header["sequenceNumber"] for one in together] == list(range(1, len(together) + 1))
    assert {one.header["changeOrigin"] for one in together} == {"com/salesforce/api/soap/60.0"}
    merged = [one.header["recordIds"] for one in events if len(one.header["recordIds"]) > 1]
    assert [len(one) for one in merged][:2] == [3, 2]
