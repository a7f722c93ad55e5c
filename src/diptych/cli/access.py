"""user, token, audit: who may use the admin and the API, and who changed what."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION, emit, note, say, table, workspace
from diptych.domain.roles import Role, Scope

user_app = typer.Typer(
    help="Users of the admin: viewer sees, operator runs, admin changes.", no_args_is_help=True
)
token_app = typer.Typer(help="Tokens for the REST API.", no_args_is_help=True)

_NAME = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
_ROLE = Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")]
_PASSWORD = Annotated[
    str | None,
    typer.Option(
        "--password-env",
        metavar="VAR",
        help="Environment variable that holds the password; else it is asked for.",
    ),
]


def register(main: typer.Typer) -> None:
    main.add_typer(user_app, name="user")
    main.add_typer(token_app, name="token")
    main.command()(audit)


@user_app.command("add")
def add_user(
    name: _NAME,
    role: Annotated[Role, typer.Option(help="viewer, operator or admin.")] = Role.VIEWER,
    password_env: _PASSWORD = None,
) -> None:
    """A new user, with a password."""
    from diptych.access.users import Users

    password = _password(password_env)
    with workspace() as space:
        user = Users(space.store).add(name, role, password)
    say(f"{user.name} can log in, as {user.role}.")


@user_app.command("list")
def list_users(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Everybody, disabled ones too."""
    from diptych.access.users import Users

    with workspace() as space:
        found = Users(space.store).all()
    if as_json:
        emit(found)
        return
    table(
        ["name", "role", "logs in by", "last login", "disabled since"],
        [
            (
                u.name,
                u.role.value,
                "identity provider" if u.external else "password",
                u.last_login_at,
                u.disabled_at,
            )
            for u in found
        ],
    )
    if not found:
        note("Nobody yet: diptych link opens the admin for you, diptych user add makes a user.")


@user_app.command("role")
def set_role(name: _NAME, role: _ROLE) -> None:
    """Give another role; it holds at once."""
    from diptych.access.users import Users

    with workspace() as space:
        user = Users(space.store).set_role(name, role)
    say(f"{user.name} is {user.role} now.")


@user_app.command("password")
def set_password(name: _NAME, password_env: _PASSWORD = None) -> None:
    """Set another password; the user's sessions end."""
    from diptych.access.users import Users

    with workspace() as space:
        users = Users(space.store)
        users.get(name)  # said before a password is asked for
        users.set_password(name, _password(password_env))
    say(f"{name} has another password; open sessions have ended.")


@user_app.command("disable")
def disable_user(name: _NAME) -> None:
    """Let a user in no more: sessions end, tokens are refused."""
    from diptych.access.users import Users

    with workspace() as space:
        Users(space.store).disable(name)
    say(f"{name} is not let in any more.")


@user_app.command("enable")
def enable_user(name: _NAME) -> None:
    """Let a disabled user in again."""
    from diptych.access.users import Users

    with workspace() as space:
        Users(space.store).enable(name)
    say(f"{name} is let in again.")


@token_app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What uses it.")],
    scope: Annotated[Scope, typer.Option(help="read, operate or admin.")] = Scope.READ,
    days: Annotated[int, typer.Option(min=0, max=3650, help="Good for so many days; 0: without end.")] = 90,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """A new token; its text is printed once and not kept."""
    from diptych.access.tokens import Tokens

    with workspace() as space:
        text, made = Tokens(space.store).create(name, scope, days or None)
    if as_json:
        emit({"token": text, "id": made.id, "scope": made.scope.value, "expires_at": made.expires_at})
        return
    note(f"Token {made.id} ({made.scope}); it is not shown again:")
    say(text)


@token_app.command("list")
def list_tokens(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """All tokens, with when they were last used."""
    from diptych.access.tokens import Tokens

    with workspace() as space:
        found = Tokens(space.store).all()
    if as_json:
        emit(found)
        return
    table(
        ["id", "name", "begins", "scope", "made by", "good until", "last used", "state"],
        [
            (t.id, t.name, t.hint, t.scope.value, t.created_by, t.expires_at, t.last_used_at, t.state)
            for t in found
        ],
    )


@token_app.command("revoke")
def revoke_token(
    number: Annotated[int, typer.Argument(metavar="ID", help="From diptych token list.")],
) -> None:
    """Refuse a token from now on."""
    from diptych.access.tokens import Tokens

    with workspace() as space:
        Tokens(space.store).revoke(number)
    say(f"Token {number} is refused from now on.")


def audit(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    actor: Annotated[
        str, typer.Option(help="Only changes by this user, token or login of the machine.")
    ] = "",
    what: Annotated[str, typer.Option(help="Only settings whose name begins so.")] = "",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only since this day (UTC).")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all of it as CSV.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Who changed which setting when, from what to what; newest first."""
    begin = since.replace(tzinfo=UTC) if since else None
    with workspace() as space:
        if as_csv:
            from diptych.access.audit_file import as_csv as rows
            from diptych.access.audit_file import every_line

            for row in rows(every_line(space.queries, actor, what, begin)):
                sys.stdout.write(row)
            return
        found = space.queries.audit(limit, None, actor, what, begin)
    if as_json:
        emit(found)
        return
    table(
        ["at", "who", "by", "what", "from", "to"],
        [(one.at, one.actor, one.source, one.what, one.old, one.new) for one in found],
    )


def _password(variable: str | None) -> str:
    from diptych.cli.trouble import Refused

    if variable is not None:
        if not os.environ.get(variable):
            raise Refused(f"The environment variable {variable} is empty or missing.")
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise Refused("A password is needed: give it in an environment variable, --password-env VAR.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
