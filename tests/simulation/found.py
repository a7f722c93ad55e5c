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

APART_THEN_FILLED = Program(
    (("policy", 1, 0, 3), ("sf_late", 0, 3, 0), ("our_edit_hot", 0, 0, 1), Cycle()),
    loaded=True,
)
"""A blank in Salesforce may not wipe out phone, which comes in only; it is filled here, and later there: our edit went without
a line, because base had been moved to a value that Salesforce never had (I-8)."""

APART_THEN_MERGED = Program(
    (("sf_new", 0, 0, 0), ("policy", 1, 0, 3), ("sf_merge", 2, 1, 0), ("our_edit_two", 2, 2, 0)),
    loaded=True,
)
"""The same, and the record is merged into another before Salesforce fills the field."""

OPTED_OUT_ON_THE_NEW_CONTACT = Program((("sf_convert", 0, 0, 0), ("sf_blank", 2, 0, 0)), loaded=True)
"""A lead is converted and the contact opted out before we have seen it: the person's old statement was sent over it."""

AN_OLD_VERSION_AGREES = Program(
    (
        ("restart_snapshot", 1, 0, 0),
        Cycle((PlannedFault("C-07", 1, "second_engine"),)),
        ("sf_edit_two", 2, 2, 0),
        Cycle((PlannedFault("C-03", 2, "crash"),)),
        ("sf_edit_hot", 0, 0, 0),
        ("our_edit_two", 0, 2, 0),
    ),
    job_polls=1,
    loaded=True,
)
"""Not the engine's fault: a part of a bulk result shows an older version of the record with the very text typed here since, so
both sides agree (R-1); what a user made of that version in Salesforce follows. The edit graph had not known it."""

AN_OLD_VERSION_AGREES_AFTER_A_CONVERSION = Program(
    (
        ("sf_convert", 0, 0, 0),
        ("sf_late", 0, 0, 0),
        ("restart_snapshot", 1, 0, 0),
        Cycle(
            (
                PlannedFault("retrieve", 1, "after"),
                PlannedFault("retrieve", 1, "deed", ("sf_edit", 0, 0, 0)),
            )
        ),
        Cycle(
            (
                PlannedFault("retrieve", 2, "before"),
                PlannedFault("changed", 1, "deed", ("sf_edit", 0, 0, 1)),
            )
        ),
        ("our_bulk", 0, 0, 0),
    ),
    loaded=True,
)
"""The same, with a bulk query that was started before and a conversion that could not be followed yet."""

PARKED_AND_TAKEN_BACK = Program(
    (("our_long", 0, 0, 0), ("wait", 4, 0, 0), Cycle(), ("our_bulk", 0, 0, 1)),
    loaded=True,
)
"""A value that is too long is parked, then edited back here to what Salesforce has: its dead letter stayed open for ever."""

OPTED_OUT_THEN_TAKEN_APART = Program(
    (("our_blank", 1, 0, 0), ("sf_merge", 1, 0, 0), Cycle(), ("sf_undelete", 0, 0, 0)),
    loaded=True,
)
"""Opted out here, the record merged away before it was told, then undeleted: it came back opted in (D-67)."""

OPTED_OUT_AS_ONE_THEN_TAKEN_APART = Program(
    (("sf_merge", 0, 0, 0), Cycle(), ("our_blank", 1, 0, 0), ("sf_undelete", 0, 0, 0)),
    loaded=True,
)
"""Two records are one person, who is opted out, and the loser is undeleted: only one of the two was opted out."""

CONVERTED_MERGED_OPTED_OUT_TAKEN_APART = Program(
    (
        ("sf_convert", 0, 0, 0),
        Cycle(),
        ("sf_merge", 1, 0, 0),
        Cycle(),
        ("our_blank", 0, 0, 0),
        ("sf_undelete", 0, 0, 0),
    ),
    loaded=True,
    call_seconds=0.4,
)
"""The same with a contact that was a lead, whose pair goes along."""

BLANKED_HERE_EDITED_ON_THE_CONTACT = Program(
    (("our_blank", 1, 0, 1), ("sf_convert", 0, 0, 0), ("sf_edit", 2, 0, 0)),
    loaded=True,
)
"""A value is blanked here, the lead converted, and the contact's value edited: the blank went over that edit without a line."""

CONVERTED_IN_DOUBT = Program(
    (
        ("our_edit", 0, 0, 0),
        ("our_bulk", 0, 1, 1),
        Cycle((PlannedFault("update", 2, "zombie", 890),)),
        ("sf_edit", 1, 1, 0),
        Cycle(),
        ("sf_edit_hot", 0, 0, 1),
        ("sf_convert", 1, 0, 0),
        ("sf_late", 2, 1, 2),
        ("our_edit", 0, 0, 1),
        Cycle(),
        Cycle(),
    ),
    loaded=True,
)
"""A user types what is in flight and converts the lead: what the user's own edit had replaced was brought back on the contact,
and held against the user's next edit as a conflict (I-4)."""

CHANGED_BACK_ON_THE_CONTACT = Program(
    (("our_edit", 1, 0, 0), ("sf_convert", 0, 0, 0), ("sf_edit", 2, 0, 0), ("sf_edit_hot", 0, 0, 1)),
    loaded=True,
)
"""Not the engine's fault: a contact is edited and edited back to what its lead and we had agreed on, before we have seen it; that
is no change (2.1). The edit graph looked for a pair of the contact only."""

LEAD_OF_A_MERGED_CONTACT_DELETED_HERE = Program(
    (("our_delete", 0, 0, 0), ("sf_new", 0, 0, 0), ("sf_convert", 2, 0, 0), ("sf_merge", 2, 1, 0)),
    loaded=True,
)
"""Not the engine's fault: a lead is converted, its contact merged into one whose person was deleted here; nothing of it comes
back (D-73). The oracle looked at the first contact only."""

PAGE_READ_BEFORE_A_WRITE = Program((("our_edit_two", 1, 0, 0), Cycle(), ("replay", 5, 0, 0)), loaded=True)
"""A page that was read just before a write of ours comes once more."""

SEVERAL_IN_ONE_CALL = Program((("sf_late", 0, 0, 1), ("our_bulk", 0, 0, 0), Cycle()), loaded=True)
"""Several records go out in one call, and one of them has moved."""

CONTACT_MERGED_UNSEEN_THEN_UNDELETED = Program(
    (
        ("sf_convert", 0, 0, 0),
        ("sf_merge", 1, 0, 0),
        ("our_blank", 1, 0, 0),
        Cycle(),
        ("sf_undelete", 0, 0, 0),
    ),
    loaded=True,
)
"""A lead is converted, the contact merged before we have seen it, the lead's person opted out here; undeleted, the contact came
as a stranger, opted in, and its lead's person stayed with the other one."""

EDITED_OVER_THE_SAME_TEXT_THEN_JOINED = Program(
    (
        ("sf_edit", 0, 0, 2),
        Cycle(),
        ("sf_edit_hot", 0, 0, 1),
        ("policy", 0, 2, 0),
        ("sf_convert", 0, 0, 0),
        ("our_edit_hot", 0, 0, 0),
        ("sf_edit_two", 1, 0, 2),
        ("sf_merge", 1, 0, 0),
    ),
    loaded=True,
)
"""Not the engine's fault: our edit replaced the text that the remaining record has; of several bases of the joining person the edit
graph had known one only."""

OPTED_OUT_ON_A_CONTACT_MERGED_UNSEEN = Program(
    (("sf_convert", 0, 0, 0), ("sf_blank", 2, 0, 0), ("sf_merge", 1, 0, 0)),
    loaded=True,
)
"""The contact of a converted lead is opted out and merged into another before we have seen it: that one stayed opted in."""

CREATED_WITHOUT_AN_ANSWER = Program(
    (
        ("our_new", 0, 0, 0),
        ("create_rule", 1, 0, 0),
        Cycle((PlannedFault("create", 1, "zombie", 30),)),
        Cycle(),
    ),
    loaded=True,
    wide=True,
)
"""The answer to a creation never comes, and the creation is still going to be executed."""

CREATED_THEN_MERGED_UNSEEN = Program(
    (
        Cycle((PlannedFault("snapshot_job", 1, "deed", ("our_new", 0, 0, 0)),)),
        ("create_rule", 1, 0, 0),
        Cycle((PlannedFault("create", 1, "after"),)),
        ("sf_merge", 0, 1, 0),
    ),
    wide=True,
)
"""The same, and the record is merged into another before the feed has shown it."""

GIVEN_UP_THEN_EDITED = Program(
    (
        ("our_edit_two", 0, 4, 2),
        Cycle((PlannedFault("update", 1, "after"),)),
        ("sf_edit_two", 2, 4, 1),
        ("wait", 4, 0, 0),
        Cycle((PlannedFault("update", 1, "login"),)),
        ("sf_edit_hot", 0, 0, 1),
    ),
    loaded=True,
)
"""A write landed, its answer was lost, and its value was changed back to what it had replaced: it looks as if it had not landed.
The next edit there counted as a conflict without the mark that it may be none (X-3)."""

TYPED_WHAT_IS_IN_FLIGHT_AND_BLANKED_HERE = Program(
    (
        ("our_edit_two", 0, 4, 2),
        Cycle((PlannedFault("C-11", 1, "crash"),)),
        ("our_blank", 0, 1, 1),
        ("sf_edit", 2, 1, 0),
    ),
    loaded=True,
)
"""Not the engine's fault: a user types the very text that is in flight, which is blanked here: R-1 takes it for our own write. The
oracle knew this coincidence for values, not for blanks."""

UNDONE_TWICE = Program(
    (("sf_edit", 2, 0, 0), Cycle(), ("sf_edit_two", 2, 0, 1), ("undo", 0, 0, 0), ("undo", 1, 0, 0)),
    loaded=True,
    wide=True,
)
"""A run is undone, and the undo undone, while the field is edited in Salesforce: back to base is no edit."""

CHANGED_WITHOUT_A_STAMP = Program(
    (("wait", 5, 0, 0), Cycle(), ("sf_silent", 0, 0, 0)),
    loaded=True,
    wide=True,
)
"""A value changes as a formula's does, out of sight of the feed: the comparison finds it."""

MERGED_THE_OTHER_WAY_ROUND = Program(
    (
        ("sf_merge", 0, 0, 0),
        Cycle(),
        ("our_edit", 1, 0, 0),
        ("sf_undelete", 0, 0, 0),
        ("sf_merge", 1, 0, 0),
        ("sf_convert", 0, 0, 0),
        Cycle(),
        ("sf_undelete", 0, 0, 0),
    ),
    call_seconds=0.4,
    loaded=True,
    wide=True,
)
"""A record that had been merged away is undeleted, and the one that had taken it in is merged into it: its own person is back before
the other joins."""

SEEN_IN_THE_SECOND_OF_ITS_END = Program(
    (
        ("sf_delete", 2, 0, 0),
        Cycle(),
        ("wait", 0, 0, 0),
        Cycle((PlannedFault("C-03", 1, "crash"),)),
        ("our_edit", 0, 3, 0),
        ("forget_cursor", 0, 0, 0),
    ),
    loaded=True,
)
"""The page that would have settled what the deleted record last held was read and lost; nobody reads it again."""

PUT_BACK_WITH_A_VALUE_THAT_WAITED = Program(
    (
        ("our_edit", 1, 2, 0),
        ("backup", 0, 0, 0),
        ("wait", 2, 0, 0),
        Cycle(),
        ("wait", 2, 0, 0),
        ("sf_edit", 0, 2, 1),
        ("restore", 0, 0, 0),
    ),
    loaded=True,
    wide=True,
    restoring=True,
)
"""A title waits when a backup is taken, is sent, and replaced in Salesforce; the backup is put back: under the policy `ours` it would go
over the newer one (decision 0018)."""

MERGED_AFTER_THE_BACKUP = Program(
    (
        ("our_edit", 1, 2, 0),
        ("backup", 0, 0, 0),
        ("wait", 2, 0, 0),
        Cycle(),
        ("wait", 2, 0, 0),
        ("sf_edit", 0, 2, 1),
        ("sf_merge", 1, 0, 0),
        ("restore", 0, 0, 0),
    ),
    loaded=True,
    wide=True,
    restoring=True,
)
"""The same, and the record is merged into another before the backup is put back: what had waited went over the newer title, since only
live records were looked at."""

CHANGED_BACK_WHILE_IN_FLIGHT_THEN_PUT_BACK = Program(
    (
        ("sf_edit", 0, 2, 2),
        Cycle(),
        ("our_edit", 1, 2, 0),
        Cycle((PlannedFault("C-12", 1, "crash"),)),
        ("our_edit", 1, 2, 2),
        ("backup", 0, 0, 0),
        ("restore", 0, 0, 0),
    ),
    loaded=True,
    wide=True,
    restoring=True,
)
"""A write lands, its answer is lost, and its value is changed back here before the backup: the write came back as Salesforce's."""

CREATED_AFTER_THE_BACKUP = Program(
    (
        ("our_new", 0, 0, 0),
        ("create_rule", 1, 0, 0),
        ("backup", 0, 0, 0),
        Cycle(),
        ("restore", 0, 0, 0),
    ),
    loaded=True,
    wide=True,
    restoring=True,
)
"""A person waits to be created when a backup is taken, is created, and the backup is put back: not created again."""

THE_SAME_TEXT_TYPED_AFTER_A_RESTORE = Program(
    (
        ("our_bulk", 59, 17, 58),
        Cycle((PlannedFault("update", 1, "zombie", 300),)),
        ("sf_edit", 14, 44, 36),
        Cycle(),
        ("backup", 0, 0, 0),
        ("restore", 57, 13, 44),
        ("sf_edit_two", 41, 13, 6),
        Cycle((PlannedFault("update", 1, "refuse_all"),)),
        ("sf_edit_hot", 27, 45, 5),
    ),
    call_seconds=0.0,
    loaded=True,
    wide=True,
    restoring=True,
    seed=2680,
)
"""A write is lost, a user's later value taken in, a backup put back, and a user types the very text that had been in flight, over that
value: the recovery took it for the write, and would have sent the older value over it."""

DECIDED_BEFORE_THE_BACKUP = Program(
    (
        ("our_edit", 0, 2, 0),
        Cycle((PlannedFault("C-13", 1, "crash"),)),
        ("sf_edit", 2, 2, 1),
        Cycle(),
        ("backup", 0, 0, 0),
        ("restore", 0, 0, 0),
    ),
    loaded=True,
    collections=True,
    wide=True,
    restoring=True,
)
"""Not the engine's fault: a write has landed unseen and was replaced; under the policy `ours` it was preferred, and that is in the backup. It
goes out as it would have."""

FOUND = {name: program for name, program in globals().items() if isinstance(program, Program)}
