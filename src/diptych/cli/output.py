"""How commands print: JSON as one document, tables, yes/no questions. Values go to stdout, everything else to stderr."""

from __future__ import annotations

import dataclasses
import getpass
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from diptych.domain.values import instant_text

if TYPE_CHECKING:
    from diptych.wiring import Workspace

JSON_OPTION = typer.Option("--json", help="Print one JSON document.")
YES_OPTION = typer.Option("--yes", "-y", help="Do not ask.")


def workspace() -> Workspace:
    """The workspace of the settings in the environment. What is changed in it is changed by the user of this machine."""
    from diptych.config import read_settings
    from diptych.wiring import open_workspace

    act()
    return open_workspace(read_settings())


def act() -> None:
    """From here on, what is changed is changed by the user of this machine, by command."""
    from diptych.store.auditing import Actor, act_as

    act_as(Actor(_who(), "command"))


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "terminal"


def who_now(space: Workspace, person_id: int) -> int:
    """The id of the person that this one is by now; says so when it has joined another."""
    now = space.acting.now_id(person_id)
    if now != person_id:
        note(f"Person {person_id} has joined person {now}.")
    return now


def say(text: str = "") -> None:
    typer.echo(text)


def note(text: str) -> None:
    """Something beside the result: progress, a hint."""
    typer.echo(text, err=True)


def emit(document: object) -> None:
    """One JSON document."""
    typer.echo(json.dumps(plain(document), indent=1, ensure_ascii=False))


def plain(value: object) -> object:
    """Dataclasses, times and numbers as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = [f.name for f in dataclasses.fields(value) if f.repr]  # what is hidden from repr is secret
        return {name: plain(getattr(value, name)) for name in shown}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, Iterable):
        return [plain(one) for one in value]
    return str(value)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A plain table, as wide as it needs to be."""
    lines = [[_cell(cell) for cell in row] for row in rows]
    widths = [max([len(h), *(len(line[n]) for line in lines)]) for n, h in enumerate(headings)]
    for line in [list(headings), ["-" * w for w in widths], *lines]:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return instant_text(value)
    return " ".join(str(value).split())


def sure(question: str, yes: bool) -> None:
    """Ask, unless `yes`; ends the command when the answer is no or nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        from diptych.cli.trouble import Refused

        raise Refused("This needs a yes: add --yes, or run it in a terminal.")
    typer.confirm(question, abort=True, err=True)


def duration(seconds: float) -> str:
    """About how long, in words."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
