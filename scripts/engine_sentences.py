"""What the engine says to people: every sentence in its code, found by reading the code.

A sentence with values in it becomes a message with named places: `f"{name} is mapped already."` is `{name} is mapped already.`.
Where a part is one of two (`field{'s' if n != 1 else ''}`), each is a message of its own. `translation/sentences.py` knows a
sentence by its message again and says it in another language.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "diptych"
_ROOMS = (
    "access", "alerts", "connection", "domain", "openid", "salesforce", "services", "setup", "store", "sync", "wiring",
)  # fmt: skip
_SILENT = re.compile(
    # SQL, XML and what only a command, a log or a program says
    r"store/(?!(alerts|connection|editing|secrets|suppressions|queries/(steps|throughput|status|backlog))\.py)"
    r"|services/(metrics|restoring|exports)|salesforce/(soql|soap|lead_mapping|traces|matches|counts|page_layout|permission_sets)"
)
_NOT_SAID = re.compile(
    r"<\?xml|\\|%[sY]|\|\w|^(SOAP API login|Foreign key external ID|external ID field|login consent|openid email profile)$"
    r"|\b(SELECT|FROM|WHERE|AND|NULL|LIKE|JOIN|DATABASE|SAVEPOINT|INSERT|UPDATE|VALUES) |lower\(|json_|^at most .* (call|records)"
    r"|^(session|token|user|password|alert channel|diptych \{|Bearer|schema\.|user\.) ?\{|^(alert channel|schema\.|user\.|mapping \()"
    r"|^(What the sync of Diptych|Filled by Diptych|the last entry|stamina|diptych \{)|attempt returns|^\[Diptych\]|^-- |·"
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_PLACE = re.compile(r"\{(\w*)\}")
_LOGGING = {"debug", "info", "warning", "error", "exception", "critical"}
_TRACING = {"piece", "_batch", "phase"}
"""Calls whose first argument names a piece of work for a trace."""
_SEVERAL = 16
"""As many variants of one sentence are told apart."""

WORDS = (
    "merged", "converted", "deleted", "detached", "changed", "parked", "hidden", "undeleted", "unknown", "blank",
    "running", "done", "failed", "waiting", "planned", "cancelled", "refused", "open", "ignored", "quarantined", "settled",
    "ours", "both", "salesforce", "lead", "contact", "account", "person", "fired", "worse", "reminder", "recovered", "test",
    "critical", "warning", "info", "minutes", "records", "percent", "text", "number", "integer", "boolean", "date", "instant",
    "time", "picklist", "id", "inbound", "outbound", "bidirectional", "never", "nobody", "leads", "contacts", "accounts", "none",
    "cycle", "verify", "refresh", "backfill", "reconcile", "recovery", "join", "undo", "Verify", "Refresh", "Backfill",
    "Reconcile", "Recover", "Undo", "Reconciliation", "feed", "edits", "bulk", "sweep", "actions", "value", "missing_here",
    "missing_there", "sent", "lost", "automation", "Succeeded", "Failed", "Incomplete", "paired", "tombstoned", "redirected",
    "out_of_scope", "local", "multi", "email", "master", "leave", "detach", "ask", "admin", "operator", "viewer", "there",
    "gone", "hold", "link", "datetime", "decimal", "requested", "aborted", "overwrite", "keep_ours", "keep_salesforce",
    "keep_both", "most_recent", "most_complete", "most_restrictive", "write_once", "today", "Text", "Number", "Unique", "Read", "Create", "Edit", "Delete",
    "merge", "convert", "delete", "undelete", "forget", "production", "sandbox", "read", "edit", "create", "all well", "of {n}", "Date/Time", "Read and Edit",
)  # fmt: skip
"""Single words that come as values of sentences."""


def messages() -> dict[str, set[str]]:
    """Every message, with the files that have it."""
    found: dict[str, set[str]] = {word: {"-"} for word in WORDS}
    for file in sorted(SOURCE.rglob("*.py")):
        place = file.relative_to(SOURCE).as_posix()
        if place.startswith(tuple(f"{room}/" for room in _ROOMS)) and not _SILENT.match(place):
            for message in of_code(file.read_text(encoding="utf-8")):
                found.setdefault(message, set()).add(place)
    return found


def of_code(code: str) -> set[str]:
    """The messages of this code."""
    tree = ast.parse(code)
    silent = _silent(tree)
    found: set[str] = set()
    for node, texts in _texts(tree, silent):
        for text in texts:
            plain = " ".join(text.split())
            if _is_said(plain):
                found.add(plain)
        found |= set(_values(node))
    return found


def _is_said(text: str) -> bool:
    said = _PLACE.sub(" ", text)
    words = _WORD.findall(said)
    if (
        " " not in text
        or not words
        or _NOT_SAID.search(text)
        or re.search(r"[=<>]|::", said.replace(" > ", " "))
    ):
        return False
    return len(words) > 1 if "{" not in text else len(" ".join(words)) > 2


def _silent(tree: ast.Module) -> set[int]:
    """Nodes whose texts nobody reads on a page: docstrings, log lines, patterns, parts of other texts."""
    found: set[int] = set()

    def hide(node: ast.AST) -> None:
        found.update(id(one) for one in ast.walk(node))

    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hide(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            logs = isinstance(of, ast.Name) and of.id.strip("_").lower() in ("log", "logger")
            if (node.func.attr in _LOGGING and logs) or (isinstance(of, ast.Name) and of.id == "re"):
                hide(node)
            elif node.func.attr in _TRACING and node.args:
                hide(node.args[0])
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in _TRACING
            and node.args
        ):
            hide(node.args[0])
    return found


def _texts(tree: ast.Module, silent: set[int]) -> Iterator[tuple[ast.AST, list[str]]]:
    inner: set[int] = set()
    for node in ast.walk(tree):  # breadth first: the whole comes before its parts
        if id(node) in silent or id(node) in inner:
            continue
        adds = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _has_text(node)
        text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if isinstance(node, ast.JoinedStr) or adds or text:
            inner.update(_parts_of(node))
            yield node, _variants(node)


def _has_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _has_text(node.left) or _has_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _parts_of(node: ast.AST) -> Iterator[int]:
    """What belongs to this text; texts within the values put into it are texts of their own."""
    yield id(node)
    if isinstance(node, ast.JoinedStr):
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                if part.format_spec is not None:
                    yield from (id(one) for one in ast.walk(part.format_spec))
                yield from _choice_parts(part.value)
            else:
                yield id(part)
    elif isinstance(node, ast.BinOp):
        for side in (node.left, node.right):
            if _has_text(side):
                yield from _parts_of(side)
            else:
                yield from _choice_parts(side)


def _choice_parts(value: ast.AST) -> Iterator[int]:
    if _is_choice(value):
        yield from (id(one) for one in ast.walk(value))


def _is_choice(value: ast.AST) -> bool:
    return isinstance(value, ast.IfExp) and _is_text(value.body) and _is_text(value.orelse)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        or _is_choice(node)
    )


def _variants(node: ast.AST) -> list[str]:
    """The texts that this one can be, with named places."""
    found = _spelled(node)
    return [_numbered(one) for one in found[:_SEVERAL]]


def _spelled(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.BinOp):
        return _joined(_side(node.left), _side(node.right))
    if isinstance(node, ast.IfExp):
        return [*_spelled(node.body), *_spelled(node.orelse)]
    assert isinstance(node, ast.JoinedStr)
    found = [""]
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            choice = _is_choice(part.value)
            found = _joined(found, _spelled(part.value) if choice else ["{" + _name(part.value) + "}"])
        else:
            found = _joined(found, [str(part.value)])  # type: ignore[attr-defined]
    return found


def _side(node: ast.AST) -> list[str]:
    if _has_text(node) or _is_choice(node):
        return _spelled(node)
    return ["{" + _name(node) + "}"]


def _joined(left: list[str], right: list[str]) -> list[str]:
    return [one + other for one in left for other in right]


def _name(value: ast.AST) -> str:
    """A name for a value in a text: that of the variable, attribute or function."""
    if isinstance(value, ast.Name):
        return value.id.strip("_").lower()
    if isinstance(value, ast.Attribute):
        return value.attr.lower() if value.attr != "value" else _name(value.value)
    if isinstance(value, ast.Call):
        called = value.func
        if (
            isinstance(called, ast.Attribute)
            and called.attr == "join"
            and isinstance(called.value, ast.Constant)
        ):
            joint = {" and ": "and_", ", ": "list_", "; ": "list_"}.get(str(called.value.value), "")
            return joint + (_name(value.args[0]) or "values")
        if isinstance(called, ast.Attribute) and called.attr in (
            "get",
            "lower",
            "capitalize",
            "removeprefix",
            "strip",
        ):
            return _name(called.value)
        if (
            isinstance(called, ast.Name)
            and value.args
            and called.id in ("str", "repr", "sorted", "len", "to_text")
        ):
            return ("count_" if called.id == "len" else "") + _name(value.args[0])
        return _name(called)
    if isinstance(value, (ast.GeneratorExp, ast.ListComp)):
        return _name(value.elt)
    if isinstance(value, ast.Subscript):
        return _name(value.value)
    if isinstance(value, ast.BoolOp):
        return _name(value.values[0])
    if isinstance(value, ast.IfExp):
        return _name(value.body)
    if isinstance(value, ast.BinOp):
        return _name(value.left)
    return "value"


def _numbered(text: str) -> str:
    """Places that have the same name are numbered; nameless ones are `value`."""
    seen: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        name = match[1] or "value"
        seen[name] = seen.get(name, 0) + 1
        return "{" + (name if seen[name] == 1 else f"{name}{seen[name]}") + "}"

    return _PLACE.sub(place, text)


def _values(node: ast.AST) -> Iterator[str]:
    """Words that stand in a text when its value is missing: `{name or 'nobody'}`."""
    if not isinstance(node, ast.JoinedStr):
        return
    for part in node.values:
        if isinstance(part, ast.FormattedValue) and isinstance(part.value, (ast.BoolOp, ast.IfExp)):
            of = part.value
            for one in of.values[1:] if isinstance(of, ast.BoolOp) else (of.body, of.orelse):
                word = one.value if isinstance(one, ast.Constant) else None
                if isinstance(word, str) and _WORD.fullmatch(word.strip()) and not _is_choice(of):
                    yield word.strip()
