"""Fields on a page layout, which is an XML element of the Metadata API."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from xml.etree.ElementTree import Element, SubElement

from diptych.salesforce.metadata_api import tag


def shown(layout: Element) -> frozenset[str]:
    """The fields on a layout."""
    return frozenset(item.text or "" for item in layout.iter(tag("field")))


def place(layout: Element, section: str, names: Sequence[str]) -> bool:
    """Put fields that are not there into a section of the layout, made when it has none of that name; False: all are there."""
    wanted = [name for name in names if name not in shown(layout)]
    if not wanted:
        return False
    found = _section(layout, section) or _new_section(layout, section)
    columns = found.findall(tag("layoutColumns"))
    for number, name in enumerate(wanted):
        item = SubElement(columns[number % len(columns)], tag("layoutItems"))
        SubElement(item, tag("behavior")).text = "Edit"
        SubElement(item, tag("field")).text = name
    return True


def remove(layout: Element, section: str, names: Collection[str]) -> bool:
    """Take fields off the layout, and the section when nothing is left in it; False: none was there."""
    gone = False
    for column in layout.iter(tag("layoutColumns")):
        for item in column.findall(tag("layoutItems")):
            if item.findtext(tag("field")) in names:
                column.remove(item)
                gone = True
    found = _section(layout, section)
    if found is not None and next(found.iter(tag("layoutItems")), None) is None:
        layout.remove(found)
    return gone


def _section(layout: Element, label: str) -> Element | None:
    return next((s for s in layout.findall(tag("layoutSections")) if s.findtext(tag("label")) == label), None)


def _new_section(layout: Element, label: str) -> Element:
    """Behind the sections that are there: the schema wants them side by side."""
    places = [number for number, child in enumerate(layout) if child.tag == tag("layoutSections")]
    made = Element(tag("layoutSections"))
    for name, text in (
        ("customLabel", "true"),
        ("detailHeading", "true"),
        ("editHeading", "true"),
        ("label", label),
    ):
        SubElement(made, tag(name)).text = text
    for _ in range(2):
        SubElement(made, tag("layoutColumns"))
    SubElement(made, tag("style")).text = "TwoColumnsTopToBottom"
    layout.insert(places[-1] + 1 if places else len(layout), made)
    return made
