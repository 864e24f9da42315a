"""A training's progress in lines: every epoch's losses and score, the best so far, the time left, and warnings."""

import time
from collections.abc import Mapping

import lightning as L
from lightning.pytorch.callbacks import Callback

from interplay.models.task import Headline
from interplay.progress import Progress
from interplay.results.baselines import NAMES
from interplay.training.keeping import KeepBest

FEW_VALIDATION, FEW_OF_LABEL = 50, 10
"""Fewer samples than these in the validation split, or of a label in training, are worth a warning."""


class ShowEpochs(Callback):
    """Shows every epoch in a line, and how far training has come, in epochs of at most the configured number.

    Args:
        kept: which epoch is the best so far.
        headline: the metric that models are judged by.
        warm: how many epochs see whole samples alone: they take less time than those after them.
        progress: where it is shown.
    """

    def __init__(self, kept: KeepBest, headline: Headline, warm: int, progress: Progress) -> None:
        self.kept, self.headline, self.warm, self.progress = kept, headline, warm, progress
        self.advance = progress.stage("Train")
        self.ends: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Say where an interrupted training goes on.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        self.ends = [time.monotonic()]
        if trainer.current_epoch:
            self.progress.note(
                f"An interrupted training goes on after epoch {trainer.current_epoch} of {trainer.max_epochs}."
            )

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the epoch that has ended.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        done, most = trainer.current_epoch + 1, trainer.max_epochs or 0
        self.ends.append(time.monotonic())
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        line = f"Epoch {done} of {most}: {epoch_line(values, self.headline)}"
        best = self.kept.best_epoch + 1
        if not self.kept.last:
            line += ", the best so far" if best == done else f" (best: epoch {best}, {self.kept.best:.3f})"
        if done > self.warm and done < most and not trainer.should_stop:
            line += f"; at most {(self.ends[-1] - self.ends[-2]) * (most - done):.0f} s left at this pace"
        self.progress.note(line)
        self.advance(done, most)


def epoch_line(values: Mapping[str, float], headline: Headline) -> str:
    """An epoch's numbers in words; the last is the score that chooses the epoch that is kept.

    Args:
        values: what was logged, by name.
        headline: the metric that models are judged by.

    >>> epoch_line({"train/task": 0.21, "val/loss": 0.33, "val/map": 0.5471, "val/score": -0.7}, "map")
    'training loss 0.210; on val loss 0.330, mAP 0.547, score -0.700'
    """
    val = [("loss", "val/loss"), (NAMES[headline], f"val/{headline}"), ("score", "val/score")]
    parts = [f"{words} {values[name]:.3f}" for words, name in val if name in values]
    begin = f"training loss {values['train/task']:.3f}; " if "train/task" in values else ""
    return f"{begin}on val {', '.join(parts)}"


def warn_of_few(train: int, val: int, counts: Mapping[str, int], progress: Progress) -> None:
    """Say before a training that the validation split is tiny, or that labels have hardly any training samples.

    Args:
        train: how many samples the training split has.
        val: how many the validation split has, which chooses the epoch that is kept.
        counts: label -> how many training samples it holds for.
        progress: where it is shown.
    """
    if val < FEW_VALIDATION:
        progress.note(
            f"Note: the validation split has {val} samples. Which epoch is kept, and what is measured of calibration, "
            "rests on them."
        )
    if few := [f"{name} ({n})" for name, n in counts.items() if n < FEW_OF_LABEL]:
        more = f" and {len(few) - 5} more" if len(few) > 5 else ""
        progress.note(
            f"Note: of {train} training samples fewer than {FEW_OF_LABEL} have these labels: "
            f"{', '.join(few[:5])}{more}."
        )


def warn_of_first(epoch: int, epochs: int, first: int, progress: Progress) -> None:
    """Say after a training that the first epoch that might be kept was the best.

    Args:
        epoch: the epoch that was kept, from 0.
        epochs: how many there were to be.
        first: the first that might be kept.
        progress: where it is shown.
    """
    if epoch == first and epochs > first + 1:
        progress.note(
            f"Note: epoch {epoch + 1}, the first that could be kept, was the best on val. Often the training split is "
            "learned by heart from then on: a lower training.learning_rate, or a higher training.weight_decay or "
            "fusion.dropout, may help."
        )
