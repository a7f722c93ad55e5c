"""Errors are tried again when their cause seems to be gone (S-66).

    evidence   what was held back before it was sent is looked at again under the fields as they are described now: a picklist
               value that was added, a field that was lengthened, shown or made editable again. No call is made for it.
    probe      of each other cause one record is owed again, after a pause that doubles each time it is refused: a permission,
               a validation rule, a trigger leaves no other trace. When it goes through, all others of its cause follow.

Nothing here sends anything: what is tried is owed, and `push` or `create_people` sends it in the same cycle. What was tried
is kept in the setting `probes`, so that a restart goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from diptych.domain import release as rules
from diptych.domain.causes import LOCAL_ONLY, OPEN, QUARANTINED, tried_by_itself
from diptych.domain.mapping import UsableMapping
from diptych.domain.release import Probe
from diptych.domain.values import Value, instant_text, parse_instant
from diptych.sync.causes import HeldCause
from diptych.sync.engine import Engine, schema_changed_at
from diptych.sync.ports import Lease, StoredDeadLetter, Transaction
from diptych.sync.repair.dead_letter import RETRY, for_all, try_again

PROBES = "probes"
_LOOKED = "probes_looked_at"
_PORTION = 500
_LONGEST, _LOOK_EVERY = timedelta(days=1), timedelta(minutes=1)
WouldTake = Callable[[UsableMapping, str, Value], bool]
_TRIED = (OPEN, QUARANTINED)


def read_probes(tx: Transaction) -> dict[str, Probe]:
    """How each cause is being tried, by key."""
    return {key: _probe(held) for key, held in json.loads(tx.setting(PROBES) or "{}").items()}


def release(engine: Engine, lease: Lease, would_take: WouldTake) -> None:
    """Make what may work by now owed again; `would_take`: whether a value would be sent as the fields are now. Nothing unless
    `Options.probe_after` is set; a look a minute at most."""
    first, now = engine.options.probe_after, engine.clock.now()
    if first is None:
        return
    with engine.store.transaction(lease) as tx:
        probes, looked = read_probes(tx), tx.setting(_LOOKED)
        idle = looked is not None and abs(now - parse_instant(looked)) < min(_LOOK_EVERY, first)
        if idle and not any(probe.under_way for probe in probes.values()):
            return
        tx.save_setting(_LOOKED, instant_text(now))
        causes = tx.causes.all()
        through = _settle(engine, tx, probes, now)
        _save(tx, probes)
    for key in through:
        for_all(engine.store, key, RETRY, _TRIED, now)
    known = {one.key: one for one in causes}
    kept = {key: probe for key, probe in probes.items() if key in known or probe.under_way}
    evident = [
        one for one in causes if one.key not in through and _by_evidence(engine, lease, one, would_take, now)
    ]
    waiting = [one for one in causes if one.key not in through and one not in evident]
    _begin(engine, lease, waiting, kept, now)


# ---------------------------------------------------------------- what became of those tried before


def _settle(engine: Engine, tx: Transaction, probes: dict[str, Probe], now: datetime) -> list[str]:
    """The causes whose record went through; what was refused again waits longer."""
    first, through = engine.options.probe_after, []
    assert first is not None
    for key, probe in list(probes.items()):
        if probe.letter is None:
            continue
        again = [k for k in tx.causes.held(probe.pair_id) if k.id > probe.letter and _same(k, probe)]
        if again:
            if probe.was == QUARANTINED:
                for kept in again:
                    tx.close_dead_letter(kept.id, QUARANTINED, now)
            probes[key] = rules.failed(probe, now, first, engine.options.probe_max)
            continue
        fate = tx.causes.fate(probe.pair_id, probe.columns)
        if fate == "settled":
            through.append(key)
        elif fate == "owing" and probe.tried_at is not None and now - probe.tried_at < _LONGEST:
            continue  # not sent yet, or its outcome is not known
        del probes[key]
    return through


def _same(kept: StoredDeadLetter, probe: Probe) -> bool:
    return kept.letter.column is None or kept.letter.column in probe.columns


# ---------------------------------------------------------------- evidence


def _by_evidence(
    engine: Engine, lease: Lease, cause: HeldCause, would_take: WouldTake, now: datetime
) -> bool:
    """Whether errors of this cause were owed again because the fields as described now would take them."""
    usable = engine.usable.get(cause.object_name)
    if usable is None or cause.column is None:
        return False
    after, released = 0, 0
    with engine.store.transaction(lease) as tx:
        text = tx.setting(schema_changed_at(cause.object_name))
    changed = parse_instant(text) if text else None
    if cause.code not in LOCAL_ONLY and (changed is None or changed <= cause.first_at):
        return False
    while True:
        with engine.store.transaction(lease) as tx:
            letters = tx.causes.letters(cause.key, _TRIED, after, _PORTION)
            for kept in letters:
                newer = changed is not None and kept.at is not None and changed > kept.at
                value = kept.letter.ours.get(cause.column)
                if (newer or cause.code in LOCAL_ONLY) and would_take(usable, cause.column, value):
                    try_again(tx, kept, now)
                    released += 1
        if not letters:
            return released > 0
        after = letters[-1].id


# ---------------------------------------------------------------- probes


def _begin(
    engine: Engine, lease: Lease, causes: list[HeldCause], kept: Mapping[str, Probe], now: datetime
) -> None:
    """Owe one record of each cause whose turn it is."""
    first, probes, begun = engine.options.probe_after, dict(kept), 0
    assert first is not None
    with engine.store.transaction(lease) as tx:
        for cause in causes:
            if not tried_by_itself(cause.code) or cause.code in LOCAL_ONLY:
                continue
            text = tx.setting(schema_changed_at(cause.object_name))
            probe = probes.setdefault(cause.key, Probe(cause.last_at + first))
            if begun >= engine.options.probes or not rules.is_due(
                probe, now, parse_instant(text) if text else None
            ):
                continue
            letter = _next(tx, cause, probe)
            if letter is None:
                continue
            columns = (letter.letter.column,) if letter.letter.column else tuple(letter.letter.ours)
            try_again(tx, letter, now)
            probes[cause.key] = replace(
                probe,
                letter=letter.id,
                pair_id=letter.pair_id,
                columns=columns,
                was=letter.status,
                tried_at=now,
            )
            begun += 1
        _save(tx, probes)


def _next(tx: Transaction, cause: HeldCause, probe: Probe) -> StoredDeadLetter | None:
    """Another one than last time, where there is another: open ones first."""
    for statuses in ((OPEN,), (QUARANTINED,)):
        for after in (probe.last, 0):
            found = tx.causes.letters(cause.key, statuses, after, 1)
            if found:
                return found[0]
    return None


def _save(tx: Transaction, probes: Mapping[str, Probe]) -> None:
    held = {key: _plain(probe) for key, probe in probes.items()}
    tx.save_setting(PROBES, json.dumps(held) if held else None)


def _plain(probe: Probe) -> dict[str, Any]:
    held = asdict(probe)
    for name in ("next_at", "tried_at"):
        held[name] = instant_text(held[name]) if held[name] else None
    return held


def _probe(held: dict[str, Any]) -> Probe:
    for name in ("next_at", "tried_at"):
        held[name] = parse_instant(held[name]) if held[name] else None
    return Probe(**{**held, "columns": tuple(held["columns"])})
