"""What each error of Salesforce means. The bodies are those that Salesforce was seen to send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diptych.domain.outcome import (
    Done,
    ErrorClass,
    LimitExceeded,
    LoginFailed,
    OrgError,
    OrgOutcomeUnknown,
    OrgRefused,
    OrgUnavailable,
    Refused,
    Retryable,
    Unknown,
)
from diptych.salesforce.error_table import CODES, OAUTH, Meaning
from diptych.salesforce.errors import (
    Effect,
    call_failed,
    oauth_failed,
    read_faults,
    row_outcome,
    soap_failed,
)

C = ErrorClass
# status, body, kind of exception for a whole call, class
BODIES: list[tuple[int, str, type[OrgError], ErrorClass]] = [
    (400, '[{"message":"No such column \'FavoritePet__c\' on sobject of type Account","errorCode":"INVALID_FIELD"}]', OrgRefused, C.SCHEMA),
    (400, '[{"message":"Rating: bad value for restricted picklist field: Terrible","errorCode":"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST","fields":["Rating__c"]}]', OrgRefused, C.PICKLIST),
    (400, '[{"message":"Required fields are missing: [Website__c]","errorCode":"REQUIRED_FIELD_MISSING","fields":["Website__c"]}]', OrgRefused, C.REQUIRED),
    (404, '[{"message":"entity is deleted","errorCode":"ENTITY_IS_DELETED","fields":[]}]', OrgRefused, C.GONE),
    (400, '[{"message":"unexpected token: SELEKT","errorCode":"MALFORMED_QUERY"}]', OrgRefused, C.SCHEMA),
    (400, '[{"message":"Record ID: id value of incorrect type: a00B000000FSjVUIB1","errorCode":"MALFORMED_ID","fields":["Id"]}]', OrgRefused, C.SCHEMA),
    (404, '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]', OrgRefused, C.GONE),
    (400, '[{"message":"At least 1 record is required","errorCode":"REQUIRED_FIELD_MISSING"}]', OrgRefused, C.REQUIRED),
    (400, '[{"message":"Unable to create/update fields: MasterRecordId. Please check the security settings of this field and verify that it is read/write for your profile or permission set.","errorCode":"INVALID_FIELD_FOR_INSERT_UPDATE","fields":["MasterRecordId"]}]', OrgRefused, C.PERMISSION),
    (400, '[{"message":"Duplicate PermissionSetAssignment.","errorCode":"DUPLICATE_VALUE","fields":["AssigneeId"]}]', OrgRefused, C.DUPLICATE),
    (400, '[{"message":"sObject type \'XYZZY\' is not supported.","errorCode":"INVALID_TYPE"}]', OrgRefused, C.SCHEMA),
    (401, '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]', LoginFailed, C.LOGIN),
    (400, '[ {\n "message" : "No search term found.",\n "errorCode" : "MALFORMED_SEARCH"\n} ]', OrgRefused, C.SCHEMA),
    (404, '[{"message":"Provided external ID field does not exist or is not accessible: Namez","errorCode":"NOT_FOUND"}]', OrgRefused, C.SCHEMA),
    (400, '{"errorCode":"PROCESSING_HALTED","message":"The transaction was rolled back since another operation in the same transaction failed."}', OrgUnavailable, C.OTHER),
    (400, '{"message":"Foreign key external ID: 0116 not found for field Invoice__c in entity Line__c","errorCode":"INVALID_FIELD","fields":[]}', OrgRefused, C.GONE),
    (405, '[{"errorCode":"METHOD_NOT_ALLOWED","message":"HTTP Method \'PATCH\' not allowed. Allowed are HEAD,GET,POST"}]', OrgRefused, C.OTHER),
    (400, '{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}', LoginFailed, C.LOGIN),
    (400, '{"exceptionCode":"InvalidBatch","exceptionMessage":"Records not processed"}', OrgRefused, C.SCHEMA),
    (400, '[{"errorCode":"BULK_API_ERROR","message":"Found multiple contents for job: <750>"}]', OrgRefused, C.OTHER),
    (400, '[{"errorCode":"INVALID_QUERY_LOCATOR","message":"invalid query locator"}]', OrgRefused, C.GONE),
    (400, '[{"duplicateResut":{"allowSave":true,"matchResults":[]},"errorCode":"DUPLICATES_DETECTED","message":"Use one of these records?"}]', OrgRefused, C.DUPLICATE),
    (400, '[{"message":"Topic Name: data value too large: X (max length=25)","errorCode":"STRING_TOO_LONG","fields":["Name"]}]', OrgRefused, C.LENGTH),
    (400, '[{"message":"Already a campaign member.","errorCode":"DUPLICATE_VALUE"}]', OrgRefused, C.DUPLICATE),
    (403, '[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]', LimitExceeded, C.LIMIT),
    (403, '[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]', LimitExceeded, C.LIMIT),
    (400, '[{"message":"unable to obtain exclusive access to this record or 1 records: 0035c","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]', OrgUnavailable, C.LOCK),
    (500, '[{"message":"unable to obtain exclusive access to this record or 1 records: 0035c","errorCode":"UNABLE_TO_LOCK_ROW","fields":[]}]', OrgUnavailable, C.LOCK),
    (400, '{"message":"insufficient access rights on cross-reference id: 0015e","errorCode":"INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY","fields":[]}', OrgRefused, C.PERMISSION),
    (400, '{"message":"Record Type ID: this ID value isn\'t valid for the user: 0128M","errorCode":"INVALID_CROSS_REFERENCE_KEY","fields":["RecordTypeId"]}', OrgRefused, C.PERMISSION),
    (503, '[{"message":"Server Unavailable","errorCode":"SERVER_UNAVAILABLE"}]', OrgUnavailable, C.NETWORK),
    (403, '[{"message":"The REST API is not enabled for this Organization.","errorCode":"API_DISABLED_FOR_ORG"}]', LoginFailed, C.PERMISSION),
    (403, '[{"message":"insufficient access rights on object id","errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]', OrgRefused, C.PERMISSION),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "error_class"), BODIES)
def test_a_call_refused_with_a_known_body(
    status: int, body: str, kind: type[OrgError], error_class: ErrorClass
) -> None:
    error = call_failed(read_faults(json.loads(body)), status, Effect.READ)
    assert type(error) is kind
    assert error.problem.error_class is error_class
    assert error.problem.cause and error.problem.remedy
    assert "\n" not in str(error)


def test_the_excerpt_of_a_query_becomes_one_line_and_the_field_is_named() -> None:
    message = (
        "\nSELECT Bacon__c FROM Account LIMIT 2\n       ^\nERROR at Row:1:Column:8\nNo such column 'Bacon__c' on "
        "entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c'."
    )
    error = call_failed(read_faults([{"message": message, "errorCode": "INVALID_FIELD"}]), 400, Effect.READ)
    assert error.problem.fields == ("Bacon__c",)
    assert "\n" not in error.problem.message


def _row(code: str, message: str = "No.", fields: list[str] | None = None) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": fields or []}]}


@pytest.mark.parametrize(
    ("row", "kind", "error_class"),
    [
        (_row("INVALID_EMAIL_ADDRESS", "Email: invalid email address: badone", ["Email"]), Refused, C.VALIDATION),
        (_row("REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"), Refused, C.REQUIRED),
        (_row("MISSING_ARGUMENT", "Id not specified in an update call"), Refused, C.REQUIRED),
        (_row("ALL_OR_NONE_OPERATION_ROLLED_BACK"), Retryable, C.OTHER),
        (_row("UNABLE_TO_LOCK_ROW"), Retryable, C.LOCK),
        (_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: System.DmlException: UNABLE_TO_LOCK_ROW"), Retryable, C.LOCK),
        (_row("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "T: execution of BeforeUpdate"), Refused, C.AUTOMATION),
        (_row("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Say why."), Refused, C.VALIDATION),
        (_row("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"), Refused, C.GONE),
        (_row("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"), Refused, C.GONE),
        (_row("ENTITY_IS_DELETED"), Refused, C.GONE),
        (_row("UNKNOWN_EXCEPTION"), Unknown, C.OTHER),
        (_row("SOMETHING_NEW"), Refused, C.OTHER),
        ({"success": False, "errors": []}, Unknown, C.OTHER),
    ],
)  # fmt: skip
def test_how_a_row_ended(row: dict[str, Any], kind: type, error_class: ErrorClass) -> None:
    outcome = row_outcome("00Q000000000001EAA", row)
    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Done) and outcome.problem.error_class is error_class


def test_a_row_with_several_errors_is_refused_if_one_of_them_is() -> None:
    errors = [*_row("UNABLE_TO_LOCK_ROW")["errors"], *_row("STRING_TOO_LONG", "x", ["City"])["errors"]]
    outcome = row_outcome("00Q000000000001EAA", {"success": False, "errors": errors})
    assert isinstance(outcome, Refused) and outcome.problem.fields == ("City",)


def test_missing_fields_are_named_even_if_only_the_text_has_them() -> None:
    outcome = row_outcome(
        "00Q", _row("REQUIRED_FIELD_MISSING", "Required fields are missing: [Company, Status]")
    )
    assert isinstance(outcome, Refused) and outcome.problem.fields == ("Company", "Status")


def test_a_breakdown_leaves_a_write_unknown_and_a_read_for_later() -> None:
    for body in (
        [{"errorCode": "UNKNOWN_EXCEPTION", "message": "x"}],
        [{"errorCode": "NEW_ONE", "message": "x"}],
    ):
        faults = read_faults(body)
        assert type(call_failed(faults, 500, Effect.WRITE)) is OrgOutcomeUnknown
        assert type(call_failed(faults, 500, Effect.READ)) is OrgUnavailable
        assert type(call_failed(faults, 500, Effect.HARMLESS)) is OrgUnavailable


OAUTH_ERRORS = [
    ("invalid_grant", "expired access/refresh token", LoginFailed, "Connect again"),
    ("invalid_grant", "authentication failure", LoginFailed, "security token"),
    ("invalid_grant", "authentication failure - Invalid Password", LoginFailed, "security token"),
    ("invalid_grant", "user hasn't approved this consumer", LoginFailed, "pre-authorised"),
    ("invalid_grant", "expired authorization code", LoginFailed, "once more"),
    ("invalid_grant", "invalid code verifier", LoginFailed, "one browser window"),
    ("invalid_grant", "invalid assertion", LoginFailed, "certificate"),
    ("invalid_grant", "user is inactive", LoginFailed, "activate"),
    ("invalid_client", "invalid client credentials", LoginFailed, "consumer key"),
    ("invalid_client_id", "client identifier invalid", LoginFailed, "consumer key"),
    ("invalid_app_access", "user is not admin approved to access this app", LoginFailed, "pre-authorised"),
    ("unsupported_grant_type", "grant type not supported", LoginFailed, "flow"),
    ("redirect_uri_mismatch", "redirect_uri must match configuration", LoginFailed, "Callback"),
    ("app_not_found", "External client app is not installed in this org", LoginFailed, "consumer key"),
    ("server_error", "try later", OrgUnavailable, "tries again"),
    ("never_heard_of", "", LoginFailed, "connect again"),
]


@pytest.mark.parametrize(("code", "description", "kind", "hint"), OAUTH_ERRORS)
def test_a_refused_token_request_says_what_to_do(
    code: str, description: str, kind: type[OrgError], hint: str
) -> None:
    (fault,) = read_faults({"error": code, "error_description": description})
    error = oauth_failed(fault, "https://login.salesforce.com")
    assert type(error) is kind
    assert hint in error.problem.remedy and "https://login.salesforce.com" in str(error)


@pytest.mark.parametrize(
    ("code", "text", "kind", "hint"),
    [
        ("sf:INVALID_LOGIN", "INVALID_LOGIN: Invalid username, password, security token; or user locked out.", LoginFailed, "security token"),
        ("sf:INVALID_OPERATION", "INVALID_OPERATION: SOAP API login() is disabled by default in this org.", LoginFailed, "Login with Salesforce"),
        ("sf:INVALID_OPERATION", "INVALID_OPERATION: SOAP API login() is not supported in API version 65.0", LoginFailed, "Login with Salesforce"),
        ("sf:API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner", LoginFailed, "API Enabled"),
        ("sf:LOGIN_MUST_USE_SECURITY_TOKEN", "Use the token", LoginFailed, "Reset My Security Token"),
        ("sf:PASSWORD_EXPIRED", "The password has expired.", LoginFailed, "new password"),
        ("sf:SERVER_UNAVAILABLE", "busy", OrgUnavailable, "tries again"),
        ("sf:REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", LimitExceeded, "calls"),
        ("soapenv:Client", "no idea", LoginFailed, "connect again"),
    ],
)  # fmt: skip
def test_a_soap_fault_says_what_to_do(code: str, text: str, kind: type[OrgError], hint: str) -> None:
    error = soap_failed(code, text, "https://login.salesforce.com")
    assert type(error) is kind and hint in error.problem.remedy


def test_every_entry_of_the_table_says_why_and_what_to_do() -> None:
    meanings = [m for entry in CODES.values() for m in _meanings(entry)] + [m for _, _, m in OAUTH]
    assert all(m.cause.endswith((".", ")")) and m.remedy.endswith((".", ")")) for m in meanings)
    for entry in CODES.values():
        assert isinstance(entry, Meaning) or entry[-1][0] == ""  # a last resort for every text


def _meanings(entry: Meaning | list[tuple[str, Meaning]]) -> list[Meaning]:
    return [entry] if isinstance(entry, Meaning) else [meaning for _, meaning in entry]
