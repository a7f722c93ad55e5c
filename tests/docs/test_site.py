"""The site: its navigation lists every page, every link and anchor leads somewhere, pictures are there and are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import typer

from diptych.cli.main import app
from diptych.services import metrics
from diptych.store.catalogue import MIRROR_SYSTEM, PERSON_SYSTEM, Catalogue
from diptych.store.system_tables import metadata
from diptych.store.views import view_statements
from tests.docs import troubleshooting

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
CONFIG = (ROOT / "site" / "properdocs.yml").read_text()
FROM_THE_ROOT = {"architecture.md", "contributing.md", "changelog.md"}
NOT_LISTED = re.compile(r"decisions/\d{4}-.*\.md")
"""Decisions are listed by decisions/README.md."""

_FENCE = re.compile(r"^ *```.*?^ *```", re.S | re.M)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def test_the_navigation_lists_every_page_once() -> None:
    listed = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", CONFIG.split("\nnav:")[1], re.M)
    assert len(listed) == len(set(listed))
    written = {str(page.relative_to(DOCS)) for page in PAGES}
    expected = {page for page in written if not NOT_LISTED.fullmatch(page)}
    assert set(listed) == expected | FROM_THE_ROOT, "list the page in site/properdocs.yml"


def test_every_decision_is_listed() -> None:
    text = (DOCS / "decisions/README.md").read_text()
    assert [d.name for d in (DOCS / "decisions").glob("0*.md") if f"({d.name})" not in text] == []


def links(page: Path) -> Iterator[str]:
    yield from _LINK.findall(_FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The ids that the generator gives to headings."""
    found = set()
    for heading in re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", page.read_text()), re.M):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        text = text.encode("ascii", "ignore").decode()
        found.add(re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower()))
    return found


def test_links_and_anchors_lead_somewhere() -> None:
    known = {page: anchors(page) for page in [*PAGES, *ROOT.glob("*.md")]}
    for page in PAGES:
        for link in links(page):
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            file = (page.parent / target).resolve() if target else page
            assert file.exists(), f"{page.name} -> {link}"
            if anchor and file.suffix == ".md":
                assert anchor in known[file], f"{page.name} -> {link}"


def test_pictures_are_shown_and_small() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in links(page)
        if link.endswith((".webp", ".png"))
    }
    kept = {file for file in (DOCS / "images").iterdir() if file.suffix in (".webp", ".png")}
    assert kept == shown
    assert [file.name for file in kept if file.stat().st_size > 150_000] == []


def test_troubleshooting_has_every_code_as_the_program_has_it() -> None:
    assert troubleshooting.PAGE.read_text() == troubleshooting.page(), (
        "run: python -m tests.docs.troubleshooting"
    )


def test_commands_and_options_that_the_pages_name_exist() -> None:
    root = typer.main.get_command(app)
    unknown = []
    for page in PAGES:
        text = page.read_text()
        fenced = "\n".join(_FENCE.findall(text)).replace("\\\n", " ")
        spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
        for line in [*fenced.splitlines(), *spans]:
            said = re.match(r"(?:\$ |TOKEN=\$\()?diptych ([a-z].*)", line.strip())
            if said and (wrong := _wrong(root, re.split(r"\s+", said.group(1)))):
                unknown.append(f"{page.name}: {line.strip()} ({wrong})")
    assert unknown == []


def _wrong(command: Any, words: list[str]) -> str:
    """The first word that is no command, or no option of the command; empty if there is none."""
    for number, word in enumerate(words):
        commands = getattr(command, "commands", {})
        if word in commands:
            command = commands[word]
        elif (
            commands and re.fullmatch(r"[a-z-]+", word) and not command.invoke_without_command and number < 2
        ):
            return word
        elif word.startswith("--"):
            option = re.split(r"[^a-z-]", word)[0]
            if option not in {o for p in command.params for o in (*p.opts, *p.secondary_opts)} | {"--help"}:
                return word
    return ""


def documented(heading: str) -> list[str]:
    """The columns named in the table under a heading of docs/tables.md."""
    section = (DOCS / "tables.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [
        name for cell in re.findall(r"^\| (`.*?) \|", section, re.M) for name in re.findall(r"`(\w+)`", cell)
    ]


def test_tables_and_views_are_documented_as_they_are() -> None:
    assert documented("person") == list(PERSON_SYSTEM)
    assert documented("company, salesforce_user") == list(MIRROR_SYSTEM)
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection, [table for table in metadata.sorted_tables if table.name != "base"])
        connection.exec_driver_sql("CREATE TABLE base (pair_id, column_name, value, standing)")
        for name, select in view_statements(Catalogue([])):
            if name == "v_people":
                continue  # the columns of person
            connection.exec_driver_sql(f'CREATE VIEW "{name}" AS {select}')
            columns = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({name})")]
            assert documented(name) == columns
    engine.dispose()


def test_each_metric_is_documented() -> None:
    text = (DOCS / "operations.md").read_text()
    names = set(re.findall(r'"(diptych_\w+)"', Path(metrics.__file__).read_text()))
    assert names
    assert [name for name in sorted(names) if name not in text] == []
