"""Shipped fakes: an org, a store, a clock and a budget in memory that pass the ports' contract suites, and faults."""

from diptych.testing.budget import OpenBudget
from diptych.testing.clock import VirtualClock
from diptych.testing.faults import Crash, Fault, Faults
from diptych.testing.org import InMemoryOrg, Received
from diptych.testing.org_records import Records
from diptych.testing.org_schema import STANDARD_OBJECTS, described, field
from diptych.testing.store import InMemoryStore

__all__ = [
    "STANDARD_OBJECTS",
    "Crash",
    "Fault",
    "Faults",
    "InMemoryOrg",
    "InMemoryStore",
    "OpenBudget",
    "Received",
    "Records",
    "VirtualClock",
    "described",
    "field",
]
