"""Who calls the Pub/Sub API: the metadata of an RPC, checked against the org's sessions and rights."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from practice_org import ids
from practice_org.auth.people import caller_by_id
from practice_org.auth.sessions import Sessions
from practice_org.events import refusals
from practice_org.events.topics import Topic
from practice_org.schema import access

if TYPE_CHECKING:
    from practice_org.org import Org

SCOPES = {"api", "full", "web"}
_URL = re.compile(r"https?://[^/\s]+")


@dataclass(frozen=True)
class EventCaller:
    """A user with a session. Rights are looked up at each use, because they may change meanwhile."""

    org: Org
    user_id: str
    token: str

    def alive(self) -> bool:
        """Whether the session still lives; asking does not prolong it."""
        return Sessions(self.org).alive(self.token) is not None

    def may_subscribe(self, topic: Topic) -> bool:
        """Change events of an object need View All Data, or the right to see all its records.

        Read alone is not enough, because events are not held back by sharing (Salesforce's page on change
        data capture and security).
        """
        rights = access.for_user(self.org, self.user_id)
        if topic.publishable or rights.unlimited or {"ViewAllData", "ModifyAllData"} & rights.system:
            return True
        return all(
            {"ViewAllRecords", "ModifyAllRecords"} & rights.objects.get(name, frozenset())
            for name in topic.entities
        ) and bool(topic.entities)

    def hidden(self, topic: Topic) -> dict[str, frozenset[str]]:
        """The columns, by object, that field-level security keeps from the user."""
        rights = access.for_user(self.org, self.user_id)
        out = {}
        for name in topic.entities:
            obj = self.org.schema.get(name)
            if obj is not None and not rights.unlimited:
                out[name] = frozenset(rights.hidden.get(obj.name, frozenset()))
        return out


def caller_of(org: Org, metadata: Iterable[tuple[str, Any]]) -> EventCaller:
    """The caller of an RPC by `accesstoken`, `instanceurl` and `tenantid`.

    Raises Refusal UNAUTHENTICATED for a session that is none or lacks a scope, another org's id, an
    instance URL that is none; PERMISSION_DENIED for a user without API access.
    """
    given = {key: value for key, value in metadata if isinstance(value, str)}
    token = given.get("accesstoken", "")
    session = Sessions(org).alive(token) if token else None
    tenant = ids.to18(given.get("tenantid", "").rpartition("/")[2])
    if session is None or tenant != org.id or not _URL.match(given.get("instanceurl", "")):
        raise refusals.unauthenticated()
    user = caller_by_id(org, session.user_id)
    if user is None or not user.active or not SCOPES & set(session.scope.split()):
        raise refusals.unauthenticated()
    if "ApiEnabled" not in access.for_user(org, user.id).system:
        raise refusals.forbidden("The API is not enabled for this user.")
    return EventCaller(org, user.id, token)
