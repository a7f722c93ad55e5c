"""backup, restore: the people database as a file, and back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, act, emit, note, say, sure, workspace

if TYPE_CHECKING:
    from diptych.services.restoring import Restored


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Back up the people database into one file, while everything goes on."""
    from diptych.cli.trouble import Refused
    from diptych.store.backup import take

    with workspace() as space:
        database = space.database_file
        if database is None:
            raise Refused(
                "The people are in PostgreSQL: back it up with pg_dump --format=custom --file=FILE, "
                "and after a pg_restore run: diptych restore --in-place (see docs/operations.md)."
            )
        made = take(database, file.absolute(), space.clock.now())
    if as_json:
        emit(made)
        return
    say(
        f"{made.file}: {made.people:,} people, {made.bytes / 1e6:,.1f} MB, as of {made.taken_at:%Y-%m-%d %H:%M:%S} UTC."
    )
    note("The master key is not in it: keep secret.key (or DIPTYCH_SECRET_KEY) apart.")


def restore(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A file made by diptych backup.")
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option(
            "--in-place", help="The database was put back by other means (pg_restore, a copy of the disk)."
        ),
    ] = False,
    another: Annotated[bool, typer.Option("--another", help="Also a backup of another database.")] = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put a backup back. What waited for Salesforce then is compared with what is there before anything is sent."""
    from diptych.cli.trouble import Refused
    from diptych.config import read_settings
    from diptych.services.restoring import put_back_by_other_means
    from diptych.services.restoring import restore as put_back
    from diptych.store.backup import examine
    from diptych.wiring import SystemClock, sqlite_file

    if in_place == (file is not None):
        raise Refused("Name a file made by diptych backup, or say --in-place.")
    if in_place:
        sure("Was this database put back by other means, so that Salesforce may be ahead of it?", yes)
        with workspace() as space:
            put_back_by_other_means(space.store)
        if as_json:
            emit({"restored": True, "in_place": True})
        else:
            say(
                "Marked. The next cycle compares what waited with Salesforce, then reads on from the cursor, then compares all."
            )
        return
    assert file is not None
    settings = read_settings()
    database = sqlite_file(settings)
    if database is None:
        raise Refused("The people are in PostgreSQL: use pg_restore, then diptych restore --in-place.")
    found = examine(file.absolute())
    if not as_json:
        note(
            f"{file}: {found.people:,} people, as of {found.taken_at:%Y-%m-%d %H:%M:%S} UTC. It takes the place of {database}."
        )
    sure("Put it back?", yes)
    act()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    now = SystemClock(settings.clock_offset_seconds).now()
    done = put_back(file.absolute(), database, now, another)
    if as_json:
        emit(done)
    else:
        _tell(done, now)


def _tell(done: Restored, now: datetime) -> None:
    age = now - done.backup.taken_at.astimezone(UTC)
    say(f"Put back; it is {age.total_seconds() / 3600:,.1f} hours older than now.")
    if done.kept is not None:
        say(f"What was there is kept as {done.kept}.")
    carried = done.carried
    say(
        f"Carried over from it: {carried.revoked} revoked tokens, {carried.disabled} disabled users, {carried.audited:,} lines of "
        f"the audit log; {len(carried.forgotten)} forgotten and {len(carried.suppressed)} deleted people are gone again."
    )
    say(
        "Sessions have ended. The next cycle compares what waited with Salesforce, then reads on from the cursor, then compares all."
    )
