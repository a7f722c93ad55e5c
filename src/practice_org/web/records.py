"""The salesperson's pages: lists, search, one record, its form, and the recycle bin.

Whatever is saved goes through the same data layer as the API, so that rights, checks, validation rules
and stamps are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from practice_org import ids
from practice_org.auth.browser import Visitor, form_is_ours, from_own_page, log_in, log_out, visitor
from practice_org.auth.consent import REFUSED
from practice_org.auth.door import Door
from practice_org.auth.people import LoginRefused, check_password
from practice_org.data import dml, recycle_bin, sharing
from practice_org.errors import ApiError
from practice_org.events.origin import UI_CLIENT, act
from practice_org.http import LAST_VERSION, UserInfo
from practice_org.organization import organization
from practice_org.schema import access
from practice_org.schema.catalogue import ObjectType
from practice_org.web import forms, listing
from practice_org.web.pages import page

TABS = {"leads": "Lead", "contacts": "Contact", "accounts": "Account"}
TYPED = dml.Options(typed=True)
Form = Mapping[str, str]
Answer = Callable[[Request, Form, Visitor], Response]


def routes(door: Door) -> list[Route]:
    """All pages. Those of records need a login; every form needs its token."""
    pages = Pages(door)

    def open_to_all(answer: Callable[[Request, Form], Response]) -> Any:
        async def endpoint(request: Request) -> Response:
            form = {name: str(value) for name, value in (await request.form()).items()}
            return await run_in_threadpool(answer, request, form)

        return endpoint

    return [
        Route("/", guarded(pages, lambda *_: RedirectResponse("/leads", 303)), methods=["GET"]),
        Route("/login", open_to_all(pages.login), methods=["GET", "POST"]),
        Route("/logout", guarded(pages, pages.logout), methods=["POST"]),
        Route("/bin", guarded(pages, pages.bin), methods=["GET"]),
        Route("/bin/{id}/undelete", guarded(pages, pages.undelete), methods=["POST"]),
        *(
            route
            for name in TABS
            for route in (
                Route(f"/{name}", guarded(pages, pages.list), methods=["GET"], name=name),
                Route(f"/{name}/new", guarded(pages, pages.new), methods=["GET", "POST"], name=name),
            )
        ),
        Route("/{id}", guarded(pages, pages.show), methods=["GET"]),
        Route("/{id}/e", guarded(pages, pages.form_of), methods=["GET"]),
        Route("/{prefix}/o", guarded(pages, pages.tab_of_prefix), methods=["GET"]),
        Route("/{id}/edit", guarded(pages, pages.edit), methods=["GET", "POST"]),
        Route("/{id}/delete", guarded(pages, pages.delete), methods=["POST"]),
    ]


def guarded(pages: Pages, answer: Answer) -> Any:
    """An endpoint for people who are logged in, given its form as plain texts."""

    async def endpoint(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return await run_in_threadpool(pages.guard, request, form, answer)

    return endpoint


class Pages:
    """The pages of one org."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.org = door.org

    # -- coming in ------------------------------------------------------------------------------

    def guard(self, request: Request, form: Form, answer: Answer) -> Response:
        """Only for people who are logged in, and only forms of our own pages."""
        who = visitor(self._door, request)
        if who is None:
            return RedirectResponse(
                "/login" + ("" if request.url.path == "/" else f"?to={request.url.path}"), 303
            )
        if request.method == "POST" and not form_is_ours(request, who, form.get("form_token", "")):
            return page(
                "error.html",
                403,
                title="Too old",
                error="",
                message="This form is out of date. Go back, reload the page and try again.",
            )
        self.org.late.settle()
        recycle_bin.sweep(self.org)
        act(who.caller.id, "soap", f"{LAST_VERSION}.0", UI_CLIENT)
        try:
            return answer(request, form, who)
        except ApiError as error:
            return page(
                "error.html", error.status, title="That did not work", error=error.code, message=error.message
            )

    def login(self, request: Request, form: Form) -> Response:
        """The login page of the record pages."""
        to = form.get("to") or request.query_params.get("to", "/")
        to = to if to.startswith("/") and not to.startswith("//") and "\\" not in to else "/"
        problem = ""
        if request.method == "POST":
            if not from_own_page(request):
                return page(
                    "error.html",
                    403,
                    title="Not from this page",
                    error="",
                    message="This form came from another site.",
                )
            try:
                caller = check_password(
                    self.org, form.get("username", ""), form.get("password", ""), with_token=False
                )
                response = RedirectResponse(to, 303)
                log_in(self._door, caller, request, response)
                return response
            except LoginRefused as refusal:
                problem = REFUSED[refusal.reason]
        return page(
            "login.html",
            401 if problem else 200,
            org=organization(self.org),
            action="/login",
            hidden={"to": to},
            username=form.get("username", ""),
            problem=problem,
            purpose="to the practice org",
        )

    def logout(self, request: Request, form: Form, who: Visitor) -> Response:
        """End the browser session."""
        response = RedirectResponse("/login", 303)
        log_out(self._door, request, response)
        return response

    # -- lists ----------------------------------------------------------------------------------

    def list(self, request: Request, form: Form, who: Visitor) -> Response:
        """The latest records of a tab, or what a search finds."""
        tab = request.scope["path"].strip("/").split("/")[0]
        obj = self.readable(who, TABS[tab])
        words = request.query_params.get("q", "").strip()
        number = max(1, _number(request.query_params.get("page", "1")))
        found = listing.records(self.org, self.rights(who), obj, words, number)
        return self.signed_page(
            "list.html",
            who,
            tab,
            obj=obj,
            words=words,
            number=number,
            found=found,
            done=request.query_params.get("done", ""),
        )

    def bin(self, request: Request, form: Form, who: Visitor) -> Response:
        """Deleted records that can come back."""
        rows = listing.deleted(self.org, [self.org.schema[name] for name in TABS.values()])
        return self.signed_page("bin.html", who, "bin", rows=rows)

    # -- one record -----------------------------------------------------------------------------

    def show(self, request: Request, form: Form, who: Visitor) -> Response:
        """One record with all fields that the visitor may see."""
        found = self.find(request, who)
        if found is None:
            return self.nothing(request)
        obj, row = found
        rights = self.rights(who)
        shown = listing.shown_fields(self.org, rights, obj, row)
        listed = obj.name in TABS.values()
        return self.signed_page(
            "record.html",
            who,
            tab_of(obj),
            obj=obj,
            row=row,
            name=row.get("Name") or row["Id"],
            shown=shown,
            changes=listing.changes(self.org, row),
            may_edit=rights.can("Edit", obj) and listed and not row.get("IsConverted"),
            may_delete=rights.can("Delete", obj) and listed,
            may_convert=obj.name == "Lead" and "ConvertLeads" in rights.system and not row.get("IsConverted"),
            may_merge=listed and rights.can("Delete", obj) and not row.get("IsConverted"),
            done=request.query_params.get("done", ""),
        )

    def new(self, request: Request, form: Form, who: Visitor) -> Response:
        """An empty form, and what is done with it."""
        tab = request.scope["path"].strip("/").split("/")[0]
        obj = self.org.schema[TABS[tab]]
        problem = ""
        inputs = forms.inputs(self.org, self.rights(who), obj, None, form)
        if request.method == "POST":
            try:
                values = forms.values(inputs, form, None)
                made = dml.insert(self.org, self.user(who), obj.name, values, TYPED)
                return RedirectResponse(f"/{made}?done=created", 303)
            except ApiError as error:
                problem = error.message
        return self.signed_page(
            "form.html",
            who,
            tab,
            400 if problem else 200,
            obj=obj,
            row=None,
            title=f"New {obj.label}",
            inputs=inputs,
            problem=problem,
            back=f"/{tab}",
        )

    def edit(self, request: Request, form: Form, who: Visitor) -> Response:
        """The form of a record, and what is done with it. Only fields that were changed are written."""
        found = self.find(request, who)
        if found is None:
            return self.nothing(request)
        obj, row = found
        problem = ""
        inputs = forms.inputs(self.org, self.rights(who), obj, row, form)
        if request.method == "POST":
            try:
                values = forms.values(inputs, form, row)
                if form.get("seen") != row.get("SystemModstamp"):
                    raise ApiError(
                        409,
                        "CHANGED",
                        "Somebody else has changed this record while you were editing it. Your entries are still"
                        " below; compare them with the record and save again.",
                    )
                if values:
                    dml.update(self.org, self.user(who), obj.name, row["Id"], values, TYPED)
                return RedirectResponse(f"/{row['Id']}?done=saved", 303)
            except ApiError as error:
                problem = error.message
        return self.signed_page(
            "form.html",
            who,
            tab_of(obj),
            400 if problem else 200,
            obj=obj,
            row=row,
            title=f"Edit {row.get('Name') or obj.label}",
            inputs=inputs,
            problem=problem,
            back=f"/{row['Id']}",
        )

    def form_of(self, request: Request, form: Form, who: Visitor) -> Response:
        """The addresses of forms that describes hand out: of a record (`ID/e`), of a new one (`PREFIX/e`)."""
        wanted = request.path_params["id"]
        if ids.to18(wanted):
            return RedirectResponse(f"/{wanted}/edit", 303)
        return self._of_prefix(request, wanted, "/new")

    def tab_of_prefix(self, request: Request, form: Form, who: Visitor) -> Response:
        """The address of a tab (`PREFIX/o`)."""
        return self._of_prefix(request, request.path_params["prefix"], "")

    def _of_prefix(self, request: Request, prefix: str, rest: str) -> Response:
        obj = self.org.schema.by_prefix(prefix)
        tab = tab_of(obj) if obj else ""
        return RedirectResponse(f"/{tab}{rest}", 303) if tab else self.nothing(request)

    def delete(self, request: Request, form: Form, who: Visitor) -> Response:
        """Into the recycle bin."""
        found = self.find(request, who)
        if found is None:
            return self.nothing(request)
        obj, row = found
        dml.delete(self.org, self.user(who), obj.name, row["Id"])
        return RedirectResponse(f"/{tab_of(obj)}?done=deleted", 303)

    def undelete(self, request: Request, form: Form, who: Visitor) -> Response:
        """Out of the recycle bin."""
        record_id = ids.to18(request.path_params["id"])
        obj = self.org.schema.by_prefix(record_id or "")
        if record_id is None or obj is None:
            return self.nothing(request)
        dml.undelete(self.org, self.user(who), obj.name, record_id)
        return RedirectResponse(f"/{record_id}?done=undeleted", 303)

    # -- parts ----------------------------------------------------------------------------------

    def rights(self, who: Visitor) -> access.Access:
        return access.for_user(self.org, who.caller.id)

    def user(self, who: Visitor) -> UserInfo:
        rights = self.rights(who)
        caller = who.caller
        return UserInfo(caller.id, caller.username, caller.profile_id, "ModifyAllData" in rights.system)

    def readable(self, who: Visitor, object_name: str) -> ObjectType:
        obj = self.org.schema[object_name]
        if not self.rights(who).can("Read", obj):
            raise ApiError(403, "INSUFFICIENT_ACCESS", f"You may not see {obj.plural.lower()}.")
        return obj

    def find(self, request: Request, who: Visitor) -> tuple[ObjectType, dict[str, Any]] | None:
        record_id = ids.to18(request.path_params["id"])
        obj = self.org.schema.by_prefix(record_id) if record_id else None
        if record_id is None or obj is None:
            return None
        obj = self.readable(who, obj.name)
        row = listing.row(self.org, obj, record_id)
        if row is None or row.get("IsDeleted"):
            return None
        seen = sharing.visible(self.org.reader(), self.rights(who), obj, [record_id])
        return (obj, row) if seen else None

    def nothing(self, request: Request) -> Response:
        return page(
            "error.html",
            404,
            title="There is nothing here",
            error="",
            message="No such record: it may have been deleted, then it lies in the recycle bin.",
        )

    def signed_page(
        self, template: str, who: Visitor, tab: str, status: int = 200, **values: Any
    ) -> Response:
        return page(
            template,
            status,
            org=organization(self.org),
            caller=who.caller,
            form_token=who.form_token,
            tab=tab,
            tabs={name: self.org.schema[object_name].plural for name, object_name in TABS.items()},
            **values,
        )


def tab_of(obj: ObjectType) -> str:
    return next((tab for tab, name in TABS.items() if name == obj.name), "")


def _number(text: str) -> int:
    return int(text) if text.isdigit() and len(text) < 7 else 1
