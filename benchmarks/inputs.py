"""Does `data check` agree with what training reads, and does the picture reader hold whatever comes?

`python benchmarks/inputs.py tables --count 1000` makes tables and texts of every format with faults of every kind, and
counts in how many `data check` and train's own reader agree, and how many ended in a traceback.
`python benchmarks/inputs.py pictures --executions 50000` runs the picture reader on mutated files of tests/corpus, and
counts crashes, hangs and its peak memory. Both print tables for benchmarks/RESULTS.md; without a word both are run.
"""

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

CORPUS = Path(__file__).parents[1] / "tests" / "corpus" / "pictures"
HANG = 2.0  # seconds

# ---- tables ----

WORDS = [
    *("storm", "calm", "sea", "rain", "wind", "snow", "fog", "noon", "Bye", "don't", "x", "cafe\u0301", "😀", "❤️"),
    *("हिन्दी", "كَتَبَ", "私は猫が好き", "สวัสดี"),
]
BLANKS = [" ", "  ", "\n", "\t", "\u00a0", "\u3000", " \u200b ", "\r\n"]
EMPTY = ["", " ", "\u200b", "\ufe0f", "\n\u2060", "\u3164", "\ue000", "\x00", "\u0301"]
NAMES = ["cat", "dog", "cat ", "Cat", "dog\u00a0", "bird\u200b", "sci-fi", "42", "nan"]
SOUND = 0.7  # share of datasets in which faults are made nowhere


@dataclass
class Maker:
    """Draws one dataset. With `faults` off, only what can be read is drawn."""

    rng: random.Random
    folder: Path
    faults: bool

    def fault(self, share: float = 0.05) -> bool:
        """Whether something is wrong here."""
        return self.faults and self.rng.random() < share

    def text(self) -> Any:
        """A text in some scripts; or none."""
        if self.fault():
            return self.rng.choice([*EMPTY, None, 5])
        count = self.rng.choice([1, 3, 8, 8, 400]) if self.rng.random() < 0.05 else self.rng.randint(1, 9)
        return "".join(self.rng.choice(WORDS) + self.rng.choice(BLANKS) for _ in range(count))

    def picture(self, name: str, form: str = "PNG") -> str:
        """The name of a picture that is written; or of none, or of a broken one."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.fault(0.03):
            return self.rng.choice(["none.png", "", "https://example.org/a.png", "../x.png"])
        colour = tuple(self.rng.randint(0, 255) for _ in range(3))
        Image.new("RGB", (self.rng.randint(8, 60), 40), colour).save(path, form)
        if self.fault(0.04):
            data = path.read_bytes()
            path.write_bytes(self.rng.choice([b"", data[: len(data) // 2], b"<html>", bytes(100)]))
        return name

    def labels(self, style: str) -> Any:
        """Labels as a style keeps them."""
        if self.fault():
            return self.rng.choice([None, "", 0.5, float("nan"), {"a": 1}, [None], [[1]], "a|a"])
        names = self.rng.sample(NAMES[:6], self.rng.randint(1, 2))
        bits = [self.rng.randint(0, 1) for _ in range(3)]
        return {
            "name": names[0],
            "parted": "|".join(dict.fromkeys(n.strip() for n in names))
            if names[0].strip() != names[-1].strip()
            else "cat",
            "number": self.rng.randint(0, 2),
            "float": float(self.rng.randint(0, 2)),
            "truth": bool(self.rng.randint(0, 1)),
            "list": sorted({n.strip(" \u00a0\u200b") for n in names}),
            "listed": str(sorted({n.strip(" \u00a0\u200b") for n in names})),
            "bits": bits,
            "listed bits": str(bits),
        }[style]


STYLES = ("name", "parted", "number", "float", "truth", "list", "listed", "bits", "listed bits")


def rows_of(make: Maker, plain: bool) -> tuple[list[str], list[dict[str, Any]]]:
    """Columns and rows of a table; `plain` for formats without lists."""
    rng, style = make.rng, make.rng.choice(STYLES)
    image, split, ids = rng.random() < 0.4, rng.random() < 0.8, rng.random() < 0.85
    label = rng.choice(["labels", "labels", "label", "Labels"])
    rows = []
    for n in range(rng.randint(6, 14)):
        row: dict[str, Any] = {}
        if ids:
            row["id"] = f"s{n if not make.fault(0.02) else 0}" if rng.random() < 0.9 else n
        if split:
            row["split"] = (
                ["train", "train", "val", "test"][n % 4] if not make.fault(0.02) else rng.choice(["trian", "", None])
            )
        row["text"] = make.text()
        if image:
            row["image"] = make.picture(f"p{n}.png")
        row[label] = make.labels(style)
        if make.fault(0.02) and not plain:
            del row["text"]
        rows.append(row)
    return list(rows[0]), rows


def as_csv(make: Maker) -> Path:
    """A CSV as people and pandas keep it."""
    columns, rows = rows_of(make, True)
    extra = make.rng.choice([0, 0, 1, 2])
    with (make.folder / "samples.csv").open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file, lineterminator=make.rng.choice(["\n", "\r\n"]))
        index = make.rng.random() < 0.2
        writer.writerow([*([""] if index else []), *columns, *[""] * extra])
        for n, row in enumerate(rows):
            cells = ["" if row.get(c) is None else str(row[c]) for c in columns]
            writer.writerow([*([str(n)] if index else []), *cells, *[""] * extra])
        for _ in range(make.rng.choice([0, 0, 2])):
            writer.writerow([""] * (len(columns) + extra + index))
        if make.fault(0.1):
            file.write(make.rng.choice(['"open', "a,b\n", "\x00\n", "1,2,3,4,5,6,7,8,9\n"]))
    return make.folder


def as_jsonl(make: Maker) -> Path:
    """Lines of JSON."""
    _, rows = rows_of(make, False)
    lines = [json.dumps(row) for row in rows]
    if make.fault(0.1):
        lines.append(make.rng.choice(["{", "[1]", '{"id": "z", "text": "\\ud800", "labels": "a"}', "null"]))
    (make.folder / "samples.jsonl").write_text("\n".join(lines))
    return make.folder


def as_parquet(make: Maker) -> Path:
    """Parquet as pandas writes it, pictures as paths or as bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns, rows = rows_of(make, False)
    inside = make.rng.random() < 0.5
    arrays = {}
    for column in columns:
        values = [row.get(column) for row in rows]
        if column == "image" and inside:
            values = [(make.folder / v).read_bytes() if v and (make.folder / v).is_file() else None for v in values]
        try:
            arrays[column] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            arrays[column] = pa.array([None if v is None else str(v) for v in values])
    pq.write_table(pa.table(arrays), make.folder / "samples.parquet")
    return make.folder


def as_mmimdb(make: Maker) -> Path:
    """Films in the layout of MM-IMDb."""
    data, splits = make.folder / "dataset", {"train": [], "dev": [], "test": []}
    data.mkdir()
    for n in range(make.rng.randint(8, 14)):
        name = f"{n:07d}"
        splits[["train", "train", "dev", "test"][n % 4]].append(name)
        plot: Any = [make.text() for _ in range(make.rng.randint(1, 2))]
        genres: Any = [make.rng.choice(["Drama", "Comedy", "Horror"])]
        if make.fault(0.1):
            plot, genres = make.rng.choice([(None, genres), ("x", genres), (plot, None), (plot, "Drama"), ([], [3])])
        (data / f"{name}.json").write_text(
            json.dumps({"plot": plot, "genres": genres}) if not make.fault(0.03) else "{"
        )
        Image.new("RGB", (20, 30), (n, 90, 90)).save(data / f"{name}.jpeg")
        if make.fault(0.05):
            make.rng.choice([lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:99])])(data / f"{name}.jpeg")
    (make.folder / "split.json").write_text(json.dumps(splits) if not make.fault(0.03) else "[")
    return make.folder


def as_enrico(make: Maker) -> Path:
    """Screens in the layout of ENRICO."""
    lines = ["screen_id,topic"]
    for n in range(make.rng.randint(20, 26)):
        topic = make.rng.choice(["login", "maps", "news"]) if not make.fault(0.01) else make.rng.choice(["", "nothing"])
        lines.append(f"{n},{topic}")
        for folder, form, suffix in (("screenshots", "JPEG", "jpg"), ("wireframes", "PNG", "png")):
            path = make.folder / folder / f"{n}.{suffix}"
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (20, 30), (n, 9, 90)).save(path, form)
            if make.fault(0.03):
                make.rng.choice([lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:99])])(path)
    (make.folder / "design_topics.csv").write_text("\n".join(lines) + "\n")
    return make.folder


def as_mmhs150k(make: Maker) -> Path:
    """Tweets in the layout of MMHS150K; their texts are made up."""
    truth: dict[str, Any] = {}
    splits: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    (make.folder / "img_resized").mkdir()
    (make.folder / "splits").mkdir()
    for n in range(make.rng.randint(8, 14)):
        name = str(1000 + n)
        splits[["train", "train", "val", "test"][n % 4]].append(name)
        votes: Any = [make.rng.randint(0, 5) for _ in range(3)] if n % 2 else [0, 0, 0]
        truth[name] = {"tweet_text": make.text(), "labels": votes}
        if make.fault(0.1):
            truth[name]["labels"] = make.rng.choice([None, "[0, 1, 1]", ["0"], [9], [0.5], []])
        if make.fault(0.03):
            truth[name] = make.rng.choice([None, [], {"tweet_text": "x"}])
        path = make.folder / "img_resized" / f"{name}.jpg"
        Image.new("RGB", (20, 30), (n, 9, 90)).save(path)
        if make.fault(0.05):
            make.rng.choice([lambda p: p.unlink(), lambda p: p.write_bytes(p.read_bytes()[:99])])(path)
    (make.folder / "MMHS150K_GT.json").write_text(json.dumps(truth) if not make.fault(0.03) else "{")
    for split, ids in splits.items():
        (make.folder / "splits" / f"{split}_ids.txt").write_text("\n".join(ids))
    return make.folder


FORMATS: dict[str, Callable[[Maker], Path]] = {
    "CSV": as_csv,
    "JSONL": as_jsonl,
    "Parquet": as_parquet,
    "MM-IMDb": as_mmimdb,
    "ENRICO": as_enrico,
    "MMHS150K": as_mmhs150k,
}


@dataclass
class Agreement:
    """What came of the datasets of one format."""

    made: int = 0
    usable: int = 0
    agree: int = 0
    tracebacks: int = 0
    broken_spans: int = 0
    broken_labels: int = 0


def train_reader(path: Path, tokenizer: Any) -> Any:
    """All that a training reads before it computes: samples, splits, every input, tokens of every text."""
    from interplay.data.registry import open_dataset
    from interplay.data.shapes import feature_shapes
    from interplay.encoders.tokens import tokenize
    from interplay.errors import DataError
    from interplay.modalities import MODALITIES
    from interplay.pipeline.train import refuse_bad_splits

    dataset = open_dataset(path)
    refuse_bad_splits(dataset)
    feature_shapes(dataset)
    for sample in dataset.samples:
        for modality, kind in dataset.modalities.items():
            content = MODALITIES[kind].read(sample.inputs[modality], sample.row or None)
            if kind == "text" and not tokenize(tokenizer, [content], 320)[0].spans:
                raise DataError(f"{sample.id}: no feature", row=sample.row)
    return dataset


def spans_hold(dataset: Any, tokenizer: Any) -> bool:
    """Every feature's span is a visible piece of its text inside one word; words are what blanks part."""
    from interplay.encoders.tokens import tokenize
    from interplay.words import has_content, word_spans

    for sample in dataset.samples:
        for value in (v for v in sample.inputs.values() if isinstance(v, str)):
            tokens, words = tokenize(tokenizer, [value], 320)[0], word_spans(value)
            pieces = [value[a:b] for a, b in tokens.spans]
            if not all(piece and piece == piece.strip() for piece in pieces):
                return False
            if not all(has_content(value[a:b]) and not any(map(str.isspace, value[a:b])) for a, b in words):
                return False
    return True


def labels_hold(dataset: Any, folder: Path) -> bool:
    """Labels are what is written and read again."""
    from interplay.data.table_write import write_table

    again = write_table(dataset, folder)
    return [(s.id, s.labels) for s in again.samples] == [(s.id, s.labels) for s in dataset.samples]


def compare(form: str, count: int, seed: int, tokenizer: Any, show: bool = False) -> Agreement:
    """Make datasets of a format, check each, and read each as a training does."""
    from interplay.data.check import look_over
    from interplay.errors import InterplayError

    found = Agreement()
    for n in range(count):
        with tempfile.TemporaryDirectory() as folder:
            rng = random.Random(f"{form} {seed} {n}")
            make = Maker(rng, Path(folder) / "d", rng.random() > SOUND)
            make.folder.mkdir()
            path = FORMATS[form](make)
            found.made += 1
            try:
                check = look_over(path)
                try:
                    dataset, why = train_reader(path, tokenizer), ""
                except InterplayError as error:
                    dataset, why = None, str(error)
                found.usable += dataset is not None
                found.agree += (dataset is not None) == check.trainable
                if show and (dataset is not None) != check.trainable:
                    print(form, n, "check:", [str(p.error()) for p in check.problems], "train:", why, file=sys.stderr)
                if dataset is not None:
                    found.broken_spans += not spans_hold(dataset, tokenizer)
                    found.broken_labels += not labels_hold(dataset, Path(folder) / "again")
            except Exception:
                found.tracebacks += 1
                if show:
                    print(form, n, traceback.format_exc(), file=sys.stderr)
    return found


def minilm_tokenizer() -> Any:
    """The tokenizer that training uses by default."""
    from transformers import AutoTokenizer

    from interplay.encoders.packaged import minilm_folder

    return AutoTokenizer.from_pretrained(minilm_folder())


def print_tables(count: int, seed: int) -> bool:
    """The table of agreement, row by row. Whether all agree."""
    tokenizer = minilm_tokenizer()
    print("| format | datasets | usable | check and train agree | tracebacks | spans wrong | labels wrong |")
    print("|---|---|---|---|---|---|---|")
    sound = True
    for form in FORMATS:
        one = compare(form, count, seed, tokenizer, show=True)
        sound = sound and one.agree == one.made and not one.tracebacks + one.broken_spans + one.broken_labels
        row = (one.made, one.usable, one.agree, one.tracebacks, one.broken_spans, one.broken_labels)
        print(f"| {form} | {' | '.join(map(str, row))} |", flush=True)
    return sound


# ---- pictures ----


def mutated(files: Sequence[bytes], number: int, seed: int) -> bytes:
    """The file of one execution: one of the corpus, some of its bytes changed, cut, doubled or joined to another's."""
    rng = random.Random(f"{seed} {number}")
    data = bytearray(rng.choice(files))
    for _ in range(rng.choice([0, 1, 1, 2, 4, 16])):
        if not data:
            break
        at, what = rng.randrange(len(data)), rng.randrange(7)
        head = rng.randrange(min(len(data), 64))  # headers decide most
        if what == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[head] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        elif what == 2:
            data[head : head + 4] = rng.choice([b"\xff" * 4, b"\0\0\x7f\xff", b"\0\1\0\0", b"\x7f\xff\xff\xff"])
        elif what == 3:
            del data[at:]
        elif what == 4:
            del data[at : at + rng.randint(1, 64)]
        elif what == 5:
            data[at:at] = data[at : at + rng.randint(1, 256)] * rng.choice([1, 1, 2, 64])
        else:
            other = rng.choice(files)
            data[at:] = other[rng.randrange(len(other) + 1) :]
    return bytes(data)


def child(start: int, stop: int, seed: int, folder: Path) -> None:
    """Executions one by one: the number of each stands in a file before it begins, for a parent to see it."""
    from interplay.errors import DataError
    from interplay.modalities.pictures import open_picture
    from interplay.modalities.whole_files import looks_whole

    files = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    results: Counter[str] = Counter()
    slowest = 0.0
    picture, at = folder / "picture", folder / "at"
    for number in range(start, stop):
        picture.write_bytes(mutated(files, number, seed))
        at.write_text(str(number))
        before = time.monotonic()
        try:
            open_picture(picture, max_side=224)
            results["read"] += 1
        except DataError:
            results["refused"] += 1
        except MemoryError:
            results["no memory"] += 1
        except Exception as error:
            results[f"raised {type(error).__name__}"] += 1
        slowest = max(slowest, time.monotonic() - before)
        if number % 50 == 0:
            looks_whole(picture)
    print(json.dumps({"results": results, "slowest": slowest, "peak": _peak()}))


def _peak() -> int:
    """Most memory of this process in bytes. Linux counts a parent's into ru_maxrss, but not into VmHWM."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@dataclass
class Fuzzed:
    """What came of the executions."""

    results: Counter[str]
    crashes: int = 0
    hangs: int = 0
    slowest: float = 0.0
    peak: int = 0


def fuzz(executions: int, seed: int, block: int = 5000) -> Fuzzed:
    """Run blocks of executions, each in a process of its own; one that dies or stands still is counted, and left."""
    found, start = Fuzzed(Counter()), 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        while start < executions:
            stop = min(executions, start + block)
            command = [sys.executable, __file__, "child", str(start), str(stop), str(seed), name]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            hung = not _ends(process, folder / "at")
            output = process.communicate()[0]
            if not hung and process.returncode == 0:
                one = json.loads(output)
                found.results.update(one["results"])
                found.slowest, found.peak = max(found.slowest, one["slowest"]), max(found.peak, one["peak"])
                found.hangs += one["slowest"] > HANG
                start = stop
                continue
            found.hangs, found.crashes = found.hangs + hung, found.crashes + (not hung)
            number = int((folder / "at").read_text())
            print(f"execution {number}: {'stands still' if hung else f'died ({process.returncode})'}", file=sys.stderr)
            start = number + 1  # what was counted before it in this block is lost
    return found


def _ends(process: subprocess.Popen[str], at: Path) -> bool:
    """Wait for a process; one that is at the same execution for ten times HANG is ended, and the answer is False."""
    last, since = "", time.monotonic()
    while process.poll() is None:
        time.sleep(0.05)
        now = at.read_text() if at.exists() else ""
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 10 * HANG:
            process.kill()
            return False
    return True


def print_pictures(executions: int, seed: int) -> bool:
    """The table of executions. Whether none crashed or hung, and memory stayed in bounds."""
    found = fuzz(executions, seed)
    read, refused = found.results.pop("read", 0), found.results.pop("refused", 0)
    others = ", ".join(f"{name}: {n}" for name, n in found.results.items()) or "none"
    print("| executions | read | refused | other errors | crashes | hangs (> 2 s) | slowest | peak memory |")
    print("|---|---|---|---|---|---|---|---|")
    sizes = f"{found.slowest:.2f} s | {found.peak / 1e6:.0f} MB"
    print(f"| {executions} | {read} | {refused} | {others} | {found.crashes} | {found.hangs} | {sizes} |")
    return not found.results and not found.crashes + found.hangs and found.peak <= 600e6


def main() -> None:
    """Measure one of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command")
    one = commands.add_parser("tables")
    one.add_argument("--count", type=int, default=1000)
    two = commands.add_parser("pictures")
    two.add_argument("--executions", type=int, default=50_000)
    for each in (one, two):
        each.add_argument("--seed", type=int, default=0)
    if sys.argv[1:2] == ["child"]:
        start, stop, seed, folder = sys.argv[2:6]
        return child(int(start), int(stop), int(seed), Path(folder))
    given = parser.parse_args()
    sound = True
    if given.command in (None, "tables"):
        sound = print_tables(getattr(given, "count", 1000), getattr(given, "seed", 0))
    if given.command is None:
        print()
    if given.command in (None, "pictures"):
        sound = print_pictures(getattr(given, "executions", 50_000), getattr(given, "seed", 0)) and sound
    return sys.exit(0 if sound else 1)


if __name__ == "__main__":
    main()
