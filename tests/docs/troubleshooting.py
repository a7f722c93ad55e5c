"""docs/troubleshooting.md, made from the program: every code that a person may meet, with its causes and remedies.

`python -m tests.docs.troubleshooting` writes it; a test compares. Salesforce's codes come from the error table, our own from
every `Problem` in the source, the errors of commands from the exceptions that become one line.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from diptych.cli import trouble
from diptych.domain import outcome
from diptych.domain.outcome import ErrorClass
from diptych.salesforce.error_table import BROKEN_DOWN, CODES, OAUTH, UNLISTED, Meaning, Next

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"
SOURCE = ROOT / "src" / "diptych"

CLASSES: Mapping[ErrorClass, str] = {
    ErrorClass.PERMISSION: "The sync user may not do it: object or field permissions, sharing, licence.",
    ErrorClass.VALIDATION: "A rule of the org about values: validation rules, lookup filters, forms of addresses.",
    ErrorClass.REQUIRED: "Salesforce demands a value that is blank here.",
    ErrorClass.DUPLICATE: "A duplicate rule, or a field whose values have to be unique.",
    ErrorClass.LOCK: "Somebody else was saving the same record.",
    ErrorClass.LENGTH: "The value does not fit into the field.",
    ErrorClass.PICKLIST: "The value is not one that the picklist has.",
    ErrorClass.LIMIT: "API calls, storage, or another limit of the org.",
    ErrorClass.LOGIN: "The sync user is not let in.",
    ErrorClass.AUTOMATION: "A trigger, flow or process of the org stopped the change.",
    ErrorClass.GONE: "What was addressed does not exist any more, or is not shown.",
    ErrorClass.SCHEMA: "Fields or objects are not as they were when they were read last.",
    ErrorClass.NETWORK: "Salesforce, or the way to it.",
    ErrorClass.OTHER: "Anything else.",
}
NEXT: Mapping[Next, str] = {
    Next.REFUSE: "Held back until the record or the cause changes, or somebody tries it again.",
    Next.RETRY: "Nothing happened in Salesforce. Diptych tries again by itself.",
    Next.UNKNOWN: "It may have happened. Diptych reads the record back before it sends anything else for it.",
    Next.LIMIT: "Nothing happened in Salesforce. Diptych goes on when there is room again.",
    Next.SESSION: "Diptych logs in again by itself; the sync stops only if that is refused.",
    Next.LOGIN: "The sync stops until this is mended; no cursor moves, nothing is lost.",
    Next.SPLIT: "Diptych asks for less at once.",
    Next.GONE: "Diptych looks at what became of it, and goes on.",
}

HEAD = """# Troubleshooting by error code

What stopped? `diptych status` and the top right of every page say so. What could not be synced? `diptych errors --by-cause`, or *Errors* in the
admin, has each with its code, Salesforce's own words, the cause and the remedy: [Errors](guide/errors.md). This page lists every code that Diptych
knows, made from the tables that it decides with.

Looking for a symptom? Nothing moves: [when something stops](operations.md#when-something-stops). A value is not what you expect:
`diptych why PERSON COLUMN`. A person is missing: `diptych why ADDRESS`. Records that are not shown any more:
[there](operations.md#records-that-are-not-shown-any-more). A field that is held: [when the org's fields change](operations.md#when-the-orgs-fields-change).

## Classes

Errors are grouped, filtered (`diptych errors --class`) and counted in metrics by class.

| class | what kind of trouble |
| --- | --- |
"""


@dataclass(frozen=True)
class OwnProblem:
    """A code of ours as the source builds it; `…` stands for what is known only when it happens."""

    code: str
    error_class: str
    message: str
    cause: str
    remedy: str


def page() -> str:
    """The whole page."""
    return "\n".join([*_head(), *_salesforce(), *_logins(), *_own(), *_commands()]).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield HEAD + "\n".join(f"| `{one}` | {CLASSES[one]} |" for one in ErrorClass)
    yield ""


def _salesforce() -> Iterator[str]:
    yield "## Codes of Salesforce\n"
    for code in sorted(CODES):
        meanings = CODES[code]
        yield f"### {code}\n"
        if isinstance(meanings, Meaning):
            yield from _meaning(meanings)
            continue
        for pattern, meaning in meanings:
            yield f"*If Salesforce's text has* `{pattern}`:\n" if pattern else "*Otherwise:*\n"
            yield from _meaning(meaning)
    yield "### Any other code\n"
    yield "*If Salesforce refused the call (4xx):*\n"
    yield from _meaning(UNLISTED)
    yield "*If Salesforce broke down (5xx):*\n"
    yield from _meaning(BROKEN_DOWN)


def _meaning(meaning: Meaning) -> Iterator[str]:
    said = " ".join(
        part for part in (meaning.cause, f"**{meaning.remedy}**" if meaning.remedy else "") if part
    )
    yield f"{said}\n\nClass `{meaning.error_class}`. {NEXT[meaning.next]}\n"


def _logins() -> Iterator[str]:
    yield "## Logging in with OAuth\n"
    yield "`diptych connect`, *Login with Salesforce*, and every later login with a consumer key.\n"
    yield "| error | if its description has | cause | remedy |\n| --- | --- | --- | --- |"
    for code, pattern, meaning in OAUTH:
        name = "any other" if code == "*" else f"`{code}`"
        shown = f"`{pattern}`".replace("|", "\\|") if pattern else ""
        yield f"| {name} | {shown} | {meaning.cause} | {meaning.remedy} |"
    yield ""


def _own() -> Iterator[str]:
    yield "## Codes of Diptych\n"
    yield (
        "What Diptych finds out by itself: before anything is sent, while it waits for an answer, or when it compares. "
        "`…` stands for names and values.\n"
    )
    by_code: dict[str, list[OwnProblem]] = {}
    for problem in own_problems():
        by_code.setdefault(problem.code, []).append(problem)
    for code in sorted(by_code):
        yield f"### {code}\n" if code not in CODES else f"### {code} (found by Diptych)\n"
        for one in dict.fromkeys(by_code[code]):
            remedy = f"**{one.remedy}**" if one.remedy else ""
            said = " ".join(part for part in (one.message, one.cause, remedy) if part)
            yield f"{said}\n\nClass `{one.error_class}`.\n"


def _commands() -> Iterator[str]:
    yield "## One line on stderr\n"
    yield (
        "A command that cannot do what was asked ends with code 1 and one line: `diptych: ` and what happened, why, and what to do. "
        "These are its kinds:\n"
    )
    yield "| kind | means |\n| --- | --- |"
    kinds = {**vars(outcome), **vars(trouble)}
    for name in sorted(kinds):
        kind = kinds[name]
        if inspect.isclass(kind) and issubclass(kind, Exception) and kind.__module__.startswith("diptych."):
            yield f"| `{name}` | {_first_paragraph(kind)} |"


def _first_paragraph(kind: type) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return re.sub(r" \([A-Z]-\d+\)", "", text)  # numbers of rules


def own_problems() -> list[OwnProblem]:
    """Every problem that the source builds with a code of its own, in order of code."""
    trees = [
        ast.parse(file.read_text())
        for file in sorted(SOURCE.rglob("*.py"))
        if "testing" not in file.relative_to(SOURCE).parts  # the fakes say what Salesforce would
    ]
    shared = {name: value for tree in trees for name, value in _constants(tree).items()}
    found = []
    for tree in trees:
        names = {**shared, **_constants(tree)}
        builders = _builders(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                found += [one for one in [_read(node, names, builders)] if one is not None]
    return sorted(found, key=lambda one: (one.code, one.message, one.cause))


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


_ORDER = ("code", "message", "error_class", "cause", "remedy")


def _builders(tree: ast.Module) -> dict[str, tuple[str, ...]]:
    """`Problem`, and the functions of this module that take a code and make one of it; with the names of their arguments."""
    made = {"Problem": _ORDER}
    for node in tree.body:
        if (
            isinstance(node, ast.FunctionDef)
            and isinstance(node.returns, ast.Name)
            and node.returns.id == "Problem"
        ):
            arguments = tuple(one.arg for one in node.args.args)
            if {"code", "message"} <= set(arguments):
                made[node.name] = arguments
    return made


def _read(
    call: ast.Call, names: Mapping[str, ast.expr], builders: Mapping[str, tuple[str, ...]]
) -> OwnProblem | None:
    called = call.func.id if isinstance(call.func, ast.Name) else ""
    if called not in builders:
        return None
    given = dict(zip(builders[called], call.args, strict=False)) | {
        k.arg: k.value for k in call.keywords if k.arg
    }
    code = _text(given.get("code"), names)
    if not code[:1].isupper():
        return None  # built from what Salesforce said
    kind = given.get("error_class")
    known = isinstance(kind, ast.Attribute) and kind.attr in ErrorClass.__members__
    error_class = ErrorClass[kind.attr] if known else ErrorClass.NETWORK  # type: ignore[union-attr]
    return OwnProblem(
        code, error_class, *(_text(given.get(part), names) for part in ("message", "cause", "remedy"))
    )


def _text(node: ast.expr | None, names: Mapping[str, ast.expr]) -> str:
    """The text of an expression; `…` for what only a run knows."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, names) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left, names) + _text(node.right, names)
    if isinstance(node, ast.Name) and isinstance(
        names.get(node.id), ast.Constant | ast.JoinedStr | ast.BinOp
    ):
        return _text(names[node.id], names)
    if isinstance(node, ast.IfExp):
        return _text(node.body, names)
    return "" if node is None else "…"


if __name__ == "__main__":
    PAGE.write_text(page())
