"""alerts: what is wrong now, who is told of it, and from which point on."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych.cli.output import JSON_OPTION, emit, note, say, table, workspace

if TYPE_CHECKING:
    from diptych.domain.alerts import Alert

app = typer.Typer(
    help="What is wrong now, who is told of it how, and from which point on.", no_args_is_help=False
)

_LIMIT = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
_NAME = Annotated[str, typer.Argument(help="The channel's name.")]


@app.callback(invoke_without_command=True)
def alerts(context: typer.Context, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """The alerts that are open now."""
    if context.invoked_subcommand is None:
        _list(as_json)


@app.command("list")
def list_open(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """The alerts that are open now, the worst first."""
    _list(as_json)


def _list(as_json: bool) -> None:
    with workspace() as space:
        found = space.alerts.firing()
    if as_json:
        emit(found)
        return
    _show(found)
    say(f"{len(found):,} open alert{'s' if len(found) != 1 else ''}.")


def _show(found: list[Alert]) -> None:
    for one in found:
        seen = f", acknowledged by {one.acked_by}" if one.acked_at else ""
        say(f"{one.id}: {one.severity}, since {one.first_at:%Y-%m-%d %H:%M} UTC{seen}: {one.title}")
        for line in (one.text, one.remedy):
            if line:
                say(f"    {line}")


@app.command()
def history(limit: _LIMIT = 50, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Alerts that are over."""
    with workspace() as space:
        found, total = space.alerts.history(limit)
    if as_json:
        emit(found)
        return
    table(
        ["alert", "severity", "began", "ended", "what"],
        [(one.id, one.severity, one.first_at, one.ended_at, one.title) for one in found],
    )
    say(f"{len(found):,} of {total:,}.")


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(help="The number of the alert, or: all.")],
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Somebody has seen it: it is not told again until it ends."""
    from diptych.cli.trouble import Refused

    if alert != "all" and not (alert.isascii() and alert.isdecimal()):
        raise Refused(f"{alert} is not the number of an alert; see: diptych alerts.")
    with workspace() as space:
        numbers = None if alert == "all" else [int(alert)]
        done = space.alerts.acknowledge(numbers, f"terminal:{getpass.getuser()}")
    if alert != "all" and not done:
        raise Refused(f"There is no open alert {alert} that nobody has acknowledged.")
    if as_json:
        emit({"acknowledged": done})
    else:
        say(f"{done:,} acknowledged.")


@app.command()
def check(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Look at the state now, deliver what is due, and show what is open."""
    with workspace() as space:
        space.alerts.look(force=True)
        space.alerts.deliver()
    _list(as_json)


@app.command()
def test(name: _NAME, as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Send a test over a channel."""
    from diptych.alerts.desk import NoSuchChannel
    from diptych.alerts.sending import NotSent
    from diptych.cli.trouble import Refused

    with workspace() as space:
        try:
            space.alerts.test(name)
        except NoSuchChannel:
            raise Refused(f"There is no channel {name}; see: diptych alerts channels.") from None
        except NotSent as problem:
            raise Refused(f"The test did not arrive: {problem} Look at address, port and password.") from None
    if as_json:
        emit({"sent": True})
    else:
        say("Sent; look whether it arrived.")


@app.command()
def channels(as_json: Annotated[bool, JSON_OPTION] = False) -> None:
    """Who is told."""
    from diptych.alerts.channels import told_to

    with workspace() as space:
        found = space.alerts.channels()
    if as_json:
        emit(found)
        return
    table(
        ["channel", "kind", "goes to", "from", "digest"],
        [(c.name, c.kind, told_to(c.kind, c.config), c.least, c.digest) for c in found],
    )


@app.command()
def add(
    name: _NAME,
    kind: Annotated[str, typer.Option(help="mail, webhook or slack.")],
    url: Annotated[str, typer.Option(help="webhook: where messages are posted to.")] = "",
    host: Annotated[str, typer.Option(help="mail: the SMTP server.")] = "",
    port: Annotated[int | None, typer.Option(help="mail: its port (587, 465 or 25).")] = None,
    security: Annotated[str, typer.Option(help="mail: starttls, tls or none.")] = "starttls",
    username: Annotated[str, typer.Option(help="mail: the user name, if it asks for one.")] = "",
    sender: Annotated[str, typer.Option("--from", help="mail: the sender's address.")] = "",
    to: Annotated[str, typer.Option(help="mail: addresses, with commas between them.")] = "",
    secret_env: Annotated[
        str,
        typer.Option(
            help="The environment variable that holds the secret: mail: password; webhook: what messages are signed "
            "with (made when left out); slack: the address of the incoming webhook."
        ),
    ] = "",
    secret_file: Annotated[Path | None, typer.Option(help="The same, from a file.")] = None,
    least: Annotated[
        str, typer.Option(help="Told from this severity on: info, warning, critical.")
    ] = "warning",
    digest: Annotated[bool, typer.Option("--digest", help="The daily digest goes there too.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Add a channel, or change the one of that name. A signing secret that was made is shown once."""
    from diptych.alerts.channels import MAIL, BadChannel, Wanted
    from diptych.cli.trouble import Refused
    from diptych.domain.alerts import Severity

    secret = _secret(secret_env, secret_file)
    mail = {
        "host": host,
        "port": port,
        "security": security,
        "username": username,
        "sender": sender,
        "to": to,
    }
    config = mail if kind == MAIL else {"url": url}
    try:
        wanted = Wanted(name, kind, config, secret, Severity(least), digest)
    except ValueError:
        raise Refused("--least is one of info, warning, critical.") from None
    with workspace() as space:
        try:
            made = space.alerts.save_channel(wanted)
        except BadChannel as problem:
            raise Refused(str(problem)) from None
    if as_json:
        emit({"channel": name, "secret": made})
        return
    say(f"{name} is saved. See that it works: diptych alerts test {name}")
    if made:
        say(f"Messages are signed with this secret, which is shown this once: {made}")


def _secret(variable: str, file: Path | None) -> str:
    from diptych.cli.trouble import Refused

    if variable:
        if not os.environ.get(variable):
            raise Refused(f"The environment variable {variable} is not set.")
        return os.environ[variable]
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except OSError as problem:
        raise Refused(f"{file} cannot be read: {problem.strerror}.") from None


@app.command()
def remove(name: _NAME) -> None:
    """Remove a channel."""
    from diptych.alerts.desk import NoSuchChannel
    from diptych.cli.trouble import Refused

    with workspace() as space:
        try:
            space.alerts.drop_channel(name)
        except NoSuchChannel:
            raise Refused(f"There is no channel {name}; see: diptych alerts channels.") from None
    say(f"{name} is removed.")


@app.command()
def rules(
    rule: Annotated[str, typer.Argument(help="The rule to set; none: show all.")] = "",
    severity: Annotated[str, typer.Option(help="info, warning or critical.")] = "",
    threshold: Annotated[
        float | None, typer.Option(help="From which point on, in the unit of the rule.")
    ] = None,
    enabled: Annotated[bool | None, typer.Option("--on/--off", help="Whether it is looked at.")] = None,
    language: Annotated[str, typer.Option(help="Of messages: en or es.")] = "",
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """What is looked at, and from which point on it is an alert."""
    from dataclasses import replace

    from diptych.alerts.rules import BadRule
    from diptych.cli.trouble import Refused
    from diptych.domain.alerts import UNITS, Severity
    from diptych.translation.catalogue import LANGUAGES

    with workspace() as space:
        if rule:
            known = {one.kind.value: one for one in space.alerts.all_rules()[0]}
            if rule not in known:
                raise Refused(f"There is no rule {rule}; there are {', '.join(known)}.")
            try:
                changed = replace(
                    known[rule],
                    severity=Severity(severity) if severity else known[rule].severity,
                    threshold=known[rule].threshold if threshold is None else threshold,
                    enabled=known[rule].enabled if enabled is None else enabled,
                )
                space.alerts.save_rules([changed])
            except BadRule as problem:
                raise Refused(str(problem)) from None
            except ValueError:
                raise Refused("--severity is one of info, warning, critical.") from None
        found, settings = space.alerts.all_rules()
        if language:
            settings = replace(settings, language=language)
            try:
                space.alerts.save_rules([], settings)
            except BadRule as problem:
                raise Refused(str(problem)) from None
    if as_json:
        emit({"rules": found, "settings": settings})
        return
    table(
        ["rule", "on", "severity", "from"],
        [
            (
                one.kind,
                one.enabled,
                one.severity,
                f"{one.threshold:g} {UNITS[one.kind]}" if one.kind in UNITS else "",
            )
            for one in found
        ],
    )
    note(f"Messages are in {LANGUAGES[settings.language]} (--language).")
    note("Change one with: diptych alerts rules RULE --threshold N --severity S (--on, --off)")
