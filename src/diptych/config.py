"""Settings of the process: read once from the environment (DIPTYCH_*), validated, printed without secrets.

What belongs to one connection (selected fields, mapping, paused ...) lives in the database instead, with the people.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from diptych.domain.roles import parse_rules

PREFIX = "DIPTYCH_"


class BadSettings(Exception):
    """A setting cannot be used; the text is one line that names it and says what it takes."""


DEMO_FILE = "demo.json"
"""In the data folder of a demo: the practice org's addresses and logins, as it printed them."""


class Settings(BaseSettings):
    """All settings of a process. Times in the unit their name says."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, env_ignore_empty=True)

    data_dir: Path = Field(
        default_factory=lambda: user_data_path("diptych", appauthor=False),
        description="Folder of the databases and of the master key.",
    )
    database_url: str | None = Field(
        default=None, description="SQLAlchemy URL of the people database; default: app.db in the data folder."
    )
    secret_key: SecretStr | None = Field(
        default=None, description="Master key for stored secrets; default: a file in the data folder."
    )
    host: str = Field(default="127.0.0.1", description="Address the admin pages listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="Port of the admin pages.")
    pause_seconds: float = Field(
        default=60, ge=0, le=86_400, description="Pause between the end of a cycle and the next one."
    )
    overlap_minutes: float = Field(
        default=15, ge=0, le=1440, description="How far before its cursor the change feed reads again."
    )
    zombie_minutes: float = Field(
        default=15, ge=0, le=1440, description="After this time a lost request is taken as never executed."
    )
    verify_hours: float = Field(
        default=24,
        ge=0,
        le=8760,
        description="How often both sides are compared in full by themselves; 0: never.",
    )
    refresh_hours: float = Field(
        default=6, ge=0, le=8760, description="How often formulas and the like are read again; 0: never."
    )
    probe_minutes: float = Field(
        default=15,
        ge=0,
        le=10_080,
        description="How soon one record of each cause of errors is tried again by itself, each further time twice as "
        "late, up to a day; 0: never.",
    )
    reconcile_hours: float = Field(
        default=6,
        ge=0,
        le=8760,
        description="How often ids that only we hold are looked for and told apart, and hidden records looked at again; "
        "0: only with a comparison.",
    )
    conditional_writes: int = Field(
        default=200,
        ge=0,
        le=100_000,
        description="Up to so many owing records of an object are written one by one, each only if nobody has saved it "
        "since we read it (25 a call); more go as collections of 200.",
    )
    api_share: float = Field(
        default=0.8, gt=0, le=1, description="Share of the org's daily API calls that we may use (0-1)."
    )
    clock_offset_seconds: float = Field(default=0, description="Added to this machine's clock, for checks.")
    page_rows: int = Field(default=10_000, ge=1, le=100_000, description="Rows of one page of a bulk result.")
    ca_file: Path | None = Field(default=None, description="Further certificate authorities (PEM) to trust.")
    crashpoint: str | None = Field(
        default=None, description="C-nn or C-nn:k: end the process at that passage, for checks."
    )
    start_token: SecretStr | None = Field(
        default=None, description="The one-time token of the address that opens the admin pages."
    )
    open_access: bool = Field(default=False, description="Let anyone who reaches the port use the admin.")
    oidc_issuer: str | None = Field(
        default=None,
        description="Address of an OpenID Connect provider to sign in with; none: passwords only.",
    )
    oidc_client_id: str | None = Field(default=None, description="Our id at that provider.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="Our secret at that provider, if it gave one."
    )
    oidc_scopes: str = Field(default="openid email profile", description="What the provider is asked for.")
    oidc_role_claim: str = Field(
        default="groups",
        description="The claim that says what somebody may do; a path with dots is possible.",
    )
    oidc_roles: str = Field(
        default="",
        description="Which values of the claim give which role: admin=it-admins; operator=marketing; viewer=*",
    )
    oidc_label: str = Field(default="your organization", description="What the button calls the provider.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="How the long-running processes write their log."
    )
    demo: bool = Field(default=False, description="This is a demo: the set-up may be started over.")

    @field_validator("data_dir", "ca_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            kind = make_url(url).get_backend_name()
        except ArgumentError as problem:
            raise ValueError("it is not a database URL such as postgresql://user@host/name") from problem
        if kind not in ("sqlite", "postgresql"):
            raise ValueError(f"{kind} is not supported; use sqlite:///FILE or postgresql://...")
        return url

    @field_validator("oidc_issuer")
    @classmethod
    def _secure_issuer(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(
            ("https://", "http://127.0.0.1", "http://localhost")
        ):
            raise ValueError("it must be an https address")
        return address

    @field_validator("oidc_roles")
    @classmethod
    def _readable_rules(cls, text: str) -> str:
        parse_rules(text)
        return text

    @model_validator(mode="after")
    def _whole_provider(self) -> Settings:
        if (self.oidc_issuer is None) != (self.oidc_client_id is None):
            raise ValueError("DIPTYCH_OIDC_ISSUER and DIPTYCH_OIDC_CLIENT_ID are given together")
        return self

    @field_validator("crashpoint")
    @classmethod
    def _crashpoint_form(cls, text: str | None) -> str | None:
        if text is not None:
            name, _, passage = text.partition(":")
            if not name.startswith("C-") or (passage and not passage.isdigit()):
                raise ValueError("it must look like C-12, or C-12:3 for the third passage")
        return text

    def printable(self) -> dict[str, str | None]:
        """Every setting by its variable's name, secrets and passwords inside URLs masked."""
        shown: dict[str, str | None] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                value = "********"
            elif name == "database_url" and value:
                value = make_url(value).render_as_string(hide_password=True)
            shown[PREFIX + name.upper()] = None if value is None else str(value)
        return shown


def read_settings(**overrides: object) -> Settings:
    """The settings of this process; `overrides` (None counts as not given) win over the environment.

    Raises BadSettings with one line for the first setting that cannot be used.
    """
    try:
        return Settings(**{k: v for k, v in overrides.items() if v is not None})  # type: ignore[arg-type]
    except ValidationError as problem:
        first = problem.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "oidc_issuer"
        raise BadSettings(
            f"{PREFIX}{name.upper()} cannot be used: {first['msg'].removeprefix('Value error, ')}."
        ) from None


def child_environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment for a process of ours that is to see the same settings."""
    given = dict(os.environ)
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            given[PREFIX + name.upper()] = str(value)
    return given | more
