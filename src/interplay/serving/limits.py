"""What one request, one job and the whole service may take."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Bounds:
    """What reading one uploaded file may take, in a process of its own.

    Attributes:
        cpu_seconds: on the processor.
        seconds: by the clock, on a machine that is busy.
        memory: bytes beside what the process starts with.
        nice: how much it gives way to the rest of the service.
    """

    cpu_seconds: float
    seconds: float
    memory: int
    nice: int


@dataclass(frozen=True)
class Limits:
    """Bounds; in brackets, how a request beyond one is answered.

    Attributes:
        upload_bytes: of one request's body (413).
        upload_seconds: until a body is whole (408).
        uploads: bodies that are read at one time (429).
        samples: of one request (422).
        characters: of one text (413).
        pixels, side: of one picture, by its header, before it is decoded (413).
        small, quick, slow: of one file that is read: of a small picture, one decoded fast, of all others. What
            does not fit into the first two is tried once more within `slow` (413).
        waiting: files that wait to be read within `small`, or `quick`, and `waiting_slow` within `slow` (429).
        predictions: samples that wait to be predicted (429).
        queue: jobs that wait (429).
        keep: finished jobs on disk; the oldest go.
        job_seconds: of one job; then it fails.
        budget: evaluations of a job that asks for no number, and `most_budget` the most it may ask for (422).
        connections: open at one time; more are answered 503.
        header_seconds: until a request's headers are whole; then the connection is closed.
        read_seconds: how often it is looked whether clients read; after two looks without, the connection is closed.
        wrong_tokens: a client may send in a minute; then it waits (429).
    """

    upload_bytes: int = 12_000_000
    upload_seconds: float = 30.0
    uploads: int = 16
    samples: int = 32
    characters: int = 20_000
    pixels: int = 25_000_000
    side: int = 16_000
    small: Bounds = Bounds(cpu_seconds=0.3, seconds=15.0, memory=80_000_000, nice=0)
    quick: Bounds = Bounds(cpu_seconds=0.3, seconds=15.0, memory=80_000_000, nice=10)
    slow: Bounds = Bounds(cpu_seconds=5.0, seconds=20.0, memory=225_000_000, nice=15)
    waiting: int = 256
    waiting_slow: int = 4
    predictions: int = 256
    queue: int = 16
    keep: int = 200
    job_seconds: float = 600.0
    budget: int = 16_384
    most_budget: int = 65_536
    connections: int = 512
    header_seconds: float = 10.0
    read_seconds: float = 6.0
    wrong_tokens: int = 10

    def with_pixels(self, pixels: int) -> "Limits":
        """The same with another largest picture, and as much more memory to read it.

        Args:
            pixels: of the largest picture.
        """
        more = pixels / self.pixels
        quick, slow = (replace(b, memory=round(b.memory * max(1.0, more))) for b in (self.quick, self.slow))
        # Small pictures stay small, whatever the largest one is.
        return replace(self, pixels=pixels, quick=quick, slow=slow)


LEAST_BUDGET = 16
