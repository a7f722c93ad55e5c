"""An org made of a function, for tests of the adapter without any server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from diptych.salesforce.auth import Grant
from diptych.salesforce.client import Client
from diptych.salesforce.credentials import Password
from diptych.salesforce.org import SalesforceOrg
from diptych.salesforce.session import Session
from diptych.salesforce.transport import Patience, Transport

Handler = Callable[[httpx2.Request], httpx2.Response]
HOST = "https://acme.my.salesforce.com"
QUICK = Patience(connect=2, read=5, attempts=3, first_wait=0.001, longest_wait=0.002, total=10)
LEAD_ID = "00Q000000000001EAA"
_tokens = itertools.count(1)


def answer(document: Any, status: int = 200, **headers: str) -> httpx2.Response:
    """A JSON answer as Salesforce gives it."""
    found = {
        "Content-Type": "application/json;charset=UTF-8",
        "Date": "Tue, 24 Nov 2026 08:00:00 GMT",
        **headers,
    }
    return httpx2.Response(status, headers=found, content=json.dumps(document).encode())


def html(status: int, title: str = "Down for maintenance") -> httpx2.Response:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head></html>"
    return httpx2.Response(status, headers={"Content-Type": "text/html"}, content=page.encode())


def fault(
    code: str, message: str = "No.", status: int = 400, fields: list[str] | None = None
) -> httpx2.Response:
    body: dict[str, Any] = {"message": message, "errorCode": code}
    if fields is not None:
        body["fields"] = fields
    return answer([body], status)


def soap_session(token: str, org_id: str = "00D000000000001EAA") -> httpx2.Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
        "<soapenv:Body><loginResponse><result><passwordExpired>false</passwordExpired>"
        f"<serverUrl>{HOST}/services/Soap/u/64.0/{org_id[:15]}</serverUrl><sessionId>{token}</sessionId>"
        "<userId>005000000000001AAA</userId><userInfo>"
        f"<organizationId>{org_id}</organizationId></userInfo></result></loginResponse></soapenv:Body>"
        "</soapenv:Envelope>"
    )
    return httpx2.Response(200, headers={"Content-Type": "text/xml"}, content=body.encode())


def client(handler: Handler, *, logged_in: bool = True, patience: Patience = QUICK) -> Client:
    """A client whose network is `handler`; SOAP logins are answered with ever new tokens."""

    def network(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.startswith("/services/Soap/"):
            return soap_session(f"token-{next(_tokens)}")
        return handler(request)

    session = Session(Password("sync@example.com", "secret"), lambda: datetime(2026, 11, 24, tzinfo=UTC))
    if logged_in:
        session.adopt(Grant("first", HOST, "00D000000000001EAA", "005000000000001AAA"))
    return Client(Transport(patience, adapter=httpx2.MockTransport(network)), session)


def org(handler: Handler) -> SalesforceOrg:
    return SalesforceOrg(client(handler))


def composite(request: httpx2.Request, one: Callable[[str], tuple[int, Any]]) -> httpx2.Response:
    """Answer a composite request part by part: `one` gets the url of a part."""
    parts = json.loads(request.content)["compositeRequest"]
    found = []
    for part in parts:
        status, body = one(part["url"])
        found.append(
            {"body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"]}
        )
    return answer({"compositeResponse": found})
