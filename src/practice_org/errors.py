"""Refusals in Salesforce's form: a JSON array of message, errorCode and, for some codes, fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_VERBS = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")


class ApiError(Exception):
    """One refusal, as the REST API words it.

    `fields` is None when the real service sends no such key, a tuple (maybe empty) when it does.
    `code_first` turns the key order round, as the service does for NOT_FOUND and METHOD_NOT_ALLOWED.
    `extra` stands before the code in a REST answer (spec 5.11: `duplicateResut`). `also` are further
    refusals of the same record: several validation rules may speak at once.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: tuple[str, ...] | None = None,
        *,
        code_first: bool = False,
        extra: Mapping[str, Any] | None = None,
        also: tuple[ApiError, ...] = (),
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.code_first = code_first
        self.extra = extra
        self.also = also

    @property
    def all(self) -> tuple[ApiError, ...]:
        """This refusal and those beside it."""
        return (self, *self.also)

    def body(self) -> list[dict[str, Any]]:
        """The array that a REST answer carries."""
        return [error._entry() for error in self.all]

    def _entry(self) -> dict[str, Any]:
        if self.extra is not None:
            return {**self.extra, "errorCode": self.code, "message": self.message}
        if self.code_first:
            return {"errorCode": self.code, "message": self.message}
        entry: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            entry["fields"] = list(self.fields)
        return entry

    def result_error(self) -> dict[str, Any]:
        """The entry of a collection's result: here the code is called statusCode (spec 5.5)."""
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}

    def result_errors(self) -> list[dict[str, Any]]:
        """All entries of a collection's result."""
        return [error.result_error() for error in self.all]

    def bulk_error(self) -> str:
        """The text of `sf__Error` in a Bulk API result row (spec 5.8)."""
        return "".join(error._bulk_part() for error in self.all)

    def _bulk_part(self) -> str:
        names = " ".join(self.fields or ())
        return f"{self.code}:{self.message}:{names + ' ' if names else ''}--"


def not_found(message: str = "The requested resource does not exist") -> ApiError:
    """A path or record that is not there."""
    return ApiError(404, "NOT_FOUND", message, code_first=True)


def method_not_allowed(method: str, allowed: tuple[str, ...]) -> ApiError:
    """A path that exists, asked with a verb that it does not take."""
    verbs = [verb for verb in _VERBS if verb in allowed or (verb == "HEAD" and "GET" in allowed)]
    return ApiError(
        405,
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{method}' not allowed. Allowed are {','.join(verbs)}",
        code_first=True,
    )


def entity_is_deleted() -> ApiError:
    return ApiError(404, "ENTITY_IS_DELETED", "entity is deleted", ())


def json_parser_error(message: str) -> ApiError:
    return ApiError(400, "JSON_PARSER_ERROR", message)


def said(value: Any) -> str:
    """A value of a request in a message, as the real service writes it: `null` for none."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
