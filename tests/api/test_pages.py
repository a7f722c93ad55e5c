"""Whatever a page shows or does, an operation of the API does too, for the same role: the pages' routes against the operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from diptych.admin.app import guarded
from diptych.admin.guard import SAFE_METHODS, Require
from diptych.admin.pages import enter, language, sign_in, vitals
from diptych.api.app import nouns
from diptych.domain.roles import Role, Scope

# what a page does, and the operations that do it (several: parts of it, or one of them by what is chosen)
PAIRS = {
    "GET /": "get_status",
    # people
    "GET /people": "list_people",
    "GET /people/new": "get_mapping",
    "POST /people/new": "create_person",
    "GET /people/{person_id}": "get_person list_history",
    "GET /people/{person_id}/why": "get_why",
    "GET /people/{person_id}/edit": "get_person",
    "POST /people/{person_id}/edit": "edit_person",
    "GET /people/{person_id}/merge": "preview_action",
    "POST /people/{person_id}/merge": "order_action",
    "GET /people/{person_id}/convert": "preview_action list_accounts",
    "POST /people/{person_id}/convert": "order_action",
    "GET /people/{person_id}/delete": "preview_action",
    "POST /people/{person_id}/delete": "delete_person order_action order_final_action",
    "GET /actions": "list_actions list_suppressions",
    "POST /actions/cancel": "cancel_action",
    "POST /actions/release": "release",
    "GET /actions/undo/{run_id}": "preview_action",
    "POST /actions/undo/{run_id}": "order_action",
    # set-up
    "GET /setup": "get_setup",
    "GET /setup/prepare": "get_preflight",
    "POST /setup/prepare": "finish_preparing",
    "POST /setup/prepare/check": "get_preflight",
    "GET /setup/prepare/org": "list_preparation preview_preparation",
    "POST /setup/prepare/org": "list_preparation preview_preparation",
    "POST /setup/prepare/org/do": "carry_out_preparation undo_preparation",
    "GET /setup/credentials": "get_connection",
    "POST /setup/credentials": "connect",
    "POST /setup/credentials/save": "connect",
    "GET /setup/fields": "list_fields",
    "POST /setup/fields": "select_fields deselect_fields sync_fields",
    "POST /setup/fields/renamed": "rename_field",
    "GET /setup/confirm": "get_plan",
    "POST /setup/confirm": "confirm_connection",
    "GET /setup/mappings": "get_mapping",
    "POST /setup/mappings": "finish_mapping",
    "GET /setup/start": "get_setup get_status",
    "POST /setup/start": "start",
    "POST /setup/pause": "pause",
    "POST /setup/resume": "resume",
    "GET /setup/verify": "get_comparison",
    "POST /setup/verify": "verify",
    # mapping
    "GET /mappings": "get_mapping",
    "GET /mappings/file": "get_mapping",
    "POST /mappings/file": "put_mapping",
    "POST /mappings/pair": "pair_fields",
    "POST /mappings/break": "break_pair",
    "POST /mappings/reset": "reset_mapping",
    "POST /mappings/change": "change_field",
    "GET /mapping": "list_mapped_fields",
    "GET /mapping/field/{name}": "get_mapped_field",
    "GET /mapping/field/{name}/accept": "preview_accept",
    "POST /mapping/field/{name}/accept": "accept_field",
    "GET /mapping/field/{name}/renamed": "preview_renamed",
    "POST /mapping/field/{name}/renamed": "rename_field",
    "GET /mapping/add": "list_fields",
    "GET /mapping/preview": "preview_change",
    "POST /mapping/apply": "change_fields",
    "GET /mapping/arrange": "list_fields list_mapped_fields",
    "GET /mapping/move": "preview_change",
    "GET /mapping/reset": "preview_reset",
    "POST /mapping/reset": "reset_mapping",
    "GET /mapping/history": "list_versions",
    "GET /mapping/diff": "compare_versions",
    "GET /mapping/undo/{number}": "preview_mapping_undo",
    "POST /mapping/undo/{number}": "undo_mapping",
    "GET /mapping/promote": "preview_promotion",
    "POST /mapping/promote": "preview_promotion",
    "POST /mapping/promote/apply": "promote_mapping",
    # the sync
    "GET /salesforce": "get_status get_connection",
    "POST /salesforce/sync": "run_now",
    "POST /salesforce/pause": "pause",
    "POST /salesforce/resume": "resume",
    "POST /salesforce/verify": "verify",
    "POST /salesforce/repair": "verify",
    "POST /salesforce/reconcile": "reconcile",
    "POST /salesforce/reconcile/{name}": "allow_disappearance",
    "GET /runs": "list_steps list_runs",
    "GET /plan": "get_next_cycle",
    "GET /runs/{run_id}/undo": "preview_undo",
    "POST /runs/{run_id}/undo": "undo",
    "GET /runs/table": "list_steps",
    "GET /runs.csv": "list_steps",
    "GET /runs/{run_id}": "get_run list_lines",
    "GET /throughput": "get_throughput",
    "GET /throughput/figures": "get_throughput",
    # errors, conflicts, alerts
    "GET /errors": "list_causes",
    "GET /errors.csv": "list_errors",
    "GET /errors/{key}": "list_errors",
    "POST /errors/all": "act_on_cause",
    "POST /errors/retry": "retry_error",
    "POST /errors/ignore": "ignore_error",
    "POST /errors/quarantine": "quarantine_error",
    "POST /errors/reopen": "reopen_error",
    "POST /errors/decide": "decide_error",
    "GET /conflicts": "list_conflicts",
    "POST /conflicts/reverse": "reverse_conflict",
    "GET /alerts": "list_alerts list_past_alerts list_messages",
    "POST /alerts/acknowledge": "acknowledge_alert acknowledge_alerts",
    "GET /alerts/rules": "get_rules",
    "POST /alerts/rules": "change_rules",
    "GET /alerts/channels": "list_channels",
    "POST /alerts/channels": "save_channel",
    "POST /alerts/channels/test": "test_channel",
    "POST /alerts/channels/remove": "remove_channel",
    "POST /alerts/digest": "send_digest",
    # identity, creating
    "GET /identity": "get_match_rule preview_joining list_runs",
    "POST /identity/rule": "set_match_rule",
    "POST /identity/apply": "join_people",
    "POST /identity/undo": "take_people_apart",
    "GET /identity/review": "list_review",
    "POST /identity/review/link": "link_reviewed",
    "POST /identity/review/create": "create_reviewed",
    "POST /identity/review/dismiss": "dismiss_reviewed",
    "GET /identity/waiting": "list_waiting",
    "GET /identity/creating": "get_create_rule preview_create_rule",
    "POST /identity/creating": "set_create_rule",
    "POST /identity/creating/clear": "set_create_rule",
    "POST /identity/creating/default": "set_default remove_default",
    # settings, access
    "GET /settings": "get_settings get_process_settings",
    "POST /settings/pause": "change_settings",
    "POST /settings/keep": "change_settings",
    "POST /settings/allow-deletes": "allow_deletes",
    "GET /access/users": "list_users",
    "POST /access/users": "add_user",
    "POST /access/users/role": "change_user",
    "POST /access/users/password": "change_user",
    "POST /access/users/disable": "change_user",
    "POST /access/users/enable": "change_user",
    "GET /access/sessions": "list_sessions",
    "POST /access/sessions/end": "end_session",
    "GET /access/tokens": "list_tokens",
    "POST /access/tokens": "create_token",
    "POST /access/tokens/revoke": "revoke_token",
    "GET /access/audit": "list_audit",
    "GET /access/audit/file": "list_audit",
}

_LOGIN = "a session of a browser; the API knows tokens alone"
EXCUSED = {
    "GET /enter": _LOGIN,
    "POST /enter": _LOGIN,
    "GET /login": _LOGIN,
    "POST /login": _LOGIN,
    "POST /logout": _LOGIN,
    "GET /login/provider": _LOGIN,
    "GET /login/provider/back": _LOGIN,
    "GET /account": "one's own sessions and password; of anybody: GET /sessions, PATCH /users/{name}",
    "POST /account/password": "takes the password that holds; without it: PATCH /users/{name}",
    "POST /account/end-session": "one's own; any: DELETE /sessions/{session_id}",
    "GET /language/{code}": "the language of a browser's pages",
    "GET /events": "tells a page to look again; the figures are in GET /status",
    "GET /healthz": "needs no token, and is the same for programs",
    "GET /readyz": "needs no token, and is the same for programs",
    "GET /metrics": "needs no token, and is the same for programs",
    "GET /access": "leads to /access/users",
    "GET /setup/credentials/callback": "the way back of a login in the browser",
    "POST /setup/credentials/discard": "forgets what a page keeps between two requests",
    "GET /start-over": "in a demo only; the tokens would go with the database",
    "POST /start-over": "in a demo only; the tokens would go with the database",
}
_DEEPER = {
    "POST /people/{person_id}/delete": "the page asks for an administrator once it is known what is deleted"
}


def page_routes() -> Iterator[tuple[str, Role]]:
    """Each route of the pages, and the role that it takes."""
    for router in [enter.router, enter.leaving, language.router, sign_in.router, vitals.router, *guarded()]:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            named = [
                found.dependency.role
                for found in (*route.dependencies, *router.dependencies)
                if isinstance(found.dependency, Require)
            ]
            for method in route.methods:
                role = named[0] if named else Role.VIEWER if method in SAFE_METHODS else Role.ADMIN
                yield f"{method} {route.path}", role


def operation_roles() -> dict[str, tuple[Role, bool]]:
    """By the name of an operation: the role that its scope stands for, and whether it changes anything."""
    found = {}
    for noun in nouns():
        for route in noun.routes:
            assert isinstance(route, APIRoute)
            (scope,) = route.dependencies[0].scopes  # type: ignore[attr-defined]
            changes = "GET" not in route.methods and not route.path.endswith("/preview")
            found[route.name] = (Scope(scope).role, changes)
    return found


def test_every_page_has_its_operations() -> None:
    there = {name for name, _ in page_routes()}
    lacking = there - PAIRS.keys() - EXCUSED.keys()
    assert not lacking, (
        f"no operation of the API is named for {sorted(lacking)}; build it, and add it to PAIRS"
    )
    assert PAIRS.keys() | EXCUSED.keys() <= there, "a page that is gone is still named"
    assert not PAIRS.keys() & EXCUSED.keys()


def test_every_operation_that_is_named_is_there() -> None:
    named = {one for names in PAIRS.values() for one in names.split()}
    assert named <= operation_roles().keys()


@pytest.mark.parametrize("page", [name for name in PAIRS if not name.startswith("GET")])
def test_what_changes_something_takes_the_same_role_on_both(page: str) -> None:
    role = dict(page_routes())[page]
    for name in PAIRS[page].split():
        takes, changes = operation_roles()[name]
        if changes and page not in _DEEPER:
            assert takes is role, f"{page} takes {role}, {name} {takes}"
