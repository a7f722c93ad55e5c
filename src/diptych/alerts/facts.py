"""The facts that rules look at, read from our own database: the org is asked nothing."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from diptych.domain.alerts import ErrorCause, Facts, SchemaChange, Verified
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.setup.state import SetupState, Step
from diptych.store.queries import causes
from diptych.store.queries.backlog import read_backlog
from diptych.store.sql_store import SqlStore
from diptych.store.system_tables import lease, run, step
from diptych.sync import drift
from diptych.sync.budget import LEDGER, USAGE
from diptych.sync.ports import Transaction
from diptych.sync.repair import passes
from diptych.sync.repair.reconcile import reconciled

_SYNC_RUNS = ("cycle", "initial load")
_NOTICE_DAYS = 7


def read_facts(store: SqlStore, state: SetupState, now: datetime) -> Facts:
    """The state of the sync as the rules see it."""
    running = state.step is Step.RUNNING and not state.paused
    with store.looking() as unit:
        connection = unit.connection
        last = _last_run(connection)
        return Facts(
            now,
            running,
            since=state.started_at,
            paused_at=state.paused_at if state.step is Step.RUNNING else None,
            last_success_at=_last_success(connection),
            **_trouble(last),
            in_load=_loading(connection, last, now),
            mass_deletes=_mass_deletes(connection, last),
            missing=_missing(unit),
            causes=_causes(connection),
            waiting=read_backlog(connection).waiting,
            **_usage(unit, now),
            held={k.name: held for k in SYNCED_OBJECTS if (held := drift.held_now(unit, k.name))},
            changes=_changes(unit, now),
            verified=_verified(unit),
        )


def _last_run(connection: Connection) -> Any:
    """The latest run of the sync that has ended, or the one under way before any has."""
    wanted = sa.select(run).where(run.c.kind.in_(_SYNC_RUNS)).order_by(run.c.id.desc()).limit(2)
    rows = connection.execute(wanted).all()
    return next((row for row in rows if row.ended_at is not None), rows[0] if rows else None)


def _last_success(connection: Connection) -> datetime | None:
    wanted = (
        sa.select(run.c.ended_at)
        .where(run.c.kind.in_(_SYNC_RUNS), run.c.status == "Succeeded")
        .order_by(run.c.id.desc())
        .limit(1)
    )
    return connection.execute(wanted).scalar()


def _trouble(last: Any) -> dict[str, Any]:
    if last is None or last.status != "Failed":
        return {}
    return {
        "trouble_code": last.code or "",
        "trouble_class": last.error_class or "",
        "trouble": last.error or "Failed",
    }


def _loading(connection: Connection, last: Any, now: datetime) -> bool:
    """Whether the initial load is under way, by an engine that is alive."""
    newest = connection.execute(
        sa.select(run.c.kind, run.c.ended_at).order_by(run.c.id.desc()).limit(1)
    ).first()
    if newest is None or newest.kind != "initial load" or newest.ended_at is not None:
        return False
    expires = connection.execute(sa.select(lease.c.expires_at)).scalar()
    return expires is not None and expires > now


def _mass_deletes(connection: Connection, last: Any) -> dict[str, str]:
    if last is None or last.status != "Failed":
        return {}
    rows = connection.execute(
        sa.select(step.c.object_name, step.c.detail).where(
            step.c.run_id == last.id, step.c.operation == "Pull deletes", step.c.status == "Failed"
        )
    )
    return {row.object_name: row.detail or "" for row in rows}


def _missing(unit: Transaction) -> dict[str, str]:
    """Why reconciliations concluded nothing, by object."""
    found = {}
    for known in SYNCED_OBJECTS:
        stopped = json.loads(unit.setting(reconciled(known.name)) or "{}").get("stopped")
        if stopped:
            found[known.name] = str(stopped)
    return found


def _causes(connection: Connection) -> list[ErrorCause]:
    return [
        ErrorCause(
            one.key,
            f"{one.object_name}.{one.field}" if one.field else one.object_name,
            one.error_class,
            one.open,
            one.first_at,
            one.cause or one.message,
            one.remedy,
        )
        for one in causes.causes(connection)
    ]


def _usage(unit: Transaction, now: datetime) -> dict[str, Any]:
    hours = json.loads(unit.setting(LEDGER) or "{}")
    since = (now - timedelta(hours=24)).strftime("%Y-%m-%dT%H")
    said = json.loads(unit.setting(USAGE) or "{}")
    return {
        "api_used": sum(n for hour, n in hours.items() if hour > since),
        "api_limit": said.get("limit"),
        "org_used": said.get("used"),
        "org_allowed": said.get("allowed"),
    }


def _changes(unit: Transaction, now: datetime) -> list[SchemaChange]:
    since = (now - timedelta(days=_NOTICE_DAYS)).isoformat()
    return [
        SchemaChange(one.at, one.object_name, one.field, one.change, _words(one), one.remedy or "")
        for one in drift.read_notices(unit)
        if one.at >= since and one.change != "held"
    ]


def _words(one: drift.Notice) -> str:
    if one.change == "picklist":
        return f"{one.field}: {', '.join(part for part in (one.after, one.before) if part)}"
    shown = " to ".join(part for part in (one.before, one.after) if part)
    return f"{one.field} {one.change}{f' ({shown})' if shown else ''}"


def _verified(unit: Transaction) -> list[Verified]:
    found = []
    for known in SYNCED_OBJECTS:
        text = unit.setting(passes.verified(known.name))
        if text:
            held = json.loads(text)
            found.append(Verified(known.name, held["differing_count"], held.get("repaired", 0), held["at"]))
    return found
