"""Who the bearer of a token is: userinfo (OpenID) and the identity URL."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.responses import PlainTextResponse, Response

from practice_org.auth.door import Door
from practice_org.auth.people import Caller, caller_by_id
from practice_org.dressing import json_response
from practice_org.org import Org


def bearer(authorization: str, query_token: str = "") -> str:
    """The token of an Authorization header (`Bearer` or `OAuth`), else of the query string."""
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() in ("bearer", "oauth"):
        return token.strip()
    return query_token


def userinfo(door: Door, token: str, base: str) -> Response:
    """`GET|POST /services/oauth2/userinfo`."""
    caller = _bearer_caller(door, token)
    if caller is None:
        return _bad_token()
    return json_response(_userinfo(door.org, caller, base))


def identity(
    door: Door, token: str, org_id: str, user_id: str, base: str, version: str | None = None
) -> Response:
    """`GET /id/ORG/USER`: only the bearer's own identity is shown. `version` fills in the URLs."""
    caller = _bearer_caller(door, token)
    if caller is None:
        return _bad_token() if token else PlainTextResponse("Missing_OAuth_Token", status_code=403)
    if org_id[:15] != door.org.id[:15]:
        return PlainTextResponse("Wrong_Org", status_code=403)
    if user_id[:15] != caller.id[:15]:
        return PlainTextResponse("Bad_Id", status_code=404)
    if not caller.active:
        return PlainTextResponse("Inactive", status_code=404)
    shown = _identity(door.org, caller, base)
    if version:
        shown["urls"] = {name: url.replace("{version}", version) for name, url in shown["urls"].items()}
    return json_response(shown)


def _bad_token() -> Response:
    return PlainTextResponse("Bad_OAuth_Token", status_code=403)


def _bearer_caller(door: Door, token: str) -> Caller | None:
    session = door.sessions.find(token) if token else None
    return caller_by_id(door.org, session.user_id) if session else None


def urls(org_id: str, user_id: str, base: str) -> dict[str, str]:
    """The `urls` map; `{version}` is left for the client to fill in, as the real service leaves it."""
    soap, data = f"{base}/services/Soap", f"{base}/services/data/v{{version}}"
    return {
        "enterprise": f"{soap}/c/{{version}}/{org_id[:15]}",
        "metadata": f"{soap}/m/{{version}}/{org_id[:15]}",
        "partner": f"{soap}/u/{{version}}/{org_id[:15]}",
        "rest": f"{data}/",
        "sobjects": f"{data}/sobjects/",
        "search": f"{data}/search/",
        "query": f"{data}/query/",
        "recent": f"{data}/recent/",
        "tooling_soap": f"{soap}/T/{{version}}/{org_id[:15]}",
        "tooling_rest": f"{data}/tooling/",
        "profile": f"{base}/{user_id}",
        "feeds": f"{data}/chatter/feeds",
        "groups": f"{data}/chatter/groups",
        "users": f"{data}/chatter/users",
        "feed_items": f"{data}/chatter/feed-items",
        "feed_elements": f"{data}/chatter/feed-elements",
        "custom_domain": base,
    }


def _photos(base: str) -> dict[str, str]:
    return {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"}


def _utc_offset(caller: Caller) -> int:
    """Milliseconds of the user's standard time, daylight saving left out, as the service gives it."""
    try:
        offset = datetime(2026, 1, 15, tzinfo=ZoneInfo(caller.time_zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return 0
    return int(offset.total_seconds() * 1000) if offset else 0


def _userinfo(org: Org, caller: Caller, base: str) -> dict[str, Any]:
    photos = _photos(base)
    return {
        "sub": f"{base}/id/{org.id}/{caller.id}",
        "user_id": caller.id,
        "organization_id": org.id,
        "preferred_username": caller.username,
        "nickname": caller.nickname,
        "name": caller.name,
        "email": caller.email,
        "email_verified": True,
        "given_name": caller.first_name,
        "family_name": caller.last_name,
        "zoneinfo": caller.time_zone,
        "photos": photos,
        "profile": f"{base}/{caller.id}",
        "picture": photos["picture"],
        "address": {},
        "is_salesforce_integration_user": False,
        "urls": urls(org.id, caller.id, base),
        "active": caller.active,
        "user_type": caller.user_type.upper(),
        "language": caller.language,
        "locale": caller.locale,
        "utcOffset": _utc_offset(caller),
        "updated_at": _z(caller.modified),
    }


def _identity(org: Org, caller: Caller, base: str) -> dict[str, Any]:
    return {
        "id": f"{base}/id/{org.id}/{caller.id}",
        "asserted_user": True,
        "user_id": caller.id,
        "organization_id": org.id,
        "username": caller.username,
        "nick_name": caller.nickname,
        "display_name": caller.name,
        "email": caller.email,
        "email_verified": True,
        "first_name": caller.first_name,
        "last_name": caller.last_name,
        "timezone": caller.time_zone,
        "photos": _photos(base),
        "addr_street": None,
        "addr_city": None,
        "addr_state": None,
        "addr_country": None,
        "addr_zip": None,
        "mobile_phone": None,
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": urls(org.id, caller.id, base),
        "active": caller.active,
        "user_type": caller.user_type.upper(),
        "language": caller.language,
        "locale": caller.locale,
        "utcOffset": _utc_offset(caller),
        "last_modified_date": _z(caller.modified),
        "is_app_installed": True,
    }


def _z(stamp: str) -> str:
    return f"{stamp[:19]}Z" if stamp else ""
