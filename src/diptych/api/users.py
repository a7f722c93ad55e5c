"""Users of the admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from diptych.access.passwords import LEAST, MOST
from diptych.access.users import NAME, User, Users
from diptych.api.gate import Noun, workspace_of
from diptych.api.given import YesNo
from diptych.domain.roles import Role

noun = Noun("users")
Password = Annotated[SecretStr, Field(min_length=LEAST, max_length=MOST)]
Name = Annotated[str, Path(max_length=100)]


class NewUser(BaseModel):
    """`password`: at least 12 characters."""

    name: Annotated[str, StringConstraints(pattern=NAME)]
    role: Role
    password: Password


class UserWanted(BaseModel):
    """What is left out stays as it is."""

    role: Role | None = None
    disabled: YesNo | None = None
    password: Password | None = None


@noun.see()
def list_users(request: Request) -> list[User]:
    """Everybody, disabled ones too."""
    return Users(workspace_of(request).store).all()


@noun.admin("POST", status_code=201)
def add_user(request: Request, wanted: NewUser) -> User:
    """A new user."""
    return Users(workspace_of(request).store).add(
        wanted.name, wanted.role, wanted.password.get_secret_value()
    )


@noun.see("/{name}")
def get_user(request: Request, name: Name) -> User:
    """One user."""
    return Users(workspace_of(request).store).get(name)


@noun.admin("PATCH", "/{name}")
def change_user(request: Request, name: Name, wanted: UserWanted) -> User:
    """Another role or password (sessions end); let in no more, or again."""
    users = Users(workspace_of(request).store)
    users.get(name)
    if wanted.password is not None:
        users.set_password(name, wanted.password.get_secret_value())
    if wanted.role is not None:
        users.set_role(name, wanted.role)
    if wanted.disabled is not None:
        users.disable(name) if wanted.disabled else users.enable(name)
    return users.get(name)
