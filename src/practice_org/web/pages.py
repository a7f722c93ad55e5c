"""Rendering: templates, the look, and a content security policy that allows no script at all."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("practice_org.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, status: int = 200, *, form_targets: str = "'self'", **values: Any) -> HTMLResponse:
    """An HTML page. `form_targets` are the origins that its forms may end at, redirects included."""
    text = _environment().get_template(template).render(**values)
    return HTMLResponse(
        text,
        status,
        {
            "Content-Security-Policy": f"{POLICY}; form-action {form_targets}",
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def static_file(name: str) -> Response:
    """The style sheet; nothing else is served."""
    if name != "practice.css":
        return Response("Not found", 404)
    css = (resources.files("practice_org.web") / "static" / name).read_bytes()
    return Response(css, 200, {"Content-Type": "text/css; charset=utf-8", "Cache-Control": "max-age=3600"})
