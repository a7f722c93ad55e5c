"""Refusals of the Bulk API 1.0: an exception code and a message, always one."""

from __future__ import annotations


class BulkError(Exception):
    """`code` is one of Salesforce's AsyncExceptionCode names."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def invalid_batch(message: str) -> BulkError:
    return BulkError("InvalidBatch", message)
