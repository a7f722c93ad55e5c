"""Registers every type of component. Importing this module is enough."""

from __future__ import annotations

from practice_org.metadata import registry
from practice_org.metadata.channels import ChannelMemberKind
from practice_org.metadata.documents import ChannelKind, CustomTabKind
from practice_org.metadata.fields import CustomFieldKind
from practice_org.metadata.kept import kept_kinds
from practice_org.metadata.kept_parts import kept_part_kinds
from practice_org.metadata.layout_components import LayoutKind
from practice_org.metadata.lead_mapping import LeadConvertSettingsKind
from practice_org.metadata.objects import CustomObjectKind
from practice_org.metadata.permissions import PermissionSetKind, ProfileKind
from practice_org.metadata.record_types import RecordTypeKind
from practice_org.metadata.validation_rules import ValidationRuleKind
from practice_org.metadata.value_sets import GlobalValueSetKind, StandardValueSetKind

registry.register(
    GlobalValueSetKind(),
    CustomObjectKind(),
    CustomFieldKind(),
    StandardValueSetKind(),
    RecordTypeKind(),
    ValidationRuleKind(),
    LayoutKind(),
    CustomTabKind(),
    LeadConvertSettingsKind(),
    PermissionSetKind(),
    ProfileKind(),
    ChannelKind(),
    ChannelMemberKind(),
)
KINDS = registry.KINDS
"""In the order in which a deployment creates them: what others refer to comes first."""
registry.register(*(kind for kind in kept_kinds() if kind.name not in registry.KINDS))
registry.register(*(kind for kind in kept_part_kinds() if kind.name not in registry.KINDS))
