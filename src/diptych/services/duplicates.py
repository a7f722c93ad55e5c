"""The duplicate report: e-mail addresses that several records have (D-47, D-48).

Over what is here once people are loaded; before the first load, counted by Salesforce, which cannot compare leads with
contacts in one query, so that this overlap is known afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diptych.domain.objects import TWO_WAY_OBJECTS
from diptych.store.queries.alike import AlikePerson
from diptych.sync.ports import Org

MOST = 2000
"""Addresses that Salesforce is asked for, an object: the most frequent ones."""


def of_people(people: Sequence[AlikePerson], sample: int) -> dict[str, Any]:
    """`people`: those who share an address with somebody. Per kind: all, within leads, within contacts, across the two."""
    by_address: dict[str, list[AlikePerson]] = {}
    for one in people:
        address = str(one.values.get("email") or "").strip().casefold()
        if address:
            by_address.setdefault(address, []).append(one)
    kinds: dict[str, dict[str, int]] = {"all": {}, "leads": {}, "contacts": {}, "leads and contacts": {}}
    for address, some in by_address.items():
        leads = sum(one.salesforce_type == "lead" for one in some)
        contacts = sum(one.salesforce_type == "contact" for one in some)
        if len(some) > 1:
            kinds["all"][address] = len(some)
        if leads > 1:
            kinds["leads"][address] = leads
        if contacts > 1:
            kinds["contacts"][address] = contacts
        if leads and contacts:
            kinds["leads and contacts"][address] = leads + contacts
    return {"source": "here", "groups": [_group(kind, found, sample) for kind, found in kinds.items()]}


def of_org(org: Org, sample: int) -> dict[str, Any]:
    """Counted in Salesforce, one call an object. `more`: there are more addresses than were asked for."""
    groups = []
    for known in TWO_WAY_OBJECTS:
        counted = org.repeated(known.name, "Email", MOST)
        found = _group(known.label_plural.lower(), counted, sample)
        groups.append({**found, "more": len(counted) >= MOST})
    return {"source": "salesforce", "groups": groups}


def _group(kind: str, counted: dict[str, int] | Any, sample: int) -> dict[str, Any]:
    first = sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:sample]
    return {
        "kind": kind,
        "addresses": len(counted),
        "records": sum(counted.values()),
        "sample": [{"email": address, "records": count} for address, count in first],
    }
