"""The mapping for life: the list, one field, what a change would do, versions, undo, and the file of another org (S-53)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams, UploadFile
from starlette.responses import RedirectResponse, Response

from diptych.admin import mapping_words as words
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.views import PageOf
from diptych.admin.words import _
from diptych.domain.mapping import Blanks, Direction, Policy
from diptych.domain.mapping_edit import Edit
from diptych.domain.roles import Role
from diptych.domain.selection import Use
from diptych.domain.values import Kind
from diptych.setup.field_choice import GONE, type_text
from diptych.setup.mapping_editor import Preview
from diptych.setup.mapping_rows import RowFilter
from diptych.setup.steps import Setup

router = APIRouter(prefix="/mapping")
_ADMIN = [require(Role.ADMIN)]
_PAGE_SIZE = 100
_FILE_LIMIT = 900_000
_LARGEST = 10**9
_STATES = ("", "held", "drifted", "errors")


# ---------------------------------------------------------------- the list and one field


@router.get("")
def show(request: Request) -> Response:
    setup, given = workspace_of(request).setup, request.query_params
    early = _too_early(setup)
    if early is not None:
        return early
    wanted = RowFilter(
        *(given.get(n, "")[:80] for n in ("search", "object", "direction", "policy", "blanks", "state"))
    )
    everything = setup.editor.rows()
    rows = [row for row in everything if wanted.takes(row)]
    number = _number(given.get("page"), 1)
    return page(
        request,
        "mapping/list.html",
        wanted=wanted,
        address={
            "search": wanted.search,
            "object": wanted.object_name,
            "direction": wanted.direction,
            "policy": wanted.policy,
            "blanks": wanted.blanks,
            "state": wanted.state,
        },
        objects=list(dict.fromkeys(row.mapped.object_name for row in everything)),
        pages=PageOf(rows[(number - 1) * _PAGE_SIZE : number * _PAGE_SIZE], len(rows), number, _PAGE_SIZE),
        version=setup.mapping().version,
        held=sum(row.state == "held" for row in everything),
        drifted=sum(row.state == "drifted" for row in everything),
        **_words(),
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
        **_words(),
    )


@router.post("/field/{name}/accept", dependencies=_ADMIN)
def accept(request: Request, name: str) -> Response:
    """A retyped, cut or lengthened field is taken as it is now."""
    try:
        workspace_of(request).accept_field(name)
    except EXPECTED as problem:
        return _field_page(request, name, trouble_of(problem))
    return go(
        request,
        _address(name),
        _("%s is synced as it is now. Its column holds what it held, and is filled from Salesforce.") % name,
    )


@router.post("/field/{name}/renamed", dependencies=_ADMIN)
def renamed(request: Request, name: str, form: Form) -> Response:
    """A field is called otherwise now: its column, direction and policy go on."""
    new = str(form.get("new", ""))
    try:
        workspace_of(request).setup.renamed(name, new)
    except EXPECTED as problem:
        return _field_page(request, name, trouble_of(problem))
    return go(request, _address(new), _("%(old)s is %(new)s from now on.") % {"old": name, "new": new})


@router.get("/add")
def add(request: Request, search: str = "") -> Response:
    """Fields that the sync user sees and that are not mapped."""
    setup = workspace_of(request).setup
    early = _too_early(setup)
    if early is not None:
        return early
    trouble, found = None, []
    try:
        found = [
            choice
            for choice in setup.fields(search=search[:200])
            if choice.column is None and choice.use is not Use.NEVER and choice.change != GONE
        ]
    except EXPECTED as problem:
        trouble = trouble_of(problem)
    return page(
        request, "mapping/add.html", trouble=trouble, found=found, search=search[:200], type_text=type_text
    )


# ---------------------------------------------------------------- a change: shown, then made


@router.get("/preview")
def preview(request: Request) -> Response:
    """What a change would do. Changes nothing."""
    return _preview_page(request, request.query_params, None)


@router.post("/apply", dependencies=_ADMIN)
def apply(request: Request, form: Form) -> Response:
    given = QueryParams({name: str(value) for name, value in form.items()})
    try:
        edit = _edit(given)
        if edit is None:
            return RedirectResponse("/mapping", 303)
        made = workspace_of(request).setup.editor.apply(edit, given.get("reason", ""), _version(given))
    except ValueError:
        return _preview_page(request, given, _unknown_word())
    except EXPECTED as problem:
        return _preview_page(request, given, trouble_of(problem))
    names = ", ".join(edit.names)
    return go(
        request,
        "/mapping/history" if edit.unmap else _address(edit.names[0]),
        _("%(names)s: changed. This is version %(version)d of the mapping.")
        % {"names": names, "version": made.version},
    )


def _preview_page(request: Request, given: QueryParams, trouble: Trouble | None) -> Response:
    setup = workspace_of(request).setup
    found: Preview | None = None
    edit: Edit | None = None
    try:
        edit = _edit(given)
        if edit is None:
            return RedirectResponse("/mapping", 303)
        found = setup.editor.preview(edit)
    except ValueError:
        trouble = trouble or _unknown_word()
    except EXPECTED as problem:
        trouble = trouble or trouble_of(problem)
    kept = ("name", "direction", "policy", "blanks", "restrictive", "column", "add", "unmap")
    return page(
        request,
        "mapping/preview.html",
        422 if trouble else 200,
        trouble=trouble,
        found=found,
        title=_("What this change would do"),
        action="/mapping/apply",
        carried={name: given[name] for name in kept if given.get(name)},
        back=_address(edit.names[0]) if edit and not edit.add else "/mapping",
        reason=given.get("reason", "")[:500],
        button=_("Unmap") if edit and edit.unmap else _("Apply"),
        **_words(),
    )


def _edit(given: QueryParams) -> Edit | None:
    """The change that an address or form asks for; only what differs from the field as it is. Raises ValueError."""
    name = given.get("name", "")[:200]
    if not name:
        return None

    def chosen(what: str) -> str | None:
        value = given.get(what, "")[:80].strip()
        return value if value and value != given.get(f"was_{what}", "") else None

    direction, policy, blanks, restrictive = map(chosen, ("direction", "policy", "blanks", "restrictive"))
    return Edit(
        (name,),
        Direction(direction) if direction else None,
        Policy(policy) if policy else None,
        Blanks(blanks) if blanks else None,
        restrictive == "true" if restrictive else None,
        chosen("column"),
        bool(given.get("add")),
        bool(given.get("unmap")),
    )


# ---------------------------------------------------------------- versions


@router.get("/history")
def history(request: Request) -> Response:
    """All versions, the newest first."""
    setup = workspace_of(request).setup
    early = _too_early(setup)
    if early is not None:
        return early
    before = _number(request.query_params.get("before"), 0)
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
    one, other = _number(given.get("from"), 0), _number(given.get("to"), 0)
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
        **_words(),
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
            min(number, _LARGEST), str(form.get("reason", "")), _version(form)
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
    return _adoption_page(
        request,
        trouble,
        lambda: editor.preview_undo(min(number, _LARGEST)),
        title=_("What going back to version %d would do") % number,
        action=f"/mapping/undo/{number}",
        back="/mapping/history",
        button=_("Go back to version %d") % number,
    )


# ---------------------------------------------------------------- the file of another org


@router.get("/promote")
def show_promote(request: Request) -> Response:
    early = _too_early(workspace_of(request).setup)
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
    return _promotion_page(request, text, None)


@router.post("/promote/apply", dependencies=_ADMIN)
def promote(request: Request, form: Form) -> Response:
    """What can be taken over is taken over."""
    text = str(form.get("text", ""))
    try:
        made = workspace_of(request).setup.editor.promote(text, str(form.get("reason", "")), _version(form))
    except EXPECTED as problem:
        return _promotion_page(request, text, trouble_of(problem))
    return go(
        request,
        "/mapping/history",
        _("The mapping of the file is taken over. This is version %d of the mapping.") % made.version,
    )


def _promotion_page(request: Request, text: str, trouble: Trouble | None) -> Response:
    editor = workspace_of(request).setup.editor
    return _adoption_page(
        request,
        trouble,
        lambda: editor.preview_promotion(text),
        title=_("What taking over this file would do"),
        action="/mapping/promote/apply",
        carried={"text": text},
        back="/mapping/promote",
        button=_("Take over what can be"),
    )


# ---------------------------------------------------------------- within


def _adoption_page(
    request: Request,
    trouble: Trouble | None,
    look: Callable[[], Preview],
    *,
    title: str,
    action: str,
    back: str,
    button: str,
    carried: dict[str, str] | None = None,
) -> Response:
    found: Preview | None = None
    try:
        found = look()
    except EXPECTED as problem:
        trouble = trouble or trouble_of(problem)
    return page(
        request,
        "mapping/preview.html",
        422 if trouble else 200,
        trouble=trouble,
        found=found,
        title=title,
        action=action,
        carried=carried or {},
        back=back,
        reason="",
        button=button,
        **_words(),
    )


def _too_early(setup: Setup) -> Response | None:
    return RedirectResponse("/setup", 303) if setup.state().fields_synced_at is None else None


def _unknown_word() -> Trouble:
    return Trouble(_("That is not a direction, policy or handling of blanks; nothing was changed."))


def _address(name: str) -> str:
    return f"/mapping/field/{quote(name, safe='')}"


def _number(text: str | None, otherwise: int) -> int:
    ok = text is not None and text.isascii() and text.isdecimal() and len(text) < 10
    return max(int(text), 1) if ok and text is not None else otherwise


def _version(given: Any) -> int | None:
    return _number(str(given.get("version", "")), 0) or None


def _words() -> dict[str, Any]:
    return {
        "directions": words.directions(),
        "policies": words.policies(),
        "consent": words.consent(),
        "blanks": words.blanks(),
        "said_value": words.said_value,
        "part_names": words.part_names(),
        "what_names": words.what_names(),
        "fates": words.fates(),
        "verdicts": words.verdicts(),
    }
