"""The mapping as a person looks at it: one row a column of ours, the Lead and the Contact field beside it."""

from __future__ import annotations

from dataclasses import dataclass

from diptych.domain.mapping import FieldMapping
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.standard_pairs import MARKETING_PREFIX


@dataclass(frozen=True)
class MappingRow:
    """One column of `person` with the fields that fill it. `standard` rows are given and cannot be broken."""

    column: str
    lead: FieldMapping | None
    contact: FieldMapping | None

    @property
    def standard(self) -> bool:
        return any(f.standard for f in (self.lead, self.contact) if f)

    @property
    def paired(self) -> bool:
        return self.lead is not None and self.contact is not None

    @property
    def custom(self) -> bool:
        return any(f.field.endswith("__c") for f in (self.lead, self.contact) if f)

    @property
    def marketing(self) -> bool:
        """One of the mkto71_ fields: filled from here."""
        return any(f.field.startswith(MARKETING_PREFIX) for f in (self.lead, self.contact) if f)


@dataclass(frozen=True)
class MappingView:
    """`pairs` (standard ones among them), `unmapped` custom fields without a partner on the other object (S-49), `single`
    standard fields of one object only, and what is copied inbound: `companies` and `users`."""

    version: int
    pairs: tuple[MappingRow, ...]
    unmapped: tuple[MappingRow, ...]
    single: tuple[MappingRow, ...]
    companies: tuple[FieldMapping, ...]
    users: tuple[FieldMapping, ...]


def view(mapping: Mappings) -> MappingView:
    """Rows in the order of the Lead's fields, then the Contact's."""
    leads, contacts = mapping.of("Lead").by_column, mapping.of("Contact").by_column
    rows = [MappingRow(column, leads.get(column), contacts.get(column)) for column in (leads | contacts)]
    return MappingView(
        mapping.version,
        tuple(row for row in rows if row.paired),
        tuple(row for row in rows if not row.paired and row.custom),
        tuple(row for row in rows if not row.paired and not row.custom),
        mapping.of("Account").fields,
        mapping.of("User").fields,
    )
