"""`Engine.map`: one function over many items, in order, in this process or on the workers of a cluster."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, final

from interplay.errors import BadInput, needs
from interplay.progress import SILENT, Progress

State = TypeVar("State")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine(ABC):
    """Where the items of long work are computed."""

    @abstractmethod
    def map(
        self,
        setup: Callable[[], State],
        fn: Callable[[State, Item, Progress], Iterable[Result]],
        items: Sequence[Item],
        *,
        name: str,
        progress: Progress = SILENT,
    ) -> Iterator[Result]:
        """Apply a function to items, yielding what it makes of each in the order of the items.

        Args:
            setup: makes what all items need (a model, encoders), once for each worker. It and what it holds must be
                picklable, as `functools.partial` of a module's function is.
            fn: (state, item, progress) -> any number of results. It may be called again for an item whose worker died,
                so what it writes must be written whole.
            items: picklable.
            name: of the work, as progress shows it: "Explain".
            progress: `fn` gets it where it runs in this process; workers get a silent one, and items are counted.

        Raises:
            EngineError: workers died again and again, or are of another version.
            And what `setup` and `fn` raise, at the turn of the item.
        """


@final
class Serial(Engine):
    """This process, one item after another; results come as they are ready, also those of one item.

    >>> list(SERIAL.map(lambda: 10, lambda ten, item, progress: [ten * item], [1, 2], name="Multiply"))
    [10, 20]
    """

    def map(
        self,
        setup: Callable[[], State],
        fn: Callable[[State, Item, Progress], Iterable[Result]],
        items: Sequence[Item],
        *,
        name: str,
        progress: Progress = SILENT,
    ) -> Iterator[Result]:
        """See `Engine.map`.

        Args:
            setup: makes what all items need.
            fn: (state, item, progress) -> any number of results.
            items: what it is applied to.
            name: not shown: `fn` shows what it does.
            progress: `fn` gets it.
        """
        state = setup()
        for item in items:
            yield from fn(state, item, progress)


ENGINES = ("serial", "ray")
"""What `open_engine` knows."""

SERIAL = Serial()
"""The default of every function that takes an engine."""


@contextmanager
def open_engine(name: str = "serial", workers: int | None = None) -> Iterator[Engine]:
    """An engine by its name, as --engine gives it.

    Args:
        name: "serial", or "ray": the cluster that the environment variable RAY_ADDRESS names, else one that is started
            on this machine for as long as the engine is open.
        workers: how many processes of a cluster; of None, as many as it has GPUs, or CPUs where it has no GPU.

    Yields:
        The engine.

    Raises:
        BadInput: there is no engine of this name, or the number of workers cannot be used.
        EngineError: the cluster cannot be reached.
        ModuleNotFoundError: Ray is not installed, with what to install.
    """
    if workers is not None and workers < 1:
        raise BadInput(f"{workers} workers", expected="at least 1")
    if name == "serial":
        if workers not in (None, 1):
            raise BadInput(f"{workers} workers of the serial engine", expected="1", fix="choose the engine ray")
        yield SERIAL
    elif name == "ray":
        try:
            from interplay.engine.on_ray import on_ray
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(needs(error), name=error.name) from error
        with on_ray(workers) as engine:
            yield engine
    else:
        raise BadInput(f"there is no engine {name!r}", expected=" or ".join(ENGINES))
