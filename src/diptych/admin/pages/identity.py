"""Identity: when two records are one person: the match rule, what it takes for one among who is here, joining them, undoing it."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.matching import Matching, MatchRule
from diptych.sync.joining import RUN
from diptych.sync.matching import read_matching, save_matching
from diptych.sync.repair.gather import LARGEST, PROGRESS, Gathered, Order

router = APIRouter(prefix="/identity")
_SAMPLE, _RUNS = 50, 10


@router.get("")
def show(request: Request, rule: str = "", column: str = "", largest: str = "") -> Response:
    """The rule as it is; with `rule`, whom that one takes for one person. Changes nothing."""
    try:
        order = _order(rule, column, largest) if rule else None
        found = workspace_of(request).gathering(order, _SAMPLE) if order else None
    except ValueError as problem:
        return _page(request, None, Trouble(str(problem)))
    except EXPECTED as problem:
        return _page(request, None, trouble_of(problem))
    return _page(request, found, None)


@router.post("/rule")
def set_rule(request: Request, form: Form) -> Response:
    """From now on, records that come join the person they match."""
    try:
        matching = _order(str(form.get("rule", "")), str(form.get("column", ""))).matching
        with workspace_of(request).store.transaction() as tx:
            save_matching(tx, matching)
    except ValueError as problem:
        return _page(request, None, Trouble(str(problem)))
    if matching.rule is MatchRule.NONE:
        return go(request, "/identity", _("Every record that comes is a person of its own again."))
    return go(request, "/identity", _("Records that come from now on join the person they match."))


@router.post("/apply")
def apply(request: Request, form: Form) -> Response:
    """Join the people who are here and whom the rule takes for one; the worker does it."""
    given = (str(form.get(name, "")) for name in ("rule", "column", "largest"))
    try:
        order = _order(*given)
    except ValueError as problem:
        return _page(request, None, Trouble(str(problem)))
    workspace_of(request).gather_soon(order)
    return go(request, "/identity", _("They are joined one after the other; this page says how far it is."))


@router.post("/undo")
def undo(request: Request, form: Form) -> Response:
    """Take apart whom a run has joined."""
    workspace, text = workspace_of(request), str(form.get("run", ""))
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0
    if number not in {one.id for one in workspace.queries.runs(_RUNS, kind=RUN)}:
        return _page(request, None, Trouble(_("That run has joined nobody.")))
    workspace.undo_soon(number)
    return go(
        request,
        "/identity",
        _("They are taken apart; what was edited since the join stays with both."),
    )


def _order(rule: str, column: str, largest: str = "") -> Order:
    """Raises ValueError, with a line for the person who filled in the form."""
    if rule not in list(MatchRule):
        raise ValueError(_("Choose a rule."))
    if rule == MatchRule.EXTERNAL_ID and not column:
        raise ValueError(_("Choose the column that holds the external id."))
    if largest and not (largest.isascii() and largest.isdecimal() and 2 <= int(largest[:9]) < 10**6):
        raise ValueError(_("Write how many people a group may have, 2 at least."))
    return Order(
        Matching(MatchRule(rule), column if rule == MatchRule.EXTERNAL_ID else None),
        int(largest[:9]) if largest else LARGEST,
    )


def _page(request: Request, found: Gathered | None, trouble: Trouble | None) -> Response:
    workspace = workspace_of(request)
    with workspace.store.looking() as tx:
        matching, progress = read_matching(tx), tx.setting(PROGRESS)
    asked = found.order if found else Order(matching)
    return page(
        request,
        "identity/matching.html",
        422 if trouble else 200,
        trouble=trouble,
        matching=matching,
        rules=_rules(),
        columns=list(workspace.queries.columns()),
        asked=asked,
        found=found,
        progress=json.loads(progress)["counts"] if progress else None,
        runs=workspace.queries.runs(_RUNS, kind=RUN),
    )


def _rules() -> dict[str, str]:
    return {
        MatchRule.NONE.value: _("never: each record is a person of its own"),
        MatchRule.EMAIL.value: _("the same e-mail address"),
        MatchRule.EMAIL_NAME.value: _("the same e-mail address and name"),
        MatchRule.EXTERNAL_ID.value: _("the same value in a column (an id elsewhere)"),
    }
