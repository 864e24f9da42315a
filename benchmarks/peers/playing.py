"""One estimator on one game once, in a process of its own with a limit of processor time, and how well it did."""

import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from known_games import Known
from scipy.stats import rankdata

from interplay.errors import GameError
from interplay.interactions import EXACT, Game, PairScores, estimate_pairs, independent_draws, interval
from interplay.interactions.interop import shapiq_pairs
from interplay.kinds import ESTIMATORS

TOP = 20
LIMIT = 60.0  # seconds of processor time, the game's answers included
ROUNDING = {"f64": 1e-9, "f32": 1e-5}  # of the largest value: an interval without width must still hold a truth
# Each approximator of SII as it does best on pairs: complements asked together where that is offered and helps (it
# hurts SHAPIQ), and permutations spent on pairs alone. RegressionMSR itself has index SV and BV only; for pairs, shapiq
# has its correction in ProxySHAP(adjustment=True), from one fit or from five folds.
SHAPIQ: dict[str, dict[str, Any]] = {
    "ProxySHAP": {},
    "ProxySHAP, MSR": {"adjustment": True},
    "ProxySHAP, MSR, 5 folds": {"adjustment": True, "k_folds": 5},
    "RegressionMSR": {},
    "KernelSHAPIQ": {"pairing_trick": True},
    "InconsistentKernelSHAPIQ": {"pairing_trick": True},
    "SHAPIQ": {},
    "SVARMIQ": {"pairing_trick": True},
    "PermutationSamplingSII": {"top_order": True},
    "ProxySPEX": {},
}
SLOW = ("SVARMIQ", "ProxySPEX")  # seconds to a minute for each run
TIES = 1e-5  # of the largest score: scores that differ by less are ranked as equal, as in single precision
Estimate = Callable[[Known, Game, int, int], PairScores]


@dataclass(frozen=True)
class Played:
    """One run, or why there is none; NaN where there is no number.

    Attributes:
        error: sum (estimate - true)^2 / sum true^2.
        rank: Spearman's correlation of |estimate| and |true|.
        top: share of the 20 largest |true| (or all that are not 0) among as many largest |estimate|.
        held: share of all pairs whose 95% interval holds the truth.
        held_top: the same of the 20 largest |true|.
        draws: fewest independent draws behind an interval.
        seconds: of one processor, without the game's.
        evaluations: distinct coalitions asked.
        mark: of the game (`Known.mark`).
        note: why there is no number.
    """

    game: str
    budget: int
    estimator: str
    seed: int
    mark: str
    error: float = np.nan
    rank: float = np.nan
    top: float = np.nan
    held: float = np.nan
    held_top: float = np.nan
    draws: float = np.nan
    seconds: float = np.nan
    evaluations: float = np.nan
    note: str = ""


def ours(name: str) -> Estimate:
    """One of `estimate_pairs`: "sii alone" or "with gaps" (what it chooses), or a method by its name."""
    options = {"sii alone": {"gaps": False}, "with gaps": {"gaps": True}}.get(name, {"estimator": name})

    def estimate(known: Known, game: Game, budget: int, seed: int) -> PairScores:
        return estimate_pairs(game, known.rows, known.columns, budget=budget, seed=seed, **options)  # type: ignore[arg-type]

    return estimate


def shapiqs(name: str) -> Estimate:
    """One of `SHAPIQ`, order 2, index SII."""

    def estimate(known: Known, game: Game, budget: int, seed: int) -> PairScores:
        import shapiq

        cls = getattr(shapiq, name.partition(",")[0], None)
        if cls is None:
            raise ImportError(f"shapiq {shapiq.__version__} has no {name}")
        order = {} if name == "RegressionMSR" else {"max_order": 2}
        approximator = cls(n=known.players, **order, index="SII", random_state=seed, **SHAPIQ[name])
        return shapiq_pairs(approximator, game, known.pairs, budget)

    return estimate


BOTH = ("sii alone", "with gaps")
METHODS = tuple(name for name in ESTIMATORS if name not in ("auto", "exact", "naive"))
ESTIMATES: dict[str, Estimate] = {
    **{name: ours(name) for name in (*BOTH, *METHODS)},
    **{name: shapiqs(name) for name in SHAPIQ},
}


def play(known: Known, estimator: str, budget: int, seed: int, limit: float = LIMIT) -> Played:
    """One run in a process of its own, which is ended when it has used `limit` seconds of a processor."""
    context = get_context("fork")  # the game is there already
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_play, args=(there, known, estimator, budget, seed, limit))
    process.start()
    there.close()
    try:
        numbers = here.recv() if here.poll(20 * limit) else {"note": f"no answer in {20 * limit:.0f} s"}
    except EOFError:  # it ended without an answer
        process.join()
        slow = process.exitcode == -signal.SIGXCPU
        numbers = {"note": f"over {limit:.0f} s" if slow else f"ends with exit code {process.exitcode}"}
    if process.is_alive() and "note" in numbers:
        process.kill()
    process.join()
    return Played(known.name, budget, estimator, seed, known.mark, **numbers)


def load() -> None:
    """Import here what a run would import, which is no part of its time."""
    from importlib import import_module

    for package in ("shapiq", "xgboost", "lightgbm", "scipy.stats", "scipy.optimize"):
        with suppress(ImportError):  # missing: the row of the peer says so
            import_module(package)


def _play(there: Connection, known: Known, estimator: str, budget: int, seed: int, limit: float) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)  # LightGBM writes a line for every tree
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    soft = max(1, round(limit))
    resource.setrlimit(resource.RLIMIT_CPU, (soft, soft + 5))
    there.send(numbers_of(known, estimator, budget, seed))
    there.close()
    sys.stdout.flush()


def numbers_of(known: Known, estimator: str, budget: int, seed: int) -> dict[str, Any]:
    """The figures of one run in this process, or {"note": why there are none}."""
    asked = 0.0

    def value(coalitions: np.ndarray) -> np.ndarray:
        nonlocal asked
        start = time.process_time()
        values = known.value(coalitions)
        asked += time.process_time() - start
        return values

    game = Game(value, known.players, batch_size=8192, check=False)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores = ESTIMATES[estimator](known, game, budget, seed)
    except GameError as error:
        return {"note": f"refuses: {error}".splitlines()[0][:90]}
    except ImportError as error:
        return {"note": f"missing: {error}".splitlines()[0][:90]}
    except Exception as error:
        return {"note": f"fails: {type(error).__name__}: {error}".splitlines()[0][:90]}
    seconds = time.process_time() - start - asked
    return {**figures(known, scores), "seconds": seconds, "evaluations": game.evaluations}


def figures(known: Known, scores: PairScores) -> dict[str, float]:
    """How far the scores are from the truth, and how often their intervals hold it."""
    truth, sii = known.truth, np.nan_to_num(scores.sii)  # shapiq: a pair that is not returned is 0
    error = float(((sii - truth) ** 2).sum() / (truth**2).sum())
    size, real = np.abs(sii), np.abs(truth)
    ties = TIES * real.max()
    size, real = np.round(size / ties) * ties, np.round(real / ties) * ties
    rank = float(np.corrcoef(rankdata(size), rankdata(real))[0, 1]) if np.ptp(size) and np.ptp(real) else 0.0
    most = min(TOP, int((real > 0).sum()))
    largest, true = (np.argsort(-x, kind="stable")[:most] for x in (size, real))
    found = {"error": error, "rank": rank, "top": len({*largest.tolist()} & {*true.tolist()}) / most}
    if np.isnan(scores.sii_se).any():
        return found
    rounding = ROUNDING["f32" if known.name.endswith(" f32") else "f64"] * known.scale
    bounds = interval(scores, level=0.95)
    holds = (bounds.sii_low - rounding <= truth) & (truth <= bounds.sii_high + rounding)
    draws = scores.samples if scores.estimator in EXACT else independent_draws(scores)
    draws = scores.sii_draws if scores.sii_draws is not None else int(draws.min())
    return {**found, "held": float(holds.mean()), "held_top": float(holds[true].mean()), "draws": float(draws)}


def as_row(played: Played) -> dict[str, Any]:
    """For a JSON line, in four digits; what is NaN is left out, as JSON has none."""
    row = {key: float(f"{x:.4g}") if isinstance(x, float) else x for key, x in asdict(played).items()}
    return {key: x for key, x in row.items() if x != "" and x == x}
