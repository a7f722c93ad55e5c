"""Who may use an app: an administrator's choices, kept beside the apps themselves.

An app that is not installed lets nobody in. One that is for users approved by an administrator lets in
the profiles named. Both words of refusal are quoted by users.
"""

from __future__ import annotations

from typing import Any

from practice_org.org import Org

SETTING = "app_policies"


class Barred(Exception):
    """The app may not be used by this user; `error` and the message are OAuth's."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


def set_policy(org: Org, client_id: str, *, installed: bool, profiles: list[str] | None) -> None:
    """Say whether an app is installed, and the ids of the profiles that it is for (None: for all)."""
    chosen: dict[str, Any] = dict(org.setting(SETTING, {}))
    chosen[client_id] = {"installed": installed, "profiles": profiles}
    org.set_setting(SETTING, chosen)


def check(org: Org, client_id: str, profile_id: str | None) -> None:
    """Raises Barred unless users of this profile may use the app (None: whoever it will be)."""
    policy = org.setting(SETTING, {}).get(client_id)
    if policy is None:
        return
    if not policy["installed"]:
        raise Barred("app_not_found", "External client app is not installed in this org")
    if profile_id is not None and policy["profiles"] is not None and profile_id not in policy["profiles"]:
        raise Barred("invalid_app_access", "user is not admin approved to access this app")
