"""A change of the mapping, of one field or of many: shown first, then made as one version (S-53)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from diptych.admin.frame import go, workspace_of
from diptych.admin.guard import Form, require
from diptych.admin.pages.mapping_frame import address_of, filter_of, preview_page, unknown_word, version_of
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.words import _, ngettext
from diptych.domain.mapping import Blanks, Direction, Policy
from diptych.domain.mapping_edit import Edit
from diptych.domain.roles import Role
from diptych.setup.field_choice import can_be_added
from diptych.setup.mapping_preview import Preview
from diptych.setup.steps import Setup

router = APIRouter(prefix="/mapping")
_ADMIN = [require(Role.ADMIN)]
_MOST = 10_000
"""So many fields are changed at once."""
_KEPT = ("direction", "policy", "blanks", "restrictive", "column", "own", "instead", "add", "unmap", "back")


@router.get("/preview")
def preview(request: Request) -> Response:
    """What a change would do. Changes nothing."""
    given = request.query_params
    setup = workspace_of(request).setup
    try:
        names = _names(setup, given)
    except EXPECTED as problem:
        return go(request, _back(given, "/mapping"), trouble_of(problem).message, kind="warning")
    if not names:
        return go(request, _back(given, "/mapping"), _("Choose at least one field."), kind="warning")
    return _preview(request, given, names, None)


@router.post("/apply", dependencies=_ADMIN)
def apply(request: Request, form: Form) -> Response:
    """Make it, if the mapping is still the one that was looked at."""
    given = QueryParams([(name, str(value)) for name, value in form.multi_items()])
    names = _given_names(given)
    if not names:
        return RedirectResponse("/mapping", 303)
    try:
        edit = _edit(given, names)
        editor = workspace_of(request).setup.editor
        made = editor.apply(edit, given.get("reason", ""), version_of(given))
        number = len(editor.diff(made.version - 1, made.version))
    except ValueError:
        return _preview(request, given, names, unknown_word())
    except EXPECTED as problem:
        return _preview(request, given, names, trouble_of(problem))
    if len(names) == 1:
        said = _("%(names)s: changed. This is version %(version)d of the mapping.")
    else:
        said = ngettext(
            "%(num)d field is changed. This is version %(version)d of the mapping.",
            "%(num)d fields are changed. This is version %(version)d of the mapping.",
            number,
        )
    otherwise = "/mapping/history" if edit.unmap or len(names) > 1 else address_of(names[0])
    return go(
        request,
        _back(given, otherwise),
        said % {"names": names[0], "num": number, "version": made.version},
        remedy=_("It can be taken back under Versions."),
    )


@router.get("/move")
def move(request: Request) -> Response:
    """A field put into another column (`to`: table.column), into a new one (`new`) or out of the sync (`none`): its preview."""
    given, setup = request.query_params, workspace_of(request).setup
    name, to = given.get("name", "")[:200], given.get("to", "")[:160]
    if not name or not to:
        message = _("Choose a field, and where it is to go.")
        return go(request, _back(given, "/mapping/arrange"), message, kind="warning")
    mapped = {row.name: row for row in setup.editor.rows()}
    wanted = {"name": name, "back": given.get("back", "")}
    row = mapped.get(name)
    if to == "none":
        wanted["unmap"] = "1"
    else:
        wanted |= {"add": "" if row else "1", "own": "1" if to == "new" else ""}
        if to != "new":
            taken = any(
                other.column == to and other.name != name and other.mapped.object_name == name.split(".")[0]
                for other in mapped.values()
            )
            wanted |= {"column": to, "instead": "1" if taken else ""}
    address = QueryParams({key: value for key, value in wanted.items() if value})
    return RedirectResponse(f"/mapping/preview?{address}", 303)


def _preview(
    request: Request, given: QueryParams, names: tuple[str, ...], trouble: Trouble | None
) -> Response:
    setup = workspace_of(request).setup
    edit: Edit | None = None
    try:
        edit = _edit(given, names)
    except ValueError:
        trouble = trouble or unknown_word()
    otherwise = address_of(names[0]) if edit and not edit.add and len(names) == 1 else "/mapping"

    def look() -> Preview | None:
        return setup.editor.preview(edit) if edit else None

    return preview_page(
        request,
        trouble,
        look,
        title=_("What this change would do"),
        action="/mapping/apply",
        carried={"names": " ".join(names)} | {name: given[name] for name in _KEPT if given.get(name)},
        back=_back(given, otherwise),
        reason=given.get("reason", ""),
        button=_("Unmap") if edit and edit.unmap else _("Apply"),
    )


def _edit(given: QueryParams, names: tuple[str, ...]) -> Edit:
    """The change that an address or form asks for; only what differs from the field as it is. Of many fields those that cannot
    be changed so are left out. Raises ValueError."""

    def chosen(what: str) -> str | None:
        value = given.get(what, "")[:80].strip()
        return value if value and value != given.get(f"was_{what}", "") else None

    direction, policy, blanks, restrictive = map(chosen, ("direction", "policy", "blanks", "restrictive"))
    return Edit(
        names,
        Direction(direction) if direction else None,
        Policy(policy) if policy else None,
        Blanks(blanks) if blanks else None,
        restrictive == "true" if restrictive else None,
        chosen("column"),
        bool(given.get("add")),
        bool(given.get("unmap")),
        own_column=bool(given.get("own")),
        instead=bool(given.get("instead")),
        partly=len(names) > 1,
    )


def _names(setup: Setup, given: QueryParams) -> tuple[str, ...]:
    """The fields that are meant: those that are named, or all that a filter shows (`all`: mapped or free)."""
    every = given.get("all", "")
    if every == "mapped":
        wanted = filter_of(given, "f_")
        return _some(row.name for row in setup.editor.rows(wanted))
    if every == "free":
        return _some(c.name for c in setup.fields(search=given.get("f_search", "")[:200]) if can_be_added(c))
    return _given_names(given)


def _given_names(given: QueryParams) -> tuple[str, ...]:
    return _some([*given.getlist("name"), *given.get("names", "").split()])


def _some(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name[:200] for name in names if name))[:_MOST]


def _back(given: QueryParams, otherwise: str) -> str:
    """The page of the mapping from which the change was asked for."""
    back = given.get("back", "")[:500]
    return back if re.fullmatch(r"/mapping(/arrange|/add)?(\?[\w.&=%+*-]*)?", back) else otherwise
