"""The smallest programs of what the simulation has found in the engine, or was made to look for. None may fail again.

The first record is the first lead, the third the contact; the first person is the contact, the second the first lead.
Columns: 0 first name, 1 city, 2 title, 3 phone (inbound only), 4 fax (outbound only).
"""

from __future__ import annotations

from tests.simulation.program import Cycle, PlannedFault, Program

EDITED_AFTER_THE_DELETE = Program(
    (("sf_delete", 2, 0, 0), Cycle(), ("our_edit", 0, 3, 2)),
    loaded=True,
)
"""An inbound field of a person whose record is deleted is edited here: the deleted record seen again took the edit back."""

OLD_PAGE_AFTER_A_WRITE = Program(
    (
        ("our_edit", 1, 2, 2),
        Cycle(),
        Cycle((PlannedFault("changed", 1, "stale"),)),
    ),
    call_seconds=0.0,
)
"""A page that was read in the very second of a write of ours, before it, comes late: for one cycle our value was gone."""

TWO_VERSIONS_OF_A_SECOND = Program(
    (
        Cycle(),
        Cycle(),
        ("our_bulk", 0, 0, 0),
        ("sf_bulk", 0, 0, 0),
        Cycle(),
        ("replay", 0, 0, 0),
        ("replay", 1, 0, 0),
    ),
)
"""Both sides get the same text in one second; a page read earlier in that second comes again and took ours back."""

DELETED_BEFORE_A_REPEATED_LOAD = Program(
    (("forget_cursor", 0, 0, 0), ("sf_delete", 0, 0, 0)),
    loaded=True,
)
"""The cursor is lost, a record is deleted, the load is repeated: a bulk query does not show deletes."""

BLANKED_HERE = Program((("policy", 2, 0, 1), ("our_blank", 1, 1, 1), Cycle()), loaded=True)
"""No blank may go out from city; it is blanked here: Salesforce's value comes back, and is never wiped out."""

WRITTEN_ONCE = Program((("policy", 1, 5, 0), ("our_edit", 1, 1, 1), Cycle()), loaded=True)
"""City is written once, and was: an edit here does not go out."""

OPTED_OUT_THERE = Program((("sf_blank", 2, 0, 0), Cycle()), loaded=True)
"""A contact's opt-out, of which ours is the only source, is opted out in Salesforce: it is not taken back."""

EDITED_JUST_BEFORE_THE_WRITE = Program(
    (
        ("our_edit", 1, 1, 0),
        ("wait", 2, 0, 0),
        Cycle((PlannedFault("update", 1, "deed", ("sf_edit", 0, 1, 1)),)),
    ),
    loaded=True,
)
"""A user saves the very field between our look and our writing: the org says that the record has moved (R-7)."""

LOOK_THEN_EDIT = Program(
    (
        ("our_edit", 1, 1, 0),
        ("wait", 2, 0, 0),
        Cycle(
            (
                PlannedFault("retrieve", 1, "deed", ("sf_edit", 0, 2, 0)),
                PlannedFault("update", 1, "deed", ("sf_edit", 0, 1, 1)),
            )
        ),
    ),
    loaded=True,
    collections=True,
)
"""A user saves a record, we look at it in that very second, the user saves it once more, we write (R-8)."""

PARTLY_THE_SAME_BY_CHANCE = Program(
    (
        ("our_edit_two", 1, 0, 0),
        Cycle((PlannedFault("update", 1, "zombie", 890),)),
        ("wait", 1, 0, 0),
        ("sf_edit", 0, 0, 0),
        Cycle(),
    ),
    loaded=True,
)
"""Two fields are in flight, a user happens to type one of the two values: that proves nothing about the other (F-6)."""

FOUND = {name: program for name, program in globals().items() if isinstance(program, Program)}
