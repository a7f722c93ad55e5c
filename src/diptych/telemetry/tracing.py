"""Pieces of work as spans. Of an exception its class and code are kept, never its text: texts quote values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from diptych.sync.observing import Facts, Piece


class _Spanned:
    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, facts: Facts) -> None:
        self._span.set_attributes(facts)

    def fail(self, kind: str, code: str = "") -> None:
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute("error.type", kind)
        if code:
            self._span.set_attribute("diptych.error.code", code)


class Tracing:
    """`sync.observing.Observer` over OpenTelemetry. `tracer` is asked for when the first piece begins."""

    def __init__(self, tracer: Callable[[], Tracer]) -> None:
        self._tracer = tracer

    def piece(
        self, name: str, facts: Facts | None = None, *, outward: bool = False
    ) -> AbstractContextManager[Piece]:
        return self._piece(name, facts, SpanKind.CLIENT if outward else SpanKind.INTERNAL)

    @contextmanager
    def _piece(self, name: str, facts: Facts | None, kind: SpanKind) -> Iterator[Piece]:
        with self._tracer().start_as_current_span(
            name, kind=kind, attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            piece = _Spanned(span)
            try:
                yield piece
            except Exception as problem:
                kind_of, code = _told(problem)
                piece.fail(kind_of, code)
                raise

    def event(self, name: str, facts: Facts) -> None:
        trace.get_current_span().add_event(name, facts)

    def trace_id(self) -> str | None:
        context = trace.get_current_span().get_span_context()
        if not (context.is_valid and context.trace_flags.sampled):
            return None
        return trace.format_trace_id(context.trace_id)


def _told(problem: BaseException) -> tuple[str, str]:
    """Class and code of an error: those of Salesforce's problem where it has one."""
    held = getattr(problem, "problem", None) or getattr(getattr(problem, "error", None), "problem", None)
    kind, code = getattr(held, "error_class", None), getattr(held, "code", None)
    if isinstance(kind, str) and isinstance(code, str):
        return str(kind), code
    return type(problem).__qualname__, ""
