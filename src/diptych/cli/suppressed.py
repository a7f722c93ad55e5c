"""people suppressed: who is not to come back, and letting somebody."""

from __future__ import annotations

from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, say, sure, table, workspace

app = typer.Typer(help="People who are not to come back.", no_args_is_help=True)
_ID = typer.Argument(metavar="ID", help="The id of the person here.")
_LIMIT = typer.Option(min=1, max=10_000, help="At most so many.")


@app.command("list")
def list_suppressed(
    limit: Annotated[int, _LIMIT] = 100, as_json: Annotated[bool, JSON_OPTION] = False
) -> None:
    """Who is not to come back: records, and addresses of which only a hash is kept."""
    with workspace() as space:
        found = space.acting.suppressed(limit)
    if as_json:
        emit(found)
        return
    table(
        ["person", "what", "why", "since"],
        [
            (
                str(s.former_id),
                f"{s.object_name} {s.sf_id}"
                if s.object_name != "person"
                else "the address"
                if s.by_address
                else "the person",
                s.reason,
                s.at,
            )
            for s in found
        ],
    )
    say(f"{len({s.former_id for s in found}):,} people.")


@app.command("release")
def release(person_id: Annotated[int, _ID], yes: Annotated[bool, YES_OPTION] = False) -> None:
    """Let a person come back, by the id it had here: when its record next changes, or with diptych verify --repair."""
    from diptych.cli.trouble import Refused

    with workspace() as space:
        sure(f"Let person {person_id} come back from Salesforce?", yes)
        found = space.acting.release(person_id)
        if not found:
            raise Refused(f"Person {person_id} is not on the list. See: diptych people suppressed list")
    records = [f"{s.object_name} {s.sf_id}" for s in found if s.object_name != "person"]
    say(
        f"Released{': ' + ', '.join(records) if records else ''}. It comes back when it next changes in Salesforce."
    )
