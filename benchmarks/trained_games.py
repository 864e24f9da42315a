"""Pair scores of trained models against full enumeration: ours, block, naive and shapiq at equal evaluations.

    python benchmarks/trained_games.py [--run RUN [--data FOLDER]] [--players 16] [--seeds 10] [--others 1] [--fast]

Of a test scene that shows sarcasm and a storm, the words and the cells whose loss changes the answers most play; all
others stay. All 2^n answers are asked once, and every value function (expert or mixture, logit or probability, two
labels) is a game of its own whose SII is known. Without --run a model is trained first with the default settings, which
takes 10 minutes.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from interaction_tables import report

from interactions import measure
from interplay.config import Config
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.explanation.game import model_value, value_names
from interplay.explanation.players import SCALES
from interplay.explanation.trained.prepared import players_in, prepare_sample
from interplay.interactions import Game, exact_pairs
from interplay.models.run import Run, open_run
from interplay.pipeline.datasets import data_of
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.train import train

LABELS = ("sarcasm", "storm")
VALUES = (("mixture", "logit"), ("mixture", "probability"), ("synergy", "logit"), ("redundancy", "logit"))


def table(run: Run, dataset: Dataset, number: int, players: int) -> np.ndarray:
    """(2^n, L, 2, E + 1) answers to all coalitions of the most telling words and cells of one scene."""
    scene = [s for s in dataset.split("test") if set(LABELS) <= set(s.labels)][number]
    prepared = prepare_sample(run, open_encoders(run), scene)
    who = players_in(prepared, run.config)
    labels = [run.card.labels.index(label) for label in LABELS]
    value = model_value(run.model, run.card.task, prepared.tokens, labels, run.config.removal.fill, who)
    everything = np.ones((1, len(who)), dtype=bool)
    loss = np.abs(value(everything) - value(~np.eye(len(who), dtype=bool)))[:, :, 0, -1].max(axis=1)
    half = players // 2
    chosen = np.concatenate([who.of(m)[np.argsort(-loss[who.of(m)])[:half]] for m in (0, 1)])
    answers = []
    for start in range(0, 2**players, 4096):
        index = np.arange(start, min(2**players, start + 4096))
        coalitions = np.ones((len(index), len(who)), dtype=bool)
        coalitions[:, chosen] = (index[:, None] >> np.arange(players)) & 1 == 1
        answers.append(value(coalitions))
    return np.concatenate(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description="Pair scores of trained models against full enumeration.")
    parser.add_argument("--run", type=Path, help="a finished run on scenes")
    parser.add_argument("--data", type=Path, help="the scenes it was trained on, where they have moved")
    parser.add_argument("--players", type=int, default=16)
    parser.add_argument("--scenes", type=int, default=2, help="scenes that are enumerated")
    parser.add_argument("--seeds", type=int, default=10, help="repetitions of ours, block and naive")
    parser.add_argument("--others", type=int, default=1, help="repetitions of shapiq's approximators")
    parser.add_argument("--budgets", nargs="*", type=int, default=[1000, 4000, 16000])
    parser.add_argument("--fast", action="store_true", help="without SVARMIQ, SPEX and ProxySPEX")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if asked.run is None:
            dataset = make_scenes(Path(name) / "scenes")
            run = train(dataset, Config(), Path(name) / "run", store=Path(name) / "store")
        else:
            run = open_run(asked.run)
            dataset = data_of(run, asked.data)
        found, n = [], asked.players
        rows, columns = list(range(n // 2)), list(range(n // 2, n))
        for number in range(asked.scenes):
            answers = table(run, dataset, number, n)
            for k, label in enumerate(LABELS):
                for expert, on in VALUES:
                    mine = answers[:, k, SCALES.index(on), value_names(run.model).index(expert)].astype(float)

                    def value(coalitions: np.ndarray, mine: np.ndarray = mine) -> np.ndarray:
                        return mine[coalitions @ (1 << np.arange(n))]

                    pairs = [(i, j) for i in rows for j in columns]
                    truth = exact_pairs(Game(value, n, batch_size=2**n), n, pairs).sii
                    title = f"scene {number}, {label}, {expert}, {on} n{n}"
                    budgets = asked.budgets
                    found += measure(
                        title, value, n, rows, columns, truth, budgets, asked.seeds, asked.others, asked.fast
                    )
    print(report(found))


if __name__ == "__main__":
    main()
