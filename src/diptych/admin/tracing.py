"""Where each value of a person came from and where it goes, as lines of the person's page. Our own database alone is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.admin.services import Workspace
from diptych.admin.views import OriginView, WayView
from diptych.admin.words import _
from diptych.domain.mapping import FieldMapping
from diptych.domain.values import Value
from diptych.store.queries import Person
from diptych.store.queries.origins import Origin, Origins
from diptych.sync import drift

_LIVE = ("paired", "parked")


@dataclass(frozen=True)
class Traces:
    """Of one person. `live`: the objects whose records are in step with it; `held`: why a field is not synced just now, by
    object and field; `names`: names of Salesforce users by id."""

    origins: Origins = field(default_factory=lambda: Origins({}))
    live: frozenset[str] = frozenset()
    held: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def origin(self, column: str, value: Value) -> OriginView | None:
        """None of a blank that was never anything else."""
        changed = self.origins.changed.get(column)
        if changed is not None:
            return self._seen(changed)
        if value is None:
            return None
        if self.origins.arrived is not None:
            one = self.origins.arrived
            return OriginView(
                _("came with the %(object)s") % {"object": one.object_name}, "salesforce", one.at, one.run_id
            )
        return self._seen(self.origins.came) if self.origins.came else None

    def _seen(self, origin: Origin) -> OriginView:
        who = self.names.get(origin.actor, origin.actor)
        text = _("from the person who was joined") if origin.side == "joined" else who
        return OriginView(text, origin.side, origin.at, origin.run_id)

    def ways(self, mappings: tuple[FieldMapping, ...]) -> tuple[WayView, ...]:
        """The fields behind a column, of records that are in step with the person."""
        return tuple(
            WayView(
                f"{m.object_name}.{m.field}",
                m.direction.value,
                self.held.get(m.object_name, {}).get(m.field, ""),
            )
            for m in mappings
            if m.object_name in self.live
        )


def trace(workspace: Workspace, person: Person) -> Traces:
    """Everything that the lines of one person need."""
    found = workspace.queries.origins(person.id)
    live = frozenset(pair.object_name for pair in person.pairs if pair.state in _LIVE)
    with workspace.store.looking() as tx:
        held = {name: {**drift.held_now(tx, name), **drift.read_waiting(tx, name)} for name in live}
    theirs = sorted({o.actor for o in found.changed.values() if o.side == "salesforce" and o.actor})
    return Traces(found, live, held, workspace.queries.names_of("salesforce_user", theirs) if theirs else {})
