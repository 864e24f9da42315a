"""What one device makes of the work, at the sizes of the paper: values, an explanation, a training step, encoding.

    python benchmarks/gpu.py                     on the GPU, some minutes
    python benchmarks/gpu.py --device cpu --small    the same rows at small sizes, where there is none

Weights and inputs are random, which changes no cost. Every row is the median of some rounds, each waited for. The
largest difference is from single precision on the CPU, over some coalitions of the same model.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from markdown_table import markdown
from PIL import Image

from interplay.config import Fill, Precision, make_config
from interplay.encoders.loading import load_encoder
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.towers import quiet
from interplay.explanation.game import model_logits, model_value, tokens_of
from interplay.interactions import Game, estimate_pairs
from interplay.models.designs import Shape
from interplay.models.device import pick_device
from interplay.models.fusion import FusionModel
from interplay.models.task import Task
from interplay.training.module import FusionTraining

LABELS = tuple("abcdefghij")
FILLS: tuple[Fill, ...] = ("mean", "attention")
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
COMPARED = 32  # coalitions whose values are compared with the CPU's
AIMS = {"fp32": 10.0, "bf16": 4.0}  # microseconds a value


@dataclass(frozen=True)
class Size:
    """How much of each is measured.

    Attributes:
        lengths: words and patches of a sample.
        width: of the model that answers.
        asked: coalitions, and evaluations of an explanation.
        block: words and patches whose pairs are scored.
        batch: samples of a training step.
        pictures: encoded at a time.
        side: of the square matrices that measure the device.
        rounds: of each row.
    """

    lengths: tuple[int, int]
    width: int
    asked: int
    block: int
    batch: int
    pictures: int
    side: int
    rounds: int


PAPER = Size((128, 196), 256, 16384, 24, 16, 256, 8192, 5)
SMALL = Size((12, 16), 64, 1024, 6, 16, 4, 1024, 3)


def seconds(work: Callable[[], object], device: str, rounds: int) -> float:
    """Median seconds of `work`, after one round that is not counted."""
    spent = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize(device)
        if number:
            spent.append(time.perf_counter() - start)
    return statistics.median(spent)


def rate(device: str, dtype: torch.dtype, size: Size) -> float:
    """TFLOP/s of a product of square matrices."""
    a = torch.randn(size.side, size.side, device=device, dtype=dtype)
    return 2 * size.side**3 / seconds(lambda: a @ a, device, size.rounds) / 1e12


def model_of(size: Size, width: int, roles: str) -> tuple[FusionModel, tuple[torch.Tensor, ...]]:
    """A model as initialised on the CPU, and one sample's features."""
    torch.manual_seed(0)
    config = make_config({"fusion": {"width": width, "roles": roles}}).fusion
    text, image = size.lengths
    shape = Shape({"text": 384, "image": 384}, {"text": text, "image": image}, classes=len(LABELS))
    return FusionModel(config, shape).eval(), tuple(torch.randn(T, 384) for T in size.lengths)


def coalitions(n: int, m: int) -> np.ndarray:
    """m coalitions, each feature kept with a probability that is evenly spread over (0, 1)."""
    rng = np.random.default_rng(0)
    return rng.random((m, n)) < (rng.permutation(m)[:, None] + 0.5) / m


def values(device: str, size: Size) -> str:
    """The table of v(S) of one expert; by losses, so that it sees both modalities."""
    model, features = model_of(size, size.width, "losses")
    valid = tuple(torch.ones(T, dtype=torch.bool) for T in size.lengths)
    asked, rows = coalitions(sum(size.lengths), size.asked), []
    for fill in FILLS:
        exact = model_logits(model.cpu(), tokens_of(model, features, valid), fill, experts=[0])(asked[:COMPARED])
        model.to(device)
        tokens = tokens_of(model, features, valid)
        for precision in PRECISIONS:
            ask = model_logits(model, tokens, fill, precision=precision, experts=[0])
            gap = np.abs(ask(asked[:COMPARED]) - exact).max()
            each = 1e6 * seconds(lambda ask=ask: ask(asked), device, size.rounds) / len(asked)
            rows.append([fill, precision, f"{each:.1f}", f"at most {AIMS[precision]:g}", f"{gap:.1e}"])
    return markdown(["fill", "precision", "microseconds a value", "aim", "largest difference"], rows)


def explanation(device: str, size: Size) -> list[str]:
    """Pair scores with gaps of all experts and the mixture, logit and probability."""
    model, features = model_of(size, size.width, "construction")
    valid = tuple(torch.ones(T, dtype=torch.bool) for T in size.lengths)
    tokens = tokens_of(model.to(device), features, valid)
    spent = [0.0]

    def work() -> None:
        value = model_value(model, Task(LABELS, "multi"), tokens, [0], "attention")

        def timed(asked: np.ndarray) -> np.ndarray:
            start = time.perf_counter()
            answers = value(asked).reshape(len(asked), -1)
            spent[-1] += time.perf_counter() - start
            return answers

        spent.append(0.0)
        text, image = size.lengths
        rows, columns = range(size.block), range(text, text + size.block)
        estimate_pairs(Game(timed, text + image), list(rows), list(columns), budget=size.asked)

    whole = seconds(work, device, size.rounds)
    what = f"{size.block} x {size.block} pairs of {sum(size.lengths)} players, {size.asked:,} evaluations"
    return [what, f"{whole:.2f} s, of it {statistics.median(spent[2:]):.2f} the model", "at most 1 s"]


def training_step(device: str, size: Size) -> list[str]:
    """A step at default settings, copies with features removed in it."""
    config = make_config({"removal": {"warmup": 0.0}, "training": {"batch_size": size.batch}})
    model, _ = model_of(size, config.fusion.width, "construction")
    module = FusionTraining(model.to(device).train(), config, Task(LABELS, "multi")).to(device)
    trainer = SimpleNamespace(num_training_batches=10, global_step=0, current_epoch=1)
    module.trainer, module.log = cast(Any, trainer), cast(Any, lambda *_, **__: None)
    optimizer = module.configure_optimizers()["optimizer"]
    B = size.batch
    batch = SimpleNamespace(
        features=tuple(torch.randn(B, T, 384, device=device) for T in size.lengths),
        valid=tuple(torch.ones(B, T, dtype=torch.bool, device=device) for T in size.lengths),
        target=torch.rand(B, len(LABELS), device=device).round(),
    )

    def step() -> None:
        module.training_step(cast(Any, batch), 0).backward()
        optimizer.step()
        optimizer.zero_grad()

    spent = 1e3 * seconds(step, device, size.rounds)
    return [f"a training step of {B} samples of {sum(size.lengths)} features", f"{spent:.1f} ms", "at most 14.4 ms"]


def encoding(device: str, size: Size) -> list[str]:
    """Pictures through our encoder of CLIP ViT-B/16's shape."""
    import transformers

    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)) for _ in range(size.pictures)]
    config = transformers.CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, patch_size=16
    )
    with tempfile.TemporaryDirectory() as folder:
        with quiet():
            transformers.CLIPVisionModel(config).save_pretrained(folder)
            transformers.CLIPImageProcessorPil().save_pretrained(folder)
        encoder = load_encoder(EncoderConfig(model=str(Path(folder))), "image").to(device)
    each = seconds(lambda: encoder.encode(pictures), device, size.rounds) / len(pictures)
    tokens, width, layers = 197, 768, 12
    work = layers * (24 * tokens * width**2 + 4 * tokens**2 * width)  # multiplications and additions
    achieved = work / each / 1e12
    share = achieved / rate(device, torch.bfloat16, size)
    figure = f"{1 / each:.0f} a second, {achieved:.2g} TFLOP/s, {share:.0%} of the device's bf16 rate"
    return ["pictures through CLIP ViT-B/16's shape, single precision", figure, "at least 50%"]


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="sizes that a processor does in a minute")
    given = parser.parse_args()
    device, size = pick_device(given.device), SMALL if given.small else PAPER
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    print(f"On {device} ({name}), PyTorch {torch.__version__}{', small sizes: no measure of a GPU' * given.small}.\n")
    speeds = [
        [str(dtype).removeprefix("torch."), f"{rate(device, dtype, size):.3g}"]
        for dtype in (torch.float32, torch.bfloat16)
    ]
    print(markdown(["product of matrices", "TFLOP/s"], speeds), flush=True)
    print("\nv(S) of one expert, " + f"{' + '.join(map(str, size.lengths))} features, width {size.width}:\n")
    print(values(device, size), flush=True)
    rows = []
    for row in (explanation, training_step, encoding):
        rows.append(row(device, size))
    print("\n" + markdown(["what", "measured", "aim"], rows))


if __name__ == "__main__":
    main()
