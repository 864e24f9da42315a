"""A training that diverges stops, and says at which step and what to try."""

import math
from collections.abc import Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from interplay.config import TrainingConfig
from interplay.errors import DivergedError
from interplay.training.module import FusionTraining

LARGEST_LOSS = 1e6
"""No loss of a model that learns comes near: that of guessing among a billion labels is 21."""


class StopDiverged(Callback):
    """Raises DivergedError where a loss, the weights or the answers on the validation split are beyond all bounds.

    On a GPU losses are looked at once an epoch, before its model could be kept: a look at each would wait for each.

    Args:
        options: the settings that the message names.
    """

    def __init__(self, options: TrainingConfig) -> None:
        self.options = options
        self.losses: list[Tensor] = []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take down the loss of a step.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.
            outputs: of the step; its loss.
            batch: not used.
            batch_idx: not used.

        Raises:
            DivergedError: the loss is beyond all bounds.
        """
        assert isinstance(outputs, Mapping)
        self.losses.append(outputs["loss"].detach())
        if self.losses[-1].device.type == "cpu":
            self._check_losses(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the losses of an epoch, and the weights.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            DivergedError: one is beyond all bounds.
        """
        assert isinstance(pl_module, FusionTraining)
        self._check_losses(trainer)
        for name, weight in pl_module.kept.named_parameters():
            if not bool(torch.isfinite(weight).all()):
                raise self._error(trainer, trainer.global_step, f"the weight {name} is not finite")

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the answers on the validation split.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            DivergedError: one is not finite.
        """
        assert isinstance(pl_module, FusionTraining)
        if not all(bool(torch.isfinite(logits).all()) for logits, *_ in pl_module.answers):
            raise self._error(trainer, trainer.global_step, "an answer on the validation split is not finite")

    def _check_losses(self, trainer: L.Trainer) -> None:
        losses, self.losses = self.losses, []
        first = trainer.global_step - len(losses) + 1
        values = torch.stack(losses).tolist() if losses else []
        for step, loss in enumerate(values, start=first):
            if not (math.isfinite(loss) and abs(loss) < LARGEST_LOSS):
                raise self._error(trainer, step, f"its loss is {loss:.3g}")

    def _error(self, trainer: L.Trainer, step: int, what: str) -> DivergedError:
        options = self.options
        clip = f"training.gradient_clip (it is {options.gradient_clip:g}; 0 clips nothing)"
        return DivergedError(
            f"training diverged at step {step}, in epoch {trainer.current_epoch + 1}: {what}",
            expected="finite numbers; nothing of this training is kept",
            fix=f"try a lower training.learning_rate (it is {options.learning_rate:g}) or a lower {clip}, and see with "
            "`interplay data check` whether some input is very large",
        )
