"""plan, start, pause, resume, sync: what a sync would do, and switching it on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, YES_OPTION, duration, emit, note, say, sure, table, workspace

if TYPE_CHECKING:
    from diptych.domain.plan import Plan
    from diptych.wiring import Workspace

WARNING = (
    "From now on changes flow both ways: what is edited here is written to Salesforce, what is edited there comes here. "
    "Once the sync has started, this database stays with this org. Fields, mappings and credentials can be changed at "
    "any time. The sync itself creates and deletes nothing in Salesforce: that takes a rule, or an order, of yours."
)


def register(app: typer.Typer) -> None:
    app.command()(plan)
    app.command()(confirm)
    app.command()(start)
    app.command()(pause)
    app.command()(resume)
    app.command()(sync)
    app.command(name="allow-deletes")(allow_deletes)


def plan(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """What the first sync would do: rows, columns, API calls, time, a few records before and after. Once the sync has been
    started: what the next cycle would send, and what keeps the rest back; Salesforce is not asked."""
    from diptych.setup.state import Step

    with workspace() as space:
        if space.setup.state().step is Step.RUNNING:
            _plan_next(space, as_json)
            return
        made = space.setup.plan()
    if as_json:
        emit(
            {
                "rows": made.rows,
                "api_calls": made.api_calls,
                "seconds": round(made.seconds, 1),
                "calls_per_idle_day": made.calls_per_idle_day,
                "calls_left": made.calls_left,
                "warnings": made.warnings,
                "objects": made.objects,
            }
        )
    else:
        show_plan(made, samples=True)


def _plan_next(space: Workspace, as_json: bool) -> None:
    from diptych.services.planning import next_cycle

    found = next_cycle(space.store, space.clock.now())
    if as_json:
        emit(
            {
                "records": found.records,
                "values": found.values,
                "people": found.people,
                "actions": found.actions,
                "paused": found.paused,
                "read_up_to": found.read_up_to,
            }
        )
        return
    if found.paused:
        say("The sync is paused: nothing of this happens before diptych resume.")
    for name, at in found.read_up_to.items():
        say(f"Reads {name}: what has changed since {at:%Y-%m-%d %H:%M:%S} UTC.")
    say(f"{found.records:,} records have values that Salesforce does not have.")
    if found.values:
        table(
            ["person", "field", "Salesforce has", "ours", "what becomes of it"],
            [
                (v.person_id, v.field, v.theirs, v.ours, f"{v.fate.value} {v.why}".strip())
                for v in found.values
            ],
        )
    for wish, number in found.people.items():
        say(f"People on their way into Salesforce, {wish}: {number:,}")
    if found.actions:
        say(f"Merges, conversions and deletes that are open: {found.actions:,} (diptych people actions)")


def show_plan(made: Plan, samples: bool = False) -> None:
    table(
        ["object", "table", "rows", "fields", "new columns", "API calls", "about"],
        [
            (o.object_name, o.table, o.rows, o.columns, len(o.new_columns), o.api_calls, duration(o.seconds))
            for o in made.objects
        ],
    )
    left = f" of {made.calls_left:,} left today" if made.calls_left is not None else ""
    say(f"First sync: about {made.api_calls:,} API calls{left}, about {duration(made.seconds)}.")
    say(f"After that, cycles without changes use about {made.calls_per_idle_day:,} calls a day.")
    say("Which e-mail addresses Salesforce has twice: diptych duplicates")
    for warning in made.warnings:
        say(f"WARNING: {warning}")
    for planned in made.objects if samples else ():
        for sample in planned.samples[:1]:
            say()
            say(f"{planned.object_name} {sample.sf_id} would become:")
            table(["column", "value"], [(c, v) for c, v in sample.after.items() if v is not None])


def confirm(yes: Annotated[bool, YES_OPTION] = False) -> None:
    """Confirm Credentials: read the warning and the plan."""
    with workspace() as space:
        note(WARNING)
        if not yes:
            show_plan(space.setup.plan(samples=0))
        sure("Confirm credentials?", yes)
        space.setup.confirm()
    say("Confirmed. Next: diptych mapping show, then diptych start.")


def start(yes: Annotated[bool, YES_OPTION] = False) -> None:
    """Start the sync; a worker (diptych serve) does it from now on. Confirms the credentials if that is still open."""
    from diptych.setup.state import Step

    with workspace() as space:
        state = space.setup.state()
        if state.started_at is None:
            note(WARNING)
        if state.step is Step.CONFIRM:
            if not yes:
                show_plan(space.setup.plan(samples=0))
            sure("Confirm credentials and start the sync?", yes)
            space.setup.confirm()
        else:
            sure("Start the sync?", yes)
        space.setup.start()
    say(
        "Started. A worker does the work: diptych serve (or diptych worker), or one cycle: diptych sync --once"
    )


def pause() -> None:
    """Begin no further cycle; a running load stops after its page."""
    with workspace() as space:
        space.setup.pause()
    say("Paused. Changes made meanwhile are kept and go out after: diptych resume")


def resume() -> None:
    """Go on after a pause."""
    with workspace() as space:
        space.setup.resume()
    say("Resumed.")


def allow_deletes(
    object_name: Annotated[str, typer.Argument(metavar="OBJECT", help="Lead or Contact.")],
    yes: Annotated[bool, YES_OPTION] = False,
) -> None:
    """Take over, once, deletes in Salesforce that were so many that the sync of an object has stopped."""
    from diptych.cli.trouble import Refused
    from diptych.domain.objects import TWO_WAY_OBJECTS
    from diptych.sync.inbound.tombstones import allow_mass_delete

    names = [known.name for known in TWO_WAY_OBJECTS]
    if object_name not in names:
        raise Refused(f"The deletes of {object_name} are not guarded; it is one of {', '.join(names)}.")
    sure(f"Mark every {object_name} that was deleted in Salesforce as deleted here?", yes)
    with workspace() as space:
        allow_mass_delete(space.store, object_name)
        space.sync_now()
    say("Allowed once. It happens with the next cycle.")


def sync(
    once: Annotated[bool, typer.Option("--once", help="One whole cycle now, returning when done.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """One whole cycle now, with its counters; while the initial load is not complete, all of that."""
    from diptych.cli.trouble import Refused
    from diptych.setup.state import Step
    from diptych.worker import outcome

    if not once:
        raise Refused(
            "For one cycle now: diptych sync --once. For persistent sync: diptych start, then diptych serve."
        )
    with workspace() as space:
        if space.setup.state().step is not Step.RUNNING:
            raise Refused("The sync has not been started. Start it first: diptych start")
        report = space.run_cycle(wait_seconds=600)
    result = outcome(report)
    if as_json:
        emit(result)
    else:
        table(
            ["object", "new", "updated", "deleted", "pushed", "failed", "skipped"],
            [
                (name, n["new"], n["updated"], n["deleted"], n["pushed"], n["failed"], n["skipped"])
                for name, n in report.counters().items()
            ],
        )
        say(f"{report.status}. {report.api_calls} API calls.")
    if report.status == "Failed":
        note(f"diptych: {report.error}")
        raise typer.Exit(1)
