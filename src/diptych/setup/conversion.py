"""What a conversion in Salesforce does with the lead fields that are synced: which custom ones no contact takes over (D-59).

Pure: the org's lead field mapping and the chosen fields in, a check out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from diptych.setup.check import Check, CheckStatus

_WHY = (
    "When a lead is converted, the contact gets no value of these. Diptych keeps the last ones in the person's history, but "
    "neither here nor in Salesforce do they go on with the contact."
)
_WHERE = "Setup > Object Manager > Lead > Fields & Relationships > Map Lead Fields"
_NAME = "Lead: fields that end with a conversion"


@dataclass(frozen=True)
class LeadFieldMapping:
    """The org's own mapping of lead fields for conversions: field of the target by its object, by lead field."""

    targets: Mapping[str, Mapping[str, str]]

    def to(self, lead_field: str, object_name: str) -> str | None:
        return self.targets.get(lead_field, {}).get(object_name)


def examine_conversion(
    custom: Sequence[str], paired: Mapping[str, str], mapping: LeadFieldMapping | None
) -> Iterator[Check]:
    """`custom`: synced custom fields of the lead; `paired`: the contact field that shares the column of a lead field;
    `mapping` None: the sync user may not read it."""
    if not custom:
        return
    if mapping is None:
        yield Check(
            _NAME,
            CheckStatus.UNKNOWN,
            f"The sync user may not read the org's lead field mapping; {len(custom)} custom lead fields are synced: "
            f"{', '.join(custom)}.",
            _WHY.replace("these", "those that are not mapped to a contact field"),
            f"As an administrator, look in {_WHERE} whether each of them goes to a contact field.",
            "Lead",
            tuple(custom),
        )
        return
    lost = tuple(name for name in custom if mapping.to(name, "Contact") is None)
    elsewhere = {
        name: to
        for name in custom
        if (to := mapping.to(name, "Contact")) is not None and paired.get(name) not in (None, to)
    }
    if lost:
        yield Check(
            _NAME,
            CheckStatus.WARNING,
            f"{len(lost)} of {len(custom)} synced custom lead fields go to no contact field: "
            f"{', '.join(_with_targets(name, mapping) for name in lost)}.",
            _WHY,
            f"{_WHERE}: choose a contact field for each. For the recommended fields diptych prepare does it.",
            "Lead",
            lost,
        )
    if elsewhere:
        pairs = ", ".join(
            f"{name} goes to {to}, here it is one with {paired[name]}" for name, to in elsewhere.items()
        )
        yield Check(
            "Lead: fields that change place with a conversion",
            CheckStatus.WARNING,
            f"{pairs}.",
            "After a conversion the value comes back in another column than the one in which it was kept.",
            f"{_WHERE}, or here: diptych mapping pair",
            "Lead",
            tuple(elsewhere),
        )
    if not lost and not elsewhere:
        yield Check(
            _NAME,
            CheckStatus.OK,
            f"All {len(custom)} synced custom lead fields go on with the contact.",
            object="Lead",
        )


def _with_targets(name: str, mapping: LeadFieldMapping) -> str:
    others = mapping.targets.get(name)
    return name + (f" (only to {' and '.join(others)})" if others else "")
