"""The mapping for life: the list, one field, versions, undo, and the file of another org (S-53)."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import URL, UploadFile
from starlette.responses import Response

from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.pages.mapping_frame import (
    address_of,
    all_words,
    filter_address,
    filter_of,
    number_of,
    preview_page,
    too_early,
    version_of,
)
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.domain.roles import Role
from diptych.domain.values import Kind
from diptych.setup.field_choice import can_be_added, type_text

router = APIRouter(prefix="/mapping")
_ADMIN = [require(Role.ADMIN)]
_PAGE_SIZE = 100
_FILE_LIMIT = 900_000
_LARGEST = 10**9
_MOST_SHOWN = 500


# ---------------------------------------------------------------- the list and one field


@router.get("")
def show(request: Request) -> Response:
    setup, given = workspace_of(request).setup, request.query_params
    early = too_early(setup)
    if early is not None:
        return early
    wanted = filter_of(given)
    everything = setup.editor.rows()
    rows = [row for row in everything if wanted.takes(row)]
    number = number_of(given.get("page"), 1)
    return page(
        request,
        "mapping/list.html",
        wanted=wanted,
        address=filter_address(wanted),
        only=filter_address(wanted, "f_"),
        back=str(
            URL("/mapping").include_query_params(**{n: v for n, v in filter_address(wanted).items() if v})
        ),
        objects=list(dict.fromkeys(row.mapped.object_name for row in everything)),
        pages=PageOf(rows[(number - 1) * _PAGE_SIZE : number * _PAGE_SIZE], len(rows), number, _PAGE_SIZE),
        version=setup.mapping().version,
        held=sum(row.state == "held" for row in everything),
        drifted=sum(row.state == "drifted" for row in everything),
        **all_words(),
    )


@router.get("/field/{name}")
def field(request: Request, name: str) -> Response:
    """One field: what is known of it, and what can be changed."""
    return _field_page(request, name, None)


def _field_page(request: Request, name: str, trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    try:
        row = setup.editor.row(name)
    except EXPECTED as problem:
        return go(request, "/mapping", trouble_of(problem).message, kind="warning")
    return page(
        request,
        "mapping/field.html",
        422 if trouble else 200,
        row=row,
        trouble=trouble,
        two_way=row.mapped.table == "person",
        boolean=row.mapped.kind is Kind.BOOLEAN,
        version=setup.mapping().version,
        **all_words(),
    )


@router.get("/field/{name}/accept")
def show_accept(request: Request, name: str) -> Response:
    """What taking a retyped, cut or lengthened field as it is now would do."""
    return _accept_page(request, name, None)


@router.post("/field/{name}/accept", dependencies=_ADMIN)
def accept(request: Request, name: str, form: Form) -> Response:
    """A retyped, cut or lengthened field is taken as it is now."""
    try:
        workspace_of(request).accept_field(name, str(form.get("reason", ""))[:400], version_of(form))
    except EXPECTED as problem:
        return _accept_page(request, name, trouble_of(problem))
    return go(
        request,
        address_of(name),
        _("%s is synced as it is now. Its column holds what it held, and is filled from Salesforce.") % name,
    )


def _accept_page(request: Request, name: str, trouble: Trouble | None) -> Response:
    editor = workspace_of(request).setup.editor
    return preview_page(
        request,
        trouble,
        lambda: editor.preview_as_it_is_now(name),
        title=_("What taking over %s as it is now would do") % name,
        action=f"{address_of(name)}/accept",
        back=address_of(name),
        button=_("Take it over as it is now"),
    )


@router.get("/field/{name}/renamed")
def show_renamed(request: Request, name: str, new: str = "") -> Response:
    """What following a field to its new name would do."""
    return _renamed_page(request, name, new[:200], None)


@router.post("/field/{name}/renamed", dependencies=_ADMIN)
def renamed(request: Request, name: str, form: Form) -> Response:
    """A field is called otherwise now: its column, direction and policy go on."""
    new = str(form.get("new", ""))[:200]
    try:
        workspace_of(request).setup.renamed(name, new, str(form.get("reason", ""))[:400], version_of(form))
    except EXPECTED as problem:
        return _renamed_page(request, name, new, trouble_of(problem))
    return go(request, address_of(new), _("%(old)s is %(new)s from now on.") % {"old": name, "new": new})


def _renamed_page(request: Request, name: str, new: str, trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    return preview_page(
        request,
        trouble,
        lambda: setup.preview_renamed(name, new),
        title=_("What following %(old)s to %(new)s would do") % {"old": name, "new": new},
        action=f"{address_of(name)}/renamed",
        carried={"new": new},
        back=address_of(name),
        button=_("It is %(new)s now") % {"new": new},
    )


@router.get("/add")
def add(request: Request, search: str = "") -> Response:
    """Fields that the sync user sees and that are not mapped."""
    setup = workspace_of(request).setup
    early = too_early(setup)
    if early is not None:
        return early
    trouble, found = None, []
    try:
        found = [choice for choice in setup.fields(search=search[:200]) if can_be_added(choice)]
    except EXPECTED as problem:
        trouble = trouble_of(problem)
    return page(
        request,
        "mapping/add.html",
        trouble=trouble,
        found=found[:_MOST_SHOWN],
        number=len(found),
        search=search[:200],
        back=str(URL("/mapping/add").include_query_params(search=search[:80]) if search else "/mapping/add"),
        type_text=type_text,
    )


# ---------------------------------------------------------------- versions


@router.get("/history")
def history(request: Request) -> Response:
    """All versions, the newest first."""
    setup = workspace_of(request).setup
    early = too_early(setup)
    if early is not None:
        return early
    before = number_of(request.query_params.get("before"), 0)
    versions = setup.editor.versions(50, before or None)
    return page(
        request,
        "mapping/history.html",
        versions=versions,
        newest=setup.mapping().version,
        older=versions[-1].saved.version if versions and versions[-1].changed is not None else None,
        first_page=not before,
    )


@router.get("/diff")
def diff(request: Request) -> Response:
    """How two versions differ."""
    setup, given = workspace_of(request).setup, request.query_params
    one, other = number_of(given.get("from"), 0), number_of(given.get("to"), 0)
    changes, trouble = [], None
    try:
        changes = setup.editor.diff(one, other)
    except EXPECTED as problem:
        trouble = trouble_of(problem)
    return page(
        request,
        "mapping/diff.html",
        422 if trouble else 200,
        trouble=trouble,
        changes=changes,
        one=one,
        other=other,
        newest=setup.mapping().version,
        **all_words(),
    )


@router.get("/undo/{number}")
def show_undo(request: Request, number: int) -> Response:
    """What going back to a version would do."""
    return _undo_page(request, number, None)


@router.post("/undo/{number}", dependencies=_ADMIN)
def undo(request: Request, number: int, form: Form) -> Response:
    """Go back to it, as a new version."""
    try:
        made = workspace_of(request).setup.editor.undo(
            min(number, _LARGEST), str(form.get("reason", "")), version_of(form)
        )
    except EXPECTED as problem:
        return _undo_page(request, number, trouble_of(problem))
    return go(
        request,
        "/mapping/history",
        _("The mapping is as it was in version %(was)d. This is version %(version)d.")
        % {"was": number, "version": made.version},
    )


def _undo_page(request: Request, number: int, trouble: Trouble | None) -> Response:
    editor = workspace_of(request).setup.editor
    return preview_page(
        request,
        trouble,
        lambda: editor.preview_undo(min(number, _LARGEST)),
        title=_("What going back to version %d would do") % number,
        action=f"/mapping/undo/{number}",
        back="/mapping/history",
        button=_("Go back to version %d") % number,
    )


# ---------------------------------------------------------------- back to the automatic pairs


@router.get("/reset")
def show_reset(request: Request) -> Response:
    """What going back to the automatic pairs and default directions would do."""
    return too_early(workspace_of(request).setup) or _reset_page(request, None)


@router.post("/reset", dependencies=_ADMIN)
def reset(request: Request, form: Form) -> Response:
    """Go back to them, as a new version."""
    try:
        made = workspace_of(request).setup.reset(str(form.get("reason", ""))[:500], version_of(form))
    except EXPECTED as problem:
        return _reset_page(request, trouble_of(problem))
    return go(
        request,
        "/mapping/history",
        _("Back to the automatic pairs and the default directions. This is version %d of the mapping.")
        % made.version,
    )


def _reset_page(request: Request, trouble: Trouble | None) -> Response:
    return preview_page(
        request,
        trouble,
        workspace_of(request).setup.preview_reset,
        title=_("What going back to the automatic pairs and default directions would do"),
        action="/mapping/reset",
        back="/mapping/history",
        button=_("Reset"),
    )


# ---------------------------------------------------------------- the file of another org


@router.get("/promote")
def show_promote(request: Request) -> Response:
    early = too_early(workspace_of(request).setup)
    return early or page(request, "mapping/promote.html", trouble=None)


@router.post("/promote", dependencies=_ADMIN)
def read_file(request: Request, form: Form) -> Response:
    """A file is compared; nothing is changed."""
    file = form.get("file")
    content = file.file.read(_FILE_LIMIT + 1) if isinstance(file, UploadFile) else b""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = ""
    if not text or len(content) > _FILE_LIMIT:
        said = Trouble(_("Choose a mapping file that was exported from Diptych (up to 900 KB)."))
        return page(request, "mapping/promote.html", 422, trouble=said)
    try:
        workspace_of(request).setup.editor.preview_promotion(text, 0)
    except EXPECTED as problem:
        return page(request, "mapping/promote.html", 422, trouble=trouble_of(problem))
    return promotion_page(request, text, None)


@router.post("/promote/apply", dependencies=_ADMIN)
def promote(request: Request, form: Form) -> Response:
    """What can be taken over is taken over."""
    text = str(form.get("text", ""))
    try:
        made = workspace_of(request).setup.editor.promote(text, str(form.get("reason", "")), version_of(form))
    except EXPECTED as problem:
        return promotion_page(request, text, trouble_of(problem))
    return go(
        request,
        "/mapping/history",
        _("The mapping of the file is taken over. This is version %d of the mapping.") % made.version,
    )


def promotion_page(request: Request, text: str, trouble: Trouble | None) -> Response:
    """What taking over a file would do."""
    editor = workspace_of(request).setup.editor
    return preview_page(
        request,
        trouble,
        lambda: editor.preview_promotion(text),
        title=_("What taking over this file would do"),
        action="/mapping/promote/apply",
        carried={"text": text},
        back="/mapping/promote",
        button=_("Take over what can be"),
    )
