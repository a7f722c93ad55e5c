"""The SOAP `login()` and `logout()` calls: username, password and security token in one envelope.

The order of the answer's elements is the recorded one: clients read it by position. `login()` exists
up to API version 64; it is refused above, and can be switched off.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.responses import Response

from practice_org.auth.door import Door
from practice_org.auth.people import Caller, LoginRefused, check_password
from practice_org.auth.settings import DoorSettings, read_settings
from practice_org.organization import Organization, organization
from practice_org.schema import access

LAST_VERSION = 64.0
FIRST_VERSION = 31.0
WRONG = "Invalid username, password, security token; or user locked out."


class SoapFault(Exception):
    """A fault: `code` without prefix, `message` without the code."""

    def __init__(self, code: str, message: str, fault: str = "LoginFault") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fault = fault

    def response(self) -> Response:
        """HTTP 500 with the fault, as SOAP 1.1 wants it."""
        code, message = escape(self.code), escape(self.message)
        detail = ""
        if self.fault:
            detail = (
                f'<detail><sf:{self.fault} xsi:type="sf:{self.fault}"><sf:exceptionCode>{code}</sf:exceptionCode>'
                f"<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{self.fault}></detail>"
            )
        return xml(
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
            ' xmlns:sf="urn:fault.partner.soap.sforce.com"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
            f"<faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>{detail}"
            "</soapenv:Fault></soapenv:Body></soapenv:Envelope>",
            500,
        )


def xml(text: str, status: int = 200) -> Response:
    """An answer with the content type that the real service gives."""
    return Response(text.encode(), status, {"Content-Type": "text/xml; charset=utf-8"})


def soap(door: Door, api: str, version: str, body: bytes, base: str) -> Response:
    """`POST /services/Soap/{api}/{version}`, api `u` (partner) or `c` (enterprise)."""
    try:
        call = _call(body)
        name = _local(call.tag)
        if name == "logout":
            return _logout(door, body)
        if name != "login":
            raise SoapFault("INVALID_OPERATION", f"No operation available for request {call.tag}", "")
        fields = {_local(child.tag): child.text or "" for child in call}
        return _login(door, api, version, fields, base)
    except SoapFault as fault:
        return fault.response()


def _call(body: bytes) -> ElementTree.Element:
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise SoapFault("UNKNOWN_EXCEPTION", "document type declarations are not allowed", "")
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise SoapFault("UNKNOWN_EXCEPTION", f"could not parse the request: {error}", "") from error
    for child in root:
        if _local(child.tag) == "Body" and len(child):
            return child[0]
    raise SoapFault("UNKNOWN_EXCEPTION", "the request has no body", "")


def _logout(door: Door, body: bytes) -> Response:
    session = next(
        (one.text or "" for one in ElementTree.fromstring(body).iter() if _local(one.tag) == "sessionId"), ""
    )
    if not door.sessions.end(session):
        raise SoapFault(
            "INVALID_SESSION_ID",
            "Invalid Session ID found in SessionHeader: Illegal Session",
            "UnexpectedErrorFault",
        )
    return xml(
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns="urn:partner.soap.sforce.com"><soapenv:Body><logoutResponse/></soapenv:Body></soapenv:Envelope>'
    )


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _login(door: Door, api: str, version: str, fields: dict[str, str], base: str) -> Response:
    settings = read_settings(door.org)
    if not re.fullmatch(r"\d{1,3}\.\d", version) or float(version) < FIRST_VERSION:
        raise SoapFault(
            "UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL", "UnexpectedErrorFault"
        )
    if float(version) > LAST_VERSION:
        raise SoapFault(
            "INVALID_OPERATION",
            "SOAP API login() is not supported in API version 65.0 and later.",
            "UnexpectedErrorFault",
        )
    if not settings.soap_login_enabled:
        raise SoapFault(
            "INVALID_OPERATION",
            "SOAP API login() is disabled by default in this org.",
            "UnexpectedErrorFault",
        )
    try:
        caller = check_password(
            door.org, fields.get("username", ""), fields.get("password", ""), with_token=True
        )
    except LoginRefused as refusal:
        raise SoapFault("INVALID_LOGIN", WRONG) from refusal
    if not settings.api_enabled or "ApiEnabled" not in access.for_user(door.org, caller.id).system:
        raise SoapFault("API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner")
    return xml(_answer(door, api, version, caller, settings, base))


def _answer(door: Door, api: str, version: str, caller: Caller, settings: DoorSettings, base: str) -> str:
    org: Organization = organization(door.org)
    session = door.sessions.open(caller.id, scope="full")
    place = f"{version}/{org.id[:15]}"
    role = f"<roleId>{caller.role_id}</roleId>" if caller.role_id else '<roleId xsi:nil="true"/>'
    user_info = "".join(
        (
            "<accessibilityMode>false</accessibilityMode><chatterExternal>false</chatterExternal>",
            "<currencySymbol>$</currencySymbol>",
            "<orgAttachmentFileSizeLimit>26214400</orgAttachmentFileSizeLimit>",
            "<orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>",
            "<orgDefaultCurrencyLocale>en_US</orgDefaultCurrencyLocale>",
            "<orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>",
            "<orgHasPersonAccounts>false</orgHasPersonAccounts>",
            f"<organizationId>{org.id}</organizationId>",
            "<organizationMultiCurrency>false</organizationMultiCurrency>",
            f"<organizationName>{escape(org.name)}</organizationName>",
            f"<profileId>{caller.profile_id}</profileId>{role}",
            f"<sessionSecondsValid>{settings.session_seconds}</sessionSecondsValid>",
            '<userDefaultCurrencyIsoCode xsi:nil="true"/>',
            f"<userEmail>{escape(caller.email)}</userEmail>",
            f"<userFullName>{escape(caller.name)}</userFullName><userId>{caller.id}</userId>",
            f"<userLanguage>{caller.language}</userLanguage><userLocale>{caller.locale}</userLocale>",
            f"<userName>{escape(caller.username)}</userName>",
            f"<userTimeZone>{caller.time_zone}</userTimeZone><userType>{caller.user_type}</userType>",
            "<userUiSkin>Theme3</userUiSkin>",
        )
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        f' xmlns="urn:{"partner" if api == "u" else "enterprise"}.soap.sforce.com"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><loginResponse><result>'
        f"<metadataServerUrl>{base}/services/Soap/m/{place}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired>"
        f"<sandbox>{'true' if org.sandbox else 'false'}</sandbox>"
        f"<serverUrl>{base}/services/Soap/{api}/{place}</serverUrl>"
        f"<sessionId>{session}</sessionId><userId>{caller.id}</userId>"
        f"<userInfo>{user_info}</userInfo></result></loginResponse></soapenv:Body></soapenv:Envelope>"
    )
