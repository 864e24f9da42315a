"""Made-up samples of a run for the tests of its page: small pictures drawn here, answers that are right and wrong."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from interplay.report.run_page import Chart, RunReport, Table
from interplay.report.run_rows import Row

LABELS = ("cat", "dog", "bird")
WORDS = ["red", "green", "blue", "small", "large", "quick", "slow", "bright", "dark", "round"]


def small_pictures(folder: Path, count: int) -> list[Path]:
    """Boards of coloured tiles, with EXIF in them that must not be handed on."""
    folder.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x010E] = "SECRET PLACE"
    files = []
    for n in range(count):
        tiles = np.random.default_rng(n).integers(60, 250, (4, 4, 3)).astype(np.uint8)
        board = Image.fromarray(tiles).resize((160, 120), Image.Resampling.NEAREST)
        files.append(folder / f"secret name {n}.jpg")
        board.save(files[-1], exif=exif)
    return files


def text_of(n: int) -> str:
    """Two words that tell the number."""
    return f"a {WORDS[n % 10]} thing beside a {WORDS[n // 10 % 10]} one, number {n}"


def made_rows(count: int, pictures: Sequence[Path] = (), kind: str = "single") -> list[Row]:
    """The first fifth is val, the rest test. Every fifth answer is wrong, and confidences differ."""
    rows = []
    for n in range(count):
        truth = n % 3
        said = (truth + 1) % 3 if n % 5 == 0 else truth
        sure = 0.55 + 0.44 * ((n * 7) % 100) / 100
        if kind == "single":
            probabilities = [(1 - sure) / 2] * 3
            probabilities[said] = sure
            true: tuple[str, ...] = (LABELS[truth],)
        else:
            probabilities = [0.1, 0.1, 0.1]
            probabilities[said] = sure
            true = () if n % 7 == 0 else (LABELS[truth],)
        shown = {"image": pictures[n % len(pictures)]} if pictures else {}
        split = "val" if n < count // 5 else "test"
        rows.append(Row(f"sample-{n:05d}", split, true, tuple(probabilities), {"caption": text_of(n)}, shown))
    return rows


def made_report(rows: Sequence[Row], kind: str = "single", **more: object) -> RunReport:
    """A report on these rows with something in every part."""
    given: dict[str, object] = {
        "title": "first: fl-i2moe on things",
        "facts": {"Model": "fl-i2moe, width 64", "Seed": "0"},
        "metrics": {"val": {"accuracy": 0.75, "auroc": float("nan")}, "test": {"accuracy": 0.8, "accuracy/cat": 0.9}},
        "charts": [
            Chart("Loss", {"train/task": [(1.0, 0.9), (2.0, 0.4), (3.0, 0.3)], "val/loss": [(1.0, 0.8), (3.0, 0.5)]})
        ],
        "best_epoch": 2,
        "tables": [Table("Can it be trusted?", "Some of it.", ("story", "AUROC"), [("storm", "0.98")])],
    }
    return RunReport(labels=LABELS, label_kind=kind, rows=rows, **{**given, **more})  # type: ignore[arg-type]
