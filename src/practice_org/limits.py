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
    "AnalyticsExternalDataSizeMB": 40960,
    "CdpAiInferenceApiMonthlyLimit": 500000000,
    "ConcurrentAsyncGetReportInstances": 200,
    "ConcurrentEinsteinDataInsightsStoryCreation": 5,
    "ConcurrentEinsteinDiscoveryStoryCreation": 2,
    "ConcurrentSyncReportRuns": 20,
    "ContentDistBandwidthLimitMB": 10240,
    "ContentDistViewLimit": 20000,
    "ContentPublicationLimit": 5000,
    "DailyAnalyticsDataflowJobExecutions": 60,
    "DailyAnalyticsUploadedFilesSizeMB": 51200,
    "DailyApexCursorLimit": 10000,
    "DailyApexCursorRowsLimit": 100000000,
    "DailyApexPCursorLimit": 200000,
    "DailyApiRequests": 15000,
    "DailyAsyncApexExecutions": 250000,
    "DailyAsyncApexTests": 500,
    "DailyBulkApiBatches": 15000,
    "DailyBulkV2QueryFileStorageMB": 976562,
    "DailyBulkV2QueryJobs": 10000,
    "DailyDataCloudCursorLimit": 10000,
    "DailyDataCloudCursorRowsLimit": 100000000,
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
    "DailyStandardVolumePlatformEvents": 10000,
    "DailyStreamingApiEvents": 10000,
    "DailyWorkflowEmails": 100000,
    "DataStorageMB": 1024,
    "DurableStreamingApiConcurrentClients": 20,
    "ExternalServicesActiveObjects": 1000,
    "ExternalServicesActiveOperations": 1000,
    "ExternalServicesObjectProperties": 10000,
    "ExternalServicesObjects": 5000,
    "ExternalServicesOperations": 5000,
    "ExternalServicesRegistrations": 150,
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
    "Package2VersionCreates": 6,
    "Package2VersionCreatesWithoutValidation": 500,
    "PermissionSets": 1500,
    "PlatformEventTriggersWithParallelProcessing": 5,
    "PrivateConnectOutboundCalloutHourlyLimitMB": 0,
    "PublishCallbackUsageInApex": 5242880,
    "ScheduledFlowRunLimit": 250000,
    "ScheduledPathRunLimit": 250000,
    "SingleEmail": 5000,
    "StreamingApiConcurrentClients": 20,
}
"""Name and default maximum of each entry: 71, as a recorded answer has. Every name is one that a real org
listed (which ones depends on its features); the maxima are documented examples where there are any."""
CUSTOM_PERMISSION_SETS = 1000


class Limits:
    """Counts over a rolling 24 hours by the org's clock."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._lock = threading.Lock()
        self._buckets: deque[list[int]] = deque(list(b) for b in org.setting("api_calls", []))
        self._used = sum(count for _, count in self._buckets)
        self._unsaved = 0
        self._by_app: dict[str, deque[int]] = {}

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

    def count_app(self, client_id: str) -> int:
        """Count a call of a connected app; its calls of the last 24 hours. A restart forgets them."""
        now = int(self._org.clock.now().timestamp())
        with self._lock:
            calls = self._by_app.setdefault(client_id, deque())
            calls.append(now)
            while calls[0] < now - DAY:
                calls.popleft()
            return len(calls)

    def info(self, app: tuple[str, int, int] | None = None) -> str:
        """The value of the `Sforce-Limit-Info` header; `app` is name, calls and quota of a connected app."""
        text = f"api-usage={self.used}/{self.maximum}"
        if app is None:
            return text
        name, calls, quota = app
        return f"{text}; per-app-api-usage={calls}/{quota}(appName={name})"

    def table(self) -> dict[str, Any]:
        """What `limits` answers."""
        from practice_org.data import job_limits

        changed = self._org.setting("limits", {})
        used = {
            "DailyApiRequests": self.used,
            **job_limits.used(self._org),
            **self._org.setting("limits_used", {}),
        }
        out: dict[str, Any] = {}
        for name, default in sorted(MAXIMA.items()):
            maximum = int(changed.get(name, default))
            out[name] = {"Max": maximum, "Remaining": max(0, maximum - int(used.get(name, 0)))}
        made = self._permission_sets()
        out["PermissionSets"] = {
            "Max": out["PermissionSets"]["Max"],
            "Remaining": max(0, out["PermissionSets"]["Max"] - made),
            "CreateCustom": {
                "Max": CUSTOM_PERMISSION_SETS,
                "Remaining": max(0, CUSTOM_PERMISSION_SETS - made),
            },
        }
        return out

    def _permission_sets(self) -> int:
        """Permission sets that somebody made: those of profiles do not count."""
        reader = self._org.reader()
        return int(
            reader.execute('SELECT count(*) FROM "PermissionSet" WHERE "IsOwnedByProfile" = 0').fetchone()[0]
        )

    def _forget(self) -> None:
        oldest = (int(self._org.clock.now().timestamp()) - DAY) // _BUCKET
        while self._buckets and self._buckets[0][0] < oldest:
            self._used -= self._buckets.popleft()[1]
