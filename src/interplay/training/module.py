"""The objective of METHOD 5 and 12 as a Lightning module."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from interplay.config import Config
from interplay.features.batches import Batch
from interplay.models.contributions import (
    consistency_loss,
    counted_once,
    decorrelation_loss,
    opposition_loss,
    silence_loss,
)
from interplay.models.fusion import FusionModel, FusionOutput
from interplay.models.roles import interaction_loss, regularisation, replace_modality
from interplay.models.task import Task
from interplay.models.tokens import Tokens, concatenate, draw_keep
from interplay.training.processes import processes

Weights = tuple[Tensor, ...] | list[Tensor]

FASTER = 10.0
"""How much faster than a weight the share that counts once learns (`configure_optimizers`)."""


class FusionTraining(L.LightningModule):
    """L = L_task + lambda_int * mean role loss + lambda_reg * L_reg (METHOD 5), on the intact and replaced inputs.

    With mask-aware training (METHOD 6) copies of every batch with features removed add their mean task loss, after
    some epochs on whole samples [ours]: a label that only two features together predict (an XOR) is visible in
    few samples with features removed, and is learned many times faster from whole ones first.

    Attributes:
        model: what is trained.
        balanced: (2, C) of `Task.balanced_weights`; None where labels count as often as they hold.
        average: with `training.averaging` the exponential average of its weights over steps, else None [ours]. The
            weights of a single step are noisy: so is what they say of features that mean nothing.
    """

    balanced: Tensor | None

    def __init__(self, model: FusionModel, config: Config, task: Task, balanced: Tensor | None = None) -> None:
        super().__init__()
        self.model, self.config, self.task = model, config, task
        self.register_buffer("balanced", balanced, persistent=False)
        averaged = config.training.averaging > 0
        self.average = AveragedModel(model, multi_avg_fn=self._add_to_average) if averaged else None
        self.answers: list[tuple[Tensor, Tensor, Tensor | None]] = []
        self.score = -math.inf
        self.averaged_steps = 0

    @property
    def kept(self) -> FusionModel:
        """The model that is validated and kept: the average over steps, if there is one."""
        if self.average is None:
            return self.model
        kept = self.average.module
        assert isinstance(kept, FusionModel)
        return kept

    def on_train_start(self) -> None:
        """Called by Lightning: steps before an interruption are in the average already."""
        self.averaged_steps = self.global_step

    def on_train_batch_end(self, *_: Any) -> None:
        """Called by Lightning after a batch: take a step that it ended into the average."""
        if self.average is not None and self.global_step > self.averaged_steps:
            self.averaged_steps = self.global_step
            self.average.update_parameters(self.model)

    @torch.no_grad()
    def _add_to_average(self, averaged: Weights, current: Weights, steps: Tensor | int) -> None:
        options = self.config.training
        span = options.averaging * math.ceil(self.trainer.num_training_batches / options.accumulate)
        get_ema_multi_avg_fn(average_decay(int(steps), span))(averaged, current, steps)

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """One step: the batch intact and with each modality replaced, then copies of it with features removed.

        Randomness restarts with each step from (seed, step), so a resumed run equals an uninterrupted one; each process
        and each batch of a step draws by itself.

        Args:
            batch: samples of the training split.
            index: number of the batch in its epoch.
        """
        group, options = processes(), self.config.training
        draw = group.rank + group.count * (index % options.accumulate)
        torch.manual_seed(self.config.seed * 1_000_003 + self.global_step + 1_000_000_007 * draw)
        tokens = self.model.project(batch.features, batch.valid)
        B, roles = len(batch.target), self._has_roles()
        passes = [tokens, *(self._replaced(tokens, m) for m in self._modalities() if roles)]
        output = self.model.fuse(concatenate(passes))

        labels = target = self.task.smoothed(batch.target, self.config.training.smoothing)
        weights = self.task.weights_of(batch.target, self.balanced)
        loss = task_loss = self.task.loss(output.logits[:B], labels, weights)
        if self.config.removal.target == "answers":
            target = self.task.probabilities(output.logits[:B]).detach()
        if (removed_losses := self._removed_losses(tokens, target, output, weights)) is not None:
            removed_loss, silence = removed_losses
            self.log("train/removed", removed_loss, batch_size=B)
            loss = loss + removed_loss + self.config.roles.silence * silence
        if self.model.by_construction:
            owned = self._ownership_loss(output, labels, weights)
            self.log("train/ownership", owned, batch_size=B)
            loss = loss + owned
        if roles:
            seen = output.expert_latents if self.config.roles.on == "latent" else output.expert_logits
            intact, *replaced = seen.split(B)
            interaction = interaction_loss(intact, replaced, self.config.roles.losses)
            self.log("train/interaction", interaction, batch_size=B)
            loss = loss + self.config.roles.weight * interaction
        if self.config.roles.regulariser_weight:
            extra = regularisation(output.expert_latents[:B], self.config.roles.regulariser)
            self.log("train/regularisation", extra, batch_size=B)
            loss = loss + self.config.roles.regulariser_weight * extra
        self.log("train/task", task_loss, batch_size=B, prog_bar=True, sync_dist=group.count > 1)
        return group.share(B) * loss

    def _modalities(self) -> range:
        return range(len(self.model.modalities))

    def _has_roles(self) -> bool:
        several = len(self.model.expert_names) > 1 and not self.model.by_construction
        return several and self.config.roles.weight > 0 and bool(self.config.roles.losses)

    def _ownership_loss(self, output: FusionOutput, target: Tensor, weights: Tensor | None = None) -> Tensor:
        """Losses on what the unique and redundancy networks say of each modality (METHOD 12), on whole samples."""
        roles, bias = self.config.roles, self.model.bias
        assert bias is not None and output.alone is not None and output.shared is not None
        alone, shared = output.alone.unbind(1), output.shared.unbind(1)
        unique = [both - other - bias for both, other in zip(alone, shared, strict=True)]
        # As if all of it counted once: which share does is the task's to tell.
        redundancy = counted_once(output.shared.transpose(0, 1))
        labels = torch.stack([self.task.loss(bias + c, target, weights) for c in (redundancy, *shared)]).mean()
        return (
            roles.consistency * consistency_loss(redundancy, shared, self.task.log_odds(output.alone).unbind(1))
            + roles.alone * labels
            + roles.decorrelation * decorrelation_loss(unique, alone)
            + roles.opposition * opposition_loss(unique, shared)
            + roles.silence * self._silence_loss(output)
        )

    def _silence_loss(self, output: FusionOutput) -> Tensor:
        """Synergy has nothing to add where one modality decides, be a sample whole or not (METHOD 12)."""
        assert output.alone is not None
        return silence_loss(output.expert_logits[:, -2], self.task.log_odds(output.alone).unbind(1))

    def _replaced(self, tokens: Tokens, modality: int) -> Tokens:
        return replace_modality(tokens, modality, self.config.roles.replace, self.model.projected_means()[modality])

    def _removed_losses(
        self, tokens: Tokens, target: Tensor, intact: FusionOutput, weights: Tensor | None = None
    ) -> tuple[Tensor, Tensor] | None:
        """The task loss of copies of the batch with features removed, and their silence loss; None without copies.

        What `intact`, the answers to whole samples, says of a copy already is not computed again. Other copies with
        similarly many features left are evaluated together, without the removed ones, which is faster.
        """
        removal, B = self.config.removal, len(target)
        if not removal.mask_aware or not removal.copies or self._warms_up():
            return None
        rows = torch.cat([torch.randperm(B, device=target.device) for _ in range(math.ceil(removal.copies))])
        rows = rows[: max(1, round(removal.copies * B))]
        copies = tokens.index(rows)
        keep = draw_keep(copies.valid, removal.drop_modality, removal.drop_all)
        known, logits = self._known(intact, rows, copies.valid, keep)
        copies = self.model.remove(copies, keep, removal.fill).index(~known)
        order, outputs, silence = [rows[known]], [logits], logits.new_zeros(())
        for which, some in copies.by_size(B) if len(copies.valid[0]) else ():
            output = self.model.fuse(some)
            order.append(rows[~known][which])
            outputs.append(output.logits)
            if self.model.by_construction:  # where one modality is left, or none, synergy says nothing
                silence = silence + self._silence_loss(output) * len(which) / len(rows)
        own = torch.cat(order)
        return self.task.loss(torch.cat(outputs), target[own], None if weights is None else weights[own]), silence

    def _known(
        self, intact: FusionOutput, rows: Tensor, valid: Sequence[Tensor], keep: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Which copies keep one modality whole, or nothing at all, and their logits: (R,) bool and (known, C).

        With roles by construction the answers to whole samples hold what the mixture says of each modality alone.
        """
        bias = self.model.bias
        if bias is None or intact.alone is None or self.config.removal.fill != "attention":
            return torch.zeros_like(rows, dtype=torch.bool), intact.logits[:0]
        there, lost = (
            torch.stack([(v & (k == stays)).any(1) for v, k in zip(valid, keep, strict=True)])
            for stays in (True, False)
        )
        nothing, alone = ~there.any(0), (there.sum(0) == 1) & ~(there & lost).any(0)
        logits = torch.where(nothing[:, None], bias, intact.alone[rows, there.int().argmax(0)])
        return nothing | alone, logits[nothing | alone]

    def _warms_up(self) -> bool:
        return self.config.removal.mask_aware and self.current_epoch < warm_epochs(self.config)

    def validation_step(self, batch: Batch, index: int) -> None:
        """Collect the answers to a batch; metrics are of the whole split, never a mean over batches.

        Args:
            batch: samples of the validation split.
            index: number of the batch.
        """
        tokens = self.kept.project(batch.features, batch.valid)
        removal, removed = self.config.removal, None
        if removal.mask_aware:  # the same features are removed every epoch, so that epochs can be compared
            generator = torch.Generator(self.device).manual_seed(index)
            keep = draw_keep(tokens.valid, removal.drop_modality, removal.drop_all, generator)
            removed = self.kept.fuse(self.kept.remove(tokens, keep, removal.fill)).logits.cpu()
        self.answers.append((self.kept.fuse(tokens).logits.cpu(), batch.target.cpu(), removed))

    def on_validation_epoch_end(self) -> None:
        """Compute and log the metrics of the whole split, and the score that picks the best epoch."""
        parts, target, removed = zip(*self.answers, strict=True)
        self.answers.clear()
        logits, everything = torch.cat(parts), torch.cat(target)
        metrics = self.task.metrics(logits, everything)
        weights = self.task.weights_of(everything, None if self.balanced is None else self.balanced.cpu())
        if weights is not None:  # the loss that is trained picks the best epoch
            metrics["weighted_loss"] = float(self.task.loss(logits, everything, weights))
        if removed[0] is not None:
            metrics["removed_loss"] = float(self.task.loss(torch.cat(removed), everything, weights))
        self.score = processes().of_first(self._score(metrics))
        self.log_dict({f"val/{name}": value for name, value in metrics.items()} | {"val/score": self.score})
        self.log("val", self.score, prog_bar=True, logger=False)

    def _score(self, metrics: dict[str, float]) -> float:
        """What picks the best epoch; larger is better, and an undefined metric is worst."""
        if self.config.training.monitor != "metric":
            return -(metrics.get("weighted_loss", metrics["loss"]) + metrics.get("removed_loss", 0.0))
        if self._warms_up():  # it has not been trained yet with features removed, and the metric does not weigh them
            return -math.inf
        metric = metrics[self.task.monitor]
        return -math.inf if math.isnan(metric) else metric

    def configure_optimizers(self) -> Any:
        """AdamW, with the learning rate of `rate`.

        The share that counts once learns faster, since all samples of a label tell of one number, and does not decay:
        no share is better than others.
        """
        options, share = self.config.training, self.model.once_logit
        groups: list[dict[str, Any]] = [{"params": [p for p in self.model.parameters() if p is not share]}]
        if share is not None:
            groups.append({"params": [share], "lr": FASTER * options.learning_rate, "weight_decay": 0.0})
        optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, weight_decay=options.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, partial(rate, epochs=options.epochs, decay=options.decay)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}


def warm_epochs(config: Config) -> int:
    """How many epochs come before copies with features removed join; the last epoch is never one of them.

    Args:
        config: the run's configuration.
    """
    return int(config.removal.warmup * config.training.epochs) if config.removal.mask_aware else 0


def average_decay(steps: int, span: float) -> float:
    """What the average of `steps` steps counts beside the next one's weights.

    An average over `span` steps keeps 1 - 1/span of itself. The first steps are left behind sooner: the average is of
    about the last ninth of those that were.

    >>> [round(average_decay(steps, 200.0), 3) for steps in (1, 10, 100, 10_000)]
    [0.182, 0.55, 0.918, 0.995]

    Args:
        steps: how many are averaged already.
        span: over how many steps, above 0.
    """
    return min(max(0.0, 1 - 1 / span), (1 + steps) / (10 + steps))


def rate(epoch: int, epochs: int, decay: float) -> float:
    """The learning rate's factor in one epoch: 1, then falling in equal steps over the last share `decay` of epochs.

    The answers to samples with features removed are posteriors, which a rate that stays high keeps noisy [ours].

    >>> [round(rate(epoch, 5, 0.6), 2) for epoch in range(5)]
    [1.0, 1.0, 0.75, 0.5, 0.25]

    Args:
        epoch: counted from 0.
        epochs: how many there are.
        decay: share of the epochs, in 0..1.
    """
    falling = round(decay * epochs)
    return min(1.0, (epochs - epoch) / (falling + 1))
