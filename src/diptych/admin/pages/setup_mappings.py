"""Field mappings in the set-up (S-48..S-52): changed at once, since nothing is synced yet; every change is a version that can be
taken back. Once the sync has started, the same orders lead to the editor, which shows first what a change would do."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from diptych.admin import mapping_words as words
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form
from diptych.admin.pages.mapping import promotion_page
from diptych.admin.pages.stepper import ADDRESSES, stepper
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _
from diptych.domain.mapping import Blanks, Direction, Policy

router = APIRouter()

SETUP, LIFE = ADDRESSES["mapping"], "/mappings"
_EDITOR = "/mapping/arrange"
_FILE_LIMIT = 5_000_000


@router.get(SETUP)
def in_setup(request: Request) -> Response:
    return _page(request, None)


@router.get(LIFE)
def for_life(request: Request) -> Response:
    """Where the pairs are looked at and moved once the set-up is done."""
    return RedirectResponse(_EDITOR, 303)


@router.get("/mappings/file")
def export(request: Request) -> Response:
    """The mapping as a file."""
    return Response(
        workspace_of(request).setup.export_mapping(),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="diptych-mapping.json"'},
    )


@router.post("/mappings/file")
def bring_back(request: Request, form: Form) -> Response:
    """A file of Export, taken over whole or not at all."""
    file = form.get("file")
    content = file.file.read(_FILE_LIMIT + 1) if isinstance(file, UploadFile) else b""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > _FILE_LIMIT:
        return _page(request, Trouble(_("Choose a mapping file that was exported here.")))
    if _started(request):
        return promotion_page(request, text, None)
    return _do(
        request,
        form,
        lambda: workspace_of(request).setup.import_mapping(text),
        _("The mapping is taken over."),
    )


@router.post("/mappings/pair")
def pair(request: Request, form: Form) -> Response:
    """Map two unmapped fields onto each other."""
    first, second = str(form.get("lead", "")), str(form.get("contact", ""))
    if not first or not second:
        return _page(request, Trouble(_("Choose a lead field and a contact field.")))
    if _started(request):
        return _to_move(request, second, first)
    message = _("%(first)s and %(second)s are one field now.") % {"first": first, "second": second}
    return _do(request, form, lambda: workspace_of(request).setup.pair(first, second), message)


@router.post("/mappings/break")
def break_mapping(request: Request, form: Form) -> Response:
    """Break Mapping: two fields, a column each."""
    name = str(form.get("name", ""))
    if _started(request):
        return _to_preview(name=name, own="1")
    message = _("The pair of %s is broken: each field has a column of its own now.") % name
    return _do(request, form, lambda: workspace_of(request).setup.break_pair(name), message)


@router.post("/mappings/reset")
def reset(request: Request, form: Form) -> Response:
    if _started(request):
        return RedirectResponse("/mapping/reset", 303)
    message = _("Back to the automatic pairs and the default directions.")
    return _do(request, form, workspace_of(request).setup.reset, message)


@router.post("/mappings/change")
def change(request: Request, form: Form) -> Response:
    """Direction, policy and blanks of one field; only what differs from what was shown."""
    name, setup = str(form.get("name", "")), workspace_of(request).setup
    if _started(request):
        given = ("direction", "policy", "blanks", "was_direction", "was_policy", "was_blanks")
        return _to_preview(name=name, **{key: str(form.get(key, "")) for key in given})

    def act() -> None:
        if form.get("direction") != form.get("was_direction"):
            setup.set_direction(name, Direction(str(form.get("direction"))))
        if form.get("policy") != form.get("was_policy"):
            setup.set_policy(name, Policy(str(form.get("policy"))))
        if form.get("blanks", form.get("was_blanks")) != form.get("was_blanks"):
            setup.set_policy(name, blanks=Blanks(str(form.get("blanks"))))

    return _do(request, form, act, _("%s is changed.") % name)


@router.post(SETUP)
def finish(request: Request, form: Form) -> Response:
    """Finish Mappings."""
    try:
        workspace_of(request).setup.finish_mapping()
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    return go(request, ADDRESSES["start"])


def _started(request: Request) -> bool:
    return workspace_of(request).setup.state().started_at is not None


def _to_preview(**given: str) -> Response:
    address = urlencode({name: value for name, value in given.items() if value})
    return RedirectResponse(f"/mapping/preview?{address}", 303)


def _to_move(request: Request, name: str, beside: str) -> Response:
    """The preview of a field that goes into the column of another one."""
    try:
        column = workspace_of(request).setup.editor.row(beside).column
    except EXPECTED as problem:
        return go(request, _EDITOR, trouble_of(problem).message, kind="warning")
    return RedirectResponse(f"/mapping/move?{urlencode({'name': name, 'to': column})}", 303)


def _do(request: Request, form: Form, act: Callable[[], object], message: str) -> Response:
    try:
        act()
    except ValueError:
        return _page(request, Trouble(_("That is not a direction or policy; nothing was changed.")))
    except EXPECTED as problem:
        return _page(request, trouble_of(problem))
    # back to the row that was changed
    row = f"#column-{quote(str(form.get('column')))}" if form.get("column") else ""
    return go(request, SETUP + row, message)


def _page(request: Request, trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    state = setup.state()
    if state.fields_synced_at is None:
        return RedirectResponse("/setup", 303)
    if state.started_at is not None:
        return go(request, _EDITOR, trouble.message, kind="warning") if trouble else go(request, _EDITOR)
    if state.confirmed_at is None:
        return RedirectResponse(ADDRESSES["confirm"], 303)
    view = setup.mapping()
    return page(
        request,
        "setup/mappings.html",
        422 if trouble else 200,
        steps=stepper(state.step, "mapping"),
        trouble=trouble,
        view=view,
        standard=[row for row in view.pairs if not row.custom],
        custom=[row for row in view.pairs if row.custom],
        unmapped_leads=[row.lead for row in view.unmapped if row.lead],
        unmapped_contacts=[row.contact for row in view.unmapped if row.contact],
        directions=words.directions(),
        policies=words.policies(),
        consent=words.consent(),
        blanks=words.blanks(),
        finished_at=state.mapping_finished_at,
    )
