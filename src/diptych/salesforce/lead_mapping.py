"""Which lead fields a contact takes over on conversion: the LeadConvertSettings of the Metadata API, an XML element."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree.ElementTree import Element, SubElement

from diptych.salesforce.metadata_api import component, tag

TYPE = "LeadConvertSettings"


def empty() -> Element:
    """Settings without any mapping."""
    return component(TYPE, fullName=TYPE)


def mapped(settings: Element) -> frozenset[str]:
    """The lead fields that go to a contact field."""
    group = _contact(settings)
    pairs = [] if group is None else group.findall(tag("mappingFields"))
    return frozenset(pair.findtext(tag("inputField")) or "" for pair in pairs)


def targets(settings: Element) -> dict[str, dict[str, str]]:
    """By lead field, the fields of the objects that it goes to, by object."""
    found: dict[str, dict[str, str]] = {}
    for group in settings.findall(tag("objectMapping")):
        if group.findtext(tag("inputObject")) != "Lead":
            continue
        to = group.findtext(tag("outputObject")) or ""
        for pair in group.findall(tag("mappingFields")):
            source, field = pair.findtext(tag("inputField")), pair.findtext(tag("outputField"))
            if source and field:
                found.setdefault(source, {})[to] = field
    return found


def add(settings: Element, names: Sequence[str]) -> bool:
    """Map lead fields to the contact fields of the same names; False: all are mapped."""
    wanted = [name for name in names if name not in mapped(settings)]
    if not wanted:
        return False
    group = _contact(settings)
    if group is None:
        group = SubElement(settings, tag("objectMapping"))
        SubElement(group, tag("inputObject")).text = "Lead"
        SubElement(group, tag("outputObject")).text = "Contact"
    for number, name in enumerate(wanted):
        pair = Element(tag("mappingFields"))
        SubElement(pair, tag("inputField")).text = name
        SubElement(pair, tag("outputField")).text = name
        group.insert(1 + number, pair)  # the schema wants them between the two objects
    return True


def remove(settings: Element, names: Collection[str]) -> bool:
    """Map these no longer; False: none was mapped to its namesake."""
    group = _contact(settings)
    gone = False
    for pair in group.findall(tag("mappingFields")) if group is not None else ():
        source = pair.findtext(tag("inputField"))
        if source in names and pair.findtext(tag("outputField")) == source:
            assert group is not None
            group.remove(pair)
            gone = True
    if group is not None and group.find(tag("mappingFields")) is None:
        settings.remove(group)
    return gone


def _contact(settings: Element) -> Element | None:
    return next(
        (
            group
            for group in settings.findall(tag("objectMapping"))
            if group.findtext(tag("outputObject")) == "Contact"
            and group.findtext(tag("inputObject")) == "Lead"
        ),
        None,
    )
