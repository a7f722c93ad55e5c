"""runs: the ledger, by run or step by step (S-63)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diptych.cli.output import JSON_OPTION, emit, note, say, table, workspace
from diptych.domain.values import instant_text

if TYPE_CHECKING:
    from diptych.store.queries import RunRow, StepRow, StepSums

_LIMIT = Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")]


def register(app: typer.Typer) -> None:
    app.command()(runs)


def runs(
    run: Annotated[int | None, typer.Argument(help="Only this run: its steps and what it did.")] = None,
    limit: _LIMIT = 20,
    steps: Annotated[bool, typer.Option("--steps", help="One line a step, of all runs.")] = False,
    object_name: Annotated[str, typer.Option("--object", help="Only steps of this object.")] = "",
    operation: Annotated[str, typer.Option(help="Only steps of this operation: 'Push updates' ...")] = "",
    status: Annotated[str, typer.Option(help="Only steps with this status: Succeeded, Failed ...")] = "",
    since: Annotated[
        str, typer.Option(help="Only steps begun from then on: 2026-11-26, or with a time (UTC).")
    ] = "",
    until: Annotated[str, typer.Option(help="Only steps begun before then.")] = "",
    csv: Annotated[Path | None, typer.Option(help="Write the steps to this CSV file (- for stdout).")] = None,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """The latest runs with their steps; with filters, step by step."""
    from diptych.cli.trouble import Refused

    asked: dict[str, Any] = {
        "object_name": object_name,
        "operation": operation,
        "status": status,
        "since": _moment(since),
        "until": _moment(until),
    }
    with workspace() as space:
        if run is not None:
            one = space.queries.run(run)
            if one is None:
                raise Refused(f"There is no run {run} (any more); see: diptych runs.")
            counts = space.queries.run_counts(run)
            if as_json:
                emit({"run": one, "did": counts})
                return
            _show([one])
            if one.trace_id is not None:
                say(f"Trace {one.trace_id}")
            say(", ".join(f"{what} {n:,}" for what, n in counts.items() if n) or "It changed nothing.")
            return
        if steps or csv is not None or any(asked.values()):
            found, sums = space.queries.steps(limit, 1, **asked)
            _show_steps(found, sums, csv, as_json)
            return
        latest = space.queries.runs(limit)
    if as_json:
        emit(latest)
    else:
        _show(latest)


def _moment(text: str) -> datetime | None:
    from diptych.cli.trouble import Refused

    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"{text} is not a moment; write 2026-11-26 or 2026-11-26T08:30.") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _show(found: list[RunRow]) -> None:
    for run in found:
        say(
            f"{run.id}  {run.kind}  {instant_text(run.started_at)}  {run.status}{': ' if run.error else ''}{run.error or ''}"
        )
        for s in run.steps:
            say(
                f"      {s.object_name}, {s.operation}: {s.status}, new {s.new:,}, updated {s.updated:,}, "
                f"deleted {s.deleted:,}, failed {s.failed:,}, skipped {s.skipped:,}"
            )


def _show_steps(found: list[StepRow], sums: StepSums, csv: Path | None, as_json: bool) -> None:
    if csv is not None:
        from diptych.services.exports import STEP_HEADINGS, csv_lines, step_row

        lines = csv_lines(STEP_HEADINGS, map(step_row, found))
        if str(csv) == "-":
            sys.stdout.writelines(lines)
            return
        with csv.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        note(f"{len(found):,} of {sums.steps:,} steps are in {csv}.")
    elif as_json:
        emit({"steps": found, "sums": sums})
    else:
        headings = ["started", "run", "object", "operation", "status", "new", "updated", "deleted"]
        table(
            [*headings, "failed", "skipped", "calls"],
            [
                (
                    *(s.started_at, s.run_id, s.object_name, s.operation or s.kind, s.status),
                    *(s.new, s.updated, s.deleted, s.failed, s.skipped, s.api_calls),
                )
                for s in found
            ],
        )
        say(f"{len(found):,} of {sums.steps:,} steps.")
