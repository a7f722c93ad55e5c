"""The org's settings about events, by the names under which they are stored, with their defaults."""

from __future__ import annotations

ENTITIES = "cdc_entities"
"""The objects whose changes `/data/ChangeEvents` tells of; none: nothing is captured, and nothing it costs."""
DEFAULT_ENTITIES = [
    "Account",
    "Campaign",
    "CampaignMember",
    "Contact",
    "Event",
    "Lead",
    "Opportunity",
    "Task",
    "User",
]
CHANNELS = "event_channels"
"""Custom channels: name (`Partner__chn`) to names of objects."""
OVERFLOW = "event_overflow"
OVERFLOW_FROM = 100_000
"""Changes of one transaction that get events of their own."""
KEEPALIVE = "event_keepalive_seconds"
KEEPALIVE_SECONDS = 270.0
"""The longest silence on a subscription (the proto's comment)."""
PUBLISH_IDLE = "event_publish_idle_seconds"
PUBLISH_IDLE_SECONDS = 70.0
"""A publisher's stream without a request for so long is closed (the proto's comment)."""
DEFAULTS = {
    ENTITIES: DEFAULT_ENTITIES,
    KEEPALIVE: KEEPALIVE_SECONDS,
    PUBLISH_IDLE: PUBLISH_IDLE_SECONDS,
    OVERFLOW: OVERFLOW_FROM,
}
