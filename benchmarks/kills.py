"""`kill -9` at random moments, flipped bits, and two processes at once: what each command leaves and goes on from.

    python benchmarks/kills.py [--kills 30] [--seed 0] [--folder FOLDER]

Every command runs once unbroken. Then it is killed at a moment drawn at random (in seconds of computing, so that other
work on the machine moves none), run again to its end, and everything it left is compared with what the unbroken one
did: the same files, equal bytes, and equal values where a file holds times. Each command is a process of its own,
forked from this one, which has imported all that it needs: so nearly all moments fall into its work.
"""

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from markdown_table import markdown

SETTINGS = """
device = "cpu"
[encoders.image]
layer = 1
[fusion]
width = 32
heads = 2
[training]
epochs = 4
batch_size = 16
learning_rate = 3e-3
[explain]
budget = 400
candidates = 4
ig_steps = 8
"""
STUDY = """
[study]
seeds = [0]
models = ["dense", "fl-i2moe"]
samples = 4
random_draws = 2
pair_samples = 2
candidates = 4
backgrounds = 4
budgets = [1]
draws = 2
"""
LATER = ("explanations/", "report/")
"""What later commands write into the folder of a run."""


@dataclass(frozen=True)
class Stage:
    """A command, the folders and files it writes, and those that it needs."""

    name: str
    arguments: tuple[str, ...]
    writes: tuple[str, ...]
    needs: tuple[str, ...]


STAGES = [
    Stage("make-scenes", ("data", "make-scenes", "scenes", "--samples", "60"), ("scenes",), ()),
    Stage("encode", ("encode", "scenes", "--config", "small.toml", "--store", "store"), ("store",), ("scenes",)),
    Stage(
        "train",
        ("train", "scenes", "--out", "run", "--config", "small.toml", "--store", "store"),
        ("run",),
        ("scenes", "store"),
    ),
    Stage("explain", ("explain", "run", "--count", "4"), ("run/explanations",), ("scenes", "run")),
    Stage("report", ("report", "run", "--store", "store"), ("run/report",), ("scenes", "store", "run")),
    Stage("study", ("study", "study.toml", "--data", "scenes", "--store", "store"), ("studies",), ("scenes", "store")),
]


class Command:
    """`interplay` with some arguments, in a process forked from this one."""

    def __init__(self, arguments: tuple[str, ...], folder: Path) -> None:
        self.errors, self.code = os.memfd_create("errors"), 0
        if (child := os.fork()) == 0:
            code: object = 1
            try:
                os.chdir(folder)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.dup2(self.errors, 2)
                sys.argv = ["interplay", *arguments]
                from interplay.cli.app import main as interplay

                interplay()
            except SystemExit as end:
                code = end.code
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(int(code or 0))  # type: ignore[call-overload]
        self.process, self.running, self.seconds = child, True, 0.0

    def wait(self, seconds: float = math.inf) -> int | None:
        """The exit code, -9 if it was killed; None if it still runs after some seconds of computing."""
        while self.running:
            done, status, used = os.wait4(self.process, os.WNOHANG if seconds < math.inf else 0)
            if done:
                self.running, self.code = False, os.waitstatus_to_exitcode(status)
                self.seconds = used.ru_utime + used.ru_stime
            elif self.computed() >= seconds:
                return None
            else:
                time.sleep(0.004)
        return self.code

    def computed(self) -> float:
        """Seconds of computing until now, all of its threads together, to the nanosecond."""
        try:
            return time.clock_gettime((~self.process << 3) | 2)  # Linux: the CPU clock of a process
        except OSError:
            return math.inf

    def kill(self) -> None:
        """`kill -9`."""
        if self.running:
            os.kill(self.process, signal.SIGKILL)
        self.wait()

    def last_line(self) -> str:
        """The last that it wrote on standard error."""
        written = os.pread(self.errors, 1_000_000, 0).decode("utf-8", "replace")
        return (written.strip().splitlines() or [""])[-1]


class Work:
    """A folder to work in, always the same so that paths in files are equal, and what unbroken commands left."""

    def __init__(self, root: Path) -> None:
        self.place, self.whole = root / "work", root / "whole"
        self.whole.mkdir(parents=True, exist_ok=True)
        (self.whole / "small.toml").write_text(SETTINGS)
        (self.whole / "study.toml").write_text(SETTINGS + STUDY)

    def begin(self, needs: tuple[str, ...]) -> None:
        """A fresh folder with what a command needs, and nothing that it writes."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for name in ("small.toml", "study.toml", *needs):
            source = self.whole / name
            if source.is_dir():
                # Times of change stay, so that hashes of files that are remembered are of use.
                shutil.copytree(source, self.place / name, copy_function=shutil.copy2)
            else:
                shutil.copy2(source, self.place / name)
        if "run" in needs:
            for later in LATER:
                shutil.rmtree(self.place / "run" / later, ignore_errors=True)

    def start(self, stage: Stage) -> "Command":
        """Start a command."""
        return Command(stage.arguments, self.place)

    def run(self, stage: Stage) -> Command:
        """Run a command to its end."""
        process = self.start(stage)
        process.wait()
        return process

    def keep(self, stage: Stage) -> None:
        """What a command left is that of the unbroken one."""
        for name in stage.writes:
            shutil.rmtree(self.whole / name, ignore_errors=True)
            shutil.copytree(self.place / name, self.whole / name, copy_function=shutil.copy2)

    def differences(self, stage: Stage) -> list[str]:
        """How what is there differs from what the unbroken command left."""
        different = [d for name in stage.writes for d in differences(self.whole / name, self.place / name)]
        return [d for d in different if stage.name != "train" or not d.startswith(LATER)]


def contents(folder: Path) -> dict[str, Path]:
    """Name -> file, of all files of a folder; TensorBoard's files have a time and a process in their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {re.sub(r"(events\.out\.tfevents)\..*", r"\1", p.relative_to(folder).as_posix()): p for p in files}


def differences(whole: Path, found: Path) -> list[str]:
    """Files that are missing, left over or not equal."""
    a, b = contents(whole), contents(found)
    out = [f"{name} is missing" for name in a.keys() - b.keys()] + [f"{name} is left over" for name in b.keys() - a]
    return sorted(out + [f"{name} differs" for name in a.keys() & b.keys() if not equal(name, a[name], b[name])])


def equal(name: str, a: Path, b: Path) -> bool:
    """Whether two files hold the same, but for times."""
    if "tfevents" in name:
        from interplay.pipeline.report import charts_of

        return charts_of(a.parent) == charts_of(b.parent)
    if name.endswith(("hashes.json", "logs/metrics.csv")):  # times of change; begun anew when a training goes on
        return True
    if name.endswith(".safetensors") and "model/" not in name:
        from safetensors import safe_open

        with safe_open(a, framework="numpy") as one, safe_open(b, framework="numpy") as other:
            keys = sorted(one.keys())
            same = all((one.get_tensor(key) == other.get_tensor(key)).all() for key in keys)  # NaN is none here
            return keys == sorted(other.keys()) and same
    if name.endswith(("study.json", "stories.json")):
        return without_times(json.loads(a.read_bytes())) == without_times(json.loads(b.read_bytes()))
    return a.read_bytes() == b.read_bytes()


def without_times(value: Any) -> Any:
    """What a JSON file holds without the seconds that something took, and sums over them."""
    if isinstance(value, dict):
        timed = ("seconds", "sha256")
        return {key: without_times(one) for key, one in value.items() if not key.startswith(timed)}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def unbroken(work: Work) -> dict[str, float]:
    """Run every command once: seconds of each."""
    seconds = {}
    for stage in STAGES:
        work.begin(stage.needs)
        done = work.run(stage)
        seconds[stage.name] = done.seconds
        if done.code:
            raise SystemExit(f"{stage.name} failed: {done.last_line()}")
        work.keep(stage)
        print(f"{stage.name}: {seconds[stage.name]:.1f} s unbroken", flush=True)
    return seconds


def killed(work: Work, stage: Stage, moment: float) -> tuple[bool, list[str], float]:
    """Kill a command at a moment, and run it again: whether it was killed, what differs, seconds of the second run."""
    work.begin(stage.needs)
    process = work.start(stage)
    process.wait(moment)
    process.kill()
    was_killed = process.code == -9
    again = work.run(stage)
    finished = again.code == 2 and "already" in again.last_line()  # killed after its last file: nothing is to be done
    fault = again.code and not finished
    return was_killed, [again.last_line()] if fault else work.differences(stage), again.seconds


def kill_all(work: Work, seconds: dict[str, float], count: int, draws: random.Random) -> list[list[object]]:
    """Kill commands in turn: rows of stage, kills, equal results, mean seconds unbroken and after a kill."""
    found: dict[str, list[tuple[bool, list[str], float]]] = {stage.name: [] for stage in STAGES}
    for number in range(count):
        stage = STAGES[number % len(STAGES)]
        moment = draws.uniform(0.0, 1.0) * seconds[stage.name]
        while not (result := killed(work, stage, moment))[0]:  # this time it took less than that
            moment *= 0.9
        found[stage.name].append(result)
        said = "; ".join(result[1]) or "equal"
        print(f"{number + 1}: {stage.name} at {moment:.2f} s: {said}", flush=True)
    return [
        [
            name,
            len(some),
            sum(not different for _, different, _ in some),
            f"{seconds[name]:.1f}",
            f"{sum(took for _, _, took in some) / len(some):.1f}",
        ]
        for name, some in found.items()
        if some
    ]


FLIPS: list[tuple[str, str, str]] = [
    *((f"store/text-*/{name}", "read all", "named") for name in ("features.bin", "valid.bin")),
    *((f"store/text-*/{name}", "evaluate", "named") for name in ("counts.bin", "sums.bin", "meta.json")),
    ("store/hashes.json", "evaluate", "equal"),
    *((f"run/{name}", "evaluate", "named") for name in ("config.toml", "provenance.json", "metrics.json")),
    *((f"run/{name}", "report", "named") for name in ("baselines.json", "calibration.json", "SHA256SUMS")),
    *((f"run/model/{name}", "evaluate", "named") for name in ("model.safetensors", "card.json")),
    ("run/resume.ckpt", "train", "named"),
    ("studies/study/fl-i2moe/seed0/attributions.safetensors", "study", "equal"),
    ("studies/study/fl-i2moe/seed0/stories.json", "study", "equal"),
    ("run/explanations/01-*.json", "report", "noted"),
]
"""A file, the command that reads it, and what has to become of a flipped bit in it."""

READ_ALL = Stage(
    "read all",
    ("report", "run", "--store", "store", "--split", "train", "--split", "val", "--split", "test"),
    (),
    (),
)
EVALUATE = Stage("evaluate", ("evaluate", "run", "--store", "store"), (), ())


def flip_all(work: Work, draws: random.Random, each: int) -> list[list[object]]:
    """Flip bits of every kind of file: rows of file, command, how many were named or made no difference."""
    stages = {stage.name: stage for stage in [*STAGES, EVALUATE, READ_ALL]}
    rows: list[list[object]] = []
    for pattern, command, outcome in FLIPS:
        right = 0
        for _ in range(each):
            file = _prepared(work, pattern, command)
            _flip(file, draws)
            done = work.run(stages[command])
            code, line = done.code, done.last_line()
            named = code == 2 and (file.name in line or file.parent.name in line)
            if outcome == "equal":
                good = named or (code == 0 and not work.differences(stages[command]))
            elif outcome == "noted":
                good = code == 0 and file.name in (work.place / "run/report/index.html").read_text()
            else:
                good = named
            right += good
            if not good:
                print(f"{pattern}: exit {code}, {line}", flush=True)
        rows.append([re.sub(r"-\*", "-…", pattern), command, outcome, f"{right} of {each}"])
        print(f"flipped {pattern}: {right} of {each} {outcome}", flush=True)
    return rows


def _prepared(work: Work, pattern: str, command: str) -> Path:
    """A fresh copy of everything, in which the file that a pattern names is there."""
    study, resume = command == "study", pattern.endswith("resume.ckpt")
    work.begin(("scenes", "store", *(["studies"] if study else ["run"])))
    if "explanations" in pattern:
        shutil.copytree(work.whole / "run/explanations", work.place / "run/explanations")
    if resume:  # of a training that was killed in its last evaluation
        shutil.rmtree(work.place / "run")
        train = next(stage for stage in STAGES if stage.name == "train")
        process = work.start(train)
        while not (work.place / pattern).exists() and process.wait(process.computed() + 0.02) is None:
            pass
        process.kill()
    return next(work.place.glob(pattern))


def _flip(file: Path, draws: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    file.write_bytes(content)


def two_at_once(work: Work) -> list[list[object]]:
    """Start every command twice at the same time: rows of stage, both outcomes, whether the result is equal."""
    rows: list[list[object]] = []
    for stage in STAGES:
        work.begin(stage.needs)
        both = [work.start(stage) for _ in range(2)]
        for process in both:
            process.wait()
        outcomes = [
            "done" if not p.code else "refused" if _refused(p.last_line(), stage) else f"exit {p.code}: {p.last_line()}"
            for p in both
        ]
        different = work.differences(stage)
        rows.append([stage.name, *sorted(outcomes), "; ".join(different) or "equal"])
        print(f"two {stage.name} at once: {rows[-1][1:]}", flush=True)
    return rows


def _refused(line: str, stage: Stage) -> bool:
    """Whether an error names the folder, and the process that writes to it; or that it is written already."""
    return stage.writes[0] in line and ("another process writes here (process " in line or "already" in line)


def load_all() -> None:
    """Import what commands need; nothing is computed, so that no thread is there when a command is forked."""
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for name in ("cli.app", "pipeline.demo", "pipeline.report", "study.writing", "training.fit", "report.page"):
        import_module(f"interplay.{name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--flips", type=int, default=1, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None, help="to work in; a temporary one if absent")
    options = parser.parse_args()
    load_all()
    draws = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as temporary:
        work = Work((options.folder or Path(temporary)).resolve())
        seconds = unbroken(work)
        kills = kill_all(work, seconds, options.kills, draws)
        twice = two_at_once(work)
        flips = flip_all(work, draws, options.flips)
    print("### Killed at a random moment, and run again\n")
    header = ["command", "kills", "then equal, nothing left over", "CPU-s unbroken", "CPU-s of the second run"]
    print(markdown(header, kills))
    print("\n### A flipped bit\n")
    print(markdown(["file", "read by", "has to be", "is"], flips))
    print("\n### Two at once\n")
    print(markdown(["command", "one", "the other", "result"], twice))


if __name__ == "__main__":
    main()
