"""Whom a create rule would create, before it is set: how many, how many of them lack data, and the first few (D-49)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.domain.creating import CREATED_OBJECT, CreateRule, draft
from diptych.domain.mapping import usable
from diptych.domain.person_filter import read_filter
from diptych.domain.values import Value
from diptych.sync.ports import Transaction

_PAGE = 2000


@dataclass(frozen=True)
class CreatePreview:
    """`people`: without a record in Salesforce and named by the filter. `waiting`: of those, who lack data, by the API name
    of what is lacking. Whether Salesforce has a record like one of them is only looked up when it is created.
    """

    filter: str
    people: int
    waiting: int
    lacking: Mapping[str, int] = field(default_factory=dict)
    sample: tuple[Mapping[str, Value], ...] = ()


def preview(tx: Transaction, rule: CreateRule, sample: int = 5) -> CreatePreview:
    """See CreatePreview. Raises BadFilter."""
    mapping = tx.mapping()
    kinds = {column: mapped.kind for column, mapped in mapping.columns("person").items()}
    wanted = read_filter(rule.filter, kinds)
    object_mapping, described = mapping.of(CREATED_OBJECT), tx.schema(CREATED_OBJECT)
    columns = tuple(dict.fromkeys([*wanted.columns, *(f.column for f in object_mapping.fields)]))
    shown = [c for c in ("first_name", "last_name", "email", "company_name", *wanted.columns) if c in kinds]
    people = waiting = 0
    lacking: Counter[str] = Counter()
    first: list[Mapping[str, Value]] = []
    after = 0
    while found := tx.candidates(columns, True, after, _PAGE):
        after = found[-1].person_id
        for one in found:
            if not wanted.holds(one.values):
                continue
            people += 1
            if described is not None:
                made = draft(usable(object_mapping, described), described, one.values, rule.defaults, {})
                waiting += bool(made.missing)
                lacking.update(made.missing)
            if len(first) < sample:
                values = {c: one.values.get(c) for c in dict.fromkeys(shown)}
                first.append({"id": one.person_id, **values})
    return CreatePreview(str(wanted), people, waiting, dict(lacking), tuple(first))
