"""Orders about who may use the connected app."""

from __future__ import annotations

from typing import Any

from practice_org.auth import policies
from practice_org.auth.apps import all_apps
from practice_org.sim.plane import Control, Order


def apps(control: Control, order: Order) -> Any:
    """`{client_id, installed, profiles: [names] | null}`: an app uninstalled, or for approved profiles only."""
    org = control.org
    unknown = sorted(set(order) - {"client_id", "installed", "profiles"})
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; there are client_id, installed, profiles")
    known = [app.client_id for app in all_apps(org)]
    client_id = order.get("client_id", known[0])
    if client_id not in known:
        raise ValueError(f"no app {client_id!r}")
    profiles = order.get("profiles")
    ids = None if profiles is None else [_profile(control, name) for name in profiles]
    policies.set_policy(org, client_id, installed=bool(order.get("installed", True)), profiles=ids)
    return org.setting(policies.SETTING)[client_id]


def _profile(control: Control, name: str) -> str:
    row = control.org.reader().execute(
        'SELECT "Id" FROM "Profile" WHERE "Id" = ?1 OR "Name" = ?1', (name,)
    ).fetchone()  # fmt: skip
    if row is None:
        raise ValueError(f"no profile {name!r}")
    return str(row[0])
