"""What Prometheus reads of this process. Labels are routes, methods and statuses: never an asset or a customer."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """One registry an app, so that two apps in one process do not share numbers; `streams` counts the open ones."""

    def __init__(self, streams: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._requests = Counter(
            "vouch_api_requests", "Requests answered", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "vouch_api_request_seconds", "Time to the first byte of an answer", ["route"], registry=self._registry
        )
        Gauge("vouch_api_streams", "Open event streams", registry=self._registry).set_function(streams)

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer; `route` is the path's template, not the path."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """The Prometheus text format."""
        return generate_latest(self._registry)
