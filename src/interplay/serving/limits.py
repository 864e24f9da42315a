"""What one request, one job and the whole service may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds; in brackets, how a request beyond one is answered.

    Attributes:
        upload_bytes: of one request's body (413).
        upload_seconds: until a body is whole (408).
        uploads: bodies that are read at one time (429).
        parts: of one form (400).
        characters: of one text (413).
        pixels, side: of one picture, by its header, before it is decoded (413).
        queue: jobs that wait (429).
        keep: finished jobs on disk; the oldest go.
        job_seconds: of one job; then it fails.
        budget: evaluations of a job that asks for no number, and `most_budget` the most it may ask for (422).
        connections: open at one time; more are answered 503.
        header_seconds: until a request's headers are whole; then the connection is closed.
    """

    upload_bytes: int = 12_000_000
    upload_seconds: float = 30.0
    uploads: int = 16
    parts: int = 16
    characters: int = 20_000
    pixels: int = 25_000_000
    side: int = 16_000
    queue: int = 16
    keep: int = 200
    job_seconds: float = 600.0
    budget: int = 16_384
    most_budget: int = 65_536
    connections: int = 512
    header_seconds: float = 10.0


LEAST_BUDGET = 16
MOST_PIXELS = 80_000_000
"""Above it Pillow's own alarm about large pictures would go off first."""
