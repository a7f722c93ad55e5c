"""What a demo knows of its practice org, so that the pages can say what to type. Nothing outside a demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diptych.config import DEMO_FILE
from diptych.services.status import Status
from diptych.setup.state import Step

if TYPE_CHECKING:
    from diptych.admin.services import Workspace


@dataclass(frozen=True)
class DemoOrg:
    """The practice org of a demo: where it is, and the logins of the sync user, a salesperson and an administrator."""

    address: str
    username: str
    password: str
    security_token: str
    client_id: str
    client_secret: str
    sales_username: str
    sales_password: str
    admin_username: str
    admin_password: str
    admin_security_token: str


def demo_org(workspace: Workspace) -> DemoOrg | None:
    """None when this is no demo, or its practice org has not said anything yet."""
    if not workspace.demo:
        return None
    try:
        facts: Mapping[str, Any] = json.loads((workspace.settings.data_dir / DEMO_FILE).read_text())
        sales, admin = _user(facts, "sales"), _user(facts, "admin")
        return DemoOrg(
            facts["base_url"],
            facts["username"],
            facts["password"],
            facts["security_token"],
            facts["client_id"],
            facts["client_secret"],
            sales["username"],
            sales["password"],
            admin["username"],
            admin["password"],
            admin["security_token"],
        )
    except (OSError, ValueError, KeyError, StopIteration):
        return None


def _user(facts: Mapping[str, Any], role: str) -> Mapping[str, str]:
    """The first login of a role. Raises StopIteration when there is none."""
    found: Mapping[str, str] = next(user for user in facts["users"] if user["role"] == role)
    return found


@dataclass(frozen=True)
class Demo:
    """What the box on every page of a demo says. `running`: the sync has been started."""

    org: DemoOrg | None
    database_file: str
    running: bool


def demo_of(workspace: Workspace, status: Status | None) -> Demo | None:
    """None when this is no demo."""
    if not workspace.demo:
        return None
    file = workspace.database_file
    running = status is not None and status.step == Step.RUNNING
    return Demo(demo_org(workspace), str(file) if file else "", running)
