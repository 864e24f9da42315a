"""Pair scores at equal evaluations: ours against pair by pair, the block design, and every shapiq approximator of SII.

    python benchmarks/interactions.py [--seeds 10] [--others 3] [--games NAME ...] [--budgets 1000 4000 16000]
                                      [--plot docs/interactions.png] [--fast]

Games are sums of AND, OR and XOR terms with normal weights, whose SII is known in closed form; the pairs are those of
the first half of the players with the second (32 x 49 of 81). A budget is the most coalitions an estimator may ask.
`--games` takes any part of the names: `n24`, `xor`. `measure` takes any other value function with known scores.
"""

import argparse
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from interaction_tables import Measured, plot, report
from scipy.stats import rankdata

from interplay.errors import GameError
from interplay.interactions import Game, Term, TermGame, Value, block_pairs, interval, naive_pairs
from interplay.interactions.interop import shapiq_pairs
from interplay.interactions.scores import PairScores

SIZES = {12: 10, 24: 16, 48: 24, 81: 30}  # players -> terms
BUDGETS = (1000, 4000, 16000)
LIMIT = 60.0  # seconds
TOP = 20
ROUNDING = 1e-9  # an interval without width must still hold a truth summed in another order
# Each approximator as it does best here (order 2 is enough for pairs): complements asked together where that is
# offered and helps (it hurts SHAPIQ), and permutations spent on pairs alone.
OPTIONS: dict[str, dict[str, bool]] = {
    "PermutationSamplingSII": {"top_order": True},
    "KernelSHAPIQ": {"pairing_trick": True},
    "InconsistentKernelSHAPIQ": {"pairing_trick": True},
    "SVARMIQ": {"pairing_trick": True},
}


class TooSlowError(Exception):
    """The time limit has passed."""


class Task(NamedTuple):
    """One game with its known scores."""

    name: str
    value: Value
    players: int
    rows: Sequence[int]
    columns: Sequence[int]
    truth: np.ndarray

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i in self.rows for j in self.columns]


class Timed:
    """A value function that knows how long it took."""

    def __init__(self, value: Value) -> None:
        self.value, self.seconds = value, 0.0

    def __call__(self, coalitions: np.ndarray) -> np.ndarray:
        start = time.perf_counter()
        values = self.value(coalitions)
        self.seconds += time.perf_counter() - start
        return values


Estimator = Callable[[Task, Game, int, int], PairScores]


def games() -> dict[str, tuple[int, TermGame]]:
    """Name -> players and the game."""
    made = {}
    for n, terms in SIZES.items():
        for seed, (kind, most) in enumerate((("and", 8), ("or", 8), ("xor", 8), ("mixed", 8), ("mixed", 4)), start=1):
            made[f"{kind} 1-{most} n{n}"] = n, term_game(kind, n, terms, most, seed)
    return made


def term_game(kind: str, players: int, terms: int, most: int, seed: int) -> TermGame:
    """Terms of orders 1 to `most` in turn, on players drawn at random."""
    rng = np.random.default_rng(seed)
    kinds = ("and", "or", "xor") if kind == "mixed" else (kind,)
    made = []
    for k in range(terms):
        members = rng.choice(players, size=1 + k % most, replace=False).tolist()
        made.append(Term(kinds[k % len(kinds)], tuple(members), float(rng.normal())))  # type: ignore[arg-type]
    return TermGame(tuple(made))


def block(players: int) -> tuple[list[int], list[int]]:
    half = 32 if players == 81 else players // 2
    return list(range(half)), list(range(half, players))


def measure(
    name: str,
    value: Value,
    players: int,
    rows: Sequence[int],
    columns: Sequence[int],
    truth: np.ndarray,
    budgets: Sequence[int],
    seeds: int,
    others: int,
    fast: bool = False,
) -> list[Measured]:
    """Every estimator on one game at every budget below 2^n.

    Args:
        value: coalitions (m, n) -> (m,).
        truth: (|I||J|,) SII of the pairs, row by row.
        seeds: repetitions of ours, block and naive; `others` of shapiq's.
        fast: only shapiq's approximators that take seconds.
    """
    task = Task(name, value, players, rows, columns, truth)
    found = []
    for budget in (b for b in budgets if players > 30 or b < 2**players):
        for estimator, estimate in {**OURS, **shapiq_estimators(fast)}.items():
            case = players, budget, estimator
            if case in _slow:
                measured = Measured(name, budget, estimator, note="too slow")
            else:
                measured = repeat(task, budget, estimator, estimate, seeds if estimator in OURS else others)
            if measured.note == "too slow":
                _slow.add(case)
            found.append(measured)
            sys.stderr.write(f"{measured}\n")
    return found


_slow: set[tuple[int, int, str]] = set()  # not tried again in this process


def repeat(task: Task, budget: int, estimator: str, estimate: Estimator, seeds: int) -> Measured:
    """Medians over seeds (coverage: the mean); the note alone where one takes over `LIMIT` or cannot be afforded."""
    runs, note = [], ""
    for seed in range(seeds):
        timed = Timed(task.value)
        game = Game(timed, task.players, batch_size=8192, check=False)
        start = time.perf_counter()
        try:
            with time_limit(LIMIT), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores = estimate(task, game, budget, seed)
        except Exception as error:
            if isinstance(error, TooSlowError) or time.perf_counter() - start >= LIMIT:
                return Measured(task.name, budget, estimator, note="too slow")  # compiled code wraps what interrupts it
            if estimator in OURS and not isinstance(error, GameError):
                raise
            return Measured(task.name, budget, estimator, note=cannot(error))
        seconds = time.perf_counter() - start - timed.seconds
        numbers, extra = scored(task, scores, budget)
        note = note or extra
        runs.append([*numbers, seconds, game.evaluations])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a column of NaN has neither
        middle = np.nanmedian(runs, axis=0)
        middle[3] = np.nanmean([run[3] for run in runs])  # the median of shares near 1 would flatter
        return Measured(task.name, budget, estimator, *middle.tolist(), note)


def cannot(error: Exception) -> str:
    small = "budget" in str(error).lower()
    return "budget too small" if small else f"fails: {type(error).__name__}"


def scored(task: Task, scores: PairScores, budget: int) -> tuple[list[float], str]:
    """Error, rank, top and coverage of one run, and a note."""
    sii, truth, note = np.nan_to_num(scores.sii), task.truth, ""  # shapiq: a pair that is not returned is 0
    error = float(((sii - truth) ** 2).sum() / (truth**2).sum())
    if (
        scores.estimator == "naive"
    ):  # whole samples pass the budget or do not fill it: its error goes as 1 / evaluations
        error *= scores.evaluations / budget
        note = "one sample, scaled" if scores.evaluations > budget else ""
    sii, truth = np.abs(sii).round(12), np.abs(truth).round(12)  # ties are ties, whatever was summed first
    rank = np.corrcoef(rankdata(sii), rankdata(truth))[0, 1] if np.ptp(sii) else 0.0
    most = min(TOP, int((truth > 0).sum()))
    largest, real = (set(np.argsort(-x, kind="stable")[:most].tolist()) for x in (sii, truth))
    return [error, float(rank), len(largest & real) / most, covered(scores, task.truth)], note


def covered(scores: PairScores, truth: np.ndarray) -> float:
    """Share of the 95% intervals that hold the truth; NaN without standard errors."""
    if np.isnan(scores.sii_se).any():
        return np.nan
    bounds = interval(scores, level=0.95)
    return float(np.mean((bounds.sii_low - ROUNDING <= truth) & (truth <= bounds.sii_high + ROUNDING)))


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _ours(task: Task, game: Game, budget: int, seed: int) -> PairScores:
    from interplay.interactions import paired_pairs

    return paired_pairs(game, task.rows, task.columns, budget=budget, seed=seed)


def _block(task: Task, game: Game, budget: int, seed: int) -> PairScores:
    return block_pairs(game, task.rows, task.columns, budget=budget, seed=seed)


def _naive(task: Task, game: Game, budget: int, seed: int) -> PairScores:
    return naive_pairs(game, task.pairs, samples=max(1, budget // (4 * len(task.truth))), seed=seed)


OURS: dict[str, Estimator] = {"ours": _ours, "block": _block, "naive": _naive}


def shapiq_estimators(fast: bool = False) -> dict[str, Estimator]:
    # numba, which shapiq imports, looks for a package `coverage` and would find the benchmark of that name
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != Path(__file__).resolve().parent]
    from shapiq.approximator import SII_APPROXIMATORS

    slow = ("SVARMIQ", "SPEX", "ProxySPEX") if fast else ()
    return {cls.__name__: _shapiq(cls) for cls in SII_APPROXIMATORS if cls.__name__ not in slow}


def _shapiq(cls: Any) -> Estimator:
    def estimate(task: Task, game: Game, budget: int, seed: int) -> PairScores:
        options = OPTIONS.get(cls.__name__, {})
        approximator = cls(n=task.players, max_order=2, index="SII", random_state=seed, **options)
        return shapiq_pairs(approximator, game, task.pairs, budget)

    return estimate


def main() -> None:
    parser = argparse.ArgumentParser(description="Pair scores at equal evaluations, side by side.")
    parser.add_argument("--seeds", type=int, default=10, help="repetitions of ours, block and naive")
    parser.add_argument("--others", type=int, default=3, help="repetitions of shapiq's approximators")
    parser.add_argument("--games", nargs="*", default=[""], help="parts of the names of the games")
    parser.add_argument("--budgets", nargs="*", type=int, default=list(BUDGETS), help="evaluations")
    parser.add_argument("--plot", type=Path, help="where to draw error against budget")
    parser.add_argument("--fast", action="store_true", help="without SVARMIQ, SPEX and ProxySPEX")
    asked = parser.parse_args()
    found: list[Measured] = []
    for name, (players, game) in games().items():
        if any(part in name for part in asked.games):
            rows, columns = block(players)
            truth = game.sii([(i, j) for i in rows for j in columns])
            found += measure(
                name, game, players, rows, columns, truth, asked.budgets, asked.seeds, asked.others, asked.fast
            )
    print(report(found))
    if asked.plot:
        plot(found, asked.plot)


if __name__ == "__main__":
    main()
