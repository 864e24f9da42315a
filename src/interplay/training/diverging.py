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
from interplay.training.processes import processes

LARGEST_LOSS = 1e6
"""No loss of a model that learns comes near: that of guessing among a billion labels is 21."""


class StopDiverged(Callback):
    """Raises DivergedError where a loss, the weights or the answers on the validation split are beyond all bounds.

    Of several processes that train one model all stop where one of them sees it.

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
        finite = {name: bool(torch.isfinite(weight).all()) for name, weight in pl_module.kept.named_parameters()}
        broken = [f"the weight {name} is not finite" for name in finite if not finite[name]]
        self._stop_together(trainer, trainer.global_step, next(iter(broken), ""))

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Check the answers on the validation split.

        Args:
            trainer: Lightning's trainer.
            pl_module: the module that is trained.

        Raises:
            DivergedError: one is not finite.
        """
        assert isinstance(pl_module, FusionTraining)
        finite = all(bool(torch.isfinite(logits).all()) for logits, *_ in pl_module.answers)
        broken = "" if finite else "an answer on the validation split is not finite"
        self._stop_together(trainer, trainer.global_step, broken)

    def _check_losses(self, trainer: L.Trainer) -> None:
        losses, self.losses = self.losses, []
        first = trainer.global_step - len(losses) + 1
        values = torch.stack(losses).tolist() if losses else []
        bad = [k for k, loss in enumerate(values) if not (math.isfinite(loss) and abs(loss) < LARGEST_LOSS)]
        at = bad[0] if bad else 0
        self._stop_together(trainer, first + at, f"its loss is {values[at]:.3g}" if bad else "")

    def _stop_together(self, trainer: L.Trainer, step: int, what: str) -> None:
        """Raise DivergedError where any process found that a step diverged: called by all of them at the same steps."""
        found = processes().found(f"at step {step}, in epoch {trainer.current_epoch + 1}: {what}" if what else "")
        if not found:
            return
        options = self.options
        clip = f"training.gradient_clip (it is {options.gradient_clip:g}; 0 clips nothing)"
        raise DivergedError(
            f"training diverged {found}",
            expected="finite numbers; nothing of this training is kept",
            fix=f"try a lower training.learning_rate (it is {options.learning_rate:g}) or a lower {clip}, and see with "
            "`interplay data check` whether some input is very large",
        )
