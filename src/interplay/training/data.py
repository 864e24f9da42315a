"""Stored features in batches, in the order that training wants them."""

from collections.abc import Iterator, Mapping, Sequence

import lightning as L
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from interplay.data.sample import Sample
from interplay.features.batches import Batch, Item, collate
from interplay.features.store import Features
from interplay.models.task import Task
from interplay.neighbours import intact, variant_count
from interplay.training.processes import processes


class FeatureSet(Dataset[Item]):
    """Samples of one split with their stored features, modality by modality in the model's order."""

    def __init__(self, samples: Sequence[Sample], stores: Mapping[str, Features], task: Task) -> None:
        self.samples, self.stores, self.task = samples, stores, task

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, row: int) -> Item:
        sample = self.samples[row]
        pairs = [store[sample.id] for store in self.stores.values()]
        return tuple(f for f, _ in pairs), tuple(v for _, v in pairs), self.task.target(sample.labels)

    def intact(self, row: int) -> Item:
        """One sample with each feature in one variant alone: the one with all neighbours that it has.

        Args:
            row: which sample.
        """
        features, valid, target = self[row]
        reaches = [store.neighbours for store in self.stores.values()]
        whole = (intact(x, there, k) for x, there, k in zip(features, valid, reaches, strict=True))
        return tuple(whole), valid, target


def token_moments(data: FeatureSet) -> list[tuple[Float[Tensor, " _"], Float[Tensor, " _"]]]:
    """Each modality's (mean, standard deviation) over all valid tokens of a split.

    Args:
        data: the samples of a split.
    """
    modalities = range(len(data.stores))
    counts = [0 for _ in modalities]
    widths = [store.width // variant_count(store.neighbours) for store in data.stores.values()]
    sums = [torch.zeros(width, dtype=torch.float64) for width in widths]
    squares = [torch.zeros_like(s) for s in sums]
    for row in range(len(data)):
        features, valid, _ = data.intact(row)
        for m in modalities:
            x = features[m][valid[m]].double()
            counts[m], sums[m], squares[m] = counts[m] + len(x), sums[m] + x.sum(0), squares[m] + x.square().sum(0)
    means = [s / n for s, n in zip(sums, counts, strict=True)]
    variances = [q / n - mean.square() for q, n, mean in zip(squares, counts, means, strict=True)]
    return [(m.float(), v.clamp(min=0).sqrt().float()) for m, v in zip(means, variances, strict=True)]


class EpochShuffle(Sampler[int]):
    """An order that depends on the seed and the epoch alone, so that a resumed run sees what it would have seen."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed, self.epoch = size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch.

        Args:
            epoch: counted from 0; it decides the order.
        """
        self.epoch = epoch

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        return iter(torch.randperm(self.size, generator=generator).tolist())


class SharedBatches(Sampler[list[int]]):
    """The batches of an epoch, of each of which this process gets its part: together they are those of one process.

    Of a last batch with fewer samples than there are processes some samples are in two parts, so that none is empty.

    Args:
        sampler: the order of an epoch.
        size: samples of a batch, of all processes together.
        rank: which process this is.
        count: how many there are.
    """

    def __init__(self, sampler: EpochShuffle, size: int, rank: int = 0, count: int = 1) -> None:
        self.sampler, self.size, self.rank, self.count = sampler, size, rank, count

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        order = list(self.sampler)
        for start in range(0, len(order), self.size):
            batch = order[start : start + self.size]
            yield batch[self.rank :: self.count] or [batch[self.rank % len(batch)]]


class FeatureData(L.LightningDataModule):
    """The train, val and test batches of one dataset."""

    def __init__(self, splits: Mapping[str, FeatureSet], batch_size: int, seed: int) -> None:
        super().__init__()
        self.splits, self.batch_size = splits, batch_size
        self.seed = seed

    def train_dataloader(self) -> DataLoader[Item]:
        """Shuffled anew each epoch; the last, smaller batch is kept. Of several processes each gets its part."""
        train, group = self.splits["train"], processes()
        order = EpochShuffle(len(train), self.seed)
        return DataLoader(
            train, batch_sampler=SharedBatches(order, self.batch_size, group.rank, group.count), collate_fn=collate
        )

    def val_dataloader(self) -> DataLoader[Item]:
        """The validation split, in file order."""
        return self.ordered("val")

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Called by Lightning: the batch on the device of the model.

        Args:
            batch: a batch.
            device: a device.
            dataloader_idx: not used.
        """
        return batch.to(device)

    def ordered(self, split: str) -> DataLoader[Item]:
        """One split in file order.

        Args:
            split: "train", "val" or "test".
        """
        return DataLoader(self.splits[split], 4 * self.batch_size, shuffle=False, collate_fn=collate)
