"""People: searched, read with their pairs and history, made, edited, deleted here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from pydantic import BaseModel, Field

from diptych.admin import entry, reading
from diptych.admin.views import FieldView
from diptych.api.gate import Noun, actor_of, workspace_of
from diptych.api.paging import Cursor, Limit, Page, number_of, page_of
from diptych.api.problems import Refusal, not_found
from diptych.domain.values import Value, to_text
from diptych.store.editing import EditedMeanwhile
from diptych.store.queries import HistoryRow, PairRow
from diptych.store.queries.companies import AccountRow

noun = Noun("people")
PersonId = Annotated[int, Path(ge=1, lt=2**53)]
Given = str | int | bool | Decimal | None
_TELLING = ("last_name", "first_name", "email", "company_name")


class PersonSeen(BaseModel):
    """A person: the columns of the system, the mapped ones (`values`), the Salesforce records behind it (`pairs`)."""

    id: int
    salesforce_id: str | None
    salesforce_type: str | None
    salesforce_deleted: bool
    link_state: str
    created_at: datetime | None
    updated_at: datetime | None
    values: dict[str, Value]
    pairs: list[PairRow] = []


class NewPerson(BaseModel):
    """`values` by column."""

    values: dict[str, Given]


class Edit(BaseModel):
    """`values`: what the columns are to be. `expected`: what they were when looked at; if one of them is otherwise by now,
    nothing is written (409)."""

    values: dict[str, Given] = Field(min_length=1)
    expected: dict[str, Given] = {}


@noun.read()
def list_people(
    request: Request,
    search: Annotated[
        str,
        Query(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Words of name, email, company, phone or Salesforce id.",
        ),
    ] = "",
    salesforce_type: Annotated[
        Literal["", "lead", "contact", "person_account", "none"], Query(description="none: only here")
    ] = "",
    link_state: Annotated[str, Query(pattern=r"^\w*$", max_length=30)] = "",
    limit: Limit = 50,
    cursor: Cursor = "",
) -> Page[dict[str, Any]]:
    """People, the newest first, with the columns that lists show."""
    rows = workspace_of(request).queries.people_before(
        number_of(cursor), limit + 1, search, salesforce_type, link_state
    )
    return page_of(rows, limit, lambda row: str(row["id"]))


@noun.operate("POST", status_code=201)
def create_person(request: Request, wanted: NewPerson) -> PersonSeen:
    """A person made here; in Salesforce only if the rule of creation says so."""
    workspace = workspace_of(request)
    fields = _by_column(reading.blank_fields(workspace))
    values = _read(fields, wanted.values)
    if not any(values.get(column) for column in _TELLING):
        raise Refusal(422, "Give at least a name, an email address or a company.")
    number = workspace.store.create_person(actor_of(request), values)
    workspace.sync_now()
    return _seen(request, number)


@noun.read("/{person_id}")
def get_person(request: Request, person_id: PersonId) -> PersonSeen:
    """A person with all columns and pairs; of one who has joined another, that one."""
    return _seen(request, workspace_of(request).acting.now_id(person_id))


@noun.operate("PATCH", "/{person_id}")
def edit_person(request: Request, person_id: PersonId, wanted: Edit) -> PersonSeen:
    """Change columns; what is sent to Salesforce goes with the next cycle."""
    workspace = workspace_of(request)
    person_id = workspace.acting.now_id(person_id)
    found = reading.person(workspace, person_id)
    if found is None:
        raise _nobody(person_id)
    fields = _by_column(found.groups)
    values, expected = _read(fields, wanted.values), _read(fields, wanted.expected, check=False)
    try:
        workspace.store.edit_person(actor_of(request), person_id, values, expected)
    except EditedMeanwhile as problem:
        raise Refusal(
            409,
            "Somebody changed the same value meanwhile; nothing was written.",
            "Look at the person again.",
            [
                {"where": ["body", "expected", column], "what": f"is now {to_text(value) or 'blank'}"}
                for column, value in problem.current.items()
            ],
        ) from None
    except KeyError:
        raise _nobody(person_id) from None
    workspace.sync_now()
    return _seen(request, person_id)


@noun.operate("DELETE", "/{person_id}", status_code=204)
def delete_person(request: Request, person_id: PersonId) -> None:
    """Delete the person here. Salesforce keeps its record, and it does not come back."""
    workspace = workspace_of(request)
    now = workspace.acting.now_id(person_id)
    if now != person_id:
        raise Refusal(
            409, f"Person {person_id} has joined person {now}.", f"DELETE /people/{now} deletes that one."
        )
    _seen(request, person_id)
    workspace.store.delete_person(actor_of(request), person_id)
    workspace.sync_now()


@noun.read("/{person_id}/accounts")
def list_accounts(request: Request, person_id: PersonId) -> list[AccountRow]:
    """Accounts that a conversion may go to: of the person's company name, or of the domain of the e-mail address."""
    acting = workspace_of(request).acting
    _seen(request, acting.now_id(person_id))
    return acting.accounts_for(person_id)


@noun.read("/{person_id}/history")
def list_history(
    request: Request, person_id: PersonId, limit: Limit = 50, cursor: Cursor = ""
) -> Page[HistoryRow]:
    """Who changed which value when, newest first; of somebody who is gone too."""
    rows = workspace_of(request).queries.history(person_id, limit + 1, number_of(cursor))
    return page_of(rows, limit, lambda line: str(line.id))


def _seen(request: Request, person_id: int) -> PersonSeen:
    found = workspace_of(request).queries.person(person_id)
    if found is None:
        raise _nobody(person_id)
    system = {name: found.system[name] for name in PersonSeen.model_fields if name in found.system}
    return PersonSeen(**{**system, "id": found.id}, values=dict(found.values), pairs=list(found.pairs))


def _nobody(person_id: int) -> Refusal:
    return not_found(f"There is no person {person_id}. Perhaps somebody deleted it here.")


def _by_column(groups: tuple[Any, ...]) -> dict[str, FieldView]:
    return {field.column: field for group in groups for field in group.fields}


def _read(
    fields: Mapping[str, FieldView], given: Mapping[str, Given], check: bool = True
) -> dict[str, Value]:
    """The values as their fields have them, checked as the pages check what is typed. Raises Refusal, naming each column."""
    values: dict[str, Value] = {}
    wrong: list[dict[str, Any]] = []
    for column, value in given.items():
        field = fields.get(column)
        try:
            if field is None:
                raise entry.Unfit("There is no such column of this person; see GET /mapping.")
            if check and not field.writable:
                raise entry.Unfit("Salesforce fills this column; it cannot be changed here.")
            text = ("yes" if value else "no") if isinstance(value, bool) else to_text(value) or ""
            values[column] = entry.value_of(field, text)
        except entry.Unfit as problem:
            wrong.append({"where": ["body", "values", column], "what": str(problem)})
    if wrong:
        raise Refusal(422, "Nothing was saved: values cannot be taken.", errors=wrong)
    return values
