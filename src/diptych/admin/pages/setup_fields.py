"""Set-up, Sync Fields: choose among all fields that the sync user sees, then create their columns (S-35..S-41)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _, ngettext
from diptych.domain.objects import SYNCED_OBJECTS
from diptych.setup.field_choice import GONE, NEW, RENAMED, RETYPED, FieldChoice, type_text
from diptych.setup.field_sync import FieldsSynced

router = APIRouter(prefix="/setup/fields")


@dataclass(frozen=True)
class ObjectFields:
    """The fields of one object, as a section of the page."""

    name: str
    label: str
    two_way: bool
    choices: tuple[FieldChoice, ...]

    @property
    def ticked(self) -> int:
        return sum(choice.selected for choice in self.choices)

    @property
    def changed(self) -> bool:
        return any(choice.change for choice in self.choices)


@router.get("")
def show(request: Request, fresh: bool = False) -> Response:
    return _page(request, None, fresh)


@router.post("")
def choose(request: Request, form: Form) -> Response:
    """Keep the choice; with Sync Fields also create the columns. The choice is kept even when that fails."""
    setup = workspace_of(request).setup
    ticked = {str(name) for name in form.getlist("field")}
    try:
        open_choices = [choice for choice in setup.fields() if not choice.locked]
        more = [c.name for c in open_choices if c.name in ticked and not c.selected]
        less = [c.name for c in open_choices if c.name not in ticked and c.selected]
        if more:
            setup.select(more)
        if less:
            setup.deselect(less)
        if form.get("then") != "sync":
            return go(request, ADDRESSES["fields"], _("The choice is saved. No column was created yet."))
        done = setup.sync_fields()
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    started = setup.state().started_at is not None
    return go(request, ADDRESSES["fields" if started else "confirm"], _what_was_done(done))


@router.post("/renamed")
def renamed(request: Request, form: Form) -> Response:
    """A person says that a field which went and one which came are the same: its column goes on."""
    old, _arrow, new = str(form.get("renamed", "")).partition(">")
    try:
        workspace_of(request).setup.renamed(old, new)
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    return go(request, ADDRESSES["fields"], _("%(old)s is %(new)s from now on.") % {"old": old, "new": new})


def _what_was_done(done: FieldsSynced) -> str:
    lines = [
        ngettext("%d column was created.", "%d columns were created.", len(done.created)) % len(done.created)
        if done.created
        else _("All columns were there already.")
    ]
    if done.pairings:
        lines.append(
            ngettext(
                "%d pair of similarly named custom fields was mapped automatically.",
                "%d pairs of similarly named custom fields were mapped automatically.",
                len(done.pairings),
            )
            % len(done.pairings)
        )
    if done.dropped:
        lines.append(_("No longer synced (their columns keep the values): %s.") % ", ".join(done.dropped))
    return " ".join(lines)


def _page(request: Request, trouble: Trouble | None, fresh: bool = False) -> Response:
    setup = workspace_of(request).setup
    state = setup.state()
    if not state.connected:
        return RedirectResponse(ADDRESSES["credentials"], 303)
    found: list[FieldChoice] = []
    try:
        found = setup.fields(fresh=fresh)
    except EXPECTED as problem:
        trouble = trouble or trouble_of(problem)
    by_object: dict[str, list[FieldChoice]] = defaultdict(list)
    for choice in found:
        by_object[choice.object_name].append(choice)
    objects = [
        ObjectFields(known.name, known.label_plural, known.two_way, tuple(by_object[known.name]))
        for known in sorted(SYNCED_OBJECTS, key=lambda o: (not o.two_way, o.name != "Lead"))
        if by_object[known.name]
    ]
    return page(
        request,
        "setup/fields.html",
        422 if trouble else 200,
        steps=stepper(state.step, "fields"),
        trouble=trouble,
        objects=objects,
        changes=[choice for choice in found if choice.change],
        change_words={
            NEW: _("new"),
            RENAMED: _("renamed?"),
            RETYPED: _("other type"),
            GONE: _("gone"),
        },
        type_text=type_text,
        synced_at=state.fields_synced_at,
    )
