"""The SOAP `login()` call, and what both it and `getUserInfo()` tell of a user.

The order of the answer's elements is the recorded one: clients read it by position. `login()` exists
up to API version 64; it is refused above, and can be switched off.
"""

from __future__ import annotations

import re

from starlette.responses import Response

from practice_org.auth.door import Door
from practice_org.auth.people import Caller, LoginRefused, check_password
from practice_org.auth.settings import DoorSettings, read_settings
from practice_org.organization import Organization, organization
from practice_org.schema import access
from practice_org.soap.faults import SoapFault, unsupported_version
from practice_org.soap.markup import answer, element
from practice_org.xmltree import Node

LAST_VERSION = 64.0
FIRST_VERSION = 31.0
WRONG = "Invalid username, password, security token; or user locked out."


def login(door: Door, api: str, version: str, call: Node, base: str) -> Response:
    """Open a session. Raises SoapFault."""
    settings = read_settings(door.org)
    if not re.fullmatch(r"\d{1,3}\.\d", version) or float(version) < FIRST_VERSION:
        raise unsupported_version()
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
        caller = check_password(door.org, call.value("username") or "", _secret(call), with_token=True)
    except LoginRefused as refusal:
        raise SoapFault("INVALID_LOGIN", WRONG) from refusal
    if not settings.api_enabled or "ApiEnabled" not in access.for_user(door.org, caller.id).system:
        raise SoapFault(
            "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner", "LoginFault"
        )
    return answer(api, "login", _result(door, api, version, caller, settings, base))


def _secret(call: Node) -> str:
    """The password as it was sent, blanks and all."""
    found = call.child("password")
    return found.text if found is not None else ""


def _result(door: Door, api: str, version: str, caller: Caller, settings: DoorSettings, base: str) -> str:
    org: Organization = organization(door.org)
    session = door.sessions.open(caller.id, scope="full")
    place = f"{version}/{org.id[:15]}"
    return (
        f"<result><metadataServerUrl>{base}/services/Soap/m/{place}</metadataServerUrl>"
        "<passwordExpired>false</passwordExpired>"
        f"<sandbox>{'true' if org.sandbox else 'false'}</sandbox>"
        f"<serverUrl>{base}/services/Soap/{api}/{place}</serverUrl>"
        f"<sessionId>{session}</sessionId><userId>{caller.id}</userId>"
        f"<userInfo>{user_info(org, caller, settings)}</userInfo></result>"
    )


def user_info(org: Organization, caller: Caller, settings: DoorSettings) -> str:
    """The elements of a user, in the recorded order."""
    told = (
        ("accessibilityMode", False),
        ("chatterExternal", False),
        ("currencySymbol", "$"),
        ("orgAttachmentFileSizeLimit", 26214400),
        ("orgDefaultCurrencyIsoCode", "USD"),
        ("orgDefaultCurrencyLocale", "en_US"),
        ("orgDisallowHtmlAttachments", False),
        ("orgHasPersonAccounts", org.person_accounts),
        ("organizationId", org.id),
        ("organizationMultiCurrency", False),
        ("organizationName", org.name),
        ("profileId", caller.profile_id),
        ("roleId", caller.role_id or None),
        ("sessionSecondsValid", settings.session_seconds),
        ("userDefaultCurrencyIsoCode", None),
        ("userEmail", caller.email),
        ("userFullName", caller.name),
        ("userId", caller.id),
        ("userLanguage", caller.language),
        ("userLocale", caller.locale),
        ("userName", caller.username),
        ("userTimeZone", caller.time_zone),
        ("userType", caller.user_type),
        ("userUiSkin", "Theme3"),
    )
    return "".join(element(name, value) for name, value in told)
