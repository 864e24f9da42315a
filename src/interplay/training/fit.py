"""Train one model through Lightning; the best epoch's weights end up in the checkpoint folder."""

import hashlib
import io
import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.strategies import DDPStrategy

from interplay.config import Config
from interplay.errors import CheckpointError
from interplay.files import write_atomic
from interplay.models.checkpoint import Card
from interplay.models.fusion import FusionModel
from interplay.models.run import RESUME_FILE
from interplay.progress import SILENT, Progress
from interplay.training.data import FeatureData
from interplay.training.diverging import StopDiverged
from interplay.training.epochs import ShowEpochs, warn_of_first
from interplay.training.keeping import KeepBest
from interplay.training.module import FusionTraining, warm_epochs
from interplay.training.processes import processes

RESUME_FORMAT = b"interplay/resume/1"


class WholeCheckpoints(TorchCheckpointIO):
    """Resume files are on disk whole or not at all: Lightning's own are copied into place from another disk.

    Before Lightning's own bytes a line says the version and their SHA-256: PyTorch notices no flipped bit.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write the state of a training: the whole file or nothing.

        Args:
            checkpoint: Lightning's state.
            path: the file.
            storage_options: not used.
        """
        content = io.BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(content.getbuffer()).hexdigest().encode()
        write_atomic(Path(path), b"%s %s\n%s" % (RESUME_FORMAT, digest, content.getbuffer()))

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Read the state of a training, without running any pickled code.

        Args:
            path: the file.
            args: as Lightning passes them.
            kwargs: as Lightning passes them.

        Raises:
            CheckpointError: the file is damaged, or of another version.
        """
        begin, _, content = Path(path).read_bytes().partition(b"\n")
        if begin != b"%s %s" % (RESUME_FORMAT, hashlib.sha256(content).hexdigest().encode()):
            raise CheckpointError(
                "this file of an interrupted training is damaged, or of another version of Interplay",
                file=path,
                expected=f"{RESUME_FORMAT.decode()} and the SHA-256 of the rest",
                fix="delete it to train from the start",
            )
        try:
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        except Exception as error:  # torch's reader raises anything on broken bytes, even KeyError
            raise CheckpointError(
                "this file of an interrupted training is damaged", file=path, fix="delete it to train from the start"
            ) from error


def fit(
    model: FusionModel,
    data: FeatureData,
    config: Config,
    card: Card,
    folder: Path,
    progress: Progress = SILENT,
) -> None:
    """Train, keeping the best epoch in `folder`/model and logs (CSV, TensorBoard) in `folder`/logs.

    Where torchrun started several processes, all of them call this and train one model together (Lightning's DDP).
    An interrupted training goes on from `folder`/resume.ckpt after its last whole epoch, with equal results; one that
    had ended does nothing more. That file is read without running any pickled code. It stays until the run is finished
    (`finish_run`), so that an interruption while the model is measured costs no epoch.

    Args:
        model: trained in place.
        data: the splits, as batches.
        config: the run's configuration.
        card: what the model is for, saved beside its weights.
        folder: the run folder.
        progress: shows the epochs.

    Raises:
        KeyboardInterrupt: interrupted, after the state was saved.
        DivergedError: the loss, the answers or the weights are no finite numbers any more.
        CheckpointError: the state of an interrupted training is damaged.
    """
    options, resume = config.training, folder / RESUME_FILE
    labels = [sample.labels for sample in data.splits["train"].samples]
    balanced = card.task.balanced_weights(labels) if options.class_weights == "balanced" else None
    module = FusionTraining(model, config, card.task, balanced)
    kept = KeepBest(folder / "model", card, options, warm_epochs(config))
    shown = ShowEpochs(kept, card.task.headline, warm_epochs(config), progress)
    callbacks: list[Callback] = [
        StopDiverged(options),  # before the model of a diverged epoch could be kept
        kept,
        ModelCheckpoint(folder, filename=resume.stem, save_on_train_epoch_end=True, enable_version_counter=False),
        shown,
    ]
    accelerator, devices = _device(config.device)
    group = processes()
    several: dict[str, Any] = {
        "devices": group.here,
        "num_nodes": group.count // group.here,
        "strategy": DDPStrategy(find_unused_parameters=True),  # the average of weights, and experts that warm up
        "use_distributed_sampler": False,  # `SharedBatches` deals samples
    }
    with _quiet():
        trainer = L.Trainer(
            accelerator=accelerator,
            **(several if group.count > 1 else {"devices": devices}),
            accumulate_grad_batches=options.accumulate,
            max_epochs=options.epochs,
            gradient_clip_val=options.gradient_clip or None,
            callbacks=callbacks,
            plugins=[WholeCheckpoints()],
            logger=[CSVLogger(folder, "logs", version=""), TensorBoardLogger(folder, "logs", version="")],
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            log_every_n_steps=10,
            deterministic="warn",
        )
        _run(trainer, module, data, resume if resume.exists() else None)
    group.wait()  # until process 0 has written all of it
    shown.advance(options.epochs, options.epochs)  # early stopping leaves the bar short
    by_metric = options.monitor == "metric"  # then no epoch of the warm-up may be kept
    warn_of_first(kept.best_epoch, options.epochs, warm_epochs(config) if by_metric else 0, progress)


def _run(trainer: L.Trainer, module: FusionTraining, data: FeatureData, resume: Path | None) -> None:
    """Lightning ends the process on Ctrl-C and keeps the signal ignored; here it stays a KeyboardInterrupt."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    except SystemExit:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from printing what is not about the user's run."""
    names = ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda", "lightning.fabric")
    before = {name: logging.getLogger(name).level for name in names}
    with warnings.catch_warnings():
        # One process reads memory-mapped features faster than workers would copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*number of training batches.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*")
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            yield
        finally:
            for name, level in before.items():
                logging.getLogger(name).setLevel(level)


@torch.no_grad()
def predict_split(model: FusionModel, data: FeatureData, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The model's answers on a whole split, in file order.

    Args:
        model: the model.
        data: the splits, as batches.
        split: "train", "val" or "test".

    Returns:
        Mixture logits (N, C) and targets (N, C).
    """
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
