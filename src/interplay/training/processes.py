"""One training by several processes and hosts, started by torchrun: which process this is, and who waits for whom."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed

from interplay.errors import BadInput, DivergedError


@dataclass(frozen=True)
class Processes:
    """The processes that train one model.

    Attributes:
        rank: which of them this one is, from 0; process 0 writes the run.
        count: how many there are.
        here: how many of them are on this host.
    """

    rank: int = 0
    count: int = 1
    here: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            distributed.barrier()

    def share(self, samples: int) -> float:
        """What this process's mean loss counts beside the others', so that their mean is the mean over all samples.

        Args:
            samples: how many of the batch this process has.
        """
        if self.count == 1:
            return 1.0
        total = torch.tensor(float(samples))
        distributed.all_reduce(total)
        return samples * self.count / float(total)

    def of_first(self, number: float) -> float:
        """Process 0's number: what all of them decide by must be one number to the last bit.

        Args:
            number: this process's own, which another machine may have rounded otherwise.
        """
        if self.count == 1:
            return number
        shared = torch.tensor(number, dtype=torch.float64)
        distributed.broadcast(shared, 0)
        return float(shared)

    def found(self, what: str) -> str:
        """What this process found, or else another one did, so that all of them stop together; empty if none did.

        Args:
            what: in words; empty if this process found nothing.
        """
        if self.count == 1:
            return what
        any_of_them = torch.tensor(float(bool(what)))
        distributed.all_reduce(any_of_them)
        if not float(any_of_them):
            return ""
        everyone = [""] * self.count
        distributed.all_gather_object(everyone, what)
        return what or next(one for one in everyone if one)


def processes() -> Processes:
    """The processes that torchrun started; one where it did not."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Processes()
    names = ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
    return Processes(*(int(os.environ[name]) for name in names))


def refuse_several() -> None:
    """Refuse to train several models where several processes train one: called before the work.

    Raises:
        BadInput: torchrun started several processes.
    """
    if (count := processes().count) > 1:
        raise BadInput(
            f"several models by {count} processes",
            expected="one model, which they train together",
            fix="train each by itself: without --compare, with --seed in place of --seeds (in Python by `train`)",
        )


@contextmanager
def joined(device: str) -> Iterator[Processes]:
    """The processes, connected while the block runs.

    Args:
        device: where this process computes. Gloo connects processes on the CPU, and NCCL those on GPUs as well.
    """
    group = processes()
    mine = group.count > 1 and not distributed.is_initialized()
    if mine:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo")
    try:
        yield group
    except DivergedError:  # all processes raise it: torchrun, which ends the others with the first, must find no work
        group.wait()
        raise
    finally:
        if mine:
            distributed.destroy_process_group()
