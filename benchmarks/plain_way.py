"""What is saved against the plain way of training and explaining: encoders run anew each step, a pass a coalition.

    OMP_NUM_THREADS=1 python benchmarks/plain_way.py [--rounds 3] [--tokens 128] [--width 64] [--batch 16]

Encoders have the shapes of RoBERTa-base and CLIP ViT-B/16, the model the defaults of `interplay train`; all weights are
random, which changes no cost. Processor seconds of one thread; each round measures both ways, one after the other, and
the median of the rounds' ratios is printed. The plain way is given our batches, our layers and our quadrature: what it
lacks is in each row's name. Peaks of memory are of processes of their own, whole, in batches of 32.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from markdown_table import markdown
from torch import Tensor

from interplay.config import Config, make_config
from interplay.evaluation.masking import ask_masked
from interplay.explanation.attribution.gradients import integrated_gradients, path_integral
from interplay.explanation.attribution.target import Target
from interplay.explanation.game import model_logits
from interplay.models.checkpoint import Card, save_model
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel, FusionOutput
from interplay.models.task import Task
from interplay.models.tokens import Tokens
from interplay.training.module import FusionTraining

EPOCHS, LABELS, PATCHES, ENCODED = 40, tuple("abcdefghijklmnopqrstuvw"), 196, 768
SHARES, METHODS, OURS, REPEATS = (5.0, 10.0, 25.0), 4, 5, 10
"""Masking: the shares that go, how many methods rank them, our random rankings and the plain way's."""
STEPS = 32


def _nothing_known(
    intact: FusionOutput, rows: Tensor, valid: Sequence[Tensor], keep: Sequence[Tensor]
) -> tuple[Tensor, Tensor]:
    """For `FusionTraining._known`: every copy is computed."""
    return torch.zeros_like(rows, dtype=torch.bool), intact.logits[:0]


class Ways:
    """One model and one batch, with the networks that would encode it."""

    def __init__(self, tokens: int, width: int, batch: int) -> None:
        import transformers

        torch.manual_seed(0)
        text = transformers.RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)
        self.text = transformers.RobertaModel(text, add_pooling_layer=False).eval()
        picture = transformers.CLIPVisionConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12)
        picture.num_hidden_layers, picture.patch_size, picture.image_size = 12, 16, 224
        self.picture = transformers.CLIPVisionModel(picture).eval()
        self.ids = torch.randint(5, 50000, (batch, tokens))
        self.pixels = torch.randn(batch, 3, 224, 224)
        self.config: Config = make_config({"fusion": {"width": width}, "removal": {"warmup": 0.0}})
        shape = Shape({"text": ENCODED, "image": ENCODED}, {"text": tokens, "image": PATCHES}, len(LABELS))
        self.model = FusionModel(self.config.fusion, shape)
        self.target = (torch.rand(batch, len(LABELS)) < 0.2).float()
        self.features = self.encode()

    @torch.no_grad()
    def encode(self) -> tuple[Tensor, Tensor]:
        """Features of the batch."""
        return (
            self.text(self.ids).last_hidden_state,
            self.picture(self.pixels).last_hidden_state[:, 1:],
        )

    def training(self) -> FusionTraining:
        """The module that trains the model, outside a trainer."""
        module = FusionTraining(self.model, self.config, Task(LABELS, "multi"))
        trainer = SimpleNamespace(num_training_batches=1, global_step=0, current_epoch=1)
        module.trainer, module.log = cast(Any, trainer), cast(Any, lambda *_, **__: None)
        return module

    def batch(self, features: tuple[Tensor, ...]) -> Any:
        """The batch as a step takes it."""
        valid = tuple(torch.ones(f.shape[:2], dtype=torch.bool) for f in features)
        return SimpleNamespace(features=features, valid=valid, target=self.target)

    def step(self, module: FusionTraining, anew: bool, shared: bool = True) -> None:
        """One training step; `shared`: answers to whole samples serve copies of them, too."""
        features = self.encode() if anew else self.features
        self.model.train()
        if not shared:
            module._known = _nothing_known  # type: ignore[method-assign]
        module.training_step(self.batch(features), 0).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for parameter in self.model.parameters():
            parameter.grad = None

    def sample(self) -> Tokens:
        """The first sample, projected."""
        self.model.eval()
        with torch.no_grad():
            batch = self.batch(tuple(f[:1] for f in self.features))
            return self.model.project(batch.features, batch.valid)


def cost(work: Callable[[], object]) -> float:
    """Processor seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compared(plain: Callable[[], object], ours: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of each way, and the median of the rounds' ratios."""
    plain(), ours()
    pairs = [(cost(plain), cost(ours)) for _ in range(rounds)]
    first, second = zip(*pairs, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(p / o for p, o in pairs)


def masking(ways: Ways, ours: bool) -> None:
    """Top-K% masking of one sample with every method's map of every output."""
    model, tokens, rng = ways.model, ways.sample(), np.random.default_rng(0)
    n, outputs = sum(tokens.lengths), len(model.expert_names) + 1
    modality = np.repeat(np.arange(2), tokens.lengths)
    maps = rng.standard_normal((METHODS, outputs, n))
    if ours:
        ask = model_logits(model, tokens, "attention")
        ask_masked(ask, maps, modality, SHARES, OURS, rng)
        return

    @torch.inference_mode()
    def one_by_one(asked: np.ndarray) -> np.ndarray:
        rows = []
        for keep in torch.from_numpy(asked):
            kept = tuple(k[None] for k in keep.split(tokens.lengths))
            output = model.fuse(model.remove(tokens, kept, "attention"))
            rows.append(torch.cat([output.expert_logits[0], output.logits]))
        return torch.stack(rows).numpy()

    ask_masked(one_by_one, maps, modality, SHARES, REPEATS, rng)


def gradients(ways: Ways, ours: bool) -> None:
    """Integrated gradients of every expert and the mixture, for one label of one sample."""
    model, tokens, target = ways.model, ways.sample(), Target((0,))
    if ours:
        integrated_gradients(model, tokens, target, "attention", STEPS)
        return
    inputs = tuple(v.detach() for v in tokens.values)
    baselines = tuple(m.detach().expand_as(v) for m, v in zip(model.projected_means(), inputs, strict=True))
    for e in range(len(model.expert_names) + 1):

        def value(*values: Tensor, e: int = e) -> Tensor:
            output = model.fuse(Tokens(values, tuple(v.expand(len(values[0]), -1) for v in tokens.valid)))
            return target.of(output.logits if e == len(model.expert_names) else output.expert_logits[:, e])

        path_integral(value, inputs, baselines, STEPS)


def megabytes(ways: Ways, folder: Path) -> tuple[float, float]:
    """Of a checkpoint with the encoders in it, and of ours."""
    whole = {"model": ways.model.state_dict(), "text": ways.text.state_dict(), "image": ways.picture.state_dict()}
    torch.save(whole, folder / "whole.pt")
    lengths = {"text": ways.ids.shape[1], "image": PATCHES}
    kinds = {"text": "text", "image": "image"}
    card = Card(ways.config.fusion, list(LABELS), "multi", kinds, dict.fromkeys(kinds, ENCODED), lengths, {})
    save_model(ways.model, card, folder / "ours")
    ours = sum(file.stat().st_size for file in (folder / "ours").iterdir())
    return (folder / "whole.pt").stat().st_size / 1e6, ours / 1e6


def peak(way: str, tokens: int, width: int) -> float:
    """Gigabytes at most of a process of its own that trains two steps in batches of 32."""
    command = [sys.executable, __file__, "--peak", way, "--tokens", str(tokens), "--width", str(width)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def train_a_little(way: str, tokens: int, width: int) -> None:
    """Two steps in batches of 32, and the peak of this process."""
    ways = Ways(tokens, width, 32 if way == "plain" else 1)
    if way == "ours":  # features were stored before, by another process
        del ways.text, ways.picture
        ways.features = (torch.randn(32, tokens, ENCODED), torch.randn(32, PATCHES, ENCODED))
        ways.target = ways.target.expand(32, -1)
    module = ways.training()
    optimizer = torch.optim.AdamW(ways.model.parameters())
    for _ in range(2):
        ways.step(module, anew=way == "plain", shared=way == "ours")
        optimizer.step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128, help="of each text")
    parser.add_argument("--width", type=int, default=64, help="of the fusion model")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--peak", choices=["plain", "ours"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.peak:
        return train_a_little(args.peak, args.tokens, args.width)
    ways = Ways(args.tokens, args.width, args.batch)
    module, rounds, rows = ways.training(), args.rounds, []

    def row(what: str, bound: str, plain: float, ours: float, ratio: float, unit: str = "CPU-s") -> None:
        rows.append([what, f"{plain:.3g}", f"{ours:.3g}", unit, f"{ratio:.2f}", bound])

    computed, shared = ways.training(), module
    plain, ours, ratio = compared(
        lambda: ways.step(computed, anew=False, shared=False), lambda: ways.step(shared, anew=False), rounds
    )
    row("a step: copies that whole samples know are computed again", "", plain, ours, ratio)
    plain, ours, _ = compared(lambda: ways.step(computed, anew=True), lambda: ways.step(shared, anew=False), rounds)
    encoding = cost(ways.encode)
    all_plain, all_ours = EPOCHS * plain, encoding + EPOCHS * ours
    row(f"{EPOCHS} epochs of a batch: encoded in each", "3.5", all_plain, all_ours, all_plain / all_ours)
    ways.model.eval()
    known = ways.batch(ways.features)

    def validated(anew: bool) -> None:
        module.validation_step(ways.batch(ways.encode()) if anew else known, 0)
        module.answers.clear()

    with torch.inference_mode():
        row("validation: encoded again", "10", *compared(lambda: validated(True), lambda: validated(False), rounds))
    both = compared(lambda: masking(ways, False), lambda: masking(ways, True), rounds)
    row(f"masking a sample: a pass each, {REPEATS} random repeats", "5", *both)
    both = compared(lambda: gradients(ways, False), lambda: gradients(ways, True), rounds)
    row("integrated gradients: the whole model for each output", "2", *both)
    with tempfile.TemporaryDirectory() as folder:
        whole, slim = megabytes(ways, Path(folder))
    row("checkpoint: encoders in it", "at most 25 MB", whole, slim, whole / slim, "MB")
    peaks = [peak(way, args.tokens, args.width) for way in ("plain", "ours")]
    row("peak of training, batches of 32", "at most 3 GB", peaks[0], peaks[1], peaks[0] / peaks[1], "GB")
    print(f"{args.tokens} tokens, {PATCHES} patches, width {args.width}, batches of {args.batch}.\n")
    print(markdown(["what, and what the plain way does", "plain", "ours", "", "times less", "wanted"], rows))
    return None


if __name__ == "__main__":
    main()
