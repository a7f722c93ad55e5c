"""The guided set-up: which step comes next, and the steps that only say that a person has read or finished something.

The others are where their nouns are: PUT /connection, POST /fields/sync, POST /sync/start.
"""

from __future__ import annotations

from fastapi import Request

from diptych.api.gate import Noun, workspace_of
from diptych.setup.state import SetupState

noun = Noun("setup")


@noun.read()
def get_setup(request: Request) -> SetupState:
    """Which steps are done, and when; `step` is the first that is not."""
    return workspace_of(request).setup.state()


@noun.admin("POST", "/prepared")
def finish_preparing(request: Request) -> SetupState:
    """The preparing steps in Salesforce are done, or not wanted."""
    workspace_of(request).setup.prepared()
    return get_setup(request)


@noun.admin("POST", "/confirm")
def confirm_connection(request: Request) -> SetupState:
    """Somebody has read GET /plan, and this is the right org."""
    workspace_of(request).setup.confirm()
    return get_setup(request)


@noun.admin("POST", "/finish-mapping")
def finish_mapping(request: Request) -> SetupState:
    """The initial mapping is as it is to be; it stays editable."""
    workspace_of(request).setup.finish_mapping()
    return get_setup(request)
