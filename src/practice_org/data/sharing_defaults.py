"""Organization-wide defaults: set by the control plane, and by the sharing models of objects in Setup's APIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from practice_org.data.rows import update_row
from practice_org.data.sharing import SETTING

if TYPE_CHECKING:
    from practice_org.org import Org

ORGANIZATION = {
    "Private": "None",
    "Read": "Read",
    "ReadWrite": "ReadEdit",
    "ControlledByParent": "ControlledByParent",
}
"""What Organization.DefaultLeadAccess and its like show."""


def set_defaults(org: Org, defaults: Mapping[str, str]) -> None:
    """Replace the organization-wide defaults; the Organization record shows them."""
    old = org.setting(SETTING) or {}
    if not defaults and not old:
        return
    organization = org.schema["Organization"]
    columns = {
        f"Default{name}Access": ORGANIZATION[value]
        for name, value in defaults.items()
        if organization.get(f"Default{name}Access")
    }
    with org.transaction() as tx:
        if columns:
            update_row(tx, organization, org.id, columns)
        if not defaults:
            tx.connection.execute("DELETE FROM _share")
    org.set_setting(SETTING, dict(defaults))
    org.access_cache.clear()


def set_model(org: Org, object_name: str, model: str) -> None:
    """Share an object's records as its sharing model says; what all may read and write needs no default."""
    before = dict(org.setting(SETTING) or {})
    after = {name: value for name, value in before.items() if name != object_name}
    if model in ("Private", "Read", "ControlledByParent"):
        after[object_name] = model
    if after != before:
        set_defaults(org, after)


def model_of(org: Org, object_name: str) -> str:
    """The sharing model of an object's records."""
    return str((org.setting(SETTING) or {}).get(object_name, "ReadWrite"))
