"""Metrics for Prometheus, in a registry of their own."""

from collections.abc import Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1200)


class Meter:
    """What the service counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._jobs = Gauge("interplay_jobs", "Jobs that are known, by state", ["state"], registry=self.registry)
        self._queue = Gauge("interplay_queue_length", "Jobs that wait", registry=self.registry)
        self._seconds = Histogram(
            "interplay_job_seconds",
            "Seconds a job ran, by how it ended",
            ["state"],
            registry=self.registry,
            buckets=SECONDS,
        )
        self._refusals = Counter(
            "interplay_refusals", "Requests refused, by reason", ["reason"], registry=self.registry
        )

    def ran(self, state: str, seconds: float) -> None:
        """Count a job that ran and has ended.

        Args:
            state: how it ended.
            seconds: how long it ran.
        """
        self._seconds.labels(state).observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refused request.

        Args:
            reason: one of the service's own words, never what a client sent.
        """
        self._refusals.labels(reason).inc()

    def text(self, states: Mapping[str, int]) -> bytes:
        """All metrics in Prometheus' text format.

        Args:
            states: state -> how many jobs.
        """
        for state, count in states.items():
            self._jobs.labels(state).set(count)
        self._queue.set(states.get("queued", 0))
        return generate_latest(self.registry)
