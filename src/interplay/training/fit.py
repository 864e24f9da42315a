"""Train one model through Lightning; the best epoch's weights end up in the checkpoint folder."""

import math
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from interplay.config import Config
from interplay.models.checkpoint import Card, save_model
from interplay.models.fusion import FusionModel
from interplay.training.data import FeatureData
from interplay.training.module import FusionTraining


class KeepBest(Callback):
    """Saves the model whenever the validation metric is the best so far (ties: the lower loss)."""

    def __init__(self, folder: Path, card: Card) -> None:
        self.folder, self.card, self.best = folder, card, (-math.inf, -math.inf)

    def on_validation_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        assert isinstance(module, FusionTraining)
        if trainer.sanity_checking:
            return
        metric, loss = module.last_metrics[module.task.monitor], module.last_metrics["loss"]
        score = (-math.inf if math.isnan(metric) else metric, -loss)
        if score > self.best:
            self.best = score
            save_model(module.model, self.card_at(trainer.current_epoch), self.folder)

    def card_at(self, epoch: int) -> Card:
        return Card(**{**self.card.__dict__, "epoch": epoch})

    def state_dict(self) -> dict[str, Any]:
        return {"best": list(self.best)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = tuple(state_dict["best"])


def fit(model: FusionModel, data: FeatureData, config: Config, card: Card, folder: Path, progress: bool = True) -> None:
    """Train, keeping the best epoch in `folder`/model and logs (CSV, TensorBoard) in `folder`/logs.

    An interrupted training goes on from `folder`/resume.ckpt after its last whole epoch, with equal results.
    """
    options = config.training
    resume = folder / "resume.ckpt"
    module = FusionTraining(model, config, card.task)
    callbacks: list[Callback] = [
        KeepBest(folder / "model", card),
        EarlyStopping(f"val/{card.task.monitor}", mode="max", patience=options.patience, check_finite=False),
        ModelCheckpoint(folder, filename="resume", save_top_k=1, monitor=None, enable_version_counter=False),
    ]
    if progress:
        callbacks.append(RichProgressBar(leave=False))
    accelerator, devices = _device(options.device)
    trainer = L.Trainer(
        accelerator=accelerator,
        devices=devices,
        max_epochs=options.epochs,
        gradient_clip_val=options.gradient_clip or None,
        callbacks=callbacks,
        logger=[CSVLogger(folder, "logs", version=""), TensorBoardLogger(folder, "logs", version="")],
        enable_progress_bar=progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        deterministic="warn",
    )
    with warnings.catch_warnings():
        # One process reads memory-mapped features faster than workers would copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*")
        trainer.fit(module, datamodule=data, ckpt_path=str(resume) if resume.exists() else None, weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    resume.unlink(missing_ok=True)


@torch.no_grad()
def answer(model: FusionModel, data: FeatureData, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Mixture logits (N, C) and targets (N, C) of a whole split, in file order."""
    model.eval()
    device = next(model.parameters()).device
    pairs = [
        (model(b.features, b.valid).logits.cpu(), b.target.cpu())
        for b in (batch.to(device) for batch in data.ordered(split))
    ]
    return torch.cat([logits for logits, _ in pairs]), torch.cat([target for _, target in pairs])


def _device(name: str) -> tuple[str, Any]:
    """Lightning's accelerator and devices for auto | cpu | cuda[:n] | mps."""
    if name.startswith("cuda:"):
        return "cuda", [int(name.split(":")[1])]
    return name, 1
