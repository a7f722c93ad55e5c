"""What a handler of the REST API is given: the org, the caller and the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from practice_org.org import Org


@dataclass(frozen=True)
class UserInfo:
    """The user a request acts for."""

    id: str
    username: str
    profile_id: str
    is_admin: bool = False


@dataclass(frozen=True)
class Context:
    """One request to `/services/data`, already authenticated, with its body read.

    `version` is the API version without its `v` ("66.0"); `session` names the session that opened
    query locators; `client` is the name sent in `Sforce-Call-Options`; `base_url` is scheme and host
    as the client used them; header names in `headers` are lower case.
    """

    org: Org
    user: UserInfo | None
    version: str
    session: str
    base_url: str
    client: str | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    method: str = "GET"
    path: str = ""

    @property
    def caller(self) -> UserInfo:
        """The user; only handlers that need no authentication may be reached without one."""
        if self.user is None:
            raise RuntimeError("this handler needs an authenticated user")
        return self.user
