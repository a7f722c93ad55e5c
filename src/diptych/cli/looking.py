"""status, verify, config: look and mend."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from diptych.cli import errors, mending, runs
from diptych.cli.output import JSON_OPTION, emit, note, say, table, workspace
from diptych.config import DEMO_FILE
from diptych.domain.throughput import COUNTED_UP_TO

_LIMIT = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
WORDS = {
    "not_connected": "Not connected",
    "connected": "Connected; fields are not synced yet",
    "fields_synced": "Fields synced; credentials are not confirmed yet",
    "ready": "Ready to start",
    "initial_load": "Initial sync in progress",
    "last_sync": "Last sync",
    "in_progress": "Sync in progress",
    "failed": "Failed",
    "paused": "Paused",
}


def register(app: typer.Typer) -> None:
    app.command()(status)
    runs.register(app)
    app.command()(backlog)
    app.command()(verify)
    app.command()(config)
    errors.register(app)
    mending.register(app)


def status(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Last sync, Sync in progress or Failed; counts and backlog of each object."""
    with workspace() as space:
        found = space.status()
        demo = space.settings.data_dir / "demo"
    if as_json:
        emit(found)
        return
    when = f" {found.last_sync_at:%Y-%m-%d %H:%M:%S} UTC" if found.last_sync_at else ""
    say(f"{WORDS[found.state]}{when if found.state in ('last_sync', 'in_progress', 'paused') else ''}")
    if found.error:
        say(f"  {found.error}")
    if found.org is None and (demo / DEMO_FILE).exists():
        say(f"  A demo is in a folder of its own: export DIPTYCH_DATA_DIR={shlex.quote(str(demo))}")
    if found.org:
        say(f"  {found.org.org_name} ({found.org.org_id}) as {found.org.username}")
    if found.objects:
        table(
            [
                "object",
                "ours",
                "backlog",
                "in flight",
                "errors",
                "loaded",
                "of",
                "verified at",
                "refreshed at",
            ],
            [
                (
                    o.object,
                    o.ours,
                    o.backlog,
                    o.fenced,
                    o.dead_letters,
                    o.loaded,
                    o.total,
                    o.verified_at,
                    o.refreshed_at,
                )
                for o in found.objects
            ],
        )
    for one in found.passes:
        of = f" of {one.total:,}" if one.total is not None else ""
        waits = f" ({one.waits})" if one.waits else ""
        say(f"{one.kind.capitalize()} of {one.object} under way: {one.rows:,}{of} records{waits}")
    for o in found.objects:
        if o.differing:
            say(f"{o.object}: {o.differing:,} records differ; see: diptych verify --repair")
        if o.hidden:
            say(
                f"{o.object}: {o.hidden:,} records are hidden from the sync user; edits of them wait (diptych reconcile)"
            )
        if o.missing:
            say(f"{o.object}: {o.missing}")
        if o.held:
            say(f"{o.object}: {len(o.held)} fields are held; see: diptych schema")
    say(f"Backlog {_counted(found.backlog)}; {found.dead_letters:,} errors; {found.conflicts:,} conflicts.")
    if found.waiting_for_data or found.for_review:
        say(f"To be created: {found.waiting_for_data:,} wait for data; {found.for_review:,} for review.")
    if found.api_calls_today is not None:
        say(f"API calls made in these 24 hours: {found.api_calls_today:,}")


def _counted(waiting: int) -> str:
    return f"{waiting:,}+" if waiting >= COUNTED_UP_TO else f"{waiting:,}"


def backlog(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """What waits for Salesforce, since when, how fast it goes, and what makes it."""
    from diptych.services.throughput import read_throughput

    with workspace() as space:
        found = read_throughput(space.store, space.clock.now())
    if as_json:
        emit(found)
        return
    table(
        ["object", "waiting", "oldest", "seconds left", "sent/h mean", "most", "received/h mean", "most"],
        [
            (
                *(one.object_name, one.waiting, one.oldest_at),
                round(one.left.total_seconds()) if one.left is not None else None,
                *(round(one.outbound.mean), one.outbound.most, round(one.inbound.mean), one.inbound.most),
            )
            for one in found.objects
        ],
    )
    state = "growing" if found.growing else "normal"
    say(f"{_counted(found.waiting)} records wait; {state}.")
    for queue in found.queues:
        say(f"{queue.kind}: {queue.count:,}")
    for share in (*found.fields, *found.actors):
        say(f"    {share.name}: {share.count:,} values, {share.part:.0%}")
    for one in found.proposals:
        say(f"Could be left out: {one.subject} ({one.part:.0%}){': ' if one.command else ''}{one.command}")


def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Bring differing records up to date.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Compare both sides in full: every record, every mapped field."""
    with workspace() as space:
        found = space.verify(repair=repair, wait_seconds=600)
    if as_json:
        emit(found)
    else:
        table(
            ["object", "ours", "theirs", "differing", "on its way"],
            [
                (o["object"], o["ours"], o["theirs"], o["differing_count"], o["pending"])
                for o in found["objects"]
            ],
        )
        for o in found["objects"]:
            for one in o["differing"][:10]:
                say(f"  {o['object']} {one['id']}: {one['kind']} {', '.join(one['columns'])}")
        say("Equal." if found["equal"] else "Not equal.")
    if not found["equal"]:
        note("diptych: both sides are not equal")
        raise typer.Exit(1)


def config(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """The settings of this process, secrets masked, and what OTEL_* variables come to."""
    from diptych.config import read_settings
    from diptych.telemetry import chosen

    shown = {**read_settings().printable(), "OpenTelemetry": str(chosen())}
    if as_json:
        emit(shown)
    else:
        table(["setting", "value"], list(shown.items()))
