"""connect, preflight: credentials and whether the org is ready."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, workspace

if TYPE_CHECKING:
    from diptych.setup.ports import Credentials
    from diptych.setup.preflight import Report

_SIGN = {"ok": "ok     ", "warning": "WARNING", "missing": "MISSING", "unknown": "unknown"}


def register(app: typer.Typer) -> None:
    app.command()(connect)
    app.command()(preflight)


def connect(
    login_url: Annotated[
        str,
        typer.Option(help="Login address: production, sandbox, or https://your-company.my.salesforce.com"),
    ] = "",
    username: Annotated[str, typer.Option(help="User name of the sync user.")] = "",
    password_env: Annotated[str, typer.Option(help="Environment variable that holds the password.")] = "",
    security_token_env: Annotated[
        str, typer.Option(help="Environment variable that holds the security token.")
    ] = "",
    client_id: Annotated[str, typer.Option(help="Consumer key of an app in the org.")] = "",
    client_secret_env: Annotated[
        str, typer.Option(help="Environment variable that holds the consumer secret.")
    ] = "",
    jwt_key_file: Annotated[
        Path | None, typer.Option(help="Private key (PEM) whose certificate the app has.")
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Log in to a sandbox.")] = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Connect an org. Shows which user and org it is before anything is saved. Secrets come from the environment only."""
    given = _credentials(
        login_url or ("sandbox" if sandbox else "production"),
        username,
        secret(password_env, "--password-env"),
        secret(security_token_env, "--security-token-env"),
        client_id,
        secret(client_secret_env, "--client-secret-env"),
        _key(jwt_key_file),
    )
    with workspace() as space:
        card = space.setup.check(given)
        if not as_json:
            say(card.question)
            if card.replaces and card.replaces.org_id != card.identity.org_id:
                say(f"It takes the place of {card.replaces.org_name} ({card.replaces.org_id}).")
        if not as_json or not yes:
            sure("Save?", yes)
        space.setup.save(card.credentials, card)
    if as_json:
        emit({"connected": True, "environment": card.environment, **_identity(card.identity)})
    else:
        say("Saved. Next: diptych preflight, then diptych fields.")


def _identity(identity: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(identity)  # type: ignore[call-overload]


def secret(variable: str, option: str) -> str:
    """The value of the environment variable that an option names; empty without one. Raises Refused when it is not set."""
    if not variable:
        return ""
    value = os.environ.get(variable)
    if not value:
        from diptych.cli.trouble import Refused

        raise Refused(f"The environment variable {variable} that {option} names is not set.")
    return value


def _key(path: Path | None) -> str:
    return "" if path is None else path.read_text(encoding="ascii", errors="replace")


def _credentials(
    login_url: str, username: str, password: str, token: str, client_id: str, client_secret: str, key: str
) -> Credentials:
    from diptych.cli.trouble import Refused
    from diptych.setup.ports import AuthKind, Credentials

    if key:
        if not (client_id and username):
            raise Refused("A JWT login also needs --client-id and --username.")
        return Credentials(AuthKind.JWT, login_url, username, client_id, private_key=key)
    if username:
        if not password:
            raise Refused("A user name also needs --password-env (and mostly --security-token-env).")
        return Credentials(AuthKind.PASSWORD, login_url, username, client_id, password, token, client_secret)
    if client_id:
        if not client_secret:
            raise Refused("Client credentials also need --client-secret-env.")
        return Credentials(
            AuthKind.CLIENT_CREDENTIALS, login_url, client_id=client_id, client_secret=client_secret
        )
    raise Refused(
        "Say how to log in: --username with --password-env, or --client-id with --client-secret-env, "
        "or --jwt-key-file. For Login with Salesforce use the browser (diptych serve)."
    )


def preflight(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Look whether the org is ready for the sync: what is missing, and how to mend it."""
    with workspace() as space:
        report = space.setup.preflight()
    if as_json:
        emit({"ready": report.ready, "checks": report.checks})
    else:
        show_report(report)
    if not report.ready:
        note("diptych: the org is not ready; mend what is MISSING and run this again")
        raise typer.Exit(1)


def show_report(report: Report) -> None:
    for check in report.checks:
        say(f"{_SIGN[check.status]}  {check.name}: {check.what}")
        if check.status in ("missing", "warning"):
            for line in (check.why, check.remedy):
                if line:
                    say(f"           {line}")
    say("Ready." if report.ready else "Not ready.")
