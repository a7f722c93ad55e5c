"""Calls under way, and the refusal of more when too many of them last long.

The real service refuses a call when 25 others (5 in a developer org) have lasted 20 seconds or more.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from practice_org.auth.settings import read_settings
from practice_org.errors import ApiError
from practice_org.org import Org


class Traffic:
    """Knows when each call that is under way began; thread-safe."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._began: dict[int, float] = {}

    @contextmanager
    def call(self) -> Iterator[None]:
        """One call, from here to the end of the block.

        Raises ApiError 403 REQUEST_LIMIT_EXCEEDED when too many long ones are under way.
        """
        settings = read_settings(self._org)
        now = time.monotonic()
        with self._lock:
            lasting = sum(now - began >= settings.long_call_seconds for began in self._began.values())
            if lasting >= settings.concurrent_long_calls:
                raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded.")
            number = next(self._numbers)
            self._began[number] = now
        try:
            yield
        finally:
            with self._lock:
                del self._began[number]
