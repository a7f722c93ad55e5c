"""Faults: HTTP 500 with a code, its text, and a detail of the type that the service description gives.

Recorded: INVALID_LOGIN, INVALID_SESSION_ID, INVALID_FIELD of a query (with row and column), "No operation
available"; the types come from the partner WSDL. A fault of a query that names no place has row and column
-1.
"""

from __future__ import annotations

import re

from starlette.responses import Response

from practice_org.errors import ApiError
from practice_org.soap.markup import APIS, ENVELOPE, XSI, escape, xml

TYPES = {
    "INVALID_FIELD": "InvalidFieldFault",
    "INVALID_TYPE": "InvalidSObjectFault",
    "MALFORMED_QUERY": "MalformedQueryFault",
    "MALFORMED_SEARCH": "MalformedSearchFault",
    "INVALID_QUERY_LOCATOR": "InvalidQueryLocatorFault",
    "INVALID_ID_FIELD": "InvalidIdFault",
    "MALFORMED_ID": "InvalidIdFault",
    "INVALID_LOGIN": "LoginFault",
}
_PLACED = ("InvalidFieldFault", "InvalidSObjectFault", "MalformedQueryFault", "MalformedSearchFault")
_PLACE = re.compile(r"ERROR at Row:(\d+):Column:(\d+)")


class SoapFault(Exception):
    """A fault: `code` without prefix, `message` without the code; `fault` names the type of its detail.

    A code that begins with `soapenv:` is the envelope's own; then there is no detail.
    """

    def __init__(self, code: str, message: str, fault: str | None = None, status: int = 500) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fault = TYPES.get(code, "UnexpectedErrorFault") if fault is None else fault
        self.status = status

    def response(self, api: str = "u") -> Response:
        """The answer that carries the fault."""
        kind = APIS.get(api, "partner")
        code, message = escape(self.code), escape(self.message)
        if self.code.startswith("soapenv:"):
            named, text, detail, declared = code, message, "", ""
        else:
            named, text, detail = f"sf:{code}", f"{code}: {message}", self._detail(code, message)
            declared = f' xmlns:sf="urn:fault.{kind}.soap.sforce.com"'
            declared += f' xmlns:xsi="{XSI}"' if detail else ""
        return xml(
            f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}"{declared}>'
            f"<soapenv:Body><soapenv:Fault><faultcode>{named}</faultcode><faultstring>{text}</faultstring>"
            f"{detail}</soapenv:Fault></soapenv:Body></soapenv:Envelope>",
            self.status,
        )

    def _detail(self, code: str, message: str) -> str:
        if not self.fault:
            return ""
        place = ""
        if self.fault in _PLACED:
            found = _PLACE.search(self.message)
            row, column = found.groups() if found else ("-1", "-1")
            place = f"<sf:row>{row}</sf:row><sf:column>{column}</sf:column>"
        return (
            f'<detail><sf:{self.fault} xsi:type="sf:{self.fault}"><sf:exceptionCode>{code}</sf:exceptionCode>'
            f"<sf:exceptionMessage>{message}</sf:exceptionMessage>{place}</sf:{self.fault}></detail>"
        )


def fault_of(error: ApiError) -> SoapFault:
    """The fault of a refusal that ends a whole call."""
    code = "INVALID_CROSS_REFERENCE_KEY" if error.code == "NOT_FOUND" else error.code
    return SoapFault(code, error.message)


def illegal_session() -> SoapFault:
    """No live session of that id."""
    return SoapFault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session")


def no_operation(namespace: str, name: str) -> SoapFault:
    """A call that the endpoint does not know."""
    called = f"{{{namespace}}}{name}" if namespace else name
    return SoapFault(
        "soapenv:Client",
        f"No operation available for request {called}, please check the WSDL for the service.",
    )


def unsupported_version() -> SoapFault:
    """An endpoint of no API version."""
    return SoapFault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL")
