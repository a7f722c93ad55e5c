"""undo: put back what a run changed. why: the chain of causes of a value, or of someone missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, emit, say, sure, table, who_now, workspace

if TYPE_CHECKING:
    from diptych.domain.undo import Item
    from diptych.sync.repair.undo import Undone
    from diptych.sync.repair.why import Answer
    from diptych.wiring import Workspace

_SHOWN = 50
_WORDS = {"restore": "put back", "remove": "remove here", "bring_back": "bring back", "split": "take apart"}


def register(app: typer.Typer) -> None:
    app.command()(undo)
    app.command()(why)


def undo(
    run: Annotated[int, typer.Argument(help="The run's number, from diptych runs.")],
    person: Annotated[int | None, typer.Option(help="Only this person.")] = None,
    field: Annotated[str | None, typer.Option(help="Only this column of people.")] = None,
    undelete: Annotated[
        bool,
        typer.Option(
            "--undelete", help="Of a merge or delete: take its records out of Salesforce's recycle bin."
        ),
    ] = False,
    yes: Annotated[bool, YES_OPTION] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Put back what a run changed, here and in Salesforce. Shows it first; newer edits are never undone."""
    from diptych.cli import acting
    from diptych.cli.trouble import Refused

    with workspace() as space:
        if person is None and field is None and acting.undo(space, run, undelete, yes, as_json):
            return
        if undelete:
            raise Refused(f"Run {run} merged or deleted nobody as a whole, so there is nothing to undelete.")
        person = who_now(space, person) if person is not None else None
        undo_run(space, run, person, field, yes, as_json)


def undo_run(
    space: Workspace, run: int, person: int | None, field: str | None, yes: bool, as_json: bool
) -> None:
    """Show what undoing a run would do, ask, do it, and say what was done."""
    from diptych.cli.trouble import Refused
    from diptych.sync.joining import RUN
    from diptych.sync.repair.undo import NoSuchRun

    if field is not None and field not in space.queries.columns():
        raise Refused(f"There is no column {field} of people: see diptych mapping show.")
    try:
        found = space.undo(run, person, field)
    except NoSuchRun as problem:
        raise Refused(f"{problem} See diptych runs.") from None
    if not as_json:
        _show(found)
    if any(item.does for item in found.items) or found.unfinished:
        if as_json and not yes:
            emit(_document(found))
            return
        sure("Go on with the undo that was interrupted?" if found.unfinished else "Put this back?", yes)
        found = space.undo(run, person, field, carry_out=True)
    if as_json:
        emit(_document(found))
    elif found.run_id is not None:
        again = (
            "diptych identity apply would join them again."
            if found.kind == RUN
            else f"diptych undo {found.run_id} would take this back."
        )
        say(
            f"Run {found.run_id} has undone it: {_counts(found)}. Salesforce gets it with the next sync; {again}"
        )
    if found.error:
        raise Refused(f"{found.error} What was done stays; the same command goes on with the rest.")


def _show(found: Undone) -> None:
    doing = [item for item in found.items if item.does]
    say(f"Run {found.of} ({found.kind}): {_counts(found)}.")
    rows = [line for item in doing[:_SHOWN] for line in _lines(item)]
    if rows:
        table(["person", "what", "column", "is now", "would be"], rows)
    if len(doing) > _SHOWN:
        say(f"... and {len(doing) - _SHOWN:,} more; all of them with --json.")
    for item in found.refused[:_SHOWN]:
        say(f"Not undone: person {item.person_id}{', ' + item.column if item.column else ''}: {item.refused}")
    if len(found.refused) > _SHOWN:
        say(f"... and {len(found.refused) - _SHOWN:,} more that are not undone.")


def _lines(item: Item) -> list[tuple[object, ...]]:
    first = (
        item.person_id,
        _WORDS[item.action],
        item.column,
        _value(item, item.now),
        _value(item, item.becomes),
    )
    there = [
        (item.person_id, f"write {w.object_name} {w.sf_id}", w.field, w.now, w.becomes)
        for w in item.salesforce
    ]
    return [first, *there]


def _value(item: Item, value: object) -> object:
    return value if item.action == "restore" else None


def _counts(found: Undone) -> str:
    parts = [
        f"{found.count(action):,} {words}"
        for action, words in (
            ("restore", "values put back"),
            ("remove", "people removed here"),
            ("bring_back", "people brought back"),
            ("split", "people taken apart"),
        )
        if found.count(action)
    ]
    return (
        ", ".join([*parts, f"{len(found.refused):,} left as they are"])
        if parts
        else (f"nothing to put back, {len(found.refused):,} left as they are")
    )


def _document(found: Undone) -> dict[str, object]:
    return {
        "run": found.of,
        "kind": found.kind,
        "undo_run": found.run_id,
        "done": found.run_id is not None,
        "restored": found.count("restore"),
        "removed": found.count("remove"),
        "brought_back": found.count("bring_back"),
        "taken_apart": found.count("split"),
        "refused": len(found.refused),
        "items": [item for item in found.items if not item.same],
    }


def why(
    who: Annotated[str, typer.Argument(metavar="PERSON_ID|SALESFORCE_ID|EMAIL", help="Whom it is about.")],
    field: Annotated[str | None, typer.Argument(metavar="[FIELD]", help="A column of people.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask Salesforce.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Why a value is what it is, why the sides differ, or why somebody is not here: causes, newest first."""
    from diptych.cli.trouble import Refused

    with workspace() as space:
        try:
            answers = space.why(who, field, live=not offline)
        except KeyError:
            raise Refused(f"There is no column {field} of people: see diptych mapping show.") from None
    if as_json:
        emit(answers)
        return
    for answer in answers:
        _explain(answer)


def _explain(answer: Answer) -> None:
    if answer.person_id is None:
        say(f"{answer.asked}: nobody here.")
    elif answer.column is not None:
        say(f"Person {answer.person_id}, {answer.column}: {'blank' if answer.ours is None else answer.ours}")
    else:
        say(f"Person {answer.person_id}")
    for line in answer.missing:
        say(f"  {line}")
    for record in answer.records:
        there = ""
        if record.field is not None and record.shown:
            there = f", {record.field}: {'blank' if record.theirs is None else record.theirs}"
        say(f"  {record.object_name} {record.sf_id} ({record.state}){there}")
        for held in record.holds:
            say(f"    {held}")
    if answer.unread:
        say(f"  Salesforce could not be asked: {answer.unread}")
    table(["when", "kind", "cause"], [(cause.at, cause.kind, cause.text) for cause in answer.causes])
