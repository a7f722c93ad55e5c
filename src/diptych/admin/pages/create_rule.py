"""Who is created in Salesforce: the create rule, looked at before it is set, and what fills required fields."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form
from diptych.admin.trouble import Trouble
from diptych.admin.words import _
from diptych.domain.creating import CREATED_OBJECT, CreateRule, MatchPolicy, keyed
from diptych.domain.person_filter import BadFilter
from diptych.sync.outbound.create_preview import CreatePreview, preview
from diptych.sync.outbound.create_rule import NoSuchField, read_rule, save_default, save_rule

router = APIRouter(prefix="/identity/creating")


@router.get("")
def show(request: Request, filter: str = "", policy: str = "", allow: str = "") -> Response:
    """The rule as it is; with `filter`, whom that one names. Changes nothing."""
    try:
        asked = _asked(request, filter, policy, bool(allow)) if filter else None
        with workspace_of(request).store.looking() as tx:
            found = preview(tx, asked) if asked else None
    except (BadFilter, ValueError) as problem:
        return _page(request, None, None, Trouble(str(problem)))
    return _page(request, asked, found, None)


@router.post("")
def set_rule(request: Request, form: Form) -> Response:
    """Create whom the filter names, from the next cycle on."""
    workspace, text = workspace_of(request), str(form.get("filter", ""))
    try:
        asked = _asked(request, text, str(form.get("policy", "")), bool(form.get("allow")))
        with workspace.store.transaction() as tx:
            save_rule(tx, replace(asked, filter=preview(tx, asked, 0).filter))
    except (BadFilter, ValueError) as problem:
        return _page(request, None, None, Trouble(str(problem)))
    workspace.sync_now()
    return go(request, "/identity/creating", _("Set. They are created with the next cycle."))


@router.post("/clear")
def clear(request: Request) -> Response:
    with workspace_of(request).store.transaction() as tx:
        save_rule(tx, replace(read_rule(tx), filter=""))
    return go(request, "/identity/creating", _("Nobody is created by itself any more."))


@router.post("/default")
def set_default(request: Request, form: Form) -> Response:
    """What a required field is filled with where ours is blank; blank takes it away."""
    workspace = workspace_of(request)
    back = "/identity/waiting" if form.get("from") == "waiting" else "/identity/creating"
    field, value = str(form.get("field", "")).strip(), str(form.get("value", "")).strip()
    try:
        with workspace.store.transaction() as tx:
            save_default(tx, field, value)
    except NoSuchField as problem:
        return _page(request, None, None, Trouble(str(problem)))
    workspace.sync_now()
    if not value:
        return go(request, back, _("%(field)s has no default any more.") % {"field": field})
    said = _(
        "%(field)s is %(value)s at create where ours is blank; whoever waited for it goes with the next cycle."
    )
    return go(request, back, said % {"field": field, "value": value})


def _asked(request: Request, text: str, policy: str, allow: bool) -> CreateRule:
    """The rule with these choices. Raises ValueError."""
    if policy not in ("", *MatchPolicy):
        raise ValueError(_("Choose what to do when the e-mail address is there already."))
    if not text.strip():
        raise ValueError(_("Write a filter; without one nobody is created."))
    with workspace_of(request).store.looking() as tx:
        rule = read_rule(tx)
    chosen = MatchPolicy(policy) if policy else rule.policy
    return replace(rule, filter=text, policy=chosen, allow_duplicates=allow)


def _page(
    request: Request, asked: CreateRule | None, found: CreatePreview | None, trouble: Trouble | None
) -> Response:
    with workspace_of(request).store.looking() as tx:
        rule, described = read_rule(tx), tx.schema(CREATED_OBJECT)
    return page(
        request,
        "identity/creating.html",
        422 if trouble else 200,
        trouble=trouble,
        rule=rule,
        asked=asked or rule,
        found=found,
        creatable=described is None or described.createable,
        keyed=described is None or keyed(described),
        policies={
            MatchPolicy.LINK.value: _("link to it: a contact before an open lead"),
            MatchPolicy.CREATE.value: _("create a lead all the same"),
            MatchPolicy.HOLD.value: _("hold for review"),
        },
    )
