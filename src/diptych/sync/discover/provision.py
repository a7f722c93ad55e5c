"""Provisioning: columns that the mapping names and our tables do not have yet. Nothing is ever dropped (R-13)."""

from __future__ import annotations

from diptych.domain.mapping import Mapping
from diptych.sync.engine import Engine
from diptych.sync.ports import Lease

PROVISIONED = "provisioned_version"
"""The setting with the mapping version whose columns are known to exist."""


def provision(engine: Engine, lease: Lease, mapping: Mapping) -> list[str]:
    """Make the columns of this mapping version exist, once; the names of those created."""
    with engine.store.transaction(lease) as tx:
        if tx.setting(PROVISIONED) == str(mapping.version):
            return []
        created = tx.provision(mapping)
        tx.save_setting(PROVISIONED, str(mapping.version))
    return created
