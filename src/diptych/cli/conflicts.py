"""conflicts: decided conflicts, searched, and taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, say, sure, table, who_now, workspace

app = typer.Typer(
    help="Decided conflicts, with the value that was given up; search and reverse them.",
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def conflicts(
    context: typer.Context,
    person: Annotated[int | None, typer.Option(help="Of the person with this id.")] = None,
    column: Annotated[str, typer.Option(help="Of this column of person.")] = "",
    since: Annotated[
        str | None,
        typer.Option(help="Decided at this time (UTC) or later, such as 2026-01-31 or 2026-01-31T08:00."),
    ] = None,
    winner: Annotated[str, typer.Option(help="Won by ours or by salesforce.")] = "",
    reason: Annotated[str, typer.Option(help="Decided by this rule, such as policy or blank.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Decided conflicts, with the value that was given up."""
    if context.invoked_subcommand is not None:
        return
    from diptych.cli.trouble import Refused

    if winner not in ("", "ours", "salesforce"):
        raise Refused(f"{winner!r} is none of ours, salesforce.")
    at = _moment(since) if since is not None else None
    with workspace() as space:
        person = who_now(space, person) if person is not None else None
        found, total = space.queries.conflicts(
            limit, person_id=person, column=column, since=at, winner=winner, reason=reason
        )
    if as_json:
        emit(found)
        return
    table(
        ["no.", "at", "person", "object", "id", "column", "was", "ours", "theirs", "winner", "reason"],
        [
            (
                str(c.id), c.at, str(c.person_id), c.object_name, c.sf_id, c.column, c.base, c.ours, c.theirs,
                c.winner, c.reason,
            )
            for c in found
        ],
    )  # fmt: skip
    say(f"{total:,} conflicts." if total == len(found) else f"{len(found):,} of {total:,} conflicts.")


def _moment(text: str) -> datetime:
    from datetime import UTC

    from diptych.cli.trouble import Refused

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text!r} is no time; write it as 2026-01-31 or 2026-01-31T08:00.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


@app.command()
def reverse(
    number: Annotated[int, typer.Argument(help="The number of the conflict.")],
    keep: Annotated[
        str | None,
        typer.Option(help="Whose value is to stand: ours or salesforce; default: the one that was given up."),
    ] = None,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put the value that was given up in place again: here at once, in Salesforce with the next cycle."""
    from diptych.cli.trouble import Refused
    from diptych.domain.reversal import ReversalRefused
    from diptych.domain.values import to_text
    from diptych.services import reversing

    with workspace() as space:
        try:
            found = reversing.preview(space.store, number, keep)
            if found.reversal is not None:
                new, old = (to_text(v) or "" for v in (found.reversal.value, found.reversal.replaced))
                if not yes:
                    say(
                        f"Person {found.conflict.person_id}, {found.conflict.column}: {old!r} becomes {new!r}."
                    )
                sure("Put it in place?", yes)
                found = reversing.reverse(space.store, number, f"conflict {number} reversed", keep)
                space.sync_now()
        except ReversalRefused as problem:
            raise Refused(str(problem)) from None
    if as_json:
        emit(
            {
                "reversed": found.reversal is not None,
                "person": found.conflict.person_id,
                "change": found.reversal,
            }
        )
    else:
        say("Done; it goes out with the next cycle." if found.reversal else "That value stands already.")
