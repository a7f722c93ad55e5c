"""mapping: which field of ours is which field of theirs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.mapping import FieldMapping

app = typer.Typer(
    help="Field mappings: show, change, export, import.", rich_markup_mode=None, no_args_is_help=True
)
_FILE = Annotated[Path, typer.Argument(help="A file, or - for standard input or output.")]


@app.command()
def show(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """All mapped fields, pairs first."""
    with workspace() as space:
        seen = space.setup.mapping()
    if as_json:
        emit(seen)
        return
    rows = [(_place(r.column, r.lead or r.contact), _field(r.lead), _field(r.contact)) for r in seen.pairs]
    rows += [(_place(r.column, r.lead or r.contact), _field(r.lead), _field(r.contact)) for r in seen.single]
    table(["column", "Lead", "Contact"], rows)
    if seen.unmapped:
        say()
        say("Custom fields without a partner on the other object:")
        table(
            ["column", "Lead", "Contact"],
            [
                (_place(r.column, r.lead or r.contact), _field(r.lead), _field(r.contact))
                for r in seen.unmapped
            ],
        )
    for title, fields in (("Accounts", seen.companies), ("Users", seen.users)):
        say()
        say(f"{title} (copied in only):")
        table(["column", "field"], [(f"{f.table}.{f.column}", f.field) for f in fields])
    say(f"Mapping version {seen.version}.")


def _place(column: str, mapped: FieldMapping | None) -> str:
    return f"{mapped.table if mapped else '?'}.{column}"


def _field(mapped: FieldMapping | None) -> str:
    if mapped is None:
        return ""
    if mapped.direction == "both":
        return f"{mapped.field} (both, {_wins(mapped)}{_blanks(mapped)})"
    return f"{mapped.field} ({mapped.direction}{_blanks(mapped)})"


def _wins(mapped: FieldMapping) -> str:
    if mapped.policy == "most_restrictive":
        return f"most_restrictive: {str(mapped.restrictive).lower()} wins"
    return f"{mapped.policy} wins" if mapped.policy in ("salesforce", "ours") else str(mapped.policy)


def _blanks(mapped: FieldMapping) -> str:
    return "" if mapped.blanks == "overwrite" else f", blanks {mapped.blanks}"


@app.command(name="export")
def export_(file: _FILE) -> None:
    """Write the mapping to a file."""
    with workspace() as space:
        text = space.setup.export_mapping()
    if str(file) == "-":
        sys.stdout.write(text)
    else:
        file.write_text(text, encoding="utf-8")
        say(f"Written to {file}.")


@app.command(name="import")
def import_(file: _FILE) -> None:
    """Take over columns, directions and policies of a file; all of it or nothing."""
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8", errors="replace")
    with workspace() as space:
        say(f"Mapping version {space.setup.import_mapping(text).version}.")


@app.command()
def pair(first: str, second: str) -> None:
    """Make a Lead field and a Contact field (Object.Field) one field of the person."""
    with workspace() as space:
        say(f"Mapping version {space.setup.pair(first, second).version}.")


@app.command(name="break")
def break_(name: str) -> None:
    """Break the pair that this field (Object.Field) belongs to."""
    with workspace() as space:
        say(f"Mapping version {space.setup.break_pair(name).version}.")


@app.command()
def reset(yes: Annotated[bool, YES_OPTION] = False) -> None:
    """Back to the automatic pairs and default directions."""
    sure("Discard all changes made to the mapping?", yes)
    with workspace() as space:
        say(f"Mapping version {space.setup.reset().version}.")


@app.command()
def direction(name: str, to: Annotated[str, typer.Argument(help="inbound, outbound or both")]) -> None:
    """Set the direction of one field."""
    from diptych.domain.mapping import Direction

    with workspace() as space:
        say(f"Mapping version {space.setup.set_direction(name, _one_of(Direction, to)).version}.")


@app.command()
def policy(
    name: Annotated[str, typer.Argument(help="A field (Lead.City), or a column for all its fields (city).")],
    to: Annotated[
        str | None,
        typer.Argument(
            help="salesforce, ours, ask, most_recent, most_complete, write_once or most_restrictive"
        ),
    ] = None,
    blanks: Annotated[
        str | None,
        typer.Option(
            help="overwrite, or never overwrite with a blank: keep_ours (what comes in), keep_salesforce (what "
            "goes out), keep_both"
        ),
    ] = None,
    restrictive: Annotated[
        bool | None,
        typer.Option(help="Of a consent field: whether true (an opt-out) or false (an opt-in) allows less."),
    ] = None,
) -> None:
    """Set who wins a conflict about a field, and whether a blank may overwrite a value."""
    from diptych.cli.trouble import Refused
    from diptych.domain.mapping import Blanks, Policy

    if to is None and blanks is None and restrictive is None:
        raise Refused("Say a policy, --blanks or --restrictive: nothing was changed.")
    with workspace() as space:
        changed = space.setup.set_policy(
            name,
            _one_of(Policy, to) if to is not None else None,
            _one_of(Blanks, blanks) if blanks is not None else None,
            restrictive,
        )
        say(f"Mapping version {changed.version}.")


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="safe or marketo")],
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Take over the policies of a preset for all fields; what would change is shown first."""
    from diptych.domain.presets import Preset

    chosen = _one_of(Preset, name)
    with workspace() as space:
        changes = space.setup.preset_changes(chosen)
        if as_json:
            emit(changes)
        else:
            table(
                ["field", "column", "was", "becomes"],
                [(c.name, c.column, c.before, c.after) for c in changes],
            )
        if not changes:
            note("Every field has the policy of this preset already.")
        else:
            sure(f"Change who wins in {len(changes):,} fields?", yes)
        version = space.setup.use_preset(chosen).version
    if not as_json:
        say(f"Mapping version {version}.")


def _one_of(choices: type, text: str):  # type: ignore[no-untyped-def]
    from diptych.cli.trouble import Refused

    try:
        return choices(text)
    except ValueError:
        raise Refused(f"{text!r} is none of {', '.join(choices)}.") from None  # type: ignore[arg-type]
