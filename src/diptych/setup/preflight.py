"""Pre-flight: is the org ready? Edition, API access, permissions, required fields, limits; what is missing and how to mend it.

Pure but for its inputs: facts in, a report out. Asked for is only what the sync uses (least privilege).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from diptych.domain.objects import SYNCED_OBJECTS, SyncedObject
from diptych.domain.schema import ObjectDescription
from diptych.domain.selection import missing_fields, unwritable_fields
from diptych.setup.check import Check, CheckStatus
from diptych.setup.conversion import LeadFieldMapping, examine_conversion
from diptych.setup.ports import AuthKind, PermissionFacts
from diptych.setup.prepare import FIELDS_TO_CREATE, SYSTEM_RIGHTS
from diptych.sync.ports import ApiUsage, OrgIdentity

__all__ = ["Check", "CheckStatus", "OrgFacts", "Report", "examine"]
_EDITIONS_WITHOUT_API = ("Professional Edition", "Group Edition", "Essentials", "Contact Manager Edition")
_FEW_CALLS = 1000


@dataclass(frozen=True)
class Report:
    """All checks, in the order in which one would mend them."""

    checks: tuple[Check, ...]

    @property
    def ready(self) -> bool:
        """Nothing stands in the way of the sync."""
        return all(check.status is not CheckStatus.MISSING for check in self.checks)

    def of(self, status: CheckStatus) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.status is status)


@dataclass(frozen=True)
class OrgFacts:
    """All that was read from the org. An object that is not visible is missing in `described`, its reason in `hidden`.

    `conversion`: the org's lead field mapping, None when the sync user may not read it; `custom_lead_fields`: those that are
    synced; `paired`: the contact field that is one with a lead field here.
    """

    identity: OrgIdentity
    kind: AuthKind
    described: Mapping[str, ObjectDescription]
    hidden: Mapping[str, str]
    permissions: PermissionFacts
    usage: ApiUsage
    conversion: LeadFieldMapping | None = None
    custom_lead_fields: tuple[str, ...] = ()
    paired: Mapping[str, str] = field(default_factory=dict)


def examine(facts: OrgFacts) -> Report:
    """The report on these facts."""
    checks = [_edition(facts.identity), _api_access(facts.permissions), _limits(facts.usage)]
    for known in SYNCED_OBJECTS:
        checks += _object(known, facts)
    checks += _system_rights(facts)
    checks += _marketing_fields(facts.described)
    checks += examine_conversion(facts.custom_lead_fields, facts.paired, facts.conversion)
    return Report(tuple(checks))


def _edition(identity: OrgIdentity) -> Check:
    if identity.org_type in _EDITIONS_WITHOUT_API:
        return Check(
            "Edition",
            CheckStatus.WARNING,
            f"{identity.org_type}: API access is an extra here, and it is switched on, as we could log in.",
            "Access to fields follows page layouts in this edition.",
            "Put the fields to sync on the Lead and the Contact page layout.",
        )
    return Check("Edition", CheckStatus.OK, identity.org_type)


def _api_access(permissions: PermissionFacts) -> Check:
    allowed = None if permissions.system is None else permissions.system.get("PermissionsApiEnabled")
    if allowed is False:
        return Check(
            "API access",
            CheckStatus.MISSING,
            "The sync user lacks the permission 'API Enabled'.",
            "Every call needs it.",
            "Setup > Profiles (or a permission set) > Administrative Permissions > tick API Enabled.",
        )
    return Check("API access", CheckStatus.OK, "The org answers API calls of the sync user.")


def _limits(usage: ApiUsage) -> Check:
    if usage.used is None or usage.allowed is None:
        return Check("Daily API calls", CheckStatus.UNKNOWN, "The org did not say how many calls are left.")
    left = usage.allowed - usage.used
    what = f"{left:,} of {usage.allowed:,} calls left in these 24 hours."
    if left < _FEW_CALLS:
        return Check(
            "Daily API calls",
            CheckStatus.WARNING,
            what,
            "The first sync and the cycles after it need calls; it stops before the limit is reached.",
            "Start later, or ask which other systems use up the calls (Setup > Company Information).",
        )
    return Check("Daily API calls", CheckStatus.OK, what)


def _object(known: SyncedObject, facts: OrgFacts) -> Iterator[Check]:
    described = facts.described.get(known.name)
    rights = ("Read", "Edit") if known.two_way else ("Read",)
    where = f"Setup > Profiles (or a permission set) > Object Settings > {known.label_plural}"
    if described is None or not described.queryable:
        yield Check(
            f"{known.name}: Read",
            CheckStatus.MISSING,
            f"The sync user does not see {known.label_plural}. {facts.hidden.get(known.name, '')}".strip(),
            f"{known.label_plural} are synced.",
            f"{where}: tick {' and '.join(rights)}.",
            known.name,
        )
        return
    access = (facts.permissions.objects or {}).get(known.name)
    editable = described.updateable and (access is None or access.edit)
    if known.two_way and not editable:
        yield Check(
            f"{known.name}: Edit",
            CheckStatus.MISSING,
            f"The sync user may read {known.label_plural} but not edit them.",
            "Changes made here are written back.",
            f"{where}: tick Edit.",
            known.name,
        )
    else:
        yield Check(
            f"{known.name}: {' and '.join(rights)}",
            CheckStatus.OK,
            f"The sync user may {' and '.join(rights).lower()} {known.label_plural}.",
            object=known.name,
        )
    yield from _sharing(known, facts.permissions.shown_all.get(known.name), where)
    yield from _required_fields(known, described, editable)


def _sharing(known: SyncedObject, shown_all: bool | None, where: str) -> Iterator[Check]:
    """Whether sharing can keep records from the sync user (S-20, D-77); nothing where the org does not tell."""
    if not known.two_way or shown_all is None:
        return
    label = known.label_plural
    if shown_all:
        yield Check(
            f"{known.name}: sharing",
            CheckStatus.OK,
            f"The sync user is shown all {label}.",
            object=known.name,
        )
    else:
        yield Check(
            f"{known.name}: sharing",
            CheckStatus.WARNING,
            f"Sharing may keep some {label} from the sync user.",
            f"{label} that it is not shown are not synced; and of one that is not shown any more, it cannot always be told "
            "whether it was deleted for good or is hidden. It then counts as hidden, and waits.",
            f"{where}: tick View All, unless only what is shared with the sync user is to be synced.",
            known.name,
        )


def _required_fields(known: SyncedObject, described: ObjectDescription, editable: bool) -> Iterator[Check]:
    security = f"Setup > Object Manager > {known.name} > Fields & Relationships > the field > Set Field-Level Security"
    hidden = missing_fields(known, described)
    if hidden:
        yield Check(
            f"{known.name}: required fields",
            CheckStatus.MISSING,
            f"Not visible to the sync user: {', '.join(hidden)}.",
            "The sync reads them with every record and cannot run without them.",
            f"{security}: tick Visible for the sync user's profile, for each of them.",
            known.name,
            hidden,
        )
    else:
        yield Check(
            f"{known.name}: required fields",
            CheckStatus.OK,
            f"All {len({*known.system_fields, *known.required_fields})} are visible.",
            object=known.name,
        )
    locked = unwritable_fields(known, described) if editable else ()
    if locked:
        yield Check(
            f"{known.name}: writable fields",
            CheckStatus.WARNING,
            f"Visible but not editable: {', '.join(locked)}.",
            "Changes of these made here cannot be written back; they come in only.",
            f"{security}: untick Read-Only for the sync user's profile.",
            known.name,
            locked,
        )


def _system_rights(facts: OrgFacts) -> Iterator[Check]:
    granted = facts.permissions.system
    for right in SYSTEM_RIGHTS:
        if right.needed:
            continue
        if right.api_name == "PermissionsPasswordNeverExpires" and facts.kind is not AuthKind.PASSWORD:
            continue
        if granted is None or right.api_name not in granted:
            yield Check(right.label, CheckStatus.UNKNOWN, "The org did not say.", f"Needed {right.reason}")
        elif granted[right.api_name]:
            yield Check(right.label, CheckStatus.OK, "Granted.", f"Needed {right.reason}")
        elif right.api_name == "PermissionsPasswordNeverExpires":
            yield Check(
                right.label,
                CheckStatus.WARNING,
                "Not granted.",
                f"Needed {right.reason}",
                "Use OAuth, or note when the password expires and give the new one here.",
            )
        else:
            yield Check(
                right.label, CheckStatus.OK, "Not granted, and not needed now.", f"Needed {right.reason}"
            )


def _marketing_fields(described: Mapping[str, ObjectDescription]) -> Iterator[Check]:
    for object_name in ("Lead", "Contact"):
        if object_name not in described:
            continue
        there = described[object_name].fields
        absent = [f for f in FIELDS_TO_CREATE if f.api_name not in there]
        recommended = tuple(f.api_name for f in absent if f.recommended)
        optional = tuple(f.api_name for f in absent if not f.recommended)
        read_only = tuple(
            f.api_name for f in FIELDS_TO_CREATE if f.api_name in there and not there[f.api_name].updateable
        )
        why = "Score and acquisition of a person, written here and seen by salespeople there."
        if recommended:
            yield Check(
                f"{object_name}: recommended custom fields",
                CheckStatus.WARNING,
                f"Not there or not visible: {', '.join(recommended)}.",
                why,
                f"Create them on {object_name} as the table says, visible and editable for the sync user. "
                "Optional: everything else works without them.",
                object_name,
                recommended,
            )
        else:
            yield Check(
                f"{object_name}: recommended custom fields",
                CheckStatus.OK,
                "All three are there.",
                why,
                object=object_name,
            )
        if optional:
            yield Check(
                f"{object_name}: optional custom fields",
                CheckStatus.OK,
                f"{len(optional)} of 13 not there: {', '.join(optional)}.",
                "Where a person came from; create the ones you want to see in Salesforce.",
                "",
                object_name,
                optional,
            )
        if read_only:
            yield Check(
                f"{object_name}: custom fields to write",
                CheckStatus.WARNING,
                f"Visible but not editable: {', '.join(read_only)}.",
                "They are filled from here.",
                f"Setup > Object Manager > {object_name} > Fields & Relationships > the field > "
                "Set Field-Level Security: untick Read-Only for the sync user's profile.",
                object_name,
                read_only,
            )
