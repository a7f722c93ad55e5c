"""The org's limits: the API calls of the last 24 hours, and the table that `limits` shows."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from practice_org.errors import ApiError

if TYPE_CHECKING:
    from practice_org.org import Org

DAY = 24 * 3600
_BUCKET = 60

MAXIMA: dict[str, int] = {
    "ActiveScratchOrgs": 3,
    "AnalyticsExternalDataSizeMB": 40960,
    "CdpAiInferenceApiMonthlyLimit": 500000000,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20,
    "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51200,
    "DailyApiRequests": 15000,
    "DailyAsyncApexExecutions": 250000,
    "DailyAsyncApexTests": 500,
    "DailyBulkApiBatches": 15000,
    "DailyBulkV2QueryFileStorageMB": 976562,
    "DailyBulkV2QueryJobs": 10000,
    "DailyDeliveredPlatformEvents": 10000,
    "DailyDurableGenericStreamingApiEvents": 10000,
    "DailyDurableStreamingApiEvents": 10000,
    "DailyEinsteinDataInsightsStoryCreation": 1000,
    "DailyEinsteinDiscoveryOptimizationJobRuns": 50000,
    "DailyEinsteinDiscoveryPredictAPICalls": 50000,
    "DailyEinsteinDiscoveryPredictionsByCDC": 500000,
    "DailyEinsteinDiscoveryStoryCreation": 100,
    "DailyFunctionsApiCallLimit": 235000,
    "DailyGenericStreamingApiEvents": 10000,
    "DailyScratchOrgs": 6,
    "DailyStandardVolumePlatformEvents": 10000,
    "DailyStreamingApiEvents": 10000,
    "DailyWorkflowEmails": 100000,
    "DataStorageMB": 1024,
    "DurableStreamingApiConcurrentClients": 20,
    "FileStorageMB": 1024,
    "HourlyAsyncReportRuns": 1200,
    "HourlyDashboardRefreshes": 200,
    "HourlyDashboardResults": 5000,
    "HourlyDashboardStatuses": 999999999,
    "HourlyElevateAsyncReportRuns": 5000,
    "HourlyElevateSyncReportRuns": 1000,
    "HourlyLongTermIdMapping": 100000,
    "HourlyManagedContentPublicRequests": 50000,
    "HourlyODataCallout": 20000,
    "HourlyPublishedPlatformEvents": 50000,
    "HourlyPublishedStandardVolumePlatformEvents": 1000,
    "HourlyShortTermIdMapping": 100000,
    "HourlySyncReportRuns": 500,
    "HourlyTimeBasedWorkflow": 1000,
    "MassEmail": 5000,
    "MaxContentDocumentsLimit": 6000000,
    "MonthlyEinsteinDiscoveryStoryCreation": 500,
    "MonthlyPlatformEvents": 300000,
    "MonthlyPlatformEventsUsageEntitlement": 0,
    "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500,
    "PermissionSets": 1500,
    "PlatformEventTriggersWithParallelProcessing": 5,
    "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 5242880,
    "SingleEmail": 5000,
    "StreamingApiConcurrentClients": 20,
    "DailyDeliveredChangeEvents": 50000,
    "HourlyPublishedEventsPerOrg": 250000,
    "DailyRecycleBinRows": 25600,
    "OrgSnapshots": 0,
    "ActiveOrgSnapshots": 0,
    "DailyOrgSnapshots": 0,
    "EventBusConcurrentSubscribers": 2000,
    "EinsteinRequests": 200000,
    "ContentPublicLinks": 100000,
    "DailyExternalObjectCallouts": 100000,
    "AnalyticsDatasetRowsMillions": 10,
    "CustomObjects": 200,
}
"""Name and default maximum of each entry. Which names a real org lists depends on its features; the
number of entries is that of a recorded answer, the names are platform knowledge."""


class Limits:
    """Counts over a rolling 24 hours by the org's clock."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._buckets: deque[list[int]] = deque(list(b) for b in org.setting("api_calls", []))
        self._used = sum(count for _, count in self._buckets)
        self._unsaved = 0

    @property
    def maximum(self) -> int:
        """API calls that a day has."""
        return self.maximum_of("DailyApiRequests")

    def maximum_of(self, name: str) -> int:
        """How much of an entry there is."""
        return int(self._org.setting("limits", {}).get(name, MAXIMA[name]))

    @property
    def used(self) -> int:
        """API calls of the last 24 hours."""
        with self._lock:
            self._forget()
            return self._used

    @property
    def remaining(self) -> int:
        return max(0, self.maximum - self.used)

    def count(self, calls: int = 1) -> None:
        """Count a call.

        Raises ApiError 403 REQUEST_LIMIT_EXCEEDED, without counting, when the day has none left.
        """
        minute = int(self._org.clock.now().timestamp()) // _BUCKET
        with self._lock:
            self._forget()
            if self._used + calls > self.maximum:
                raise ApiError(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
            if self._buckets and self._buckets[-1][0] == minute:
                self._buckets[-1][1] += calls
            else:
                self._buckets.append([minute, calls])
            self._used += calls
            self._unsaved += calls
            save = self._unsaved >= 100
        if save:
            self.flush()

    def set_used(self, calls: int) -> None:
        """Pretend that so many calls were made just now."""
        minute = int(self._org.clock.now().timestamp()) // _BUCKET
        with self._lock:
            self._buckets = deque([[minute, calls]] if calls else [])
            self._used = calls
        self.flush()

    def set_maximum(self, name: str, value: int) -> None:
        """Give an entry another maximum.

        Raises KeyError for a name that is no limit.
        """
        if name not in MAXIMA:
            raise KeyError(name)
        self._org.set_setting("limits", {**self._org.setting("limits", {}), name: value})

    def flush(self) -> None:
        """Store the counters; up to 99 calls may be forgotten when the process is killed."""
        with self._lock:
            buckets = [list(bucket) for bucket in self._buckets]
            self._unsaved = 0
        self._org.set_setting("api_calls", buckets)

    def info(self) -> str:
        """The value of the `Sforce-Limit-Info` header."""
        return f"api-usage={self.used}/{self.maximum}"

    def table(self) -> dict[str, Any]:
        """What `limits` answers."""
        from practice_org.data import job_limits

        changed = self._org.setting("limits", {})
        used = {
            "DailyApiRequests": self.used,
            **job_limits.used(self._org),
            **self._org.setting("limits_used", {}),
        }
        out = {}
        for name, default in sorted(MAXIMA.items()):
            maximum = int(changed.get(name, default))
            out[name] = {"Max": maximum, "Remaining": max(0, maximum - int(used.get(name, 0)))}
        return out

    def _forget(self) -> None:
        oldest = (int(self._org.clock.now().timestamp()) - DAY) // _BUCKET
        while self._buckets and self._buckets[0][0] < oldest:
            self._used -= self._buckets.popleft()[1]
