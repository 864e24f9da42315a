"""What one evaluation of v(S) costs, against a plain forward: one thread, processor time, ratios within one run.

    python benchmarks/unit_cost.py [--rounds 5] [--seed 0]

Models are as initialised: what they have learned costs nothing. Coalitions follow the law of the SII: t ~ U(0, 1), each
feature kept with probability t. Experts have their roles by losses, so that each sees both modalities, as a plain
forward of one does.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from markdown_table import markdown

from interplay.config import Fill, FusionConfig
from interplay.explanation.game import model_logits, players_of
from interplay.explanation.trained.answers import Precision
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.models.tokens import Tokens

PLAIN_BATCHES = (1, 2, 4, 8, 16)
ASKED, PLAIN_ASKED = 512, 32  # a plain forward computes every feature: it costs the same whatever is asked
BF16_ASKED = 64  # without bfloat16 instructions it takes long
BEFORE = 128  # coalitions in one pass of the path before


def make(lengths: tuple[int, int], width: int, seed: int) -> tuple[FusionModel, Tokens]:
    """A model as initialised and one sample."""
    torch.manual_seed(seed)
    shape = Shape({"text": width, "image": width}, {"text": lengths[0], "image": lengths[1]}, classes=10)
    model = FusionModel(FusionConfig(width=width, heads=4, layers=2, roles="losses"), shape).eval()
    with torch.no_grad():
        sample = tuple(torch.randn(1, T, width) for T in lengths)
        return model, model.project(sample, tuple(torch.ones(1, T, dtype=torch.bool) for T in lengths))


def coalitions(n: int, m: int, seed: int) -> np.ndarray:
    """m coalitions, t evenly spread over (0, 1) and in no order."""
    rng = np.random.default_rng(seed)
    t = (rng.permutation(m) + 0.5) / m
    return rng.random((m, n)) < t[:, None]


def removed(model: FusionModel, tokens: Tokens, asked: np.ndarray, fill: Fill) -> Tokens:
    """The sample as each coalition leaves it."""
    keep = torch.from_numpy(asked).split(tokens.lengths, dim=1)
    return model.remove(tokens.expand(len(asked)), tuple(keep), fill)


@torch.inference_mode()
def plain(model: FusionModel, tokens: Tokens, asked: np.ndarray, fill: Fill, batch: int) -> torch.Tensor:
    """Logits of the first expert: attention written out, every feature computed."""
    pieces = [removed(model, tokens, asked[k : k + batch], fill) for k in range(0, len(asked), batch)]
    return torch.cat([model.experts[0](piece, return_attention=True)[0] for piece in pieces])


@torch.inference_mode()
def before(model: FusionModel, tokens: Tokens, asked: np.ndarray, fill: Fill) -> torch.Tensor:
    """All experts and the mixture, coalitions of about one size together: as values were asked before."""
    pieces, order = [], []
    for rows, some in removed(model, tokens, asked, fill).by_size(BEFORE):
        output = model.fuse(some)
        pieces.append(torch.cat([output.expert_logits, output.logits.unsqueeze(1)], dim=1))
        order.append(rows)
    return torch.cat(pieces)[torch.cat(order).argsort()]


def cost(ask: Callable[[], object], evaluations: int) -> float:
    """Milliseconds of processor time per evaluation, once."""
    start = time.process_time()
    ask()
    return 1000 * (time.process_time() - start) / evaluations


def compare(
    one: Callable[[], object], of_one: int, other: Callable[[], object], of_other: int, rounds: int
) -> tuple[float, float, float]:
    """Median cost of each, and the median of the rounds' ratios: each round measures both, one after the other."""
    one(), other()
    pairs = np.array([(cost(one, of_one), cost(other, of_other)) for _ in range(rounds)])
    return float(np.median(pairs[:, 0])), float(np.median(pairs[:, 1])), float(np.median(pairs[:, 0] / pairs[:, 1]))


def best_batch(model: FusionModel, tokens: Tokens, asked: np.ndarray, fill: Fill) -> tuple[int, str]:
    """The batch size that a plain forward is fastest with, and what it costs with each."""
    trials = {}
    for batch in PLAIN_BATCHES:
        trials[batch] = min(cost(lambda b=batch: plain(model, tokens, asked, fill, b), len(asked)) for _ in range(2))
    told = ", ".join(f"{batch}: {ms:.1f}" for batch, ms in trials.items())
    return min(trials, key=trials.__getitem__), told


def one_row(
    model: FusionModel, tokens: Tokens, asked: np.ndarray, fill: Fill, precision: Precision, batch: int, rounds: int
) -> list[str]:
    """One line of the table of one expert."""
    some = asked[:PLAIN_ASKED]
    start = time.process_time()
    ask = model_logits(model, tokens, fill, precision=precision, experts=[0])
    assert ask.tables[0].shared is not None or precision == "bf16"
    once = 1000 * (time.process_time() - start)
    gap = np.abs(ask(asked)[: len(some), 0] - plain(model, tokens, some, fill, batch).numpy()).max()
    slow, fast, ratio = compare(
        lambda: plain(model, tokens, some, fill, batch), len(some), lambda: ask(asked), len(asked), rounds
    )
    return [f"{slow:.2f}", f"{fast:.2f}", f"{ratio:.2f}", f"{gap:.1e}", f"{once:.0f}"]


def one_expert(rounds: int, seed: int) -> str:
    """The table of one expert at 128 + 196 features, width 256."""
    model, tokens = make((128, 196), 256, seed)
    asked, rows, told = coalitions(324, ASKED, seed), [], []
    for fill in ("mean", "attention"):
        batch, trials = best_batch(model, tokens, asked[:PLAIN_ASKED], fill)
        told.append(f"Plain, fill {fill}, ms by batch size: {trials}; the best is compared with.")
        rows.append([fill, "fp32", *one_row(model, tokens, asked, fill, "fp32", batch, rounds)])
        rows.append([fill, "bf16", *one_row(model, tokens, asked[:BF16_ASKED], fill, "bf16", batch, min(rounds, 2))])
    header = ["fill", "precision", "plain ms", "fast ms", "ratio", "largest difference", "ms once per sample"]
    return "\n\n".join([markdown(header, rows), *told])


def scenes(rounds: int, seed: int) -> str:
    """The table of all experts and the mixture at the size of scenes."""
    model, tokens = make((17, 16), 64, seed)
    asked, rows = coalitions(len(players_of(tokens)), ASKED, seed), []
    fills: tuple[Fill, ...] = ("mean", "zero", "attention")
    for fill in fills:
        ask = model_logits(model, tokens, fill)
        gap = np.abs(ask(asked) - before(model, tokens, asked, fill).numpy()).max()
        slow, fast, ratio = compare(
            lambda fill=fill: before(model, tokens, asked, fill), ASKED, lambda ask=ask: ask(asked), ASKED, 3 * rounds
        )
        rows.append([fill, f"{1000 / slow:.0f}", f"{1000 / fast:.0f}", f"{ratio:.2f}", f"{gap:.1e}"])
    return markdown(["fill", "evaluations/s before", "now", "ratio", "largest difference"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("rounds", 5), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    size = "one thread, processor time, median of rounds"
    print(f"### One expert, 128 + 196 features, width 256, 4 heads, 2 layers; {size}\n", flush=True)
    print(one_expert(asked.rounds, asked.seed), flush=True)
    print(f"\n### All 4 experts and the mixture, 17 + 16 features, width 64; {size}\n", flush=True)
    print(scenes(asked.rounds, asked.seed), flush=True)


if __name__ == "__main__":
    main()
