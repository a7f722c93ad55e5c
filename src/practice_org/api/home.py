"""What a user interface asks for first: tabs, the app menu, themes and quick actions.

The org has no icons, colours or quick actions of its own, and says so with empty lists.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from practice_org.api.describe import object_for
from practice_org.errors import not_found
from practice_org.http import Context, json_response
from practice_org.schema import access as rights
from practice_org.schema.catalogue import ObjectType

TABBED = ("Account", "Campaign", "Case", "Contact", "Lead", "Opportunity")
"""Standard objects with a tab, in the order of the tabs."""


def _tabs(ctx: Context) -> list[ObjectType]:
    access = rights.for_user(ctx.org, ctx.caller.id)
    found = [ctx.org.schema[name] for name in TABBED]
    return [obj for obj in found if access.can("Read", obj)]


def tabs(ctx: Context, request: Request) -> Response:
    """GET tabs."""
    return json_response(
        [
            {
                "colors": [],
                "custom": obj.custom,
                "iconUrl": None,
                "icons": [],
                "label": obj.plural,
                "miniIconUrl": None,
                "name": f"standard-{obj.name}",
                "sobjectName": obj.name,
                "url": f"{ctx.base_url}/{obj.prefix}/o",
            }
            for obj in _tabs(ctx)
        ]
    )


def theme(ctx: Context, request: Request) -> Response:
    """GET theme."""
    return json_response(
        {"themeItems": [{"colors": [], "icons": [], "name": obj.name} for obj in _tabs(ctx)]}
    )


def app_menu(ctx: Context, request: Request) -> Response:
    """GET appMenu/AppSwitcher and appMenu/Salesforce1."""
    if ctx.params["menu"] not in ("AppSwitcher", "Salesforce1"):
        raise not_found()
    return json_response({"appMenuItems": []})


def quick_actions(ctx: Context, request: Request) -> Response:
    """GET quickActions, and sobjects/X/quickActions."""
    if "object" in ctx.params:
        object_for(ctx, ctx.params["object"])
    return json_response([])


def suggested_articles(ctx: Context, request: Request) -> Response:
    """GET sobjects/Case/suggestedArticles, and of one case: the org has no knowledge articles."""
    if "caseArticleSuggestions" not in object_for(ctx, ctx.params["object"]).urls:
        raise not_found()
    return json_response([])
