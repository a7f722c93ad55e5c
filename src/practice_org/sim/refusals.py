"""Error codes with the status and the message that they usually come with, for faults that name a code alone.

Codes that are not listed are 400 with their name in words. `{id}` stands for the record's id, where there is
one. Messages are recorded or quoted where the specification has them, else platform knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_UNEXPECTED = (
    "An unexpected error occurred. Please include this ErrorId if you contact support: "
    "1234567890-12345 (-1234567890)"
)

MESSAGES: Mapping[str, tuple[int, str]] = MappingProxyType(
    {
        "ALL_OR_NONE_OPERATION_ROLLED_BACK": (
            400,
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        ),
        "API_CURRENTLY_DISABLED": (403, "API is currently disabled for this organization"),
        "API_DISABLED_FOR_ORG": (403, "The REST API is not enabled for this Organization."),
        "APEX_ERROR": (500, "System.LimitException: Apex CPU time limit exceeded"),
        "CANNOT_EXECUTE_FLOW_TRIGGER": (
            400,
            "We can't save this record because a process failed. Give your Salesforce admin these details.",
        ),
        "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (
            400,
            "LeadTrigger: execution of AfterUpdate caused by: System.NullPointerException: Attempt to "
            "de-reference a null object",
        ),
        "CANNOT_UPDATE_CONVERTED_LEAD": (400, "cannot reference converted lead"),
        "DELETE_FAILED": (400, "Your attempt to delete the record could not be completed."),
        "DUPLICATES_DETECTED": (400, "Use one of these records?"),
        "DUPLICATE_VALUE": (
            400,
            "duplicate value found: <unknown> duplicates value on record with id: <unknown>",
        ),
        "ENTITY_IS_DELETED": (404, "entity is deleted"),
        "ENTITY_IS_LOCKED": (400, "the entity is locked for editing"),
        "EXCEEDED_ID_LIMIT": (
            400,
            "record limit reached. cannot submit more than 200 records into this call",
        ),
        "EXCEEDED_MAX_SIZE_REQUEST": (413, "Maximum size of request reached."),
        "FIELD_CUSTOM_VALIDATION_EXCEPTION": (400, "The record breaks a validation rule."),
        "FIELD_FILTER_VALIDATION_EXCEPTION": (400, "Value does not exist or does not match filter criteria."),
        "FIELD_INTEGRITY_EXCEPTION": (400, "There's a problem with this field."),
        "FUNCTIONALITY_NOT_ENABLED": (
            403,
            "The requested functionality is not enabled for this organization.",
        ),
        "INACTIVE_OWNER_OR_USER": (400, "operation performed with inactive user [{id}] as owner of lead"),
        "INSUFFICIENT_ACCESS": (403, "insufficient access rights on object id"),
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
            400,
            "insufficient access rights on cross-reference id: {id}",
        ),
        "INSUFFICIENT_ACCESS_OR_READONLY": (403, "insufficient access rights on object id"),
        "INVALID_AUTH_HEADER": (401, "INVALID_HEADER_TYPE"),
        "INVALID_CROSS_REFERENCE_KEY": (400, "invalid cross reference id"),
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": (
            403,
            "The users password has expired, you must call SetPassword before attempting any other API operations",
        ),
        "INVALID_QUERY_LOCATOR": (400, "invalid query locator"),
        "INVALID_SESSION_ID": (401, "Session expired or invalid"),
        "LIMIT_EXCEEDED": (400, "You have reached the limit of this operation."),
        "LOGIN_MUST_USE_SECURITY_TOKEN": (
            403,
            "Invalid username, password, security token; or user locked out.",
        ),
        "METHOD_NOT_ALLOWED": (405, "HTTP Method not allowed"),
        "NOT_FOUND": (404, "The requested resource does not exist"),
        "OPERATION_TOO_LARGE": (403, "exceeded 100000 distinct ids"),
        "PRECONDITION_FAILED": (412, "The precondition of the request is not met."),
        "QUERY_TIMEOUT": (400, "Your query request was running for too long."),
        "QUERY_TOO_COMPLICATED": (
            400,
            "Query is either selecting too many fields or the filter conditions are too complicated.",
        ),
        "REQUEST_LIMIT_EXCEEDED": (403, "TotalRequests Limit exceeded."),
        "REQUEST_RUNNING_TOO_LONG": (400, "Your request was running for too long, and has been stopped."),
        "SERVER_UNAVAILABLE": (503, "Server Unavailable"),
        "STORAGE_LIMIT_EXCEEDED": (400, "storage limit exceeded"),
        "TRANSACTION_HALTED": (400, "The transaction was rolled back since another operation failed."),
        "TRANSFER_REQUIRES_READ": (400, "The new owner must have read permission"),
        "TXN_SECURITY_NO_ACCESS": (403, "The action was blocked by a transaction security policy."),
        "UNABLE_TO_LOCK_ROW": (
            400,
            "unable to obtain exclusive access to this record or 1 records: {id}",
        ),
        "UNDELETE_FAILED": (400, "Entity is not in the recycle bin"),
        "UNKNOWN_EXCEPTION": (500, _UNEXPECTED),
        "UNSUPPORTED_MEDIA_TYPE": (415, "The MediaType is not supported by this resource"),
        "URI_TOO_LONG": (414, "URI Too Long"),
    }
)


def usual(code: str, record_id: str | None) -> tuple[int, str]:
    """The status and message of a code, about a record if there is one."""
    status, message = MESSAGES.get(code, (400, code.replace("_", " ").lower()))
    if "{id}" in message and record_id is None:
        return status, message.replace(" or 1 records: {id}", "").replace(": {id}", "").replace("[{id}] ", "")
    return status, message.replace("{id}", record_id or "")
