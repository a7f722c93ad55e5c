"""mapping: which field of ours is which field of theirs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.mapping import FieldMapping
    from diptych.domain.mapping_changes import FieldChange
    from diptych.setup.mapping_preview import FieldPreview, Preview

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


_REASON = Annotated[str, typer.Option("--reason", help="Why; kept with the version.")]
_LOOK_ONLY = Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")]


@app.command(name="list")
def list_(
    search: Annotated[str, typer.Option(help="Words in name, label, column or type.")] = "",
    state: Annotated[str, typer.Option(help="held, drifted or errors")] = "",
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """All mapped fields: how full they are, when they were changed last, their errors and state."""
    from diptych.cli.trouble import Refused
    from diptych.setup.mapping_rows import RowFilter

    if state not in ("", "held", "drifted", "errors"):
        raise Refused(f"{state!r} is none of held, drifted, errors.")
    with workspace() as space:
        rows = space.setup.editor.rows(RowFilter(search, state=state))
    if as_json:
        from diptych.setup.mapping_document import row_document

        emit([row_document(row) for row in rows])
        return
    table(
        ["field", "label", "column", "type", "direction", "policy", "filled", "version", "errors", "state"],
        [
            (
                row.name,
                row.mapped.label,
                row.column,
                row.type,
                row.mapped.direction,
                row.mapped.policy,
                "" if row.fill is None else f"{row.fill:.0%}",
                row.last.version if row.last else "",
                row.errors,
                row.held or (f"now {row.drift}" if row.drift else ""),
            )
            for row in rows
        ],
    )


@app.command()
def change(
    names: Annotated[list[str], typer.Argument(help="Object.Field ..., such as Lead.City")],
    direction: Annotated[str | None, typer.Option(help="inbound, outbound or both")] = None,
    policy: Annotated[str | None, typer.Option(help="Who wins; see: mapping policy --help")] = None,
    blanks: Annotated[
        str | None, typer.Option(help="overwrite, keep_ours, keep_salesforce or keep_both")
    ] = None,
    column: Annotated[str | None, typer.Option(help="Another column of ours; for one field.")] = None,
    instead: Annotated[
        bool,
        typer.Option("--instead", help="With --column: the field of its object that is there is unmapped."),
    ] = False,
    own_column: Annotated[
        bool, typer.Option("--own-column", help="A column that no other field fills.")
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Map fields that are not mapped yet.")] = False,
    unmap: Annotated[
        bool, typer.Option("--unmap", help="Do not sync them any more; the columns keep their values.")
    ] = False,
    partly: Annotated[
        bool, typer.Option("--partly", help="Leave out fields that cannot be changed so; they are named.")
    ] = False,
    reason: _REASON = "",
    dry_run: _LOOK_ONLY = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Change how fields are mapped. What it would do is shown first: values touched, before and after, warnings."""
    from diptych.domain.mapping import Blanks, Direction, Policy
    from diptych.domain.mapping_edit import Edit

    edit = Edit(
        tuple(names),
        _one_of(Direction, direction) if direction else None,
        _one_of(Policy, policy) if policy else None,
        _one_of(Blanks, blanks) if blanks else None,
        None,
        column,
        add,
        unmap,
        own_column=own_column,
        instead=instead,
        partly=partly,
    )
    with workspace() as space:
        found = space.setup.editor.preview(edit)
        if not _agreed(found, "Make this change?", dry_run, yes, as_json):
            return
        made = space.setup.editor.apply(edit, reason, found.version)
    if not as_json:
        say(f"Mapping version {made.version}.")


@app.command()
def history(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many versions.")] = 20,
    before: Annotated[int | None, typer.Option(help="Only versions lower than this.")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """The versions of the mapping, newest first: when, by whom, why, and how many fields each changed."""
    with workspace() as space:
        versions = space.setup.editor.versions(limit, before)
    if as_json:
        from diptych.setup.mapping_document import version_document

        emit([version_document(v) for v in versions])
        return
    table(
        ["version", "at", "author", "changed", "reason"],
        [(v.saved.version, v.saved.at, v.saved.author, v.changed, v.saved.reason) for v in versions],
    )
    note("Compare with: diptych mapping diff FROM TO; go back with: diptych mapping undo VERSION")


@app.command()
def diff(
    before: Annotated[int, typer.Argument(help="A version.")],
    after: Annotated[int | None, typer.Argument(help="Another one; the current one if left out.")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """How two versions of the mapping differ, field by field."""
    with workspace() as space:
        other = space.setup.mapping().version if after is None else after
        changes = space.setup.editor.diff(before, other)
    if as_json:
        from diptych.setup.mapping_document import change_document

        emit([change_document(c) for c in changes])
        return
    for one in changes:
        say(_change_line(one))
    note(f"{len(changes)} fields differ between version {before} and version {other}.")


@app.command()
def undo(
    version: Annotated[int, typer.Argument(help="The version to go back to; see: mapping history")],
    reason: _REASON = "",
    dry_run: _LOOK_ONLY = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Make the mapping what it was in an earlier version: a new version; what it would do is shown first."""
    with workspace() as space:
        found = space.setup.editor.preview_undo(version)
        if not _agreed(found, f"Go back to version {version}?", dry_run, yes, as_json):
            return
        made = space.setup.editor.undo(version, reason, found.version)
    if not as_json:
        say(f"Mapping version {made.version}.")


@app.command()
def promote(
    file: _FILE,
    reason: _REASON = "",
    dry_run: _LOOK_ONLY = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Take over the mapping file of another org (a sandbox, say), as far as this org allows; what it would do is shown first."""
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8", errors="replace")
    with workspace() as space:
        found = space.setup.editor.preview_promotion(text)
        if not _agreed(found, "Take over what can be?", dry_run, yes, as_json):
            return
        made = space.setup.editor.promote(text, reason, found.version)
    if not as_json:
        say(f"Mapping version {made.version}.")


def _agreed(found: Preview, question: str, dry_run: bool, yes: bool, as_json: bool) -> bool:
    """Show what a change would do; whether it is to be made. Of a change that changes nothing it is not."""
    if as_json:
        from diptych.setup.mapping_document import preview_document

        emit(preview_document(found))
    else:
        for one in found.fields:
            _show_preview(one)
        for adopted in (*found.refused, *found.noted):
            say(f"{adopted.name}: {adopted.verdict}. {adopted.reason}")
        if found.only_here:
            say(f"{len(found.only_here)} fields are mapped only here and stay as they are.")
    if not found.fields:
        note("Nothing would change.")
        return False
    if dry_run:
        return False
    sure(question, yes)
    return True


def _show_preview(one: FieldPreview) -> None:
    say(_change_line(one.change))
    for warning in one.warnings:
        say(f"  {warning}")
    if one.fills is not None:
        say(f"  About {one.fills:,} records are filled from Salesforce.")
    if one.before is not None and one.after is not None and one.differing:
        fates = [(f, one.before[f], one.after[f]) for f in one.before if one.before[f] or one.after[f]]
        said = "; ".join(f"{fate} {was:,} -> {now:,}" for fate, was, now in fates)
        say(f"  {one.differing:,} values differ on both sides now: {said}")
    for sample in one.samples:
        value, after = sample.value, sample.after
        say(
            f"  person {value.person_id}: here {value.ours!r}, Salesforce {value.theirs!r}; {sample.before.fate} -> "
            f"{after.fate}: here {after.ours!r}, Salesforce {after.theirs!r}"
        )
    for arrival in one.arrivals:
        if arrival.person_id is None:
            say(f"  {arrival.sf_id}: {arrival.theirs!r} comes in")
        else:
            say(
                f"  {arrival.sf_id}: {arrival.theirs!r} comes in; person {arrival.person_id} has {arrival.ours!r} now, "
                f"{arrival.after!r} then"
            )


def _change_line(one: FieldChange) -> str:
    if one.what == "changed":
        return f"{one.name}: " + ", ".join(f"{p.name} {p.before} -> {p.after}" for p in one.parts)
    mapped = one.after or one.before
    assert mapped is not None
    return f"{one.name}: {one.what} ({mapped.table}.{mapped.column}, {mapped.direction}, {mapped.policy})"


def _one_of(choices: type, text: str):  # type: ignore[no-untyped-def]
    from diptych.cli.trouble import Refused

    try:
        return choices(text)
    except ValueError:
        raise Refused(f"{text!r} is none of {', '.join(choices)}.") from None  # type: ignore[arg-type]
