"""refresh, reconcile, schema: values that change silently, ids that only we hold, and fields that change under way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.services.reconciling import Outcome


def register(app: typer.Typer) -> None:
    app.command()(refresh)
    app.command()(reconcile)
    app.command()(schema)


def refresh(
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="[FIELD]...", help="Object.Field, such as Lead.Score__c.")
    ] = None,
    calculated: Annotated[
        bool, typer.Option("--calculated", help="All formulas, roll-ups and fields along a relationship.")
    ] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Read fields again whose values change without a trace in the record, such as formulas."""
    from diptych.cli.trouble import Refused
    from diptych.setup.state import Step

    if bool(fields) == calculated:
        raise Refused(
            "Name fields (diptych refresh Lead.Score__c), or all of them: diptych refresh --calculated"
        )
    with workspace() as space:
        if space.setup.state().step is not Step.RUNNING:
            raise Refused("The sync has not been started. Start it first: diptych start")
        done = space.refresh(None if calculated else fields, wait_seconds=600)
    shown = [
        {
            "object": one.object_name,
            "fields": list(one.fields),
            "records": one.rows,
            "updated": one.found.repaired,
            "pending": one.found.pending,
            "at": one.began,
            "error": one.waits,
        }
        for one in done
    ]
    if as_json:
        emit(shown)
    else:
        table(
            ["object", "fields", "records", "updated", "on its way", ""],
            [
                (s["object"], ", ".join(one.fields), s["records"], s["updated"], s["pending"], s["error"])
                for s, one in zip(shown, done, strict=True)
            ],
        )
    if any(one.waits for one in done):
        raise typer.Exit(1)


def reconcile(
    object_name: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="This object only, such as Lead.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what was found; change nothing.")] = False,
    allow: Annotated[
        bool, typer.Option("--allow", help="Go on although so many are gone that it may be a mistake.")
    ] = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Tell apart the records that only we hold: deleted, merged, converted, purged, or hidden from the sync user."""
    from diptych.cli.trouble import Refused
    from diptych.setup.state import Step

    if allow and not dry_run:
        sure("Take over what was found, however many records are gone?", yes)
    with workspace() as space:
        if space.setup.state().step is not Step.RUNNING:
            raise Refused("The sync has not been started. Start it first: diptych start")
        done = space.reconcile(object_name, look_only=dry_run, allowed=allow, wait_seconds=600)
    if as_json:
        emit(done)
    else:
        _show_reconciled(done)
    if any(one.stopped for one in done):
        raise typer.Exit(1)


_KINDS = ("deleted", "merged", "converted", "purged", "hidden")


def _show_reconciled(done: list[Outcome]) -> None:
    table(
        ["object", *_KINDS, "shown again"],
        [(one.object, *(one.gone.get(kind, 0) for kind in _KINDS), one.shown_again) for one in done],
    )
    for one in done:
        for sf_id, where in list(one.records.items())[:10]:
            say(f"  {one.object} {sf_id}: {where}")
        if len(one.records) > 10:
            say(f"  ... {len(one.records) - 10:,} more; all of them with --json")
        if one.stopped:
            note(f"diptych: {one.stopped}")
    if any(one.looked_only and one.records for one in done):
        note("Nothing was changed. Take it over with: diptych reconcile")


def schema(
    accept: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Sync this held field again, as it is now.")
    ] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """What changed in the org's fields, when, and which mapped fields are held because of it."""
    with workspace() as space:
        if accept is not None:
            space.accept_field(accept)
        found, held = space.schema()
    if as_json:
        emit({"notices": found, "held": held})
        return
    for one in found:
        moved = " -> ".join(text for text in (one.before, one.after) if text)
        say(f"{one.at}  {one.object_name}.{one.field}: {one.change}{': ' if moved else ''}{moved}")
        for line in (one.held and f"held: {one.held}", one.remedy):
            if line:
                say(f"    {line}")
    if held:
        say("Held now (neither read nor written, both sides keep their values):")
        for name, why in held.items():
            say(f"  {name}: {why}")
    if not found and not held:
        say("No changes since the first look.")
