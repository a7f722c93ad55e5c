"""The refusals of the Pub/Sub API: gRPC status, error code in the trailers, message with the RPC's id.

Codes of authentication, unavailability, concurrency, delivery limit and replay ids are those of
Salesforce's page on handling errors; the others are named in the same manner and not verified.
"""

from __future__ import annotations

from typing import Any, NoReturn

import grpc

PREFIX = "sfdc.platform.eventbus.grpc."


class Refusal(Exception):
    """An RPC that ends with an error. `code` lacks the common prefix."""

    def __init__(self, status: grpc.StatusCode, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = PREFIX + code
        self.message = message


def end(context: Any, refusal: Refusal, rpc_id: str) -> NoReturn:
    """End an RPC with a refusal; raises what grpc raises to leave the handler."""
    context.set_trailing_metadata((("error-code", refusal.code), ("rpc-id", rpc_id)))
    context.abort(refusal.status, f"{refusal.message} rpcId: {rpc_id}")
    raise AssertionError("abort returns never")


def unauthenticated() -> Refusal:
    return Refusal(
        grpc.StatusCode.UNAUTHENTICATED,
        "service.auth.error",
        "An authentication exception occurred. Provide valid authentication via metadata headers.",
    )


def unavailable() -> Refusal:
    return Refusal(
        grpc.StatusCode.UNAVAILABLE, "service.unavailable", "The Pub/Sub API service is unavailable."
    )


def exhausted() -> Refusal:
    return Refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "subscription.limit.exceeded",
        "You have exceeded the event delivery limit for your org.",
    )


def corrupted() -> Refusal:
    """A replay id that is none, never was, or is no longer kept."""
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "subscription.fetch.replayid.corrupted",
        "The Replay ID validation failed. Ensure that the Replay ID is valid.",
    )


def no_replay_id() -> Refusal:
    """The preset CUSTOM without a replay id."""
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "subscription.fetch.replayid.validation.failed",
        "The Replay ID validation failed. Ensure that the Replay ID is valid.",
    )


def bad_number() -> Refusal:
    return Refusal(
        grpc.StatusCode.INVALID_ARGUMENT,
        "subscription.fetch.requested.events.invalid",
        "The requested number of events must be greater than 0.",
    )


def idle() -> Refusal:
    """A publisher's stream on which nothing came for too long."""
    return Refusal(
        grpc.StatusCode.CANCELLED, "publish.stream.idle", "The stream was closed because it was idle."
    )


def invalid(message: str, code: str = "request.invalid") -> Refusal:
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, code, message)


def no_topic(name: str) -> Refusal:
    return Refusal(
        grpc.StatusCode.NOT_FOUND,
        "topic.not.found",
        f"The specified topic does not exist or you do not have permission to it: {name}.",
    )


def no_schema(schema_id: str) -> Refusal:
    return Refusal(
        grpc.StatusCode.NOT_FOUND, "schema.not.found", f"The specified schema does not exist: {schema_id}."
    )


def forbidden(what: str) -> Refusal:
    return Refusal(grpc.StatusCode.PERMISSION_DENIED, "topic.permission.denied", what)
