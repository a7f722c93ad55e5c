"""Alerts: what is wrong now and was, who is told of it how, and from which point on."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, actor_of, require
from diptych.admin.trouble import Trouble
from diptych.admin.views import PageOf
from diptych.admin.words import _, ngettext
from diptych.alerts.channels import KINDS, MAIL, SECURITIES, SLACK, BadChannel, Wanted, told_to
from diptych.alerts.desk import NoSuchChannel
from diptych.alerts.rules import AlertSettings, BadRule
from diptych.alerts.sending import NotSent
from diptych.domain.alerts import UNITS, Rule, Severity
from diptych.domain.roles import Role
from diptych.store.secrets import SecretUnreadable

router = APIRouter(prefix="/alerts")

_PAGE_SIZE = 50


@router.get("")
def show(request: Request, number: int = 1) -> Response:
    desk = workspace_of(request).alerts
    past, total = desk.history(_PAGE_SIZE, number)
    channels = desk.channels()
    return page(
        request,
        "operate/alerts.html",
        firing=desk.firing(),
        pages=PageOf(past, total, max(number, 1), _PAGE_SIZE),
        channels=channels,
        messages=desk.deliveries(20),
        names={channel.id: channel.name for channel in channels},
        severities=severity_names(),
    )


@router.post("/acknowledge", dependencies=[require(Role.OPERATOR)])
def acknowledge(request: Request, form: Form) -> Response:
    given = str(form.get("alert", ""))
    numbers = [int(given)] if given.isascii() and given.isdecimal() and len(given) < 18 else None
    if numbers is None and given != "all":
        return go(request, "/alerts")
    done = workspace_of(request).alerts.acknowledge(numbers, actor_of(request))
    message = ngettext(
        "%d is acknowledged; it is not told again.", "%d are acknowledged; they are not told again.", done
    )
    return go(request, "/alerts", message % done)


# ---------------------------------------------------------------- rules


@router.get("/rules")
def show_rules(request: Request) -> Response:
    return _rules_page(request, None)


@router.post("/rules")
def save_rules(request: Request, form: Form) -> Response:
    desk = workspace_of(request).alerts
    try:
        changed = [
            Rule(
                rule.kind,
                Severity(str(form.get(f"{rule.kind}.severity", rule.severity))),
                float(str(form.get(f"{rule.kind}.threshold", rule.threshold)).replace(",", ".")),
                f"{rule.kind}.enabled" in form,
            )
            for rule in desk.all_rules()[0]
        ]
        settings = AlertSettings(
            int(str(form.get("digest_hour", "7"))),
            int(str(form.get("repeat_hours", "24"))),
            str(form.get("base_url", "")).strip(),
            str(form.get("language", "")) or desk.all_rules()[1].language,
        )
        desk.save_rules(changed, settings)
    except BadRule as problem:
        return _rules_page(request, Trouble(str(problem)))
    except ValueError:
        return _rules_page(
            request, Trouble(_("A number or a severity could not be read; nothing was changed."))
        )
    return go(request, "/alerts/rules", _("The rules are changed; they count from the next look on."))


def _rules_page(request: Request, trouble: Trouble | None) -> Response:
    rules, settings = workspace_of(request).alerts.all_rules()
    return page(
        request,
        "operate/alert_rules.html",
        422 if trouble else 200,
        trouble=trouble,
        rules=rules,
        settings=settings,
        units=UNITS,
        unit_names={"minutes": _("minutes"), "records": _("records"), "percent": _("percent")},
        words=rule_names(),
        severities=severity_names(),
    )


# ---------------------------------------------------------------- channels


@router.get("/channels")
def show_channels(request: Request) -> Response:
    return _channels_page(request, None)


@router.post("/channels")
def save_channel(request: Request, form: Form) -> Response:
    """Add a channel, or change the one of that name. A signing secret that was made is shown now and never again."""
    typed = {name: str(value).strip() for name, value in form.items() if isinstance(value, str)}
    kind = typed.get("kind", "")
    config: dict[str, Any] = {"url": typed.get("url", "")}
    if kind == MAIL:
        config = {
            name: typed.get(name, "") for name in ("host", "port", "security", "username", "sender", "to")
        }
    secret = typed.get({MAIL: "password", SLACK: "slack_url"}.get(kind, "secret"), "")
    try:
        wanted = Wanted(
            typed.get("name", ""),
            kind,
            config,
            secret,
            Severity(typed.get("least", "warning")),
            "digest" in form,
        )
        made = workspace_of(request).alerts.save_channel(wanted)
    except (BadChannel, SecretUnreadable) as problem:
        return _channels_page(request, Trouble(str(problem)), typed)
    except ValueError:
        return _channels_page(request, Trouble(_("There is no such severity.")), typed)
    if made is not None:
        return _channels_page(request, None, made=made, name=wanted.name)
    return go(request, "/alerts/channels", _("The channel is saved. Send a test to see that it works."))


@router.post("/channels/test")
def test_channel(request: Request, form: Form) -> Response:
    name = str(form.get("name", ""))
    try:
        workspace_of(request).alerts.test(name)
    except NoSuchChannel as problem:
        return _channels_page(request, Trouble(str(problem)))
    except NotSent as problem:
        return _channels_page(
            request,
            Trouble(_("The test did not arrive."), str(problem), _("Look at address, port and password.")),
        )
    return go(request, "/alerts/channels", _("The test has gone out; look whether it arrived."))


@router.post("/channels/remove")
def remove_channel(request: Request, form: Form) -> Response:
    try:
        workspace_of(request).alerts.drop_channel(str(form.get("name", "")))
    except NoSuchChannel as problem:
        return _channels_page(request, Trouble(str(problem)))
    return go(request, "/alerts/channels", _("The channel is removed."))


@router.post("/digest")
def send_digest(request: Request, form: Form) -> Response:
    count = workspace_of(request).alerts.digest_now()
    if not count:
        return _channels_page(request, Trouble(_("No channel takes the digest: tick it at one of them.")))
    return go(request, "/alerts/channels", _("The digest is on its way."))


def _channels_page(
    request: Request,
    trouble: Trouble | None,
    typed: dict[str, str] | None = None,
    made: str | None = None,
    name: str = "",
) -> Response:
    channels = workspace_of(request).alerts.channels()
    edited = {one.name: one for one in channels}.get(request.query_params.get("edit", ""))
    if typed is None and edited is not None:
        config = {k: ", ".join(v) if isinstance(v, list) else str(v) for k, v in edited.config.items()}
        typed = {**config, "name": edited.name, "kind": edited.kind, "least": edited.least.value}
        typed |= {"digest": "yes"} if edited.digest else {}
    return page(
        request,
        "operate/alert_channels.html",
        422 if trouble else 200,
        trouble=trouble,
        channels=[(one, told_to(one.kind, one.config)) for one in channels],
        typed=typed or {},
        made=made,
        made_for=name,
        kinds=KINDS,
        securities=SECURITIES,
        kind_names={
            "mail": _("Mail"),
            "webhook": _("Webhook"),
            "slack": _("Slack, or what takes its webhooks"),
        },
        severities=severity_names(),
    )


def severity_names() -> dict[str, str]:
    """The severities in the language of the page."""
    return {"info": _("info"), "warning": _("warning"), "critical": _("critical")}


def rule_names() -> dict[str, tuple[str, str]]:
    """Each rule: what it is called, and what its threshold means."""
    return {
        "login_failed": (_("Login failed"), _("Salesforce does not let the sync user in.")),
        "sync_stopped": (_("Sync stopped"), _("No sync has succeeded for so long.")),
        "paused": (_("Paused"), _("The sync has been paused for so long.")),
        "mass_delete": (
            _("Many deletes held"),
            _("A read would delete so many that a person has to say whether it was meant."),
        ),
        "errors_new": (_("New error"), _("A cause of errors that was not there, from so many records on.")),
        "errors_many": (_("Many errors"), _("One cause has so many records.")),
        "backlog_age": (_("Changes wait"), _("The oldest change that Salesforce does not have is so old.")),
        "api_share": (_("API calls"), _("So much of our share, or of the org's calls, is used in 24 hours.")),
        "fields_held": (_("Fields held"), _("Mapped fields are gone, hidden or of another type.")),
        "schema": (_("Fields changed"), _("An administrator added, changed or removed fields.")),
        "picklist": (_("Picklist values"), _("Values were added to or taken from a picklist.")),
        "verify": (_("Sides differed"), _("A comparison of both sides found so many records that differ.")),
    }
