"""Our pair scores beside shapiq's approximators, at equal evaluations, on games whose true SII is known.

    make peers                                       an environment of Python 3.12, everything measured, the tables
    .venv-peers/bin/python benchmarks/peers/run.py [--games PART ...] [--budgets 500 1000 4000 16000] [--seeds 3]
        [--estimators ours methods shapiq NAME ...] [--results FILE] [--resume] [--beside FILE ...] [--detail] [--list]

`--games` takes parts of names ("n16", "cancer svc"). Runs go to a new file of results, a JSON line each (`--resume`: to
the one that is there, without those that it has); the tables are of these and of shapiq's runs in the files `--beside`.
shapiq's rows depend on no code of ours: `--estimators ours --beside benchmarks/peers/shapiq.jsonl` compares a changed
estimator in a minute or two. PYTHONPATH=src of another checkout measures that one.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playing import Played

HERE = Path(__file__).resolve().parent
BUDGETS = (500, 1000, 4000, 16000)
Row = dict[str, Any]


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Our pair scores beside shapiq's, on games with known SII.")
    parser.add_argument("--games", nargs="*", default=[""], help='parts of the names of the games ("n16", "svc")')
    parser.add_argument("--budgets", nargs="*", type=int, default=list(BUDGETS), help="evaluations")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each estimator; figures are medians")
    parser.add_argument(
        "--estimators",
        nargs="*",
        default=["ours", "methods", "shapiq"],
        help='"ours" (estimate_pairs without and with gaps), "methods" (each of ours by name), "shapiq", "fast" '
        "(shapiq without those that take a minute), or names",
    )
    parser.add_argument("--limit", type=float, default=60.0, help="processor seconds of one run")
    parser.add_argument("--results", type=Path, default=Path("build/peers.jsonl"), help="where runs are kept")
    parser.add_argument("--resume", action="store_true", help="keep the runs that the file has")
    parser.add_argument("--beside", nargs="*", type=Path, default=[], help="files whose runs of shapiq's count too")
    parser.add_argument("--detail", action="store_true", help="a row for every estimator in every cell")
    parser.add_argument("--list", action="store_true", help="name the games and end")
    return parser.parse_args(arguments)


def main() -> None:
    asked = options()
    if os.environ.get("OMP_NUM_THREADS") != "1":  # one thread: processor seconds compare, and forks are safe
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1"})
    sys.path[1:1] = [str(HERE.parents[1] / "src")] if "PYTHONPATH" not in os.environ else []
    sys.path.append(str(HERE.parent))  # last, so that its files hide no package
    from known_games import NAMES
    from peer_tables import report
    from playing import SHAPIQ

    names = [name for name in NAMES if any(part in name for part in asked.games)]
    if asked.list:
        print(*names, sep="\n")
        return
    estimators = chosen(asked.estimators)
    if not asked.resume:
        asked.results.unlink(missing_ok=True)
    measure(names, asked.budgets, estimators, range(asked.seeds), asked.results, asked.limit)
    rows = read(asked.results) + [row for file in asked.beside for row in read(file) if row.get("estimator") in SHAPIQ]
    print(report([row for row in rows if wanted(row, names, asked.budgets)], detail=asked.detail))


def chosen(words: list[str]) -> list[str]:
    """Names of estimators, each once."""
    from playing import BOTH, ESTIMATES, METHODS, SHAPIQ, SLOW

    groups = {"ours": BOTH, "methods": METHODS, "shapiq": tuple(SHAPIQ)}
    groups["fast"] = tuple(name for name in SHAPIQ if name not in SLOW)
    found = [name for word in words for name in groups.get(word, (word,))]
    if unknown := [name for name in found if name not in ESTIMATES]:
        raise SystemExit(f"no estimator {unknown[0]!r}; there are {', '.join((*groups, *ESTIMATES))}")
    return list(dict.fromkeys(found))


def measure(
    names: list[str], budgets: list[int], estimators: list[str], seeds: range, results: Path, limit: float
) -> None:
    """Do the runs that the file lacks, and add each to it as soon as it is done."""
    from known_games import make
    from playing import Played, as_row, load, play

    load()
    rows = read(results)
    done = {(row["game"], row["budget"], row["estimator"], row["seed"]) for row in rows if "game" in row}
    slow = {_case(row) for row in rows if row.get("note", "").startswith("over ")}
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        _write(file, provenance())
        for name in names:
            n = int(name.removesuffix(" f32").rpartition(" n")[2])
            todo = [
                (budget, estimator, seed)
                for budget in budgets
                for estimator in estimators
                for seed in seeds
                if (name, budget, estimator, seed) not in done and (n > 30 or budget < 2**n)
            ]
            start, known = time.process_time(), make(name) if todo else None
            if known:
                sys.stderr.write(f"{name}: made in {time.process_time() - start:.1f} s\n")
            for budget, estimator, seed in todo:
                assert known is not None
                if any((n, less, estimator) in slow for less in budgets if less <= budget):  # on a game of as many
                    played = Played(name, budget, estimator, seed, known.mark, note=f"over {limit:.0f} s")
                else:
                    played = play(known, estimator, budget, seed, limit)
                if played.note.startswith("over "):
                    slow.add((n, budget, estimator))
                _write(file, as_row(played))
                sys.stderr.write(line(played))


def _case(row: Row) -> tuple[int, int, str]:
    return int(row["game"].removesuffix(" f32").rpartition(" n")[2]), row["budget"], row["estimator"]


def _write(file: Any, row: Row) -> None:
    file.write(json.dumps(row) + "\n")
    file.flush()


def line(played: "Played") -> str:
    what = played.note or f"error {played.error:.2g} rank {played.rank:.3f} top {played.top:.2f} {played.seconds:.2f} s"
    return f"  {played.budget} {played.estimator} {played.seed}: {what}\n"


def read(file: Path) -> list[Row]:
    """The lines of a file of results; none where there is none."""
    if not file.exists():
        return []
    return [json.loads(text) for text in file.read_text(encoding="utf-8").splitlines() if text]


def wanted(row: Row, names: list[str], budgets: list[int]) -> bool:
    return "game" not in row or (row["game"] in names and row["budget"] in budgets)


def provenance() -> Row:
    """What was measured, with what, when."""
    from importlib.metadata import PackageNotFoundError, version

    import interplay

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "missing"

    home = Path(interplay.__file__).parent
    git = ["git", "-C", str(home), "log", "-1", "--format=%h %s"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    changed = subprocess.run(["git", "-C", str(home), "status", "--short", "."], capture_output=True, text=True).stdout
    packages = ("shapiq", "numpy", "scikit-learn", "xgboost", "lightgbm")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit + (" (changed)" if changed else ""),
        "versions": {package: of(package) for package in packages},
        "python": sys.version.split()[0],
    }


if __name__ == "__main__":
    main()
