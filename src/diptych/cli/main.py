"""The `diptych` command. Every expected trouble is one line on stderr and exit code 1; a wrong call is exit code 2."""

from __future__ import annotations

import os
import sys

import typer

from diptych.cli import (
    access,
    acting,
    alerts,
    backup,
    conflicts,
    connecting,
    creating,
    demo,
    fields,
    identity,
    joining,
    looking,
    mapping,
    preparing,
    proving,
    serving,
    suppressed,
    syncing,
)

app = typer.Typer(
    name="diptych",
    help="A people database for marketing, kept in persistent two-way sync with Salesforce.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
demo.register(app)
serving.register(app)
connecting.register(app)
preparing.register(app)
app.add_typer(alerts.app, name="alerts")
app.add_typer(conflicts.app, name="conflicts")
app.add_typer(fields.app, name="fields")
joining.register(mapping.app)
app.add_typer(mapping.app, name="mapping")
syncing.register(app)
looking.register(app)
creating.register(app)
acting.register(creating.people_app)
creating.people_app.add_typer(suppressed.app, name="suppressed")
proving.register(app)
identity.register(app)
access.register(app)
backup.register(app)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()  # ends by SystemExit; a wrong call is reported there
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as problem:
        line = _expected(problem)
        if line is None:
            raise
        print(f"diptych: {line}", file=sys.stderr)
        sys.exit(1)


def _expected(problem: Exception) -> str | None:
    """One line for trouble that is not a defect; None for a defect."""
    from diptych.cli.trouble import one_line

    return one_line(problem)
