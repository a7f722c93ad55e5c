"""The paths below `/services/data/v{version}` and their handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api import (
    bulk_ingest,
    bulk_query,
    collections,
    composite,
    deploy_requests,
    describe,
    directories,
    home,
    layouts,
    limits,
    list_views,
    passwords,
    query,
    recent,
    records,
    replication,
    search,
)
from practice_org.http import Context
from practice_org.tooling import rest as tooling

Handler = Callable[[Context, Request], Response]


@dataclass(frozen=True)
class Route:
    """One path pattern with the verbs that a handler takes."""

    methods: tuple[str, ...]
    pattern: str
    handler: Handler
    needs_auth: bool = True


def _settled(handler: Handler) -> Handler:
    """Commit the late writes that are due before anything is read."""

    @wraps(handler)
    def settled(ctx: Context, request: Request) -> Response:
        ctx.org.late.settle()
        return handler(ctx, request)

    return settled


_TABLE: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/sobjects", describe.all_objects),
    ("GET", "/sobjects/{object}", describe.one_object),
    ("POST", "/sobjects/{object}", records.create),
    ("GET", "/sobjects/{object}/describe", describe.describe_one),
    ("GET", "/sobjects/{object}/describe/layouts", layouts.all_layouts),
    ("GET", "/sobjects/{object}/describe/layouts/{record_type}", layouts.one_layout),
    ("GET", "/sobjects/{object}/describe/compactLayouts", layouts.compact_layouts),
    ("GET", "/sobjects/{object}/describe/compactLayouts/{record_type}", layouts.one_compact_layout),
    ("GET", "/sobjects/{object}/describe/approvalLayouts", layouts.approval_layouts),
    ("GET", "/sobjects/{object}/describe/namedLayouts/{name}", layouts.named_layout),
    ("GET", "/sobjects/{object}/defaultValues", layouts.default_values),
    ("GET", "/sobjects/{object}/suggestedArticles", home.suggested_articles),
    ("GET", "/sobjects/{object}/{id}/suggestedArticles", home.suggested_articles),
    ("GET", "/sobjects/{object}/{id}/password", passwords.info),
    ("POST", "/sobjects/{object}/{id}/password", passwords.change),
    ("DELETE", "/sobjects/{object}/{id}/password", passwords.reset),
    ("GET", "/sobjects/{object}/quickActions", home.quick_actions),
    ("GET", "/sobjects/{object}/listviews", list_views.listing),
    ("GET", "/sobjects/{object}/listviews/{view}", list_views.one),
    ("GET", "/sobjects/{object}/listviews/{view}/describe", list_views.describe),
    ("GET", "/sobjects/{object}/listviews/{view}/results", list_views.results),
    ("GET", "/recent", recent.recent),
    ("GET", "/tabs", home.tabs),
    ("GET", "/theme", home.theme),
    ("GET", "/appMenu/{menu}", home.app_menu),
    ("GET", "/quickActions", home.quick_actions),
    ("GET", "/sobjects/{object}/updated", replication.updated),
    ("GET", "/sobjects/{object}/deleted", replication.deleted),
    ("GET", "/sobjects/{object}/{id}", records.get),
    ("PATCH", "/sobjects/{object}/{id}", records.update),
    ("DELETE", "/sobjects/{object}/{id}", records.delete),
    ("POST", "/sobjects/{object}/{id}", records.post_to_record),
    ("GET", "/sobjects/{object}/{field}/{value}", records.get_by_key),
    ("PATCH", "/sobjects/{object}/{field}/{value}", records.upsert),
    ("DELETE", "/sobjects/{object}/{field}/{value}", records.delete_by_key),
    ("POST", "/sobjects/{object}/{field}/{value}", records.post_without_key),
    ("GET", "/query", query.run),
    ("GET", "/query/{locator}", query.more),
    ("GET", "/queryAll", query.run_all),
    ("GET", "/queryAll/{locator}", query.more),
    ("GET", "/search", search.search),
    ("GET", "/search/scopeOrder", search.scope_order),
    ("GET", "/search/layout", search.layouts),
    ("GET", "/parameterizedSearch", search.by_parameters),
    ("POST", "/parameterizedSearch", search.by_body),
    ("GET", "/limits", limits.limits),
    ("GET", "/limits/recordCount", limits.record_count),
    ("POST", "/composite", composite.composite),
    ("POST", "/composite/batch", composite.batch),
    ("POST", "/composite/graph", composite.graph),
    ("POST", "/composite/tree/{object}", composite.tree),
    ("POST", "/composite/sobjects", collections.create),
    ("PATCH", "/composite/sobjects", collections.update),
    ("DELETE", "/composite/sobjects", collections.delete),
    ("GET", "/composite/sobjects/{object}", collections.retrieve_by_url),
    ("POST", "/composite/sobjects/{object}", collections.retrieve),
    ("PATCH", "/composite/sobjects/{object}/{field}", collections.upsert),
    ("GET", "/tooling/query", tooling.run_query),
    ("GET", "/tooling/queryAll", tooling.run_query),
    ("GET", "/tooling/sobjects", tooling.all_objects),
    ("GET", "/tooling/sobjects/{object}", tooling.one_object),
    ("POST", "/tooling/sobjects/{object}", tooling.create),
    ("GET", "/tooling/sobjects/{object}/describe", tooling.describe_one),
    ("GET", "/tooling/sobjects/{object}/{id}", tooling.get),
    ("PATCH", "/tooling/sobjects/{object}/{id}", tooling.update),
    ("DELETE", "/tooling/sobjects/{object}/{id}", tooling.delete),
    ("POST", "/tooling/sobjects/{object}/{id}", tooling.post_to_record),
    ("GET", "/tooling/executeAnonymous", tooling.execute_anonymous),
    ("GET", "/tooling/runTestsSynchronous", tooling.run_tests),
    ("POST", "/tooling/runTestsSynchronous", tooling.run_tests),
    ("GET", "/tooling/runTestsAsynchronous", tooling.run_tests),
    ("POST", "/tooling/runTestsAsynchronous", tooling.run_tests),
    ("POST", "/metadata/deployRequest", deploy_requests.create),
    ("GET", "/metadata/deployRequest/{id}", deploy_requests.info),
    ("PATCH", "/metadata/deployRequest/{id}", deploy_requests.change),
    ("POST", "/jobs/query", bulk_query.create),
    ("GET", "/jobs/query", bulk_query.listing),
    ("GET", "/jobs/query/{id}", bulk_query.info),
    ("PATCH", "/jobs/query/{id}", bulk_query.change),
    ("DELETE", "/jobs/query/{id}", bulk_query.delete),
    ("GET", "/jobs/query/{id}/results", bulk_query.results),
    ("GET", "/jobs/query/{id}/resultPages", bulk_query.result_pages),
    ("POST", "/jobs/ingest", bulk_ingest.create),
    ("GET", "/jobs/ingest", bulk_ingest.listing),
    ("GET", "/jobs/ingest/{id}", bulk_ingest.info),
    ("PATCH", "/jobs/ingest/{id}", bulk_ingest.change),
    ("DELETE", "/jobs/ingest/{id}", bulk_ingest.delete),
    ("PUT", "/jobs/ingest/{id}/batches", bulk_ingest.upload),
    ("GET", "/jobs/ingest/{id}/{kind}", bulk_ingest.results),
)
_DIRECTORIES = tuple(("GET", f"/{name}", directories.of(name)) for name in directories.BELOW)

ROUTES: list[Route] = [
    Route((method,), pattern, _settled(handler)) for method, pattern, handler in (*_TABLE, *_DIRECTORIES)
]
