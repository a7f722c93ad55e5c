"""A row of the table `pair` as the engine knows it, and back."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from diptych.domain.pair import Inflight, Pair, PairState
from diptych.store.values_at_rest import pack, unpack


def pair_of_row(row: Row[Any], gone: bool = False, keep_inflight: bool = False) -> Pair:
    """A row of `pair` as the engine knows it; `gone`: its person was deleted here."""
    inflight = None
    if row.inflight is not None and (keep_inflight or not gone):
        inflight = Inflight(unpack(row.inflight), row.attempt_id, row.sent_at, row.channel)
    return Pair(
        row.id,
        row.person_id,
        row.object_name,
        row.sf_id,
        row.ext_key,
        PairState.DETACHED if gone else PairState(row.state),
        row.seen_modstamp,
        row.seen_at,
        row.mapping_version,
        inflight,
        row.redirect_to,
        row.attempts,
        row.next_try_at,
    )


def inflight_columns(inflight: Inflight | None) -> dict[str, Any]:
    """What `pair` holds of a write in flight; all blank for None."""
    if inflight is None:
        return {"inflight": None, "attempt_id": None, "sent_at": None, "channel": None}
    return {
        "inflight": pack(inflight.values),
        "attempt_id": inflight.attempt_id,
        "sent_at": inflight.sent_at,
        "channel": inflight.channel,
    }
