"""demo: a seeded practice org and Diptych, set up and syncing, in one command."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from diptych.cli.output import JSON_OPTION


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    guided: Annotated[
        bool, typer.Option("--guided", help="Leave the set-up to you, in the browser.")
    ] = False,
    headless: Annotated[
        bool,
        typer.Option(
            "--headless", help="All steps, first sync, one change each way, a comparison; then end."
        ),
    ] = False,
    records: Annotated[int, typer.Option(min=1, max=1_000_000, help="People in a new practice org.")] = 2000,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of Diptych (8080).")] = None,
    org_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the practice org (8700).")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of the demo; one that exists is gone on with.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew: forget an earlier demo.")] = False,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """A practice org and Diptych, set up and syncing before your eyes. Ctrl-C ends all of it."""
    from diptych.cli.demo_run import DemoOptions, run_guided, run_headless, run_shown
    from diptych.cli.trouble import Refused

    if guided and headless:
        raise Refused("--guided and --headless exclude each other.")
    if as_json and not headless:
        raise Refused("--json belongs to --headless.")
    temporary = headless and data_dir is None
    folder = _folder(data_dir, temporary)
    if fresh and not temporary:
        _forget(folder)
    options = DemoOptions(folder, records, port, org_port)
    try:
        if headless:
            code = run_headless(options, as_json)
        elif guided:
            code = run_guided(options)
        else:
            code = run_shown(options)
    finally:
        if temporary:
            shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(code)


def _folder(data_dir: Path | None, temporary: bool) -> Path:
    if temporary:
        return Path(tempfile.mkdtemp(prefix="diptych-demo-"))
    if data_dir is not None:
        folder = data_dir.expanduser().absolute()
    else:
        from platformdirs import user_data_path

        folder = user_data_path("diptych", appauthor=False) / "demo"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _forget(folder: Path) -> None:
    """Remove an earlier demo, and only what is one."""
    from diptych.cli.trouble import Refused

    if not any(folder.iterdir()):
        return
    if not (folder / "practice-org.sqlite3").exists():
        raise Refused(f"{folder} holds no demo; nothing was removed. Choose another --data-dir.")
    shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
