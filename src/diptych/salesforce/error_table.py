"""The table behind `errors`: one line of meaning, cause and remedy a code. Facts only, no decisions.

A code with several meanings has a list of (pattern, meaning): the first pattern found in `message|fields` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diptych.domain.outcome import ErrorClass


class Next(StrEnum):
    """What to do about an error."""

    REFUSE = "refuse"  # will not work as it is
    RETRY = "retry"  # did not happen; may work later
    UNKNOWN = "unknown"  # a write may have happened
    LIMIT = "limit"  # did not happen; a limit is used up
    SESSION = "session"  # log in again
    LOGIN = "login"  # the credentials or the user have to be mended
    SPLIT = "split"  # ask for less at once
    GONE = "gone"  # what was addressed does not exist any more


@dataclass(frozen=True)
class Meaning:
    next: Next
    error_class: ErrorClass
    cause: str = ""
    remedy: str = ""


def _refused(error_class: ErrorClass, cause: str, remedy: str) -> Meaning:
    return Meaning(Next.REFUSE, error_class, cause, remedy)


C = ErrorClass
UNLISTED = _refused(
    C.OTHER,
    "Salesforce refuses this for a reason Diptych has no explanation for.",
    "Look the code up in Salesforce's documentation, mend the record or the org's set-up, then retry.",
)
_SESSION = Meaning(
    Next.SESSION,
    C.LOGIN,
    "The session has ended and a new one was refused as well.",
    "Check that the sync user is active and may use the API, then connect again.",
)
_LOCK = Meaning(
    Next.RETRY,
    C.LOCK,
    "Another change of this record, or of its account, was being saved at the same moment.",
    "Diptych tries again by itself. If it happens all the time, look for a job that updates these records in bulk.",
)
BROKEN_DOWN = Meaning(
    Next.UNKNOWN,
    C.OTHER,
    "Salesforce broke down while it handled the call.",
    "Diptych tries again by itself. If it lasts, see status.salesforce.com or ask Salesforce's support.",
)
_BUSY = Meaning(
    Next.RETRY,
    C.NETWORK,
    "Salesforce is busy or under maintenance.",
    "Diptych tries again by itself. See status.salesforce.com if it lasts.",
)
_VERSION = _refused(
    C.SCHEMA,
    "The org does not offer this version of the API.",
    "Set an API version that the org offers (31.0 to 67.0 at the time of writing).",
)
_SIZE = Meaning(
    Next.SPLIT,
    C.LIMIT,
    "The query is too long or too complicated for Salesforce.",
    "Choose fewer fields, above all formula fields.",
)
_AUTOMATION = _refused(
    C.AUTOMATION,
    "A trigger, flow or process of the org stopped the change.",
    "Show the message to the Salesforce administrator: the automation has to accept changes of the sync user.",
)
_JOB_GONE = Meaning(
    Next.GONE,
    C.GONE,
    "The bulk job or its result does not exist any more (Salesforce keeps it for seven days).",
    "Diptych starts a new job by itself.",
)
_CURSOR_GONE = Meaning(
    Next.GONE,
    C.GONE,
    "The position in a query result is no longer known to Salesforce.",
    "Diptych starts the query again from its own cursor.",
)
_PASSWORD_EXPIRED = Meaning(
    Next.LOGIN,
    C.LOGIN,
    "The password of the sync user has expired.",
    "Log in to Salesforce as that user, choose a new password and connect again; or let passwords of this user never "
    "expire; or use Login with Salesforce.",
)
_SOAP_OFF = Meaning(
    Next.LOGIN,
    C.LOGIN,
    "This org does not allow logins with user name, password and security token (SOAP login is off, as in every new "
    "org, and ends for all in Summer '27).",
    "Use Login with Salesforce, client credentials or JWT instead; or let an administrator allow SOAP login in the "
    "org's set-up for the time being.",
)
_WRONG_FIELD_VALUE = "The value does not suit the field."

CODES: dict[str, Meaning | list[tuple[str, Meaning]]] = {
    # -- who we are
    "INVALID_SESSION_ID": _SESSION,
    "INVALIDSESSIONID": _SESSION,
    "INVALID_AUTH_HEADER": _SESSION,
    "INVALID_LOGIN": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "The user name, password or security token is wrong, the user is locked or inactive, or this is the login "
        "address of another kind of org (production or sandbox).",
        "Check all three; reset the security token in Salesforce under Settings > Reset My Security Token (the new one "
        "comes by mail); for a sandbox choose the sandbox address and add the sandbox's name to the user name.",
    ),
    "LOGIN_MUST_USE_SECURITY_TOKEN": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "Salesforce wants the security token of the user, because this computer's address is not a trusted one.",
        "Enter the security token; get it in Salesforce under Settings > Reset My Security Token.",
    ),
    "PASSWORD_LOCKOUT": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "The user is locked after too many wrong passwords.",
        "Wait until the lock ends or let an administrator unlock the user, then connect again.",
    ),
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": _PASSWORD_EXPIRED,
    "PASSWORD_EXPIRED": _PASSWORD_EXPIRED,
    "INVALID_OPERATION": [
        (r"SOAP API login", _SOAP_OFF),
        (r"", UNLISTED),
    ],
    "UNSUPPORTED_API_VERSION": [
        (r"login", _SOAP_OFF),
        (r"", _VERSION),
    ],
    "INACTIVE_OWNER_OR_USER": _refused(
        C.PERMISSION,
        "The owner is an inactive user.",
        "Activate the user or give the record to somebody else.",
    ),
    "INACTIVE_USER": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "The sync user is not active.",
        "Let a Salesforce administrator activate the user (Setup > Users), then connect again.",
    ),
    "ORG_LOCKED": Meaning(
        Next.LOGIN, C.LOGIN, "The org is locked.", "Ask Salesforce's support or the administrator of the org."
    ),
    "TRIAL_EXPIRED": Meaning(
        Next.LOGIN, C.LOGIN, "The org's trial has ended.", "Use another org or buy this one."
    ),
    "LOGIN_DURING_RESTRICTED_TIME": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "The profile of the sync user does not allow logins at this hour.",
        "Remove the login hours from the profile of the sync user.",
    ),
    "LOGIN_DURING_RESTRICTED_DOMAIN": Meaning(
        Next.LOGIN,
        C.LOGIN,
        "The profile of the sync user does not allow logins from this network address.",
        "Add this server's address to the login IP ranges of the profile.",
    ),
    "API_DISABLED_FOR_ORG": Meaning(
        Next.LOGIN,
        C.PERMISSION,
        "The API is switched off for this user or this edition of Salesforce.",
        "Give the sync user the permission 'API Enabled'; Professional Edition needs API access to be bought from "
        "Salesforce.",
    ),
    "API_CURRENTLY_DISABLED": Meaning(
        Next.LOGIN,
        C.PERMISSION,
        "The API is switched off for this user or this edition of Salesforce.",
        "Give the sync user the permission 'API Enabled' and check that the org's edition includes API access.",
    ),
    # -- how much we may
    "REQUEST_LIMIT_EXCEEDED": [
        (
            r"concurrent",
            Meaning(
                Next.LIMIT,
                C.LIMIT,
                "Too many long requests are running in the org at once.",
                "Diptych tries again by itself within a minute.",
            ),
        ),
        (
            r"",
            Meaning(
                Next.LIMIT,
                C.LIMIT,
                "The org has used up its API calls of the last 24 hours.",
                "Diptych goes on as soon as calls are free again; give it a smaller share, or buy more calls from "
                "Salesforce.",
            ),
        ),
    ],
    "LIMIT_EXCEEDED": Meaning(
        Next.LIMIT,
        C.LIMIT,
        "A limit of the org is used up.",
        "Diptych tries again later; see Setup > Company Information.",
    ),
    "EXCEEDED_ID_LIMIT": _refused(
        C.LIMIT,
        "More than 600,000 records changed in the time asked for.",
        "Diptych falls back to reading by its own cursor.",
    ),
    "STORAGE_LIMIT_EXCEEDED": _refused(
        C.LIMIT, "The org's data storage is full.", "Free storage in Salesforce or buy more, then retry."
    ),
    "TOO_MANY_APEX_REQUESTS": Meaning(
        Next.RETRY,
        C.LIMIT,
        "The org's own automation is overloaded.",
        "Diptych tries again by itself.",
    ),
    "SERVER_UNAVAILABLE": _BUSY,
    "SERVICE_UNAVAILABLE": _BUSY,
    "UNKNOWN_EXCEPTION": BROKEN_DOWN,
    "INTERNAL_SERVER_ERROR": BROKEN_DOWN,
    # -- the query
    "QUERY_TIMEOUT": Meaning(
        Next.RETRY,
        C.LIMIT,
        "The query took Salesforce too long.",
        "Diptych tries again by itself; fewer formula fields make it faster.",
    ),
    "QUERY_TOO_COMPLICATED": _SIZE,
    "URI_TOO_LONG": _SIZE,
    "OPERATION_TOO_LARGE": _SIZE,
    "INVALID_QUERY_LOCATOR": _CURSOR_GONE,
    "MALFORMED_QUERY": _refused(
        C.SCHEMA,
        "Salesforce does not understand the query.",
        "Report this to the makers of Diptych with the message.",
    ),
    "MALFORMED_SEARCH": _refused(
        C.SCHEMA,
        "Salesforce does not understand the search.",
        "Report this to the makers of Diptych with the message.",
    ),
    "INVALID_QUERY_FILTER_OPERATOR": _refused(
        C.SCHEMA,
        "This field cannot be filtered this way.",
        "Report this to the makers of Diptych with the message.",
    ),
    "INVALID_REPLICATION_DATE": _refused(
        C.OTHER,
        "Salesforce lists changes of the last 30 days only.",
        "Diptych falls back to reading by its own cursor.",
    ),
    "INVALID_TYPE": _refused(
        C.SCHEMA,
        "The object does not exist in this org or the sync user may not see it.",
        "Give the sync user Read on the object, then retry.",
    ),
    "INVALID_TYPE_FOR_OPERATION": _refused(
        C.SCHEMA, "The object does not allow this.", "Remove the object from the sync."
    ),
    "INVALIDENTITY": _refused(
        C.SCHEMA, "The Bulk API does not offer this object.", "Remove the object from the sync."
    ),
    "INVALID_FIELD": [
        (
            r"Foreign key external ID",
            _refused(
                C.GONE,
                "The record it points to does not exist.",
                "Create that record first or mend its external id.",
            ),
        ),
        (
            r"aggregate|cannot be grouped",
            _refused(
                C.SCHEMA,
                "Salesforce cannot count this field.",
                "Nothing to do: it is shown without a figure.",
            ),
        ),
        (
            r"",
            _refused(
                C.SCHEMA,
                "The field does not exist any more or the sync user may not see it.",
                "Give the sync user Read on the field, or run Sync Fields to take it out of the mapping.",
            ),
        ),
    ],
    # -- the record
    "NOT_FOUND": [
        (
            r"external ID field",
            _refused(
                C.SCHEMA,
                "The field is no External Id or the sync user may not see it.",
                "Mark the field as External Id in Salesforce and give the sync user Read on it.",
            ),
        ),
        (
            r"",
            Meaning(
                Next.GONE,
                C.GONE,
                "It does not exist (any more), or the sync user may not see it.",
                "Check the sharing settings if it should be visible.",
            ),
        ),
    ],
    "ENTITY_IS_DELETED": Meaning(
        Next.GONE,
        C.GONE,
        "The record was deleted in Salesforce.",
        "Restore it from Salesforce's recycle bin, or leave it deleted.",
    ),
    "INVALID_CROSS_REFERENCE_KEY": [
        (
            r"\|.",
            _refused(
                C.PERMISSION,
                "The value points to a record that does not exist or that the sync user may not use.",
                "Correct the value, or give the sync user access to that record (record types: in its profile).",
            ),
        ),
        (
            r"",
            Meaning(
                Next.GONE,
                C.GONE,
                "The record does not exist (any more), or the sync user may not see it.",
                "Check the sharing settings if it should be visible.",
            ),
        ),
    ],
    "MALFORMED_ID": _refused(
        C.SCHEMA,
        "This is not the id of such a record.",
        "Correct the id; an id is 15 or 18 characters long and begins with its object's prefix.",
    ),
    "UNABLE_TO_LOCK_ROW": _LOCK,
    "ENTITY_IS_LOCKED": _refused(
        C.LOCK,
        "The record is locked, as a rule by an approval process.",
        "Finish the approval, or let the sync user edit locked records, then retry.",
    ),
    "CANNOT_UPDATE_CONVERTED_LEAD": Meaning(
        Next.GONE,
        C.GONE,
        "The lead has been converted; Salesforce does not change converted leads.",
        "Nothing to do: Diptych goes on with the contact it became.",
    ),
    "INVALID_STATUS": _refused(
        C.PICKLIST,
        "The org has no lead status of that name that counts as converted.",
        "Choose one of the statuses that the preview of the conversion lists.",
    ),
    "INVALID_OWNER": _refused(
        C.VALIDATION,
        "A queue owns the lead; contacts, accounts and opportunities can only be owned by users.",
        "Name the user who is to own them (--owner).",
    ),
    "INVALID_MERGE_RECORD": _refused(
        C.OTHER,
        "Only different records of the same object can be merged.",
        "Look at the records in Salesforce, then try again.",
    ),
    "UNDELETE_FAILED": Meaning(
        Next.GONE,
        C.GONE,
        "The record is in no recycle bin: it was deleted for good, or is there already.",
        "Records stay in the recycle bin for 15 days; after that they can only be made anew.",
    ),
    "INSUFFICIENT_ACCESS": _refused(
        C.PERMISSION,
        "The sync user may not do this.",
        "Give the sync user Edit on the object and on this record (permission set, sharing).",
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": _refused(
        C.PERMISSION,
        "The sync user may not change this record.",
        "Give the sync user Edit on the object and on this record (permission set, sharing).",
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": _refused(
        C.PERMISSION,
        "The sync user may not use the record that this one points to (its account, owner or record type).",
        "Give the sync user access to that record.",
    ),
    "TRANSFER_REQUIRES_READ": _refused(
        C.PERMISSION,
        "The new owner may not read such records.",
        "Choose another owner or give that user Read on the object.",
    ),
    "INVALID_FIELD_FOR_INSERT_UPDATE": _refused(
        C.PERMISSION,
        "The sync user may not edit the field, or nobody may.",
        "Give the sync user Edit on the field, or set its mapping to inbound.",
    ),
    "FUNCTIONALITY_NOT_ENABLED": _refused(
        C.PERMISSION,
        "The org, or the sync user, does not have this feature.",
        "Have it switched on in Salesforce.",
    ),
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": _refused(
        C.PERMISSION,
        "This kind of user may not do this.",
        "Use a sync user with a full Salesforce licence.",
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": _refused(
        C.VALIDATION,
        "A validation rule of the org refuses the record as it would be.",
        "Correct the value so that the rule is met, or exempt the sync user from the rule, then retry.",
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": _refused(
        C.VALIDATION,
        "A lookup filter of the org refuses the value.",
        "Correct the value so that the filter is met, then retry.",
    ),
    "FIELD_INTEGRITY_EXCEPTION": _refused(
        C.VALIDATION,
        "The value does not fit the rest of the record.",
        "Correct the value (states and countries must be ones the org knows), then retry.",
    ),
    "REQUIRED_FIELD_MISSING": _refused(
        C.REQUIRED, "Salesforce requires a value there.", "Fill in the field here, then retry."
    ),
    "MISSING_ARGUMENT": _refused(
        C.REQUIRED,
        "Something that Salesforce needs is missing from the call.",
        "Report this to the makers of Diptych with the message.",
    ),
    "DUPLICATES_DETECTED": _refused(
        C.DUPLICATE,
        "A duplicate rule of the org says that such a person exists already.",
        "Merge the two in Salesforce, or exempt the sync user from the rule, then retry.",
    ),
    "DUPLICATE_VALUE": _refused(
        C.DUPLICATE,
        "The value must be unique and another record has it.",
        "Change the value on one of the two records, then retry.",
    ),
    "DUPLICATE_EXTERNAL_ID": _refused(
        C.DUPLICATE, "Several records have this external id.", "Remove it from all but one of them."
    ),
    "STRING_TOO_LONG": _refused(
        C.LENGTH,
        "The text is longer than the field in Salesforce.",
        "Shorten the text or lengthen the field in Salesforce, then retry.",
    ),
    "NUMBER_OUTSIDE_VALID_RANGE": _refused(
        C.LENGTH,
        "The number has more digits than the field takes.",
        "Correct the number or widen the field in Salesforce, then retry.",
    ),
    "INVALID_EMAIL_ADDRESS": _refused(
        C.VALIDATION, "This is not an email address.", "Correct the address, then retry."
    ),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": _refused(
        C.PICKLIST,
        "The picklist in Salesforce does not have this value.",
        "Choose a value of the picklist, or add this one in Salesforce (also to the record type), then retry.",
    ),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": _refused(
        C.SCHEMA,
        _WRONG_FIELD_VALUE,
        "Correct the value or run Sync Fields, in case the field's type has changed.",
    ),
    "JSON_PARSER_ERROR": _refused(
        C.SCHEMA,
        _WRONG_FIELD_VALUE,
        "Correct the value or run Sync Fields, in case the field's type has changed.",
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": [
        (r"UNABLE_TO_LOCK_ROW", _LOCK),
        (r"", _AUTOMATION),
    ],
    "CANNOT_EXECUTE_FLOW_TRIGGER": [
        (r"UNABLE_TO_LOCK_ROW", _LOCK),
        (r"", _AUTOMATION),
    ],
    "APEX_ERROR": _AUTOMATION,
    "SELF_REFERENCE_FROM_TRIGGER": _AUTOMATION,
    "SELF_REFERENCE_FROM_FLOW": _AUTOMATION,
    "TRANSACTION_SECURITY_EXCEPTION": _refused(
        C.PERMISSION,
        "A transaction security policy of the org stopped it.",
        "Let the Salesforce administrator exempt the sync user from the policy.",
    ),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Meaning(
        Next.RETRY,
        C.OTHER,
        "Nothing is wrong with this record: another one in the same call was refused.",
        "Diptych tries again by itself.",
    ),
    "PROCESSING_HALTED": Meaning(
        Next.RETRY,
        C.OTHER,
        "Nothing is wrong with this one: another part of the same call was refused.",
        "Diptych tries again by itself.",
    ),
    "PRECONDITION_FAILED": Meaning(
        Next.RETRY,
        C.LOCK,
        "The record changed in Salesforce just before.",
        "Diptych reads it again and decides anew.",
    ),
    # -- the call
    "METHOD_NOT_ALLOWED": _refused(
        C.OTHER,
        "Salesforce does not offer this call.",
        "Report this to the makers of Diptych with the message.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": _refused(
        C.OTHER,
        "Salesforce does not offer this call.",
        "Report this to the makers of Diptych with the message.",
    ),
    "GONE": _VERSION,
    "INVALIDVERSION": _VERSION,
    # -- bulk
    "INVALIDJOB": [
        (r"not found|does not exist|no longer|unable to find|invalid job id", _JOB_GONE),
        (
            r"",
            _refused(
                C.OTHER,
                "The Bulk API does not take the job as it is.",
                "Look at the message; Diptych starts a new job by itself.",
            ),
        ),
    ],
    "INVALIDJOBSTATE": _refused(
        C.OTHER, "The bulk job is not in the state that this needs.", "Diptych starts a new job by itself."
    ),
    "INVALIDBATCH": _refused(
        C.SCHEMA, "The bulk job's data do not suit the object.", "Run Sync Fields, then retry."
    ),
    "BULK_API_ERROR": _refused(
        C.OTHER, "The Bulk API refuses the job.", "Look at the message; Diptych starts a new job by itself."
    ),
    "API_ERROR": _refused(
        C.SCHEMA,
        "The Bulk API does not allow this query.",
        "Choose other fields: whole addresses and names cannot be read in bulk, their parts can.",
    ),
    "FEATURENOTENABLED": _refused(
        C.PERMISSION,
        "The Bulk API is not available to this user or edition.",
        "Give the sync user 'API Enabled'; check that the org's edition includes the Bulk API.",
    ),
}

_WRONG_APP = Meaning(
    Next.LOGIN,
    C.LOGIN,
    "Salesforce does not know this client id here, or the secret does not belong to it.",
    "Copy the consumer key and secret once more from the External Client App; a new app takes up to ten minutes to be "
    "known; check that the login address is the one of the app's org.",
)
_APPROVE = Meaning(
    Next.LOGIN,
    C.LOGIN,
    "The app is not approved for the sync user.",
    "In the app's policies add the sync user's profile or permission set to those that are pre-authorised; or use "
    "Login with Salesforce once.",
)
_EXPIRED_GRANT = Meaning(
    Next.LOGIN,
    C.LOGIN,
    "The consent for Diptych has been withdrawn, has expired, or was used by another copy of this database.",
    "Connect again with Login with Salesforce.",
)

# (OAuth error, pattern in its description, meaning); the first that fits decides
OAUTH: tuple[tuple[str, str, Meaning], ...] = (
    ("invalid_grant", r"expired access/refresh token|token validity expired|revoked", _EXPIRED_GRANT),
    (
        "invalid_grant",
        r"expired authorization code|invalid authorization code",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The login took too long or its answer was used twice.",
            "Press Login with Salesforce once more.",
        ),
    ),
    (
        "invalid_grant",
        r"code verifier|code challenge",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The answer belongs to another login attempt.",
            "Press Login with Salesforce once more, in one browser window only.",
        ),
    ),
    ("invalid_grant", r"hasn't approved|not approved", _APPROVE),
    (
        "invalid_grant",
        r"inactive|not active",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The sync user is not active.",
            "Let a Salesforce administrator activate the user (Setup > Users), then connect again.",
        ),
    ),
    (
        "invalid_grant",
        r"locked",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The sync user is locked after too many wrong passwords.",
            "Wait until the lock ends or let an administrator unlock the user, then connect again.",
        ),
    ),
    ("invalid_grant", r"password.*expired|expired.*password", _PASSWORD_EXPIRED),
    (
        "invalid_grant",
        r"ip restricted|ip address|login hours",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "Salesforce does not let this user in from this network address or at this hour.",
            "Relax the app's IP rules, or add this server's address to the login IP ranges of the profile.",
        ),
    ),
    (
        "invalid_grant",
        r"audience|assertion|expired|not yet valid|signature",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "Salesforce does not accept the signed statement (wrong key, wrong login address, or this computer's clock "
            "is off by more than three minutes).",
            "Check that the app has the certificate of this private key, that the login address is the org's own, and "
            "the clock.",
        ),
    ),
    (
        "invalid_grant",
        r"no client credentials user|client credentials",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The app has no user to run as.",
            "In the app's policies switch on the Client Credentials Flow and choose the sync user under 'Run As'.",
        ),
    ),
    (
        "invalid_grant",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The user name, password or security token is wrong, the user is locked or inactive, the login address is "
            "that of another kind of org, or the org does not allow the username-password flow (new orgs do not).",
            "Check them; reset the security token in Salesforce under Settings > Reset My Security Token; better: use "
            "Login with Salesforce.",
        ),
    ),
    ("invalid_client", r"", _WRONG_APP),
    ("invalid_client_id", r"", _WRONG_APP),
    ("invalid_client_credentials", r"", _WRONG_APP),
    ("app_not_found", r"", _WRONG_APP),
    ("invalid_app_access", r"", _APPROVE),
    ("app_blocked", r"", _APPROVE),
    ("access_denied", r"", _APPROVE),
    ("unauthorized_client", r"", _APPROVE),
    (
        "redirect_uri_mismatch",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The app does not list the address that Salesforce should lead back to.",
            "Add the callback address shown on the page to the app's Callback URLs, exactly as it is.",
        ),
    ),
    (
        "unsupported_grant_type",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "This org or app does not allow this way of logging in.",
            "Switch the flow on in the app's settings, or use Login with Salesforce.",
        ),
    ),
    (
        "inactive_user",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The sync user is not active.",
            "Let a Salesforce administrator activate the user (Setup > Users), then connect again.",
        ),
    ),
    (
        "inactive_org",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "The org is locked, closed or suspended.",
            "Ask the administrator of the org.",
        ),
    ),
    ("rate_limit_exceeded", r"", _BUSY),
    ("server_error", r"", _BUSY),
    ("temporarily_unavailable", r"", _BUSY),
    ("unknown_error", r"", _BUSY),
    (
        "*",
        r"",
        Meaning(
            Next.LOGIN,
            C.LOGIN,
            "Salesforce does not accept these credentials.",
            "Check them and the app's settings, then connect again.",
        ),
    ),
)
