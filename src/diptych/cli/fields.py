"""fields: look at, choose and create the fields to sync."""

from __future__ import annotations

from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, note, say, sure, table, workspace

app = typer.Typer(help="The fields to sync: look, choose, create.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def list_fields(
    context: typer.Context,
    object_name: Annotated[
        str | None, typer.Option("--object", help="Only this object, such as Lead.")
    ] = None,
    search: Annotated[str, typer.Option(help="Words in name, label or type.")] = "",
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """All fields that the sync user sees; nothing is created."""
    if context.invoked_subcommand is not None:
        return
    from diptych.cli.trouble import Refused
    from diptych.domain.objects import SYNCED_OBJECTS
    from diptych.setup.field_choice import type_text

    if object_name is not None and object_name not in {o.name for o in SYNCED_OBJECTS}:
        known = ", ".join(o.name for o in SYNCED_OBJECTS)
        raise Refused(f"{object_name} is not an object that is synced. Choose one of {known}.")
    with workspace() as space:
        found = space.setup.fields(object_name, search, fresh=True)
    if as_json:
        emit(
            [
                {
                    "field": c.name,
                    "label": c.description.label,
                    "type": type_text(c.description),
                    "selected": c.selected,
                    "use": c.use,
                    "reason": c.reason,
                    "fill": c.fill,
                    "change": c.change,
                    "was": c.was,
                    "column": c.column,
                }
                for c in found
            ]
        )
        return
    table(
        ["", "field", "label", "type", "filled", "column", ""],
        [
            (
                "always" if c.use == "always" else "yes" if c.selected else "-",
                c.name,
                c.description.label,
                type_text(c.description),
                "" if c.fill is None else f"{c.fill:.0%}",
                c.column or "",
                " ".join(
                    filter(None, [c.change and f"{c.change}{f' (was {c.was})' if c.was else ''}", c.reason])
                ),
            )
            for c in found
        ],
    )
    note(
        "Choose with: diptych fields select Lead.X ... / deselect Lead.X ...; create with: diptych fields sync"
    )


@app.command()
def select(names: Annotated[list[str], typer.Argument(help="Object.Field ...")]) -> None:
    """Also sync these fields."""
    with workspace() as space:
        space.setup.select(names)
    say(f"{len(names)} chosen. Create their columns with: diptych fields sync")


@app.command()
def deselect(names: Annotated[list[str], typer.Argument(help="Object.Field ...")]) -> None:
    """Do not sync these fields."""
    with workspace() as space:
        space.setup.deselect(names)
    say(f"{len(names)} left out. Bring it into force with: diptych fields sync")


@app.command()
def renamed(old: str, new: str) -> None:
    """OLD (Object.Field) is called NEW now: its column goes on with it."""
    with workspace() as space:
        space.setup.renamed(old, new)
    say(f"{new} goes on where {old} was.")


@app.command()
def sync(
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Create columns for the chosen fields and propose their mapping."""
    with workspace() as space:
        if not yes:
            new = [f"{o.table}.{c}" for o in space.setup.plan(samples=0).objects for c in o.new_columns]
            note(f"{len(new)} new columns: {', '.join(new) or 'none'}")
            sure("Create them?", yes)
        done = space.setup.sync_fields()
    if as_json:
        emit(done)
        return
    say(f"{len(done.created)} columns created; mapping version {done.version}.")
    for pair in done.pairings:
        say(f"  paired: Lead.{pair.lead_field} and Contact.{pair.contact_field} ({pair.reason})")
    for left in done.left_alone:
        say(f"  apart:  {left.object_name}.{left.field} ({left.reason})")
    for name in done.dropped:
        say(f"  no longer synced: {name} (its column keeps its values)")
