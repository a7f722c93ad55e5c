"""What the generator does not do by itself: pages from the root of the repository, the search index, nothing from elsewhere."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

from properdocs.exceptions import PluginError
from properdocs.structure.files import File

ROOT = Path(__file__).parent.parent
FROM_THE_ROOT = {
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Documents that stay where people look for them in a repository, and the page each one becomes."""

_TAG = re.compile(r"<[^>]+>")
_SECTION = re.compile(r'<h([1-3]) id="([^"]+)">(.*?)</h\1>', re.S)
_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\ssrc=["']?(?:https?:)?//|<link\b[^>]*\shref=["']?(?:https?:)?//"""
)
_index: list[dict[str, str]] = []


def on_config(config: Any) -> Any:
    _index.clear()
    return config


def on_files(files: Any, config: Any) -> Any:
    for name, page in FROM_THE_ROOT.items():
        files.append(File.generated(config, page, content=(ROOT / name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    if page.file.src_uri in FROM_THE_ROOT.values():
        markdown = re.sub(r"\]\(docs/([^)]*)\)", r"](\1)", markdown)
        markdown = re.sub(r"\]\(decisions/\)", "](decisions/README.md)", markdown)
    else:
        up = "../" * page.file.src_uri.count("/")
        for name, built in FROM_THE_ROOT.items():
            markdown = markdown.replace(f"]({up}../{name}", f"]({up}{built}")
        return markdown
    for name, built in FROM_THE_ROOT.items():
        markdown = markdown.replace(f"]({name}", f"]({built}")
    return markdown


def on_page_content(content: str, page: Any, **_: Any) -> str:
    """Note each section for the search."""
    found = list(_SECTION.finditer(content))
    for heading, after in zip(found, [*found[1:], None], strict=True):
        text = content[heading.end() : after.start() if after else len(content)]
        _index.append(
            {
                "page": page.file.dest_uri,
                "at": heading.group(2),
                "on": str(page.title),
                "title": _plain(heading.group(3)),
                "text": _plain(text),
            }
        )
    return content


def on_post_build(config: Any) -> None:
    site = Path(config.site_dir)
    # a script, not JSON: pages opened from a folder may load scripts, and may not fetch
    (site / "assets" / "sections.js").write_text(
        f"window.SECTIONS={json.dumps(_index, ensure_ascii=False)};\n"
    )
    for page in site.rglob("*.html"):
        found = _ELSEWHERE.search(page.read_text())
        if found:
            raise PluginError(f"{page.relative_to(site)} loads something from elsewhere: {found.group()}")


def _plain(markup: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", markup)).replace(" #", " ").split())
