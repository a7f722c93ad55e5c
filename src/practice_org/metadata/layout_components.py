"""Layout components: page layouts as `schema.layouts` holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from practice_org.errors import ApiError
from practice_org.metadata import store
from practice_org.metadata.codec import Value
from practice_org.metadata.kinds import Kind, Work, integrity, no_such
from practice_org.metadata.store import Stored
from practice_org.schema import layouts

if TYPE_CHECKING:
    from practice_org.org import Org


class LayoutKind(Kind):
    """Full names are `Object-Layout Name`."""

    name = "Layout"
    directory = "layouts"
    suffix = "layout"

    def names(self, org: Org) -> list[str]:
        return layouts.names(org)

    def exact_name(self, org: Org, full_name: str) -> str | None:
        wanted = {full_name.lower(), layouts.encoded(full_name).lower()}
        return next((name for name in layouts.names(org) if name.lower() in wanted), None)

    def read(self, org: Org, full_name: str) -> Value | None:
        exact = self.exact_name(org, full_name)
        found = layouts.read(org, exact) if exact else None
        return None if found is None else {**found, "fullName": exact}

    def create(self, work: Work, full_name: str, value: Value) -> None:
        org = work.org
        owner, dash, title = full_name.partition("-")
        obj = org.schema.get(owner)
        if obj is None or not dash or not title:
            raise ApiError(
                400,
                "INVALID_CROSS_REFERENCE_KEY",
                f"Parent entity failed to deploy or is missing: {full_name}",
                (),
            )
        if self.exact_name(org, full_name):
            raise ApiError(
                400, "DUPLICATE_DEVELOPER_NAME", f"The layout name is already in use: {full_name}", ("Name",)
            )
        _check(org, full_name, value)
        with org.transaction():
            # The layout that the object was born with stays beside the new one.
            for name in layouts.names(org):
                if layouts.object_name(name) == obj.name and store.find(org, self.name, name) is None:
                    store.put(org, None, self.name, name, {})
            store.put(org, work.user_id, self.name, layouts.encoded(full_name), _kept(value))

    def update(self, work: Work, full_name: str, value: Value) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None:
            raise no_such(self.name, full_name)
        _check(work.org, exact, value)
        store.put(work.org, work.user_id, self.name, exact, _kept(value))

    def delete(self, work: Work, full_name: str) -> None:
        exact = self.exact_name(work.org, full_name)
        if exact is None:
            raise no_such(self.name, full_name)
        owner = layouts.object_name(exact)
        if sum(layouts.object_name(name) == owner for name in layouts.names(work.org)) == 1:
            raise ApiError(400, "DELETE_FAILED", "You cannot delete the last layout of an object", ())
        store.drop(work.org, self.name, exact)

    def rename(self, work: Work, old: str, new: str) -> None:
        exact = self.exact_name(work.org, old)
        if exact is None:
            raise no_such(self.name, old)
        if layouts.object_name(new) != layouts.object_name(exact) or self.exact_name(work.org, new):
            raise integrity(f"A layout cannot become {new}", "fullName")
        with work.org.transaction():
            store.known(work.org, self.name, exact)
            store.rename(work.org, work.user_id, self.name, exact, layouts.encoded(new))

    def stored(self, org: Org, full_name: str) -> Stored:
        return store.known(org, self.name, self.exact_name(org, full_name) or full_name)


def _kept(value: Value) -> Value:
    return {name: entry for name, entry in value.items() if name != "fullName"}


def _check(org: Org, full_name: str, value: Value) -> None:
    """Refuse fields that are not there or come twice, and a page without a required field."""
    obj = org.schema[layouts.object_name(full_name)]
    seen: set[str] = set()
    for section in value.get("layoutSections", []):
        for column in section.get("layoutColumns", []):
            for item in column.get("layoutItems", []):
                given = item.get("field")
                if given is None:
                    continue
                f = obj.get(str(given))
                if f is None:
                    raise ApiError(
                        400,
                        "INVALID_CROSS_REFERENCE_KEY",
                        f"In field: field - no CustomField named {obj.name}.{given} found",
                        (),
                    )
                if f.name in seen:
                    raise integrity(f"Field:{f.name}, is duplicated in the layout", "field")
                seen.add(f.name)
                item["field"] = f.name
    for f in obj.fields:
        if f.custom and f.required and f.name not in seen:
            raise integrity(
                f"Layout must contain an item for required layout field: {f.name}", "layoutSections"
            )
