"""The figures of a first run: task metrics of the three models, planted pairs, coverage, invariance, repeatability.

    python benchmarks/first_light.py [--scenes 3000] [--planted 100] [--samples 8] [--seed 0]

Everything is trained on scenes with the default configuration (but for the fill, where another is named) and measured
on the test split.
"""

import argparse
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np
import torch
from markdown_table import markdown, plus_minus

from interplay.config import MODEL_KINDS, Fill, make_config
from interplay.config.sections import FILLS
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.encoders.frozen import Encoder
from interplay.explanation.game import model_value, players_of
from interplay.explanation.trained.prepared import prepare_sample
from interplay.interactions import Game, block_pairs, exact_pairs, interval
from interplay.models.run import Run
from interplay.models.tokens import Tokens
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.explain import explain, explain_config
from interplay.pipeline.train import train
from interplay.pipeline.validate import validate_run
from interplay.results import MIXTURE

SHOWN = ("accuracy", "macro_f1", "micro_f1", "auroc", "map", "exact_match", "loss")


def train_all(dataset: Dataset, folder: Path, seed: int) -> tuple[dict[str, Run], str]:
    """dense, i2moe and fl-i2moe, and the table of their test metrics."""
    runs, columns = {}, []
    for kind in MODEL_KINDS:
        start = time.perf_counter()
        config = make_config({"seed": seed, "fusion": {"kind": kind}})
        runs[kind] = train(dataset, config, folder / kind, store=folder / "store")
        columns.append((kind, time.perf_counter() - start))
        print(f"trained {kind} in {columns[-1][1]:.0f} s", flush=True)
    names = [*(f"accuracy/{label}" for label in dataset.labels), *SHOWN]
    rows = [[name, *(f"{runs[kind].metrics['test'][name]:.3f}" for kind in MODEL_KINDS)] for name in names]
    rows.append(["seconds to encode what was not stored, and train", *(f"{seconds:.0f}" for _, seconds in columns)])
    return runs, markdown(["test metric", *MODEL_KINDS], rows)


def train_fills(dataset: Dataset, folder: Path, seed: int, first: Run) -> dict[Fill, Run]:
    """fl-i2moe trained with each fill: a model can be asked only about removals that training has shown it."""
    runs: dict[Fill, Run] = {first.config.removal.fill: first}
    for fill in FILLS:
        if fill not in runs:
            config = make_config({"seed": seed, "removal": {"fill": fill}})
            runs[fill] = train(dataset, config, folder / fill, store=folder / "store")
            print(f"trained fl-i2moe with fill {fill}", flush=True)
    return runs


def planted_tables(
    runs: dict[Fill, Run], encoders: dict[str, Encoder], dataset: Dataset, most: int, samples: int
) -> None:
    """Recovery of the planted pairs, for each fill and value function; and by fills that training did not show."""
    header = ["story", "score", "trained with", "removed by", "value", "expert", "scenes", "AUROC", "first", "in top 5"]
    for title, same in (("fills the model was trained with", True), ("fills it was not trained with, mixture", False)):
        rows = []
        for trained, fill in product(runs, FILLS):
            if (trained == fill) != same or not (same or trained == "attention"):
                continue
            config = explain_config(runs[trained], {"removal.fill": fill})
            found = validate_run(
                runs[trained], dataset, encoders=encoders, config=config, samples=most, backgrounds=samples
            )
            for r in found.recovered:
                if same or r.expert == MIXTURE:
                    figures = [plus_minus(r.auroc), *(plus_minus(e, 2) for e in (r.first, r.top, r.sign))]
                    rows.append([r.story, r.score, trained, fill, r.on, r.expert, r.auroc.samples, *figures])
        show(f"Planted pairs, {samples} backgrounds, {title}", markdown([*header, "sign"], rows))


def coverage_table(run: Run, encoders: dict[str, Encoder], dataset: Dataset, seeds: int = 40) -> str:
    """How often 95% intervals hold the exact score: 12 features of a real sample play, the others stay."""
    rows = []
    for samples in (32, 64, 128):
        held = []
        for story in ("sarcasm", "storm"):
            holding = [s for s in dataset.split("test") if story in s.labels and s.evidence[story].cells]
            for sample in holding[:3]:
                game = _restricted(run, prepare_sample(run, encoders, sample).tokens, run.card.labels.index(story))
                exact = exact_pairs(game, 12, [(i, j) for i in range(6) for j in range(6, 12)])
                for seed in range(seeds):
                    bounds = interval(block_pairs(game, range(6), range(6, 12), samples=samples, seed=seed))
                    sii = (bounds.sii_low <= exact.sii) & (exact.sii <= bounds.sii_high)
                    low, high = bounds.redundancy_gap_low, bounds.redundancy_gap_high
                    held.append([sii, (low <= exact.redundancy_gap) & (exact.redundancy_gap <= high)])
        sii, gap = np.mean(held, axis=(0, 2, 3))
        rows.append([samples, np.size(held) // 2, f"{100 * sii:.1f}%", f"{100 * gap:.1f}%"])
    return markdown(["backgrounds", "intervals", "SII", "redundancy gap"], rows)


def _restricted(run: Run, tokens: Tokens, label: int) -> Game:
    value, players = model_value(run.model, run.card.task, tokens, [label], "attention"), players_of(tokens)
    playing = np.concatenate([players.of(0)[:6], players.of(1)[4:10]])

    def restricted(coalitions: np.ndarray) -> np.ndarray:
        full = np.ones((len(coalitions), len(players)), dtype=bool)
        full[:, playing] = coalitions
        return value(full).reshape(len(coalitions), -1)

    return Game(restricted, 12, batch_size=1024)


def invariance_table(runs: dict[str, Run], dataset: Dataset, folder: Path) -> str:
    """Largest change of a probability when 32 test samples are fused together, or padded by 50 positions."""
    rows = []
    for kind, run in runs.items():
        stores = encode(dataset, run.config, store=folder / "store")
        samples = dataset.split("test")[:32]
        pieces = [[store[s.id] for s in samples] for store in stores.values()]
        with torch.no_grad():
            alone = torch.cat([_answer(run, [[rows[k]] for rows in pieces], 0) for k in range(32)])
            together, padded = _answer(run, pieces, 0), _answer(run, pieces, 50)
        rows.append([kind, f"{(together - alone).abs().max():.1e}", f"{(padded - alone).abs().max():.1e}"])
    return markdown(["model", "in a batch of 32", "padded by 50"], rows)


def _answer(run: Run, pieces: list[list[tuple[torch.Tensor, torch.Tensor]]], extra: int) -> torch.Tensor:
    """Probabilities of a batch, padded to its longest sample plus `extra` (as far as the model has positions)."""
    features, valid = [], []
    for rows, longest in zip(pieces, run.card.lengths.values(), strict=True):
        length = min(longest, max(len(f) for f, _ in rows) + extra)
        features.append(torch.full((len(rows), length, rows[0][0].shape[1]), 5.0))
        valid.append(torch.zeros(len(rows), length, dtype=torch.bool))
        for k, (f, v) in enumerate(rows):
            features[-1][k, : len(f)], valid[-1][k, : len(v)] = f, v
    return run.model(tuple(features), tuple(valid)).logits.sigmoid()


def repeat_table(run: Run, encoders: dict[str, Encoder], dataset: Dataset, folder: Path) -> str:
    """One seed twice: metrics of a short training, and the explanation of one sample."""
    short = make_config({"training": {"epochs": 2}})
    twice = [train(dataset, short, folder / f"twice{k}", store=folder / "store").metrics for k in range(2)]
    sample = dataset.split("test")[:1]
    first, second = (explain(run, sample, encoders=encoders)[0] for _ in range(2))
    return markdown(["one seed twice", "equal"], [["metrics", twice[0] == twice[1]], ["explanation", first == second]])


def measure(scenes: int, planted: int, samples: int, seed: int) -> None:
    """Print every table, as markdown, as soon as it is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = make_scenes(folder / "scenes", samples=scenes, seed=seed)
        runs, trained = train_all(dataset, folder, seed)
        show("Models", trained)
        run = runs["fl-i2moe"]
        encoders = open_encoders(run)
        show("Predictions depend on the sample alone", invariance_table(runs, dataset, folder))
        show("One seed, twice", repeat_table(run, encoders, dataset, folder))
        show("95% intervals against exact enumeration, trained model", coverage_table(run, encoders, dataset))
        planted_tables(train_fills(dataset, folder, seed, run), encoders, dataset, planted, samples)


def show(title: str, table: str) -> None:
    """One table under its title."""
    print(f"### {title}\n\n{table}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("scenes", 3000), ("planted", 100), ("samples", 8), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    measure(asked.scenes, asked.planted, asked.samples, asked.seed)


if __name__ == "__main__":
    main()
