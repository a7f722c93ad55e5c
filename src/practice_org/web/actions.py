"""What a salesperson does with records beyond editing: converting a lead, merging duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from practice_org import ids
from practice_org.auth.browser import Visitor
from practice_org.auth.door import Door
from practice_org.data.lifecycle.convert import Conversion, convert, converted_statuses
from practice_org.data.lifecycle.merge import Merge, merge
from practice_org.data.tables import quoted
from practice_org.errors import ApiError
from practice_org.schema.access import Access
from practice_org.schema.catalogue import Field, ObjectType
from practice_org.web import listing
from practice_org.web.records import Form, Pages, guarded, tab_of

SUGGESTED = 20
Row = dict[str, Any]


def routes(door: Door) -> list[Route]:
    """The pages of the two actions; they need a login, and their forms their token."""
    actions = Actions(door)
    return [
        Route("/{id}/convert", guarded(actions, actions.convert), methods=["GET", "POST"]),
        Route("/{id}/merge", guarded(actions, actions.merge), methods=["GET", "POST"]),
    ]


@dataclass(frozen=True)
class Choice:
    """A field in which two records differ, with what each says."""

    field: Field
    here: str
    there: str


class Actions(Pages):
    """Converting and merging."""

    def convert(self, request: Request, form: Form, who: Visitor) -> Response:
        """The choices of a conversion, and what is done with them."""
        found = self.find(request, who)
        if found is None or found[0].name != "Lead" or found[1].get("IsConverted"):
            return self.nothing(request)
        lead = found[1]
        problem = ""
        if request.method == "POST":
            try:
                wanted = self._conversion(lead, form)
                done = convert(self.org, self.user(who), [wanted])[0]
                if done.error is not None:
                    raise done.error
                return RedirectResponse(f"/{done.contact_id}?done=converted", 303)
            except ApiError as error:
                problem = error.message
        return self.signed_page(
            "convert.html",
            who,
            "leads",
            400 if problem else 200,
            lead=lead,
            problem=problem,
            sent=form,
            statuses=converted_statuses(self.org),
            accounts=self._alike("Account", "Name", lead.get("Company")),
            contacts=self._contacts(lead),
            users=self._users(),
            owner=form.get("owner") or lead.get("OwnerId"),
        )

    def _conversion(self, lead: Row, form: Form) -> Conversion:
        contact = form.get("contact") or None
        account = form.get("account") or None
        if contact:
            found = listing.row(self.org, self.org.schema["Contact"], ids.to18(contact) or "")
            account = found["AccountId"] if found else account
        return Conversion(
            lead_id=lead["Id"],
            converted_status=form.get("status"),
            account_id=account,
            contact_id=contact,
            opportunity_name=form.get("opportunity_name") or None,
            do_not_create_opportunity=form.get("opportunity") != "on",
            owner_id=form.get("owner") or None,
        )

    def _alike(self, object_name: str, column: str, value: str | None) -> list[tuple[str, str]]:
        if not value:
            return []
        rows = self.org.reader().execute(
            f'SELECT "Id", "Name" FROM {quoted(object_name)} WHERE {quoted(column)} = ? AND "IsDeleted" = 0 '
            'ORDER BY "Id" LIMIT ?',
            (value, SUGGESTED),
        )
        return [(row[0], row[1]) for row in rows]

    def _contacts(self, lead: Row) -> list[tuple[str, str]]:
        """Contacts in an account that have the lead's address or name."""
        rows = self.org.reader().execute(
            'SELECT c."Id", c."Name" || \' (\' || a."Name" || \')\' FROM "Contact" c '
            'JOIN "Account" a ON a."Id" = c."AccountId" '
            'WHERE c."IsDeleted" = 0 AND (c."Email" = ? OR c."Name" = ?) ORDER BY c."Id" LIMIT ?',
            (lead.get("Email"), lead.get("Name"), SUGGESTED),
        )
        return [(row[0], row[1]) for row in rows]

    def _users(self) -> list[tuple[str, str]]:
        rows = self.org.reader().execute(
            'SELECT "Id", "Name" FROM "User" WHERE "IsActive" = 1 AND "UserType" = \'Standard\' ORDER BY "Name"'
        )
        return [(row[0], row[1]) for row in rows]

    def merge(self, request: Request, form: Form, who: Visitor) -> Response:
        """Candidates; then, with one chosen (`?with=`), the values to keep; then the merge."""
        found = self.find(request, who)
        if found is None or not found[0].has("mergeable"):
            return self.nothing(request)
        obj, row = found
        problem = ""
        other = self._other(obj, row, form.get("with") or request.query_params.get("with", ""))
        choices = self._choices(obj, self.rights(who), row, other) if other else []
        if request.method == "POST" and other is not None:
            values = {
                one.field.name: other[one.field.name]
                for one in choices
                if form.get(one.field.name) == "there"
            }
            done = merge(self.org, self.user(who), [Merge(obj.name, row["Id"], (other["Id"],), values)])[0]
            if done.error is None:
                return RedirectResponse(f"/{row['Id']}?done=merged", 303)
            problem = done.error.message
        words = request.query_params.get("q", "").strip() or str(row.get("Name") or "")
        candidates = listing.records(self.org, self.rights(who), obj, words, 1)
        return self.signed_page(
            "merge.html",
            who,
            tab_of(obj),
            400 if problem else 200,
            obj=obj,
            row=row,
            other=other,
            choices=choices,
            words=words,
            labels=candidates.labels,
            rows=[one for one in candidates.rows if one[0] != row["Id"]],
            problem=problem,
        )

    def _other(self, obj: ObjectType, row: Row, text: str) -> Row | None:
        record_id = ids.to18(text) if text else None
        if record_id is None or not record_id.startswith(obj.prefix) or record_id == row["Id"]:
            return None
        other = listing.row(self.org, obj, record_id)
        return other if other and not other.get("IsDeleted") else None

    def _choices(self, obj: ObjectType, rights: Access, row: Row, other: Row) -> list[Choice]:
        out = []
        for f in obj.stored_fields:
            if not f.has("updateable") or not rights.writes(obj, f) or row.get(f.name) == other.get(f.name):
                continue
            here, there = (self._text(f, one.get(f.name)) for one in (row, other))
            out.append(Choice(f, here, there))
        return out

    def _text(self, f: Field, value: Any) -> str:
        if f.type == "reference" and value:
            return listing.name_of(self.org, str(value))
        return listing.text_of(f, value)
