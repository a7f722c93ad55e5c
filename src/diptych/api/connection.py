"""The connected org: who we are there; connecting with other credentials. Secrets go in and never come out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from diptych.api.gate import Noun, workspace_of
from diptych.api.given import YesNo
from diptych.api.problems import Refusal, not_found
from diptych.domain.outcome import LoginFailed
from diptych.setup.ports import PRODUCTION_LOGIN, AuthKind, Credentials
from diptych.sync.ports import OrgIdentity

noun = Noun("connection")
Text = Annotated[str, StringConstraints(max_length=2000)]


class Connected(BaseModel):
    """`locked`: the sync has started once, so only this org may be connected. `trouble`: why the stored secrets cannot be
    read, when they cannot."""

    kind: AuthKind
    login_url: str
    identity: OrgIdentity
    locked: bool
    trouble: str = ""


class Login(BaseModel):
    """password: username, password, security_token; client_credentials: client_id, client_secret; jwt: client_id, username,
    private_key (PEM). Of the browser's login (oauth) there is only the page."""

    kind: AuthKind
    login_url: Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[^\s\x00]+$")] = (
        PRODUCTION_LOGIN
    )
    username: Text = ""
    client_id: Text = ""
    password: SecretStr = SecretStr("")
    security_token: SecretStr = SecretStr("")
    client_secret: SecretStr = SecretStr("")
    private_key: SecretStr = SecretStr("")
    save: YesNo = Field(True, description="false: log in and say who it is, and keep nothing.")


@contextmanager
def login_given(given: object | None) -> Iterator[None]:
    """Within it, a login that Salesforce refuses is one of the request's, if it gave any: 422 rather than 502."""
    try:
        yield
    except LoginFailed as problem:
        if given is None:
            raise
        said = problem.problem
        detail = " ".join(part for part in (said.message, said.cause) if part)
        raise Refusal(422, detail, said.remedy, code=said.code) from None


@noun.read()
def get_connection(request: Request) -> Connected:
    """Who we are to which org."""
    found = workspace_of(request).setup.connection()
    if found is None:
        raise not_found("No org is connected yet.")
    return Connected(
        kind=found.credentials.kind,
        login_url=found.credentials.login_url,
        identity=found.identity,
        locked=found.locked,
        trouble=found.trouble,
    )


@noun.admin("PUT")
def connect(request: Request, wanted: Login) -> Connected:
    """Log in with these credentials, and keep them. Another org than before is refused once the sync has started."""
    setup = workspace_of(request).setup
    with login_given(wanted):
        card = setup.check(
            Credentials(
                wanted.kind,
                wanted.login_url,
                wanted.username,
                wanted.client_id,
                wanted.password.get_secret_value(),
                wanted.security_token.get_secret_value(),
                wanted.client_secret.get_secret_value(),
                wanted.private_key.get_secret_value(),
            )
        )
    if wanted.save:
        setup.prepared()
        setup.save(card.credentials, card)
        return get_connection(request)
    return Connected(kind=card.kind, login_url=card.login_url, identity=card.identity, locked=False)
