"""Orders about the whole: everything as it stands, and everything back to normal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from practice_org.auth import policies
from practice_org.auth.settings import DoorSettings, change_settings, read_settings
from practice_org.clock import stamp, wire
from practice_org.data.sharing_defaults import set_defaults
from practice_org.organization import organization
from practice_org.seed import sow
from practice_org.sim.orders import events
from practice_org.sim.orders.rules import clear_rules, shown
from practice_org.sim.orders.settings import numbers, restore_numbers
from practice_org.sim.plane import Control, Order


def reset(control: Control, order: Order) -> Any:
    """Trouble, clock, limits, rules, job speed, switches and log back to normal; `records`: empty the org."""
    org = control.org
    control.faults.clear()
    control.log.clear()
    org.clock.unfreeze()
    org.clock.set_offset(0.0)
    org.clock.set_header_offset(0.0)
    org.save_clock()
    org.set_setting("limits", {})
    org.limits.set_used(0)
    org.set_setting(policies.SETTING, {})
    clear_rules(org)
    set_defaults(org, {})
    org.set_setting("job_speed", "instant")
    restore_numbers(org)
    events.restore(org)
    change_settings(org, asdict(DoorSettings()))
    control.door.sessions.forget()
    if order.get("records"):
        sow.clear(org)
    return {"ok": True}


def state(control: Control, order: Order) -> Any:
    """Everything that can be switched, as it stands."""
    org = control.org
    connection = org.reader()
    counts = {
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for name in ("Account", "Contact", "Lead", "User")
    }
    return {
        "organization": asdict(organization(org)),
        "now": wire(stamp(org.clock.now())),
        "clock": {"offset_seconds": org.clock.offset_seconds, "frozen": org.clock.frozen_at is not None},
        "settings": {**asdict(read_settings(org)), **numbers(org)},
        "jobs": {"speed": org.setting("job_speed", "instant")},
        "limits": {"used": org.limits.used, "maximum": org.limits.maximum},
        "late_commits": org.late.listing(),
        "faults": control.faults.listing(),
        "rules": shown(org),
        "sharing": org.setting("sharing") or {},
        "records": counts,
    }
