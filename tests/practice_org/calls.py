"""Calling the handlers of a practice org directly, as its frame does, without a socket."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from practice_org.api.routes import ROUTES
from practice_org.errors import ApiError, method_not_allowed, not_found
from practice_org.http import Context, UserInfo
from practice_org.org import Org
from practice_org.routing import Match, NoSuchMethod, Router
from practice_org.schema import birth

ROUTER = Router(ROUTES)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    @property
    def text(self) -> str:
        return self.raw.decode()


@dataclass
class Caller:
    """A user with a session, calling `/services/data/v{version}`."""

    org: Org
    user_id: str
    session: str = "session"
    version: str = "60.0"
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """`headers` are written with underscores for hyphens."""
        parts = urlsplit(path)
        found = ROUTER.resolve(method, parts.path)
        try:
            if isinstance(found, NoSuchMethod):
                raise method_not_allowed(method, found.allowed)
            if not isinstance(found, Match):
                raise not_found()
            ctx = Context(
                org=self.org,
                user=UserInfo(self.user_id, "someone@example.com", "", False),
                version=self.version,
                session=self.session,
                base_url="http://127.0.0.1",
                params=found.params,
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={**self.headers, **{k.replace("_", "-").lower(): v for k, v in headers.items()}},
                body=raw if raw is not None else (b"" if body is None else json.dumps(body).encode()),
                method=method,
                path=parts.path,
            )
            response: Response = found.route.handler(ctx, Request({"type": "http", "headers": []}))
        except ApiError as error:
            return Answer(error.status, {}, json.dumps(error.body()).encode())
        return Answer(response.status_code, dict(response.headers), _read(response))

    def query(self, soql: str, path: str = "/query") -> Any:
        """The answer's JSON of a query."""
        return self("GET", f"{path}?q={quote(soql)}").json

    def create(self, object_name: str, **values: Any) -> str:
        answer = self("POST", f"/sobjects/{object_name}", values)
        assert answer.status == 201, answer.text
        return str(answer.json["id"])


def _read(response: Response) -> bytes:
    if not isinstance(response, StreamingResponse):
        return bytes(response.body)

    async def whole() -> bytes:
        return b"".join([bytes(piece) async for piece in response.body_iterator])

    return asyncio.run(whole())


def new_org(folder: Path, name: str = "org.sqlite3") -> tuple[Org, Caller]:
    """An empty org and its administrator."""
    org = Org.create(folder / name)
    admin = birth.create_user(
        org, username="admin@example.com", last_name="Admin", profile=birth.ADMINISTRATOR_PROFILE
    )
    return org, Caller(org, admin)
