"""What a training tells while it runs: every epoch's loss and score, the best so far, the time left, and warnings."""

import time
from collections.abc import Mapping

import lightning as L
from lightning.pytorch.callbacks import Callback

from interplay.models.task import Task
from interplay.progress import Progress
from interplay.results.baselines import NAMES
from interplay.training.keeping import KeepBest

FEW_VALIDATION, FEW_OF_LABEL = 50, 10
"""Fewer samples than these in the validation split, or of a label in training, are worth a warning."""


class TellEpochs(Callback):
    """Tells of every epoch, and how far training has come, in epochs of at most the configured number.

    Args:
        kept: which epoch is the best so far.
        task: decides the score that is told.
        progress: where it is told.
    """

    def __init__(self, kept: KeepBest, task: Task, progress: Progress) -> None:
        self.kept, self.headline, self.progress = kept, task.headline, progress
        self.advance = progress.stage("Train")
        self.begun, self.first = time.monotonic(), 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say where an interrupted training goes on.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        self.begun, self.first = time.monotonic(), trainer.current_epoch
        if self.first:
            self.progress.say(f"An interrupted training goes on after epoch {self.first} of {trainer.max_epochs}.")

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell of the epoch that has ended.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        done, most = trainer.current_epoch + 1, trainer.max_epochs or 0
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        left = (time.monotonic() - self.begun) / (done - self.first) * (most - done)
        ended = trainer.should_stop or done >= most
        self.progress.say(
            f"Epoch {done} of {most}: {told(values, self.headline)}; "
            + ("this is the best so far" if self.kept.best_epoch == done - 1 else f"best: {self.kept.best_epoch + 1}")
            + ("" if ended else f"; at most {left:.0f} s left")
        )
        self.advance(done, most)


def told(values: Mapping[str, float], headline: str) -> str:
    """An epoch's numbers in words.

    Args:
        values: what was logged, by name.
        headline: the metric that models are judged by.

    >>> told({"train/task": 0.21, "val/loss": 0.33, "val/map": 0.5471}, "map")
    'loss 0.210, on val 0.330, mAP on val 0.547'
    """
    parts = [("loss", "train/task"), ("on val", "val/loss"), (f"{NAMES[headline]} on val", f"val/{headline}")]
    return ", ".join(f"{words} {values[name]:.3f}" for words, name in parts if name in values)


def warn_of_few(train: int, val: int, counts: Mapping[str, int], progress: Progress) -> None:
    """Say before a training that the validation split is tiny, or that labels have hardly any training samples.

    Args:
        train: how many samples the training split has.
        val: how many the validation split has, which chooses the epoch that is kept.
        counts: label -> how many training samples it holds for.
        progress: where it is said.
    """
    if val < FEW_VALIDATION:
        progress.say(
            f"Note: the validation split has {val} samples. Which epoch is kept, and from where labels are "
            "predicted, rests on them."
        )
    if few := [f"{name} ({n})" for name, n in counts.items() if n < FEW_OF_LABEL]:
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        progress.say(
            f"Note: of {train} training samples fewer than {FEW_OF_LABEL} have these labels: "
            f"{', '.join(few[:5])}{more}."
        )


def warn_of_first(epoch: int, epochs: int, first: int, progress: Progress) -> None:
    """Say after a training that the first epoch that might be kept was the best.

    Args:
        epoch: the epoch that was kept, from 0.
        epochs: how many there were to be.
        first: the first that might be kept.
        progress: where it is said.
    """
    if epoch == first and epochs > first + 1:
        progress.say(
            f"Note: epoch {epoch + 1}, the first that could be kept, was the best on val. Often the training split is "
            "learned by heart from then on: a lower training.learning_rate, or a higher training.weight_decay or "
            "fusion.dropout, may help."
        )
