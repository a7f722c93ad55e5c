"""People: the list, a person with history, editing, making one by hand, deleting one here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import Response

from diptych.admin import entry, reading
from diptych.admin.frame import go, page, workspace_of
from diptych.admin.guard import SAFE_METHODS, Form, actor_of, require
from diptych.admin.trouble import EXPECTED, Trouble, trouble_of
from diptych.admin.views import FieldGroup, FieldView, PeopleFilter, PersonView
from diptych.admin.words import _, ngettext
from diptych.domain.roles import Role
from diptych.domain.values import Value, to_text
from diptych.store.editing import EditedMeanwhile

router = APIRouter(prefix="/people")


class Joined(Exception):
    """The person asked for has joined another one, whose page is to be shown."""

    def __init__(self, former_id: int, now_id: int) -> None:
        super().__init__(former_id, now_id)
        self.former_id, self.now_id = former_id, now_id


_PAGE_SIZE = 50
_TELLING = ("last_name", "first_name", "email", "company_name")
PersonId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("")
def listed(
    request: Request,
    search: str = "",
    salesforce_type: str = "",
    link_state: str = "",
    sort: str = "-id",
) -> Response:
    """The list."""
    asked = request.query_params.get("page", "1")
    wanted = PeopleFilter(
        search.replace("\x00", "").strip()[:200],
        salesforce_type if salesforce_type in dict(_types()) else "",
        link_state if link_state in dict(_states()) else "",
        sort,
        int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 10 else 1,
        _PAGE_SIZE,
        _number(request.query_params.get("below")),
        _number(request.query_params.get("above")),
    )
    return page(
        request,
        "people/list.html",
        people=reading.people(workspace_of(request), wanted),
        filter=wanted,
        filtered=bool(wanted.search or wanted.salesforce_type or wanted.link_state),
        types=_types(),
        states=_states(),
        type_words=_type_words(),
        state_words=dict(_states()),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 18 else None


@router.get("/new", dependencies=[require(Role.OPERATOR)])
def blank(request: Request) -> Response:
    return _form(request, None, _writable(reading.blank_fields(workspace_of(request))))


@router.post("/new", dependencies=[require(Role.OPERATOR)])
def create(request: Request, form: Form) -> Response:
    """A person made by hand: kept here, not compared with anybody (D-49, S-57)."""
    workspace = workspace_of(request)
    shown = _writable(reading.blank_fields(workspace))
    fields = _by_column(shown)
    typed = _typed(form, fields)
    got = entry.read(fields, typed, None)
    wrong = dict(got.wrong)
    trouble = _something_wrong() if wrong else None
    if not wrong and not any(got.values.get(column) for column in _TELLING):
        trouble = Trouble(_("Give at least a name, an email address or a company."))
    if trouble is None:
        try:
            number = workspace.store.create_person(actor_of(request), got.values)
        except EXPECTED as problem:
            trouble = trouble_of(problem)
        else:
            answer = go(request, f"/people/{number}", _("Saved. This person is here only."))
            answer.background = BackgroundTask(workspace.sync_now)
            return answer
    return _form(request, None, shown, 422, typed=typed, wrong=wrong, trouble=trouble)


@router.get("/{person_id}")
def shown(request: Request, person_id: PersonId) -> Response:
    """A person: values by group, records in Salesforce, history."""
    return page(
        request,
        "people/person.html",
        person=person_of(request, person_id, history=True),
        type_words=_type_words(),
        pair_words=_pair_words(),
        ways={
            "both": _("both ways"),
            "inbound": _("only from Salesforce"),
            "outbound": _("only to Salesforce"),
        },
        history_lines=reading.HISTORY_LINES,
    )


@router.get("/{person_id}/why")
def why(request: Request, person_id: PersonId, field: str = "") -> Response:
    """Why a value (or the person) is as it is: causes, newest first, and what keeps the sides apart. Salesforce is asked."""
    workspace = workspace_of(request)
    person = person_of(request, person_id)
    column = field if field in workspace.queries.columns() else ""
    answers = workspace.why(str(person_id), column or None)
    return page(
        request, "people/why.html", person=person, column=column, answers=answers, pair_words=_pair_words()
    )


@router.get("/{person_id}/edit", dependencies=[require(Role.OPERATOR)])
def edit(request: Request, person_id: PersonId) -> Response:
    person = person_of(request, person_id)
    return _form(request, person, _writable(person.groups))


@router.post("/{person_id}/edit", dependencies=[require(Role.OPERATOR)])
def save(request: Request, person_id: PersonId, form: Form) -> Response:
    """Write what was changed in the form, unless one of those values has changed since the form was shown."""
    workspace = workspace_of(request)
    person = person_of(request, person_id)
    groups = _writable(person.groups)
    fields = _by_column(groups)
    typed = _typed(form, fields)
    was = {column: str(form[f"was.{column}"]) for column in fields if f"was.{column}" in form}
    got = entry.read(fields, typed, was)
    if got.wrong:
        return _form(request, person, groups, 422, typed, was, got.wrong, _something_wrong())
    try:
        changed = workspace.store.edit_person(actor_of(request), person_id, got.values, got.shown)
    except EditedMeanwhile as problem:
        return _moved(request, person, groups, typed, was, problem.current)
    except KeyError:
        raise HTTPException(404, _nobody(person_id)) from None
    except EXPECTED as problem:
        return _form(request, person, groups, 503, typed, was, trouble=trouble_of(problem))
    if not changed:
        return go(request, f"/people/{person_id}", _("Nothing was changed."))
    answer = go(
        request,
        f"/people/{person_id}",
        ngettext("Saved: %(n)d field changed.", "Saved: %(n)d fields changed.", len(changed))
        % {"n": len(changed)},
    )
    answer.background = BackgroundTask(workspace.sync_now)
    return answer


def person_of(request: Request, person_id: int, history: bool = False) -> PersonView:
    """The person a page is about. Raises Joined, HTTPException 404."""
    workspace = workspace_of(request)
    found = reading.person(workspace, person_id, history)
    if found is None:
        now = workspace.acting.now_id(person_id)
        if now != person_id and request.method in SAFE_METHODS:
            raise Joined(person_id, now)
        raise HTTPException(404, _nobody(person_id))
    return found


def _nobody(person_id: int) -> str:
    return _("There is no person %d. Perhaps somebody deleted it here.") % person_id


def _form(
    request: Request,
    person: PersonView | None,
    groups: tuple[FieldGroup, ...],
    status: int = 200,
    typed: Mapping[str, str] | None = None,
    was: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
    trouble: Trouble | None = None,
) -> Response:
    fields = _by_column(groups)
    return page(
        request,
        "people/edit.html",
        status,
        person=person,
        linked=person is not None and any(pair.state in ("paired", "parked") for pair in person.pairs),
        groups=groups,
        texts={column: entry.text_of(field) for column, field in fields.items()},
        hints={column: entry.hint_of(field) for column, field in fields.items()},
        typed=typed or {},
        was=was or {},
        wrong=wrong or {},
        trouble=trouble,
    )


def _moved(
    request: Request,
    person: PersonView,
    groups: tuple[FieldGroup, ...],
    typed: Mapping[str, str],
    was: Mapping[str, str],
    current: Mapping[str, Value],
) -> Response:
    """The form again, with what was typed, and beside it what the values are now. Saving again replaces them knowingly."""
    fields = _by_column(groups)
    told = {
        column: _("Changed meanwhile to: %s") % (_text(fields[column], value) or _("blank"))
        for column, value in current.items()
    }
    now = {column: _text(fields[column], value) for column, value in current.items()}
    trouble = Trouble(
        _("Somebody changed the same field while you were editing, so nothing was saved yet."),
        ", ".join(fields[column].label for column in current),
        _("Look at the fields marked below. Save again to keep what you typed, or type what is right."),
    )
    return _form(request, person, groups, 409, typed, {**was, **now}, told, trouble)


def _text(field: FieldView, value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return to_text(value) or ""


def _writable(groups: tuple[FieldGroup, ...]) -> tuple[FieldGroup, ...]:
    kept = (FieldGroup(g.title, tuple(f for f in g.fields if f.writable)) for g in groups)
    return tuple(group for group in kept if group.fields)


def _by_column(groups: tuple[FieldGroup, ...]) -> dict[str, FieldView]:
    return {field.column: field for group in groups for field in group.fields}


def _typed(form: Form, fields: Mapping[str, FieldView]) -> dict[str, str]:
    return {column: str(form[column]) for column in fields if column in form}


def _something_wrong() -> Trouble:
    return Trouble(_("Nothing was saved: see the fields marked below."))


def _type_words() -> dict[str, str]:
    return {"lead": _("Lead"), "contact": _("Contact"), "person_account": _("Person Account")}


def _types() -> list[tuple[str, str]]:
    return [("", _("All")), *_type_words().items(), ("none", _("only here"))]


def _states() -> list[tuple[str, str]]:
    return [
        ("", _("All")),
        ("lead", _("a lead")),
        ("contact", _("a contact")),
        ("person_account", _("a person account")),
        ("none", _("not linked")),
        ("converted", _("converted")),
        ("deleted", _("deleted in Salesforce")),
        ("out_of_scope", _("no longer visible")),
        ("blocked", _("blocked")),
    ]


def _pair_words() -> dict[str, str]:
    return {
        "paired": _("linked"),
        "parked": _("parked: see Errors"),
        "tombstoned": _("deleted there"),
        "hidden": _("not visible there; edits wait"),
        "redirected": _("merged into another record"),
        "converted": _("converted"),
        "new": _("new"),
        "detached": _("detached"),
    }
