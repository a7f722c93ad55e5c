"""Malformed requests of every kind at every REST route: refused in Salesforce's form, never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice_org.api.routes import ROUTES
from tests.practice_org.server import RunningOrg, serve_in_thread

ASKED = sorted({(route.methods[0], route.pattern) for route in ROUTES})
ASKED += 4 * [one for one in ASKED if one[1].startswith(("/composite", "/sobjects/"))]
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]
NAMES = ["Lead", "account", "User", "ContentVersion", "CampaignMember", "Nope", "PermissionSet", "sobjects"]
KEYS = [
    "records", "attributes", "type", "allOrNone", "ids", "fields", "compositeRequest", "batchRequests", "graphs",
    "graphId", "method", "url", "body", "richInput", "httpHeaders", "referenceId", "operation", "object", "query",
    "state", "Id", "LastName", "Company", "Account", "Email", "AnnualRevenue", "Birthdate", "OwnerId", "Metadata",
    "VersionData", "Address", "q", "sobjects", "in", "externalIdFieldName", "lineEnding", "haltOnError",
]  # fmt: skip
ODD = st.one_of(
    st.sampled_from(
        ["%00", "..", "%2e%2e%2f", "a%2Fb", "%FF%FE", "+", "%", "'", "-1", "1e999", "@", "~", "💥"]
    ),
    st.sampled_from(["00Q000000000001", "00Q000000000001AAA", "001000000000000AAA", "012000000000000AAA"]),
    st.text(min_size=1, max_size=12).map(lambda text: quote(text, safe="")),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**30), 2**63, 1.5e308, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from([
        "Lead", "/services/data/v60.0/query?q=SELECT Id FROM Lead", "v60.0/sobjects/Lead", "@{a.id}", "PATCH",
        "00Q000000000001AAA", "insert", "2026-13-45", "\ud800", "SELECT Id FROM Lead", "//", "http://[",
    ]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.sampled_from(KEYS), st.text(max_size=8)), inner, max_size=5),
    ),
    max_leaves=20,
)
TEXTS = VALUES.map(lambda value: json.dumps(value).encode())
RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "attributes": st.one_of(
                st.just({"type": "Lead"}), st.just({"type": "Contact", "referenceId": "a"}), VALUES
            )
        },
        optional=dict.fromkeys(
            ("Id", "LastName", "Company", "AnnualRevenue", "Account", "Contacts", "Email"), VALUES
        ),
    ),
    max_size=3,
)
PARTS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {
                "method": st.one_of(st.sampled_from(VERBS), VALUES),
                "referenceId": st.one_of(st.sampled_from("abc"), VALUES),
            },
            optional={
                "url": st.one_of(
                    st.sampled_from(
                        [
                            "/services/data/v60.0/sobjects/Lead",
                            "v60.0/limits",
                            "/services/data/v60.0/composite",
                            "/services/data/v60.0/sobjects/Lead/@{a.id}",
                            "/services/data/v60.0/query?q=SELECT+Id+FROM+User",
                            "/services/data/v60.0/composite/sobjects",
                            "/services/data/v60.0/jobs/ingest",
                        ]
                    ),
                    VALUES,
                ),
                "body": st.one_of(st.just({"LastName": "@{a.id}", "Company": "@{a.records[0].x}"}), VALUES),
                "richInput": VALUES,
                "httpHeaders": VALUES,
            },
        ),
        VALUES,
    ),
    max_size=4,
)
SHAPED = st.one_of(
    st.fixed_dictionaries({"records": st.one_of(RECORDS, VALUES), "allOrNone": VALUES}),
    st.fixed_dictionaries({"compositeRequest": PARTS, "allOrNone": VALUES, "batchRequests": PARTS}),
    st.fixed_dictionaries({"graphs": st.lists(
        st.one_of(VALUES, st.fixed_dictionaries({"graphId": VALUES, "compositeRequest": PARTS})), max_size=2)}),
    st.fixed_dictionaries({"ids": VALUES, "fields": VALUES}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, VALUES)),
).map(lambda value: json.dumps(value).encode())  # fmt: skip
BODIES = st.one_of(
    SHAPED,
    SHAPED,
    SHAPED,
    TEXTS,
    TEXTS.flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end])),
    st.binary(max_size=60),
    st.sampled_from([
        b"", b" ", b"{", b"[", b"nul", b"[" * 5000, b'{"a":' * 3000, b'{"a":1,"a":2}', b"\xff\xfe{}", b"\xef\xbb\xbf{}",
        b"NaN", b'{"LastName": Infinity}', b'"text"', b"1" * 5000, b'{"LastName":"\\ud800"}', b"\x00",
        b'{"records":[' + b'{"attributes":{"type":"Lead"}},' * 300 + b"{}]}", b"<xml/>", b"a,b\n1",
    ]),
)  # fmt: skip
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from([
            *["application/json"] * 12, "text/csv", "application/xml", "text/plain; charset=nope", "multipart/form-data",
            "multipart/form-data; boundary=x", "application/json; charset=utf-16", ";", "🙂".encode().decode("latin-1"),
        ]),
        "Content-Encoding": st.sampled_from(["", "br", "identity", "", "", "", "GZIP"]),
        "Accept-Encoding": st.sampled_from(["gzip;q=0", "identity", "gzip, br;q=x"]),
        "If-Modified-Since": st.sampled_from(["never", "Tue, 99 Foo 2026", "Mon, 01 Jan 0001 00:00:00 GMT", "0"]),
        "If-Unmodified-Since": st.sampled_from(["-1", "Mon, 01 Jan 9999 00:00:00 +9999", ""]),
        "If-Match": st.sampled_from(["*", '"', "W/", ",,,"]),
        "Sforce-Query-Options": st.sampled_from(["batchSize=0", "batchSize=99999999999999999999", "batchSize=x"]),
        "Sforce-Call-Options": st.sampled_from(["client=", "client=a,defaultNamespace=b", "%%%", "client==;;="]),
        "Sforce-Auto-Assign": st.sampled_from(["", "maybe", "01Q000000000001", "FALSE"]),
        "Sforce-Duplicate-Rule-Header": st.sampled_from(["allowSave", "allowSave=yes;;;=", "="]),
        "X-PrettyPrint": st.just("1"),
        "Cookie": st.sampled_from(["BrowserId", "=;=;", "a=b; c"]),
    },
)  # fmt: skip
QUERIES = st.one_of(
    st.just(""),
    st.dictionaries(
        st.sampled_from([
            "q", "ids", "fields", "start", "end", "columns", "explain", "maxRecords", "locator", "sObjects", "allOrNone",
            "updateOnly", "_HttpMethod", "queryLocator", "jobType",
        ]),
        ODD,
        max_size=3,
    ).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs.items())),
    st.sampled_from(["&&&=", "%", "q", "q=%ff", "q=%00", "a=1&a=2", "=", ";;", "q=" + "(" * 3000]),
)  # fmt: skip


@pytest.fixture(scope="module")
def org(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOrg]:
    with serve_in_thread(tmp_path_factory.mktemp("bad"), records=5) as one:
        one.control("limits", {"DailyApiRequests": 10_000_000})
        yield one


@pytest.fixture(scope="module")
def http(org: RunningOrg) -> Iterator[httpx2.Client]:
    bearer = {"Authorization": f"Bearer {org.token('admin')}"}
    with httpx2.Client(base_url=org.base_url, headers=bearer, trust_env=False, timeout=60) as client:
        yield client


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str]:
    """A route's verb and its path with something in its places; one in four is damaged further."""
    verb, pattern = draw(st.sampled_from(ASKED))
    parts = []
    for part in pattern.strip("/").split("/"):
        if not part.startswith("{"):
            parts.append(part)
        elif part == "{object}":
            parts.append(draw(st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), ODD)))
        else:
            parts.append(draw(st.one_of(ODD, st.sampled_from(["Id", "Email", "Name", "LeadSource"]))))
    version, tail = "v60.0", ""
    if draw(st.integers(0, 3)) == 0:
        verb = draw(st.sampled_from([verb, *VERBS]))
        version = draw(st.sampled_from(["v60.0", "v31.0", "v67.0", "v20.0", "v99.0", "v60", "60.0", "vx"]))
        tail = draw(st.sampled_from(["", "/", "//", ".json", ".xml", "/%20"]))
    return verb, f"/services/data/{version}/{'/'.join(parts)}{tail}"


def check(answer: httpx2.Response, asked: object) -> None:
    """Below 500 and, when refused, in a form that clients of the real service know."""
    assert answer.status_code < 500, (answer.status_code, answer.text, asked)
    assert "Traceback" not in answer.text
    if answer.status_code < 400 or not answer.content:
        return
    if answer.headers["content-type"].startswith("text/html"):
        assert answer.status_code in (414, 431), asked
        return
    if answer.headers["content-type"].startswith("application/xml"):
        assert ElementTree.fromstring(answer.content).tag, asked
        return
    body = answer.json()
    # A tree that was refused answers with its results; everything else is a list of errors.
    errors: Any = body if isinstance(body, list) else body.get("results") or [body]
    for error in errors:
        assert {"message", "errorCode"} <= set(error) or "errors" in error, (body, asked)


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(one=requests(), query=QUERIES, headers=HEADERS, body=BODIES)
def test_malformed_requests_are_refused_in_salesforces_form(
    http: httpx2.Client, one: tuple[str, str], query: str, headers: dict[str, str], body: bytes
) -> None:
    verb, path = one
    asked = (verb, path, query, headers, body[:200])
    encoded = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
    try:
        request = http.build_request(
            verb, f"{path}?{query}" if query else path, headers=list(encoded.items()), content=body
        )
    except httpx2.InvalidURL:
        return
    if not request.url.path.startswith("/services/data"):
        return  # The client took dots for a way out.
    check(http.send(request), asked)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from(["token", "revoke", "introspect", "userinfo", "authorize", "singleaccess"]),
    verb=st.sampled_from(["GET", "POST", "PUT"]),
    form=st.dictionaries(
        st.sampled_from(["grant_type", "code", "assertion", "refresh_token", "client_id", "username", "password",
                         "token", "redirect_uri", "scope", "response_type", "code_challenge", "format", "state"]),
        st.one_of(st.text(max_size=20), st.sampled_from(["password", "authorization_code", "refresh_token", "device",
                  "urn:ietf:params:oauth:grant-type:jwt-bearer", "a.b.c", "e30.e30.e30", "code", "http://[", "xml"])),
    ),
    kind=st.sampled_from(["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json"]),
    authorization=st.sampled_from(["", "Basic !", "Basic /w==", "Bearer", "Basic Og==", "OAuth x"]),
)  # fmt: skip
def test_malformed_logins_are_refused(
    org: RunningOrg, path: str, verb: str, form: dict[str, str], kind: str, authorization: str
) -> None:
    content = "&".join(f"{k}={quote(v.encode('utf-8', 'surrogatepass'))}" for k, v in form.items())
    answer = httpx2.request(
        verb,
        f"{org.base_url}/services/oauth2/{path}",
        params=None if verb == "POST" else form,
        content=content,
        headers={"Content-Type": kind, "Authorization": authorization},
    )
    assert answer.status_code < 500, (answer.status_code, answer.text, path, form)
    assert "Traceback" not in answer.text
