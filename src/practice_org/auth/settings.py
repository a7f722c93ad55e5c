"""The switches of the door, kept in the org's file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from practice_org.org import Org


class BadSetting(ValueError):
    """A switch that does not exist or a value of the wrong kind; the message says which."""


ZERO_MEANS_NONE = ("app_api_calls",)


@dataclass(frozen=True)
class DoorSettings:
    """How this org lets callers in.

    `session_seconds` is the idle life of a session; `password_attempts` wrong passwords lock a user;
    `api_enabled` False makes the edition one without API access. `password_flow_enabled` False refuses the
    username-password grant, as new orgs do by default. `app_api_calls` is the daily quota of a
    connected app (0: none is told of). A call is long from `long_call_seconds` on, and no further one is let
    in while `concurrent_long_calls` of them are under way.
    """

    soap_login_enabled: bool = True
    refresh_rotation: bool = False
    pkce_required: bool = False
    session_seconds: int = 7200
    code_seconds: int = 900
    password_attempts: int = 10
    api_enabled: bool = True
    password_flow_enabled: bool = True
    app_api_calls: int = 0
    long_call_seconds: int = 20
    concurrent_long_calls: int = 25


def read_settings(org: Org) -> DoorSettings:
    """The switches as they stand."""
    known = {field.name for field in fields(DoorSettings)}
    stored: dict[str, Any] = org.setting("door", {})
    return DoorSettings(**{name: value for name, value in stored.items() if name in known})


def change_settings(org: Org, changes: dict[str, Any]) -> DoorSettings:
    """Set some switches; returns all. Raises BadSetting and changes nothing when one is wrong."""
    kinds = {field.name: type(getattr(DoorSettings(), field.name)) for field in fields(DoorSettings)}
    for name, value in changes.items():
        if name not in kinds:
            raise BadSetting(f"no setting {name!r}; there are {', '.join(kinds)}")
        if type(value) is not kinds[name] or (kinds[name] is int and value < (name not in ZERO_MEANS_NONE)):
            raise BadSetting(
                f"{name} must be {'true or false' if kinds[name] is bool else 'a positive number'}"
            )
    settings = replace(read_settings(org), **changes)
    org.set_setting("door", asdict(settings))
    return settings
