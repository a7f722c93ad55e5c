"""Each call of the SOAP API, by hand-written envelopes in three styles of prefixes."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.practice_org.server import RunningOrg, serve_in_thread
from tests.practice_org.soap.client import ENVELOPE, STYLES, Client, Fault, local, names, plain, text


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("soap"), records=20) as running:
        yield running


@pytest.fixture(params=STYLES)
def soap(org: RunningOrg, request: pytest.FixtureRequest) -> Client:
    return Client(org, org.token("admin"), request.param)


@pytest.fixture
def plain_soap(org: RunningOrg) -> Client:
    return Client(org, org.token("admin"))


def lead(soap: Client, name: str = "Byron", *more: tuple[str, object]) -> str:
    record = [("type", "Lead"), ("LastName", name), ("Company", "Acme & <Söhne>"), *more]
    made = soap.results("create", ("sObjects", record))[0]
    assert text(made, "success") == "true", [local(e) + str(e.text) for e in made.iter()]
    return str(text(made, "id"))


def account(soap: Client, name: str) -> str:
    return str(text(soap.results("create", ("sObjects", [("type", "Account"), ("Name", name)]))[0], "id"))


def errors(result: object) -> list[tuple[str | None, str | None]]:
    return [(text(e, "statusCode"), text(e, "message")) for e in result if local(e) == "errors"]  # type: ignore[attr-defined]


def test_records_are_written_read_changed_and_deleted(soap: Client) -> None:
    made = lead(soap, "Byron", ("Email", "ada@example.com"), ("Title", "x"))
    changed = soap.results(
        "update",
        (
            "sObjects",
            [
                ("type", "Lead"),
                ("fieldsToNull", "Email"),
                ("Id", made),
                ("Title", "Countess"),
                ("Phone", None),
            ],
        ),
        ("sObjects", [("type", "Lead"), ("LastName", "no id")]),
        ("sObjects", [("type", "Lead"), ("Id", made), ("LastName", "twice")]),
    )
    assert names(changed[0]) == ["id", "success"] and text(changed[0], "id") == made
    assert names(changed[1]) == ["errors", "id", "success"] and text(changed[1], "id") is None
    assert errors(changed[1]) == [("MISSING_ARGUMENT", "Id not specified in an update call")]
    assert errors(changed[2]) == [("DUPLICATE_VALUE", f"Duplicate id specified: {made}")]
    read = soap.results(
        "retrieve", ("fieldList", "Id, Title, Email, Company,IsConverted"), ("sObjectType", "lead"), ("ids", made[:15]),
        ("ids", made[:-6] + "zzzAAA"),
    )  # fmt: skip
    assert names(read[0]) == ["type", "Id", "Id", "Title", "Email", "Company", "IsConverted"]
    values = [one.text for one in read[0]]
    assert values == ["Lead", made, made, "Countess", None, "Acme & <Söhne>", "false"]
    assert len(read) == 2 and not len(read[1])
    both = soap.results("delete", ("ids", made), ("ids", "nonsense"), ("ids", made))
    assert text(both[0], "success") == "true"
    assert errors(both[1]) == [("MALFORMED_ID", "bad id nonsense")]
    assert errors(both[2]) == [("ENTITY_IS_DELETED", "entity is deleted")]
    back = soap.results("undelete", ("ids", made), ("ids", made))
    assert names(back[0]) == ["id", "success"]
    assert errors(back[1]) == [("UNDELETE_FAILED", "Entity is not in the recycle bin")]
    soap("delete", ("ids", made))
    gone = soap.results("emptyRecycleBin", ("ids", made), ("ids", made))
    assert text(gone[0], "success") == "true"
    assert errors(gone[1]) == [("INVALID_ID_FIELD", "invalid record id; no recycle bin entry found")]
    found = soap.results("queryAll", ("queryString", f"SELECT Id FROM Lead WHERE Id = '{made}'"))[0]
    assert text(found, "size") == "0"


def test_upsert_by_id_and_by_key(soap: Client) -> None:
    email = f"{soap.style}@upsert.example.com"
    record = [("type", "Contact"), ("LastName", "Key"), ("Email", email)]
    first = soap.results("upsert", ("externalIDFieldName", "Email"), ("sObjects", record))[0]
    assert names(first) == ["created", "id", "success"] and text(first, "created") == "true"
    again = soap.results("upsert", ("externalIDFieldName", "email"), ("sObjects", [*record, ("Title", "t")]))[
        0
    ]
    assert (text(again, "created"), text(again, "id")) == ("false", text(first, "id"))
    refused = soap.results("upsert", ("externalIDFieldName", "Email"), ("sObjects", record[:2]))[0]
    assert names(refused) == ["created", "errors", "id", "success"] and text(refused, "created") == "false"
    assert errors(refused) == [("MISSING_ARGUMENT", "Email not specified")]
    by_id = soap.results("upsert", ("externalIDFieldName", "Id"), ("sObjects", record[:2]))[0]
    assert text(by_id, "created") == "true"


def test_a_parent_may_be_named_by_its_key(plain_soap: Client) -> None:
    plain_soap.results(
        "create", ("sObjects", [("type", "Contact"), ("LastName", "Boss"), ("Email", "boss@key.example.com")])
    )
    parent = [("type", "Contact"), ("Email", "boss@key.example.com")]
    made = plain_soap.results(
        "create", ("sObjects", [("type", "Contact"), ("LastName", "Worker"), ("ReportsTo", parent)])
    )[0]
    soql = f"SELECT ReportsTo.LastName FROM Contact WHERE Id = '{text(made, 'id')}'"
    found = plain_soap.results("query", ("queryString", soql))[0]
    boss = next(one for one in found.iter() if local(one) == "ReportsTo")
    assert names(boss) == ["type", "Id", "LastName"] and boss[1].text is None and boss[2].text == "Boss"


def test_query_writes_parents_children_and_more(soap: Client) -> None:
    company = account(soap, "Family")
    for number in range(3):
        record = [("type", "Contact"), ("LastName", f"L{number}"), ("AccountId", company)]
        soap("create", ("sObjects", record))
    soql = f"SELECT Id, Name, Parent.Name, AnnualRevenue, (SELECT LastName FROM Contacts) FROM Account WHERE Id = '{company}'"
    answer = soap.post(soap.envelope("query", [("queryString", soql)]))
    assert f"<sf:type>Account</sf:type><sf:Id>{company}</sf:Id><sf:Id>{company}</sf:Id>" in answer.text
    assert '<sf:Parent xsi:nil="true"/><sf:AnnualRevenue xsi:nil="true"/>' in answer.text
    assert (
        '<sf:Contacts xsi:type="QueryResult"><done>true</done><queryLocator xsi:nil="true"/>'
        '<records xsi:type="sf:sObject"><sf:type>Contact</sf:type><sf:Id xsi:nil="true"/><sf:LastName>L0</sf:LastName>'
        "</records>"
    ) in answer.text
    assert answer.text.endswith(
        "<size>3</size></sf:Contacts></records><size>1</size></result></queryResponse></soapenv:Body></soapenv:Envelope>"
    )
    for number in range(201):
        if number % 200 == 0:
            records = [
                ("sObjects", [("type", "Task"), ("Subject", f"{soap.style} {n}")])
                for n in range(number, min(number + 200, 201))
            ]
            soap("create", *records)
    soap.headers = {"QueryOptions": {"batchSize": "200"}}
    where = f"SELECT Subject FROM Task WHERE Subject LIKE '{soap.style} %'"
    first = soap.results("query", ("queryString", where))[0]
    assert names(first)[:2] == ["done", "queryLocator"] and names(first)[-1] == "size" and len(first) == 203
    assert (text(first, "done"), text(first, "size")) == ("false", "201")
    last = soap.results("queryMore", ("queryLocator", text(first, "queryLocator")))[0]
    assert (text(last, "done"), text(last, "queryLocator"), len(last)) == ("true", None, 4)
    grouped = soap.post(
        soap.envelope("query", [("queryString", "SELECT count(Id) n, max(CreatedDate) d FROM Account")])
    )
    found = re.search(
        r'<sf:n xsi:type="xsd:int">\d+</sf:n><sf:d xsi:type="xsd:dateTime">[-\dT:]+\.000Z</sf:d>',
        grouped.text,
    )
    assert found and 'xmlns:xsd="http://www.w3.org/2001/XMLSchema"' in grouped.text
    assert "<sf:type>AggregateResult</sf:type>" in grouped.text
    count = soap.results("query", ("queryString", "SELECT count() FROM Account"))[0]
    assert names(count) == ["done", "queryLocator", "size"] and int(text(count, "size") or 0) > 0


def test_leads_are_converted(soap: Client) -> None:
    made = lead(soap)
    order = [
        ("convertedStatus", "Closed - Converted"), ("doNotCreateOpportunity", "false"), ("leadId", made),
        ("opportunityName", "Deal"), ("overwriteLeadSource", "false"), ("sendNotificationEmail", "false"),
        ("accountRecord", [("type", "Account"), ("Site", "here")]), ("contactId", None),
    ]  # fmt: skip
    done = soap.results("convertLead", ("leadConverts", order), ("leadConverts", order))
    assert names(done[0]) == ["accountId", "contactId", "leadId", "opportunityId", "success"]
    assert names(done[1]) == ["accountId", "contactId", "errors", "leadId", "opportunityId", "success"]
    assert text(done[0], "leadId") == made and text(done[1], "leadId") is None
    assert errors(done[1]) == [("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")]
    read = soap.results(
        "retrieve", ("fieldList", "Site"), ("sObjectType", "Account"), ("ids", text(done[0], "accountId"))
    )
    assert read[0][-1].text == "here"
    wrong = soap.results(
        "convertLead", ("leadConverts", [("leadId", lead(soap)), ("convertedStatus", "Nope")])
    )[0]
    assert errors(wrong) == [("INVALID_STATUS", "invalid convertedStatus: Nope")]
    assert [e.text for e in wrong.iter() if local(e) == "fields"] == ["Status"]


def test_records_are_merged(soap: Client) -> None:
    winner, loser, other = (account(soap, n) for n in "abc")
    record = [("type", "Contact"), ("LastName", "x"), ("AccountId", loser)]
    contact = text(soap.results("create", ("sObjects", record))[0], "id")
    master = [("type", "Account"), ("Id", winner), ("Site", "kept")]
    done = soap.results(
        "merge",
        ("request", [("masterRecord", master), ("recordToMergeIds", loser), ("recordToMergeIds", other)]),
        ("request", [("masterRecord", master), ("recordToMergeIds", loser)]),
    )
    assert names(done[0]) == ["id", "mergedRecordIds", "mergedRecordIds", "success", "updatedRelatedIds"]
    assert [one.text for one in done[0]] == [winner, loser, other, "true", contact]
    assert names(done[1]) == ["errors", "id", "success"] and text(done[1], "id") == winner
    assert errors(done[1]) == [("ENTITY_IS_DELETED", "entity is deleted")]
    soql = f"SELECT Id FROM Account WHERE IsDeleted = true AND MasterRecordId = '{winner}'"
    assert text(soap.results("queryAll", ("queryString", soql))[0], "size") == "2"


def test_feeds_and_the_clock(soap: Client) -> None:
    made, deleted = lead(soap), lead(soap)
    soap("delete", ("ids", deleted))
    now = datetime.now(UTC)
    span = [
        ("sObjectType", "Lead"), ("startDate", (now - timedelta(hours=1)).isoformat()),
        ("endDate", (now + timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")),
    ]  # fmt: skip
    updated = soap.results("getUpdated", *span)[0]
    assert made in [one.text for one in updated] and names(updated)[-1] == "latestDateCovered"
    told = soap.results("getDeleted", *span)[0]
    assert names(told)[-2:] == ["earliestDateAvailable", "latestDateCovered"]
    entry = next(one for one in told if text(one, "id") == deleted)
    assert names(entry) == ["deletedDate", "id"] and re.fullmatch(
        r"[-\d]+T[:\d]+\.000Z", text(entry, "deletedDate") or ""
    )
    stamp = soap.results("getServerTimestamp")[0]
    assert abs(
        datetime.fromisoformat((text(stamp, "timestamp") or "").replace("Z", "+00:00")) - now
    ) < timedelta(minutes=1)


def test_describes(soap: Client) -> None:
    told = soap.results("describeSObject", ("sObjectType", "contact"))[0]
    fields = {text(one, "name"): one for one in told if local(one) == "fields"}
    assert text(told, "keyPrefix") == "003" and text(fields["LastName"], "nillable") == "false"
    assert names(told)[0] == "activateable" and names(told)[-1] == "urlNew"
    refs = [one.text for one in fields["AccountId"] if local(one) == "referenceTo"]
    assert refs == ["Account"] and text(fields["AccountId"], "soapType") == "tns:ID"
    picks = [text(one, "value") for one in fields["LeadSource"] if local(one) == "picklistValues"]
    assert "Web" in picks
    listed = [name for name in names(fields["AccountId"]) if name != "referenceTo"]
    assert listed == sorted(listed, key=str.lower)
    two = soap.results("describeSObjects", ("sObjectType", "Lead"), ("sObjectType", "Account"))
    assert [text(one, "name") for one in two] == ["Lead", "Account"]
    everything = soap.results("describeGlobal")[0]
    assert names(everything)[:2] == ["encoding", "maxBatchSize"]
    assert {"Lead", "Contact", "Account"} <= {text(one, "name") for one in everything}


def test_tabs(plain_soap: Client) -> None:
    told = plain_soap.results("describeTabs")[0]
    tabs = [one for one in told if local(one) == "tabs"]
    assert text(told, "label") == "Sales" and "Lead" in [text(one, "sobjectName") for one in tabs]
    assert all((text(one, "url") or "").startswith(plain_soap.org.base_url) for one in tabs)


def test_sessions_and_passwords(soap: Client) -> None:
    org = soap.org
    told = soap.results("getUserInfo")[0]
    assert (text(told, "userName"), text(told, "organizationId")) == (
        org.user("admin")["username"],
        org.org_id,
    )
    rep = org.user("sales")
    assert errors(soap.results("invalidateSessions", ("sessionIds", "nonsense"))[0])
    assert (
        text(soap.results("invalidateSessions", ("sessionIds", org.token("sales")))[0], "success") == "true"
    )
    with pytest.raises(Fault) as refused:
        soap("setPassword", ("userId", "nonsense"), ("password", "abcdefg123"))
    assert (refused.value.code, refused.value.detail) == ("INVALID_ID_FIELD", "InvalidIdFault")
    with pytest.raises(Fault) as weak:
        soap("setPassword", ("userId", rep["user_id"]), ("password", "short"))
    assert weak.value.detail == "InvalidNewPasswordFault"
    assert not len(
        soap.results("setPassword", ("userId", rep["user_id"]), ("password", "Another2Password"))[0]
    )
    for password, ok in ((rep["password"], False), ("Another2Password", True)):
        try:
            entered = Client(org, "", soap.style)(
                "login", ("username", rep["username"]), ("password", password + rep["security_token"])
            )
            assert ok and text(entered[0], "userId") == rep["user_id"]
        except Fault as fault:
            assert not ok and fault.detail == "LoginFault"
    made = text(soap.results("resetPassword", ("userId", rep["user_id"]))[0], "password")
    assert made
    soap("setPassword", ("userId", rep["user_id"]), ("password", rep["password"]))
    own = Client(org, org.token("sales"), soap.style)
    assert not len(own("logout"))
    with pytest.raises(Fault) as ended:
        own("getUserInfo")
    assert (ended.value.code, ended.value.detail) == ("INVALID_SESSION_ID", "UnexpectedErrorFault")
    assert ended.value.text == "Invalid Session ID found in SessionHeader: Illegal Session"


@pytest.mark.parametrize(
    ("call", "parts", "code", "detail", "told"),
    [
        ("query", [("queryString", "SELECT Nope FROM Lead")], "INVALID_FIELD", "InvalidFieldFault", "ERROR at Row:1:Column:8"),
        ("query", [("queryString", "SELECT FROM")], "MALFORMED_QUERY", "MalformedQueryFault", "unexpected token"),
        ("query", [], "MALFORMED_QUERY", "MalformedQueryFault", "A query string has to be specified"),
        ("query", [("queryString", "SELECT Id FROM Nope")], "INVALID_TYPE", "InvalidSObjectFault", "'Nope' is not supported"),
        ("queryMore", [("queryLocator", "x-1")], "INVALID_QUERY_LOCATOR", "InvalidQueryLocatorFault", "invalid query locator"),
        ("describeSObject", [("sObjectType", "Nope")], "INVALID_TYPE", "InvalidSObjectFault", "'Nope' is not supported"),
        ("create", [("sObjects", [("LastName", "x")])], "INVALID_TYPE", "InvalidSObjectFault", "Must send a concrete"),
        ("create", [("sObjects", [("type", "Lead"), ("Nope", "x")])], "INVALID_FIELD", "InvalidFieldFault", "No such column 'Nope' on entity 'Lead'"),
        ("update", [("sObjects", [("type", "Lead"), ("fieldsToNull", "Nope")])], "INVALID_FIELD", "InvalidFieldFault", "No such column"),
        ("upsert", [("externalIDFieldName", "Nope"), ("sObjects", [("type", "Lead")])], "INVALID_FIELD", "InvalidFieldFault", "No such column"),
        ("upsert", [("externalIDFieldName", "Company"), ("sObjects", [("type", "Lead")])], "INVALID_FIELD", "InvalidFieldFault", "is not an External ID"),
        ("delete", [("ids", "x")] * 201, "EXCEEDED_ID_LIMIT", "UnexpectedErrorFault", "cannot submit more than 200 records into this call"),
        ("convertLead", [("leadConverts", [])] * 101, "EXCEEDED_ID_LIMIT", "UnexpectedErrorFault", "more than 100"),
        ("retrieve", [("fieldList", "Nope"), ("sObjectType", "Lead")], "INVALID_FIELD", "InvalidFieldFault", "No such column 'Nope' on entity 'Lead'"),
        ("retrieve", [("fieldList", "Id"), ("sObjectType", "Lead"), ("ids", "x")], "MALFORMED_ID", "InvalidIdFault", "bad id x"),
        ("merge", [("request", [])], "MISSING_ARGUMENT", "UnexpectedErrorFault", "masterRecord"),
        ("getUpdated", [("sObjectType", "Lead"), ("startDate", "x"), ("endDate", "y")], "INVALID_REPLICATION_DATE", "UnexpectedErrorFault", "x"),
        ("launchRocket", [], "Client", "", "No operation available for request {urn:partner.soap.sforce.com}launchRocket, please check the WSDL for the service."),
    ],
)  # fmt: skip
def test_what_ends_a_call(
    plain_soap: Client, call: str, parts: list[tuple[str, object]], code: str, detail: str, told: str
) -> None:
    with pytest.raises(Fault) as fault:
        plain_soap(call, *parts)
    assert (fault.value.code, fault.value.detail) == (code, detail) and told in fault.value.text
    if code in ("INVALID_FIELD", "INVALID_TYPE", "MALFORMED_QUERY"):
        assert re.search(r"<sf:row>-?\d+</sf:row><sf:column>-?\d+</sf:column></sf:", fault.value.answer.text)


@pytest.mark.parametrize("version", ["20.0", "30.0", "68.0", "60", "60.5", "x"])
def test_versions_that_are_none(plain_soap: Client, version: str) -> None:
    plain_soap.version = version
    with pytest.raises(Fault) as fault:
        plain_soap("getUserInfo")
    assert (fault.value.code, fault.value.text) == (
        "UNSUPPORTED_API_VERSION",
        "Invalid Api version specified on URL",
    )


def test_the_header_counts_calls_and_names_only_what_is_used(plain_soap: Client) -> None:
    answer = plain_soap.post(plain_soap.envelope("getServerTimestamp", []))
    start = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" '
        'xmlns="urn:partner.soap.sforce.com"><soapenv:Header><LimitInfoHeader><limitInfo><current>N</current>'
        "<limit>15000</limit><type>API REQUESTS</type></limitInfo></LimitInfoHeader></soapenv:Header><soapenv:Body>"
    )
    assert plain(answer).startswith(start)
    used = [
        int(re.findall(r"<current>(\d+)<", one)[0])
        for one in (answer.text, plain_soap.post(plain_soap.envelope("getServerTimestamp", [])).text)
    ]
    assert used[1] == used[0] + 1


def test_the_enterprise_endpoint_has_its_own_namespace(plain_soap: Client) -> None:
    url = f"{plain_soap.org.base_url}/services/Soap/c/60.0"
    body = plain_soap.envelope("query", [("queryString", "SELECT Name FROM Account LIMIT 1")])
    wrong = httpx2.post(url, content=body.encode())
    assert (
        wrong.status_code == 500
        and "No operation available for request {urn:partner.soap.sforce.com}query" in wrong.text
    )
    right = httpx2.post(url, content=body.replace("partner", "enterprise").encode()).text
    assert 'xmlns="urn:enterprise.soap.sforce.com"' in right
    assert 'xmlns:sf="urn:sobject.enterprise.soap.sforce.com"' in right
    assert re.search('<records xsi:type="sf:Account"><sf:Id xsi:nil="true"/><sf:Name>', right)
    record = '<ens:sObjects xsi:type="ns2:Lead"><ns2:LastName>E</ns2:LastName><ns2:Company>c</ns2:Company></ens:sObjects>'
    made = httpx2.post(
        url,
        content=(
            f'<e:Envelope xmlns:e="{ENVELOPE}" xmlns:ens="urn:enterprise.soap.sforce.com" '
            'xmlns:ns2="urn:sobject.enterprise.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><e:Header>'
            f"<ens:SessionHeader><ens:sessionId>{plain_soap.session}</ens:sessionId></ens:SessionHeader></e:Header>"
            f"<e:Body><ens:create>{record}</ens:create></e:Body></e:Envelope>"
        ).encode(),
    )
    assert "<success>true</success>" in made.text, made.text


def test_all_or_none_and_assignment_rules_only_on_request(plain_soap: Client) -> None:
    good, bad = (
        [("type", "Lead"), ("LastName", "aon"), ("Company", "c")],
        [("type", "Lead"), ("LastName", "aon")],
    )
    plain_soap.headers = {"AllOrNoneHeader": {"allOrNone": "true"}, "MruHeader": {"updateMru": "false"}}
    both = plain_soap.results("create", ("sObjects", good), ("sObjects", bad))
    assert [errors(one)[0][0] for one in both] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    plain_soap.headers = {}
    owner = plain_soap.org.user("sales")["user_id"]
    plain_soap.org.control("rules", {"assignment": {"Lead": owner}})
    ids = [lead(plain_soap)]
    plain_soap.headers = {"AssignmentRuleHeader": {"useDefaultRule": "true"}}
    ids.append(lead(plain_soap))
    plain_soap.org.control("rules", {"assignment": []})
    read = plain_soap.results(
        "retrieve", ("fieldList", "OwnerId"), ("sObjectType", "Lead"), *(("ids", i) for i in ids)
    )
    assert [one[-1].text for one in read] == [plain_soap.org.user("admin")["user_id"], owner]


def test_bodies_may_be_compressed(plain_soap: Client) -> None:
    body = gzip.compress(plain_soap.envelope("getUserInfo", []).encode())
    assert "<getUserInfoResponse>" in plain_soap.post(body, **{"Content-Encoding": "gzip"}).text


def test_faults_on_order_take_the_form_of_soap(live_org: RunningOrg) -> None:
    soap = Client(live_org, live_org.token("admin"))
    made = lead(soap)
    live_org.control("faults", {"trigger": "query", "error_code": "QUERY_TIMEOUT"})
    with pytest.raises(Fault) as slow:
        soap("query", ("queryString", "SELECT Id FROM Lead"))
    assert slow.value.code == "QUERY_TIMEOUT"
    live_org.control("faults", {"trigger": "any", "error_code": "INVALID_SESSION_ID"})
    with pytest.raises(Fault) as ended:
        soap("getUserInfo")
    assert ended.value.code == "INVALID_SESSION_ID"
    live_org.control("faults", {"trigger": "convert", "error_code": "UNABLE_TO_LOCK_ROW"})
    order = [("leadId", made), ("convertedStatus", "Closed - Converted")]
    assert errors(soap.results("convertLead", ("leadConverts", order))[0])[0][0] == "UNABLE_TO_LOCK_ROW"
    assert text(soap.results("convertLead", ("leadConverts", order))[0], "success") == "true"
    live_org.control("faults", {"trigger": "any", "body_kind": "html", "status": 503})
    assert soap.post(soap.envelope("getUserInfo", [])).headers["content-type"].startswith("text/html")
    live_org.control("limits", {"used": 15000})
    with pytest.raises(Fault) as empty:
        soap("getUserInfo")
    assert (empty.value.code, empty.value.text) == ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def test_who_may_not_use_the_api(org: RunningOrg, tmp_path: Path) -> None:
    login = [
        ("username", org.user("no_api")["username"]),
        ("password", org.user("no_api")["password"] + org.user("no_api")["security_token"]),
    ]
    with pytest.raises(Fault) as refused:
        Client(org, "")("login", *login)
    assert refused.value.code == "API_DISABLED_FOR_ORG"
