"""errors: what could not be synced, one by one or by cause, and what to do with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli.output import JSON_OPTION, emit, note, say, table, workspace

if TYPE_CHECKING:
    from diptych.store.queries import CauseRow, DeadLetterRow
    from diptych.wiring import Workspace

_LIMIT = Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")]
_STATUSES = ("open", "quarantined", "ignored", "held")


def register(app: typer.Typer) -> None:
    app.command()(errors)


def errors(
    limit: _LIMIT = 100,
    by_cause: Annotated[
        bool, typer.Option("--by-cause", help="One line a cause instead of one an error.")
    ] = False,
    status: Annotated[str, typer.Option(help="open, quarantined, ignored, or held: all three.")] = "open",
    object_name: Annotated[str, typer.Option("--object", help="Only this object.")] = "",
    error_class: Annotated[
        str, typer.Option("--class", help="Only this class: permission, validation_rule, required_field ...")
    ] = "",
    field: Annotated[str, typer.Option(help="Only this field (API name or column).")] = "",
    cause: Annotated[str, typer.Option(help="Only this cause (its key from --by-cause).")] = "",
    retry: Annotated[
        str, typer.Option(help="Try the error of this number again, or all of this cause.")
    ] = "",
    ignore: Annotated[str, typer.Option(help="Leave this error, or cause, alone until it is edited.")] = "",
    quarantine: Annotated[
        str, typer.Option(help="Set this error, or cause, aside; it goes out when its cause is gone.")
    ] = "",
    reopen: Annotated[str, typer.Option(help="Put this error, or cause, back on the list.")] = "",
    ours: Annotated[int | None, typer.Option(help="Settle this conflict: our value goes out.")] = None,
    salesforce: Annotated[
        int | None, typer.Option(help="Settle this conflict: Salesforce's value comes in.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(help="Write the errors to this CSV file (- for stdout).")
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """What could not be synced, why, and what to do."""
    from diptych.cli.trouble import Refused

    if status not in _STATUSES:
        raise Refused(f"--status is one of {', '.join(_STATUSES)}.")
    asked: dict[str, Any] = {
        "status": status,
        "object_name": object_name,
        "error_class": error_class,
        "field": field,
        "key": cause,
    }
    with workspace() as space:
        for what, named in (
            ("retry", retry),
            ("ignored", ignore),
            ("quarantined", quarantine),
            ("open", reopen),
        ):
            if named:
                _act(space, what, named)
        _decide(space, ours, salesforce)
        if by_cause:
            _show_causes(space.queries.causes(limit, **asked), as_json)
            return
        found, total = space.queries.dead_letters(limit, **asked)
    if csv is not None:
        _write_csv(csv, found)
    elif as_json:
        emit(found)
    else:
        _show(found, total)


def _show(found: list[DeadLetterRow], total: int) -> None:
    for e in found:
        say(f"{e.id}: {e.object_name} {e.sf_id or ''} {e.field or '(whole record)'}: {e.message}")
        for line in (e.cause, e.remedy):
            if line:
                say(f"    {line}")
    say(f"{total:,} errors." if total == len(found) else f"{len(found):,} of {total:,} errors.")
    if found:
        note("Try one again with: diptych errors --retry NUMBER; together: diptych errors --by-cause")


def _show_causes(found: list[CauseRow], as_json: bool) -> None:
    if as_json:
        emit(found)
        return
    table(
        ["cause", "records", "class", "about", "first seen", "last seen"],
        [
            (
                c.key,
                c.count,
                c.error_class,
                f"{c.object_name}.{c.field}" if c.field else c.object_name,
                c.first_at,
                c.last_at,
            )
            for c in found
        ],
    )
    for c in found:
        say(f"{c.key}: {c.message}")
        for line in (c.cause, c.remedy):
            if line:
                say(f"    {line}")
    if found:
        note("All of one cause: diptych errors --retry CAUSE (or --quarantine, --ignore)")


def _write_csv(path: Path, found: list[DeadLetterRow]) -> None:
    from diptych.services.exports import ERROR_HEADINGS, csv_lines, error_row

    lines = csv_lines(ERROR_HEADINGS, map(error_row, found))
    if str(path) == "-":
        sys.stdout.writelines(lines)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
    note(f"{len(found):,} errors are in {path}.")


def _act(space: Workspace, what: str, named: str) -> None:
    from diptych.cli.trouble import Refused
    from diptych.domain.causes import HELD
    from diptych.sync.repair import dead_letter

    now = space.clock.now()
    one = {
        "retry": dead_letter.retry,
        "ignored": dead_letter.ignore,
        "quarantined": dead_letter.quarantine,
        "open": dead_letter.reopen,
    }
    if len(named) == 12:
        if not space.queries.causes(1, key=named, status="held"):
            raise Refused(f"There is no error with the cause {named}: see diptych errors --by-cause.")
        taken = tuple(s for s in HELD if s != what and (what != "retry" or s != "ignored"))
        done = dead_letter.for_all(space.store, named, what, taken, now)
        note(f"{done:,} errors: {what}.")
    elif named.isdecimal():
        try:
            one[what](space.store, int(named), now)
        except dead_letter.NoSuchDeadLetter as problem:
            raise Refused(str(problem.args[0])) from None
    else:
        raise Refused(
            f"{named} is neither the number of an error nor a cause: see diptych errors --by-cause."
        )
    if what == "retry":
        space.sync_now()


def _decide(space: Workspace, ours: int | None, salesforce: int | None) -> None:
    from diptych.cli.trouble import Refused
    from diptych.sync.repair import dead_letter

    for number, winner in ((ours, "ours"), (salesforce, "salesforce")):
        if number is None:
            continue
        try:
            dead_letter.decide(space.store, number, winner, space.clock.now())
        except (dead_letter.NoSuchDeadLetter, ValueError) as problem:
            raise Refused(str(problem.args[0] if problem.args else problem)) from None
        space.sync_now()
