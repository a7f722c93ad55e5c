"""Alerts: what is open, acknowledged; rules; who is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field, SecretStr

from diptych.alerts.channels import Wanted
from diptych.alerts.rules import AlertSettings
from diptych.api.gate import Noun, principal_of, workspace_of
from diptych.api.given import Number, Whole, YesNo
from diptych.api.paging import Limit
from diptych.api.problems import not_found
from diptych.domain.alerts import Alert, Kind, Rule, Severity
from diptych.store.alerts import Delivery

noun = Noun("alerts")
_Name = Annotated[str, Path(max_length=60, pattern=r"^[^\x00]+$")]


class ChannelSeen(BaseModel):
    """A channel without its secret."""

    name: str
    kind: str
    config: dict[str, Any]
    least: Severity
    digest: bool
    enabled: bool


class ChannelWanted(BaseModel):
    """`config`: mail: host, port, security, username, sender, to; webhook: url. `secret`: mail: password; webhook: what messages are
    signed with (made when left out); slack: the address of the incoming webhook."""

    kind: Literal["mail", "webhook", "slack"]
    config: dict[str, str | Whole | list[str]] = {}
    secret: SecretStr = SecretStr("")
    least: Severity = Severity.WARNING
    digest: YesNo = False
    enabled: YesNo = True


class ChannelSaved(BaseModel):
    """`secret`: a signing secret that was made; it is not shown again."""

    channel: ChannelSeen
    secret: str | None = None


class AlertRuleWanted(BaseModel):
    """`threshold` in the unit of the rule's kind; 0 where it has none."""

    kind: Kind
    severity: Severity
    threshold: Number = Field(0, ge=0, le=1e6)
    enabled: YesNo = True


class Rules(BaseModel):
    """Every rule, and the settings beside them."""

    rules: list[Rule]
    settings: AlertSettings


class AlertSettingsWanted(BaseModel):
    """As in the answer, all three."""

    digest_hour: Whole = Field(default=7, ge=0, le=23)
    repeat_hours: Whole = Field(default=24, ge=0, le=720)
    base_url: Annotated[str, Field(max_length=500, pattern=r"^(https?://[^\x00]*)?$")] = ""


class RulesWanted(BaseModel):
    """Rules and settings that are left out stay as they are."""

    rules: list[AlertRuleWanted] = Field([], max_length=50)
    settings: AlertSettingsWanted | None = None


class DigestSent(BaseModel):
    """To how many channels it is on its way."""

    channels: int


@noun.read()
def list_alerts(request: Request) -> list[Alert]:
    """Those that are open now, the worst first."""
    return workspace_of(request).alerts.firing()


@noun.read("/history")
def list_past_alerts(
    request: Request, limit: Limit = 50, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> list[Alert]:
    """Those that are over, newest first; by page, because their order is that of their end."""
    return workspace_of(request).alerts.history(limit, page)[0]


@noun.operate("POST", "/{alert_id}/acknowledge")
def acknowledge_alert(request: Request, alert_id: Annotated[int, Path(ge=1, lt=2**53)]) -> Alert:
    """Somebody has seen it: it is not told again until it ends."""
    desk = workspace_of(request).alerts
    desk.acknowledge([alert_id], principal_of(request).name)
    found = next((one for one in desk.firing() if one.id == alert_id), None)
    if found is None:
        raise not_found(f"There is no open alert {alert_id}.")
    return found


@noun.operate("POST", "/acknowledge")
def acknowledge_alerts(request: Request) -> list[Alert]:
    """The same for all that are open."""
    desk = workspace_of(request).alerts
    desk.acknowledge(None, principal_of(request).name)
    return desk.firing()


@noun.read("/messages")
def list_messages(request: Request, limit: Limit = 50) -> list[Delivery]:
    """What was told to whom, the latest first, and what could not be delivered."""
    return workspace_of(request).alerts.deliveries(limit)


@noun.admin("POST", "/digest", status_code=202)
def send_digest(request: Request) -> DigestSent:
    """The daily digest at once, to every channel that takes it."""
    return DigestSent(channels=workspace_of(request).alerts.digest_now())


@noun.read("/rules")
def get_rules(request: Request) -> Rules:
    """When something is an alert, and how grave."""
    rules, settings = workspace_of(request).alerts.all_rules()
    return Rules(rules=rules, settings=settings)


@noun.admin("PATCH", "/rules")
def change_rules(request: Request, wanted: RulesWanted) -> Rules:
    """Change what is given."""
    rules = [Rule(r.kind, r.severity, r.threshold, r.enabled) for r in wanted.rules]
    settings = AlertSettings(**wanted.settings.model_dump()) if wanted.settings else None
    workspace_of(request).alerts.save_rules(rules, settings)
    return get_rules(request)


@noun.read("/channels")
def list_channels(request: Request) -> list[ChannelSeen]:
    """Who is told."""
    return [
        ChannelSeen(
            name=c.name, kind=c.kind, config=dict(c.config), least=c.least, digest=c.digest, enabled=c.enabled
        )
        for c in workspace_of(request).alerts.channels()
    ]


@noun.admin("PUT", "/channels/{name}")
def save_channel(request: Request, name: _Name, wanted: ChannelWanted) -> ChannelSaved:
    """Add a channel, or change the one of that name; a secret that is left out stays."""
    made = workspace_of(request).alerts.save_channel(
        Wanted(
            name,
            wanted.kind,
            wanted.config,
            wanted.secret.get_secret_value(),
            wanted.least,
            wanted.digest,
            wanted.enabled,
        )
    )
    saved = next(c for c in list_channels(request) if c.name == " ".join(name.split()))
    return ChannelSaved(channel=saved, secret=made)


@noun.admin("DELETE", "/channels/{name}", status_code=204)
def remove_channel(request: Request, name: _Name) -> None:
    """Tell nobody that way any more."""
    workspace_of(request).alerts.drop_channel(name)


@noun.admin("POST", "/channels/{name}/test", status_code=204)
def test_channel(request: Request, name: _Name) -> None:
    """Send a test at once."""
    workspace_of(request).alerts.test(name)
