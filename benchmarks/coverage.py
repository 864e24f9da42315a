"""How often 95% intervals of pair scores hold the truth, and what the same error costs pair by pair.

    python benchmarks/coverage.py [--seeds 300] [--seed 0]

Games of AND, OR and XOR terms with 8 to 12 players; the truth is full enumeration. Only pairs whose score varies from
draw to draw are counted: the others come out exact every time, and would flatter the table.
The last two columns are ratios: evaluations naive sampling needs for the error that the block design has, over the
block design's evaluations. Both are counted without what coalitions repeated in so small a game save.
"""

import argparse
from typing import Literal, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from interplay.interactions import (
    Game,
    Term,
    TermGame,
    block_evaluations,
    block_pairs,
    delta,
    exact_pairs,
    interval,
    naive_pairs,
    redundancy_gap,
)
from interplay.interactions.scores import PairScores

ROWS, COLUMNS = [0, 1, 2], [3, 4, 5]
PAIRS = [(i, j) for i in ROWS for j in COLUMNS]
ESTIMATORS = ("block-antithetic", "block", "naive")
ROUNDING = 1e-9  # an interval without width must still hold a truth summed in another order


class Row(NamedTuple):
    """One game, estimator and number of backgrounds.

    `sii` and `gap` are the shares of intervals that hold the truth; `worst` the share of the least covered pair and
    score; `sii_ratio` and `gap_ratio` naive's evaluations for the same error over this estimator's.
    """

    game: str
    estimator: str
    samples: int
    sii: float
    gap: float
    worst: float
    sii_ratio: float
    gap_ratio: float


def games() -> dict[str, tuple[int, TermGame]]:
    """Name -> players and the game."""

    def three(kind: Literal["and", "or", "xor"]) -> TermGame:
        return TermGame((Term(kind, (0, 3, 5)), Term(kind, (1, 4, 6, 7), 2.0), Term(kind, (0, 2, 3, 5, 8, 9), -1.0)))

    rng = np.random.default_rng(3)
    mixed = tuple(
        Term(kind, tuple(rng.choice(12, size=order, replace=False).tolist()), float(rng.normal()))
        for kind in ("and", "or", "xor")
        for order in (1, 2, 3, 4, 4, 5)
    )
    small = TermGame((Term("and", (0, 3, 6, 7)), Term("or", (1, 4, 6), 2.0), Term("xor", (1, 2, 4, 5), 0.5)))
    return {
        "small": (8, small),
        "and": (10, three("and")),
        "or": (10, three("or")),
        "xor": (10, three("xor")),
        "mixed": (12, TermGame(mixed)),
    }


def coverage_table(
    samples: tuple[int, ...] = (16, 64, 256), seeds: int = 300, seed: int = 0, level: float = 0.95
) -> list[Row]:
    """Coverage over `seeds` repetitions, the first of which uses `seed`."""
    rows = []
    for name, (players, terms) in games().items():
        game = Game(terms, players, batch_size=4096)
        truth = exact_pairs(game, players, PAIRS)  # from here on the game answers from memory
        varies = _varying(game, antithetic=False), _varying(game, antithetic=True)
        for count in samples:
            errors, hits = {}, {}
            for estimator in ESTIMATORS:
                runs = [_estimate(game, estimator, count, seed + k) for k in range(seeds)]
                errors[estimator] = _mean_squares(runs, truth)
                hits[estimator] = _hits(runs, truth, level)
            for estimator in ESTIMATORS:
                cost = 4 * len(PAIRS) if estimator == "naive" else block_evaluations(len(ROWS), len(COLUMNS), 1)
                ratios = errors["naive"] / errors[estimator] * 4 * len(PAIRS) / cost
                counted = varies[estimator == "block-antithetic"]
                sii, gap = (hits[estimator][k][counted[k]] for k in (0, 1))
                worst = min(sii.min(), gap.min())
                rows.append(Row(name, estimator, count, sii.mean(), gap.mean(), worst, ratios[0], ratios[1]))
    return rows


def _estimate(game: Game, estimator: str, samples: int, seed: int) -> PairScores:
    if estimator == "naive":
        return naive_pairs(game, PAIRS, samples=samples, seed=seed)
    antithetic = estimator == "block-antithetic"
    return block_pairs(game, ROWS, COLUMNS, samples=samples, seed=seed, antithetic=antithetic)


def _hits(runs: list[PairScores], truth: PairScores, level: float) -> np.ndarray:
    """(2, P) share of runs whose interval holds the truth, for SII and the gap."""
    bounds = [interval(run, level) for run in runs]
    sii = [(b.sii_low - ROUNDING <= truth.sii) & (truth.sii <= b.sii_high + ROUNDING) for b in bounds]
    low, high = "redundancy_gap_low", "redundancy_gap_high"
    gap = truth.redundancy_gap
    return np.mean(
        [sii, [(getattr(b, low) - ROUNDING <= gap) & (gap <= getattr(b, high) + ROUNDING) for b in bounds]], axis=1
    )


def _mean_squares(runs: list[PairScores], truth: PairScores) -> np.ndarray:
    """(2,) mean squared error over runs and pairs, of SII and of the gap."""
    sii = np.mean([(run.sii - truth.sii) ** 2 for run in runs])
    return np.array([sii, np.mean([(run.redundancy_gap - truth.redundancy_gap) ** 2 for run in runs])])


def _varying(game: Game, *, antithetic: bool) -> np.ndarray:
    """(2, P) whether SII's Delta, and the gap, differ from draw to draw."""
    index = np.arange(2**game.players)
    table = game((index[:, None] >> np.arange(game.players)) & 1 == 1)
    spreads = []
    for i, j in PAIRS:
        s = index[index & (1 << i | 1 << j) == 0]
        four = table[s], table[s | 1 << i], table[s | 1 << j], table[s | 1 << i | 1 << j]
        draws = np.stack([delta(*four), redundancy_gap(*four)])
        if antithetic:  # s ascends, so the complement within the other players of the first is the last
            draws = (draws + draws[:, ::-1]) / 2
        spreads.append(np.ptp(draws, axis=1))
    return np.array(spreads).T > ROUNDING


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of 95% intervals of pair scores.")
    parser.add_argument("--seeds", type=int, default=300, help="repetitions")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first repetition")
    asked = parser.parse_args()
    table = Table(title=f"Coverage of 95% intervals, {asked.seeds} repetitions from seed {asked.seed}")
    for column in ("game", "estimator", "backgrounds", "SII", "gap", "worst pair", "SII: naive ×", "gap: naive ×"):
        table.add_column(column, justify="left" if column in ("game", "estimator") else "right")
    for row in coverage_table(seeds=asked.seeds, seed=asked.seed):
        shares = (f"{100 * share:.1f}%" for share in (row.sii, row.gap, row.worst))
        table.add_row(
            row.game, row.estimator, str(row.samples), *shares, f"{row.sii_ratio:.1f}", f"{row.gap_ratio:.1f}"
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
