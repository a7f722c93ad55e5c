"""What someone may do: three roles, each with all that the one before may; the scopes of API tokens are the same three."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """`viewer` sees; `operator` also runs, retries, edits people; `admin` also changes settings, mappings, credentials, users."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)

    def includes(self, other: Role) -> bool:
        """Whether whoever has this role may do what `other` may."""
        return self.rank >= other.rank

    def at_most(self, other: Role) -> Role:
        """The lesser of the two."""
        return self if other.includes(self) else other


class Scope(StrEnum):
    """What an API token may do, in the words of APIs; each stands for a role."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    @property
    def role(self) -> Role:
        return {Scope.READ: Role.VIEWER, Scope.OPERATE: Role.OPERATOR, Scope.ADMIN: Role.ADMIN}[self]


def scope_of(role: Role) -> Scope:
    """The scope that stands for this role."""
    return next(scope for scope in Scope if scope.role is role)


@dataclass(frozen=True)
class RoleRules:
    """Which values of a claim of an identity provider give which role; `*` is everybody. The highest role counts."""

    values: Mapping[Role, frozenset[str]]

    def role_for(self, claimed: Collection[str]) -> Role | None:
        """None: no role, so not admitted."""
        fitting = [r for r, wanted in self.values.items() if "*" in wanted or not wanted.isdisjoint(claimed)]
        return max(fitting, key=lambda role: role.rank, default=None)


def parse_rules(text: str) -> RoleRules:
    """Rules such as `admin=it-admins; operator=marketing,sales; viewer=*`. Raises ValueError, with the reason."""
    values: dict[Role, frozenset[str]] = {}
    for part in filter(None, (one.strip() for one in text.split(";"))):
        name, sign, wanted = part.partition("=")
        if name.strip() not in list(Role) or not sign:
            raise ValueError(f"{part!r} is not of the form role=value,value with one of {', '.join(Role)}")
        given = frozenset(filter(None, (one.strip() for one in wanted.split(","))))
        values[Role(name.strip())] = given
    return RoleRules(values)


@dataclass(frozen=True)
class Principal:
    """Who makes a request. `name`: of the user, or what stands for the person at the terminal; `user_id`: None for the
    latter; `session_id`, `token_id`: what admitted them."""

    name: str
    role: Role
    user_id: int | None = None
    session_id: int | None = None
    token_id: int | None = None

    def may(self, role: Role) -> bool:
        return self.role.includes(role)
