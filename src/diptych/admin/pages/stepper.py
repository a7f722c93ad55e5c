"""The steps of the set-up as the pages show them: which are done, which can be opened, where to go on."""

from __future__ import annotations

from dataclasses import dataclass

from diptych.admin.words import _

# the state machine's steps in order, with their pages (0.1 of the set-up specification)
ADDRESSES = {
    "prepare": "/setup/prepare",
    "credentials": "/setup/credentials",
    "fields": "/setup/fields",
    "confirm": "/setup/confirm",
    "mapping": "/setup/mappings",
    "start": "/setup/start",
    "running": "/setup/verify",
}


@dataclass(frozen=True)
class StepLink:
    """One step of the row at the top of every set-up page."""

    label: str
    address: str
    done: bool
    open: bool
    current: bool


def stepper(reached: str, shown: str) -> list[StepLink]:
    """The row of steps: `reached` is how far the set-up has come, `shown` the page now open. Done steps stay open."""
    names = list(ADDRESSES)
    far = names.index(reached)
    labels = {
        "prepare": _("Prepare"),
        "credentials": _("Credentials"),
        "fields": _("Sync Fields"),
        "confirm": _("Confirm Credentials"),
        "mapping": _("Edit Mappings"),
        "start": _("Start Sync"),
        "running": _("Verify"),
    }
    return [
        StepLink(labels[name], ADDRESSES[name], place < far, place <= far, name == shown)
        for place, name in enumerate(names)
    ]
