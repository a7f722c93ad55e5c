"""The documents name every command, option and setting, and what they name exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from diptych.cli.main import app
from diptych.config import PREFIX, Settings

ROOT = Path(__file__).parent.parent
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
EVERYWHERE = {"--help", "--json", "--yes", "-y"}


def commands(command: object = None, name: str = "diptych") -> Iterator[tuple[str, set[str]]]:
    """Every command with its option names."""
    command = typer.main.get_command(app) if command is None else command
    options = {
        text
        for p in command.params
        if not getattr(p, "hidden", False)
        for text in (*p.opts, *p.secondary_opts)
        if text.startswith("-")
    }  # type: ignore[attr-defined]
    yield name, options
    for sub, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{name} {sub}")


@pytest.mark.parametrize(("name", "options"), list(commands()))
def test_each_command_is_documented(name: str, options: set[str]) -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert name.removeprefix("diptych ") in text
    assert {o for o in options - EVERYWHERE if f"`{o}" not in text} - {"--once"} == set()


def test_each_setting_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    assert [f for f in Settings.model_fields if f"`{PREFIX}{f.upper()}`" not in text] == []


def test_settings_named_in_documents_exist() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {"DIPTYCH_TEST_POSTGRES_URL"}
    for document in DOCS:
        assert set(re.findall(r"DIPTYCH_[A-Z_]+[A-Z]", document.read_text())) <= known, document.name


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} -> {target}"


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", (ROOT / "README.md").read_text())) <= targets
