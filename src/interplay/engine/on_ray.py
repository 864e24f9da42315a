"""The engine of a Ray cluster (extra `interplay[ray]`): one actor a worker, ordered results, lost items done again.

Ray's own restarts, of actors and of their calls, are off: they show nothing and count nothing. An actor that dies is
replaced here, and its item done again, as often as RETRIES says.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, final

from interplay.engine.base import Engine
from interplay.errors import EngineError
from interplay.progress import SILENT, Progress

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's default of the next version; it warns else

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")

RETRIES = 3
"""How often one item is done again after its worker died."""
AHEAD = 4
"""Items done before their turn, for each worker: what waits for a slow one stays in memory."""
LOOK, PATIENCE = 2.0, 20.0
"""Seconds between two looks for the cluster's head while nothing is ready, and until it counts as gone [ours].

Ray itself waits for a minute, and then ends the process without a word that Python could catch.
"""
GO_ON = "look at the workers' logs; what is written is kept, so run the same command again to go on"


def own_version() -> str:
    """The version of Interplay that this process has."""
    return version("interplay")


class _Worker:
    """What runs in an actor: the state, and the function."""

    def start(self, needed: tuple[str, str, Callable[[], Any], Callable[[Any, Any, Progress], Iterable[Any]]]) -> None:
        theirs, folder, setup, fn = needed
        if Path(folder).is_dir():  # paths of samples may be relative
            os.chdir(folder)
        if (here := own_version()) != theirs:
            raise EngineError(
                f"a worker has Interplay {here}, the process that called it has {theirs}; "
                "install the same version on every machine of the cluster"
            )
        self.state, self.fn = setup(), fn

    def run(self, item: Any) -> list[Any]:
        return list(self.fn(self.state, item, SILENT))


@contextmanager
def on_ray(workers: int | None = None) -> Iterator["OnRay"]:
    """The engine of the cluster that RAY_ADDRESS names, or of one on this machine; what was started is stopped.

    Args:
        workers: how many; of None, as many as there are GPUs, or CPUs where there is no GPU.

    Raises:
        EngineError: the cluster cannot be reached.
    """
    started = not ray.is_initialized()
    try:
        if started:
            own = not os.environ.get("RAY_ADDRESS")
            ray.init(
                num_cpus=workers if own else None,
                include_dashboard=False if own else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        has = ray.cluster_resources()
    except Exception as error:  # Ray raises anything; of a node that starts too slowly it is a bare Exception
        if started:
            ray.shutdown()  # what had been started
        raise EngineError(
            f"the Ray cluster cannot be used: {_first_line(error).rstrip('.')}; look whether RAY_ADDRESS names it, "
            "if it asks for a token (then set RAY_AUTH_MODE=token), and whether the machine is too busy to start it"
        ) from error
    gpus, cpus = int(has.get("GPU", 0)), int(has.get("CPU", 1))
    count = workers or gpus or cpus
    try:
        # Threads of a worker are as many as its CPUs: Ray sees to that by OMP_NUM_THREADS. No worker may ask for more
        # than every machine has, or it would wait for ever.
        each = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
        least = min((there for there in each if there), default=1)
        head = ray.get_runtime_context().gcs_address
        yield OnRay(count, max(1, min(cpus // count, least)), min(1.0, gpus / count), head)
    finally:
        if started:
            ray.shutdown()


@final
class OnRay(Engine):
    """Workers of a Ray cluster.

    Args:
        workers: how many actors.
        cpus: how many CPUs each takes.
        gpus: how many GPUs, or which part of one.
        head: address of the cluster's head, HOST:PORT.
    """

    def __init__(self, workers: int, cpus: int, gpus: float, head: str) -> None:
        self.workers, self.head = workers, head
        self._actor = ray.remote(_Worker).options(max_restarts=0, max_task_retries=0, num_cpus=cpus, num_gpus=gpus)

    def map(
        self,
        setup: Callable[[], State],
        fn: Callable[[State, Item, Progress], Iterable[Result]],
        items: Sequence[Item],
        *,
        name: str,
        progress: Progress = SILENT,
    ) -> Iterator[Result]:
        """See `Engine.map`. An item whose worker died is done again by another, at most RETRIES times.

        Args:
            setup: makes what all items need, once in each worker.
            fn: (state, item, progress) -> any number of results.
            items: what it is applied to.
            name: the stage that progress shows.
            progress: items are counted there.
        """
        needed = ray.put((own_version(), str(Path.cwd()), setup, fn))  # sent to each machine once
        pool, turn = _Pool(self._actor, needed, items, self.head), 0
        advance = progress.stage(name)
        try:
            pool.grow(min(self.workers, len(items)))
            while turn < len(items):
                pool.submit(until=turn + AHEAD * self.workers)
                for line in pool.receive():
                    progress.note(line)
                while turn in pool.ready:
                    outcome = pool.ready.pop(turn)
                    if isinstance(outcome, BaseException):
                        raise outcome
                    yield from outcome
                    turn += 1
                    advance(turn, len(items))
        finally:
            pool.close()


class _Pool:
    """Actors and their items: which wait, which are at work, which are ready."""

    def __init__(self, actor: Any, needed: Any, items: Sequence[Any], head: str) -> None:
        self.actor, self.needed, self.items, self.head = actor, needed, items, head
        self.reachable = answers(head)  # not where the cluster's own address is of another network (Ray Client)
        self.gone = False
        self.idle: list[Any] = []
        self.working: dict[Any, tuple[int, Any]] = {}  # a promised result -> the item's index, and who does it
        self.again: list[int] = []  # indexes of items whose worker died
        self.next = 0
        self.deaths: dict[int, int] = {}
        self.ready: dict[int, list[Any] | BaseException] = {}

    def grow(self, count: int) -> None:
        """Start workers."""
        for _ in range(count):
            worker = self.actor.remote()
            self.working[worker.start.remote(self.needed)] = (-1, worker)

    def submit(self, until: int) -> None:
        """Give idle workers items: those of dead workers first, then the next before `until`."""
        while self.idle and (self.again or self.next < min(until, len(self.items))):
            index = self.again.pop(0) if self.again else self.next
            self.next = max(self.next, index + 1)
            worker = self.idle.pop()
            self.working[worker.run.remote(self.items[index])] = (index, worker)

    def receive(self) -> list[str]:
        """Wait for one promised result; of a worker that died, put its item back and start another.

        Returns:
            What should be noted.
        """
        promised = self._ready()
        index, worker = self.working.pop(promised)
        try:
            result = ray.get(promised)
        except RayTaskError as error:
            # What the work raised is raised at the turn of its item, as one process would: so the same error always.
            cause = error.cause if isinstance(error.cause, Exception) else error
            if index < 0:
                raise cause from None
            self.ready[index] = cause
        except (RayActorError, OutOfMemoryError) as error:
            return [self._replace(index, error)]
        except RayError as error:
            self.gone = True
            raise EngineError(f"the Ray cluster is gone ({_first_line(error)}); {GO_ON}") from error
        else:
            if index >= 0:
                self.ready[index] = result
        self.idle.append(worker)
        return []

    def _ready(self) -> Any:
        """A promised result that is there; while none is, look whether the cluster is."""
        answered = time.monotonic()
        while not (ready := ray.wait(list(self.working), num_returns=1, timeout=LOOK)[0]):
            if not self.reachable or answers(self.head):
                answered = time.monotonic()
            elif (silent := time.monotonic() - answered) > PATIENCE:
                self.gone = True
                raise EngineError(f"the Ray cluster is gone ({self.head} has not answered for {silent:.0f} s); {GO_ON}")
        return ready[0]

    def _replace(self, index: int, error: RayError) -> str:
        died = self.deaths[index] = self.deaths.get(index, 0) + 1
        what = "before its first item" if index < 0 else f"at item {index + 1} of {len(self.items)}"
        if died > RETRIES:
            raise EngineError(f"a worker died {what}, {died} times ({_first_line(error)}); {GO_ON}") from error
        if index >= 0:
            self.again.append(index)
        self.grow(1)
        return f"A worker died {what}: another does it again ({died} of {RETRIES})."

    def close(self) -> None:
        """Stop all workers, also those at work; with their cluster they are gone, too, and to ask it would wait."""
        if self.gone:
            return
        for worker in [*self.idle, *(worker for _, worker in self.working.values())]:
            try:
                ray.kill(worker)
            except RayError:  # with the cluster they are gone, too
                return


def answers(head: str) -> bool:
    """Whether somebody listens at the address of a cluster's head.

    Args:
        head: HOST:PORT.
    """
    host, _, port = head.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=LOOK).close()
    except OSError:
        return False
    return True


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]
