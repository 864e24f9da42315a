"""Which epoch of a training is kept, and when it gets no better."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from interplay.config import TrainingConfig
from interplay.models.checkpoint import Card, save_model
from interplay.training.module import FusionTraining


class KeepBest(Callback):
    """Saves the model whenever the validation score is the best so far, and ends a training that gets no better.

    Of equals the first is kept; with `training.monitor = "last"` every epoch in turn. Epochs before features are
    removed may be kept, but none of them counts as one without a better score: what comes after them is another task.
    """

    def __init__(self, folder: Path, card: Card, options: TrainingConfig, warm: int) -> None:
        self.folder, self.card, self.patience, self.warm = folder, card, options.patience, warm
        self.last = options.monitor == "last"
        self.best, self.best_epoch, self.ended = -math.inf, 0, False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Do nothing more if the training had ended before it was interrupted.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        trainer.should_stop = self.ended

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save the model if this epoch is the best so far; stop after `patience` epochs that were not.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
        """
        assert isinstance(pl_module, FusionTraining)
        epoch = trainer.current_epoch
        if self.last or pl_module.score > self.best or epoch == 0:
            self.best, self.best_epoch = pl_module.score, epoch
            if trainer.is_global_zero:  # every process has the same weights
                save_model(pl_module.kept, replace(self.card, epoch=epoch), self.folder)
        if epoch - max(self.best_epoch, self.warm - 1) >= self.patience:
            trainer.should_stop = self.ended = True

    def state_dict(self) -> dict[str, Any]:
        """What has to be kept to continue an interrupted training."""
        return {"best": self.best, "best_epoch": self.best_epoch, "ended": self.ended}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the state of an interrupted training.

        Args:
            state_dict: what `state_dict` returned.
        """
        self.best, self.best_epoch, self.ended = (state_dict[name] for name in ("best", "best_epoch", "ended"))
