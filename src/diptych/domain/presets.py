"""Presets: who wins in every field at once. `safe` is what a new mapping has, `marketo` what Marketo does (decision 0010).

    safe      Salesforce wins on leads and contacts alike: what a person typed there outlives what a program computed here,
              and the winner does not change when a lead is converted. Scores and other marketing fields are ours.
    marketo   on a lead ours wins, on a contact Salesforce (D-41); marketing fields are ours.

In both the standard opt-out fields are 'most restrictive wins' (D-67): a refusal on either side stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from diptych.domain.mapping import Direction, FieldMapping, Policy
from diptych.domain.mapping import Mapping as Mappings
from diptych.domain.standard_pairs import MARKETING_PREFIX

OPT_OUTS: Mapping[str, bool] = {"HasOptedOutOfEmail": True, "HasOptedOutOfFax": True, "DoNotCall": True}
"""The standard consent fields of leads and contacts, each with the value that allows less."""


class Preset(StrEnum):
    """The name of a preset."""

    SAFE = "safe"
    MARKETO = "marketo"


@dataclass(frozen=True)
class PolicyChange:
    """What a preset changes in one field."""

    name: str
    column: str
    before: Policy
    after: Policy


def policy_of(preset: Preset, object_name: str, field: str) -> Policy:
    """The policy of a field that goes both ways."""
    if field in OPT_OUTS:
        return Policy.MOST_RESTRICTIVE
    if field.startswith(MARKETING_PREFIX):
        return Policy.OURS
    return Policy.OURS if preset is Preset.MARKETO and object_name == "Lead" else Policy.SALESFORCE


def preset_changes(current: Mappings, preset: Preset) -> list[PolicyChange]:
    """What applying the preset would change. Fields that come in only have no conflict to decide and are left alone, except
    opt-outs: a refusal given here is kept even there."""
    found = []
    for mapped in current.fields:
        consent = mapped.field in OPT_OUTS
        if mapped.direction is Direction.INBOUND and not (consent and mapped.table == "person"):
            continue
        policy = policy_of(preset, mapped.object_name, mapped.field)
        if policy is not mapped.policy:
            name = f"{mapped.object_name}.{mapped.field}"
            found.append(PolicyChange(name, mapped.column, mapped.policy, policy))
    return found


def with_preset(current: Mappings, preset: Preset) -> Mappings:
    """The next version, with the policies of the preset."""
    policies = {c.name: c.after for c in preset_changes(current, preset)}
    return current.with_fields(_set(f, policies.get(f"{f.object_name}.{f.field}")) for f in current.fields)


def _set(mapped: FieldMapping, policy: Policy | None) -> FieldMapping:
    if policy is None:
        return mapped
    return replace(mapped, policy=policy, restrictive=OPT_OUTS.get(mapped.field, mapped.restrictive))
