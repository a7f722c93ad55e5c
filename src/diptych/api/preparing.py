"""Prepare: Diptych changes the org itself (fields, permissions, layouts, lead mapping): shown first, done, taken back."""

from __future__ import annotations

from fastapi import Body, Request
from pydantic import BaseModel, Field, SecretStr

from diptych.api.connection import Text, login_given
from diptych.api.gate import Noun, workspace_of
from diptych.api.given import YesNo
from diptych.api.problems import Refusal
from diptych.setup.ports import Credentials
from diptych.setup.preparation import Act, Change, Part, Wishes
from diptych.setup.preparing import administrator_of

noun = Noun("prepare")


class Administrator(BaseModel):
    """Who does it, if not the connected user: at the login address of the connection, for this alone, and not kept."""

    username: Text = Field(min_length=1)
    password: SecretStr
    security_token: SecretStr = SecretStr("")


class PreparationWanted(BaseModel):
    """`optional`: also the optional fields; `creating`: also what creating people in Salesforce needs; `acting`: also the rights to
    merge, convert and delete from here; `without`: leave these parts out."""

    optional: YesNo = False
    creating: YesNo = False
    acting: YesNo = False
    without: list[Part] = Field(default=[], max_length=20)
    administrator: Administrator | None = None


class Undo(BaseModel):
    administrator: Administrator | None = None


class ChangeSeen(BaseModel):
    """One change. `names` are fields, or the rights on an object; `target` is the permission set, user or layout. `text` says what
    it does, `undoing` what taking it back does."""

    act: Act
    part: Part
    object: str
    names: list[str]
    target: str
    text: str
    undoing: str


class PreparationShown(BaseModel):
    """What would be done, and as whom. `lacking`: rights that this user has not and would need."""

    user: str
    lacking: list[str]
    changes: list[ChangeSeen]


@noun.see()
def list_preparation(request: Request) -> list[ChangeSeen]:
    """What was changed in the org from here and not taken back yet, oldest first."""
    return _seen(workspace_of(request).setup.preparing.noted())


@noun.admin("POST", "/preview")
def preview_preparation(
    request: Request, wanted: PreparationWanted = Body(default=PreparationWanted())
) -> PreparationShown:
    """What is missing in the org, and would be done. Asks Salesforce; changes nothing."""
    preparing = workspace_of(request).setup.preparing
    with login_given(wanted.administrator):
        found = preparing.preview(_wishes(wanted), _who(request, wanted.administrator))
    return PreparationShown(
        user=found.actor.username, lacking=list(found.lacking), changes=_seen(found.changes)
    )


@noun.admin("POST")
def carry_out_preparation(
    request: Request, wanted: PreparationWanted = Body(default=PreparationWanted())
) -> list[ChangeSeen]:
    """Do it. Answers with what was done; one that is refused on the way leaves what came before, and can be sent again."""
    preparing = workspace_of(request).setup.preparing
    with login_given(wanted.administrator):
        return _seen(preparing.carry_out(_wishes(wanted), _who(request, wanted.administrator)))


@noun.admin("POST", "/undo")
def undo_preparation(request: Request, wanted: Undo = Body(default=Undo())) -> list[ChangeSeen]:
    """Take back what GET lists, newest first; fields go with their values."""
    preparing = workspace_of(request).setup.preparing
    with login_given(wanted.administrator):
        return _seen(preparing.undo(_who(request, wanted.administrator)))


def _wishes(wanted: PreparationWanted) -> Wishes:
    return Wishes(wanted.optional, frozenset(wanted.without), wanted.creating, wanted.acting)


def _who(request: Request, given: Administrator | None) -> Credentials | None:
    if given is None:
        return None
    connection = workspace_of(request).setup.connection()
    if connection is None:
        raise Refusal(409, "No org is connected yet.", "Connect it first: PUT /connection.")
    return administrator_of(
        connection.credentials,
        given.username,
        given.password.get_secret_value(),
        given.security_token.get_secret_value(),
    )


def _seen(changes: tuple[Change, ...]) -> list[ChangeSeen]:
    return [
        ChangeSeen(
            act=one.act,
            part=one.part,
            object=one.object_name,
            names=list(one.names),
            target=one.target,
            text=one.text,
            undoing=one.undoing,
        )
        for one in changes
    ]
