"""prepare: let Diptych set up the org: shown first, done on a yes, taken back with --undo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.connecting import secret
from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, workspace

if TYPE_CHECKING:
    from diptych.setup.ports import Connection, Credentials
    from diptych.setup.preparation import Change, Wishes


def register(app: typer.Typer) -> None:
    app.command()(prepare)


def prepare(
    optional: Annotated[
        bool, typer.Option("--optional", help="Also the 13 optional fields, not only the recommended three.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave out: fields, permissions, visibility, layouts, lead-mapping or creating."),
    ] = None,
    creating: Annotated[
        bool,
        typer.Option(
            "--creating", help="Also what creating people in Salesforce needs: the key field, Create on Lead."
        ),
    ] = False,
    acting: Annotated[
        bool,
        typer.Option(
            "--acting", help="Also the rights to merge, convert and delete from here (diptych people)."
        ),
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what was done; fields go with their values.")
    ] = False,
    admin_username: Annotated[
        str, typer.Option(help="An administrator to do it as, for this alone; not kept.")
    ] = "",
    admin_password_env: Annotated[
        str, typer.Option(help="Environment variable that holds the administrator's password.")
    ] = "",
    admin_security_token_env: Annotated[
        str, typer.Option(help="Environment variable that holds the administrator's security token.")
    ] = "",
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Create in Salesforce what the sync may want: fields, permissions, page-layout entries, lead mapping. Shows it first."""
    password = secret(admin_password_env, "--admin-password-env")
    token = secret(admin_security_token_env, "--admin-security-token-env")
    with workspace() as space:
        preparing = space.setup.preparing
        administrator = _administrator(space.setup.connection(), admin_username, password, token)
        if undo:
            changes: Sequence[Change] = tuple(reversed(preparing.noted()))
            lines = [change.undoing for change in changes]
        else:
            wishes = _wishes(optional, without or [], creating, acting)
            preview = preparing.preview(wishes, administrator)
            changes, lines = preview.changes, [change.text for change in preview.changes]
            if preview.lacking and not as_json:
                say(f"{preview.actor.username} lacks {' and '.join(preview.lacking)}, and cannot do it.")
        if not as_json:
            _show(lines, undo)
        elif not yes:
            emit({"done": False, "changes": changes})
            return
        if changes or undo:
            sure("Take it back?" if undo else "Do it?", yes)
            if undo:
                preparing.undo(administrator, lambda change: note(change.undoing))
            else:
                preparing.carry_out(wishes, administrator, lambda change: note(change.text))
    if as_json:
        emit({"done": True, "changes": changes})
    elif changes:
        say("Done. Take it back with diptych prepare --undo." if not undo else "Taken back.")


def _show(lines: Sequence[str], undo: bool) -> None:
    if not lines:
        say("Nothing was done that could be taken back." if undo else "Everything is there: nothing to do.")
    for line in lines:
        say(f"  {line}")


def _wishes(optional: bool, without: Sequence[str], creating: bool, acting: bool) -> Wishes:
    from diptych.cli.trouble import Refused
    from diptych.setup.preparation import Part, Wishes

    try:
        return Wishes(optional, frozenset(Part(one) for one in without), creating, acting)
    except ValueError as problem:
        raise Refused(f"--without takes {', '.join(part.value for part in Part)}.") from problem


def _administrator(
    connection: Connection | None, username: str, password: str, token: str
) -> Credentials | None:
    """Their credentials, at the login address of the saved connection."""
    from diptych.cli.trouble import Refused
    from diptych.setup.preparing import administrator_of

    if not username:
        return None
    if not password:
        raise Refused(
            "An administrator also needs --admin-password-env (and mostly --admin-security-token-env)."
        )
    if connection is None:
        raise Refused("Connect the org first (diptych connect).")
    return administrator_of(connection.credentials, username, password, token)
