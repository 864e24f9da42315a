"""A block of 32 words x 49 cells: what an explanation takes, what it tells, and what the estimator itself costs.

    python benchmarks/large_block.py [--run RUN --data FOLDER] [--scenes 10] [--budget 24576]

Scenes with a second, neutral sentence (32 words), seen as 7 x 7 cells. Without --run a model is trained first with the
default settings but for those and the epochs. The estimator's own time is what a call takes less what the model's
answers take; beside the small model of the scenes it is also set against answers of the paper's size (width 256,
128 + 196 features), whose cost per answer is measured on a few. All on one thread.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from markdown_table import markdown
from unit_cost import coalitions, make

from interplay.config import make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.data.scenes import make_scenes
from interplay.explanation.explaining import explain_sample
from interplay.explanation.game import model_value, players_of
from interplay.explanation.trained.prepared import players_in, prepare_sample
from interplay.interactions import Game, estimate_pairs
from interplay.models.run import Run, open_run
from interplay.models.task import Task
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.train import train
from interplay.results import Explanation

TAIL = " We heard about it from the people who live near here and told us everything else."
SETTINGS = {
    "encoders": {"image": {"size": 196, "pool": 2}},
    "training": {"epochs": 12},
    "explain": {"candidates": 64},
}
STORY, WORDS, CELLS = "sarcasm", 32, 49
PAPER_ASKED = 256


def lengthened(folder: Path) -> Dataset:
    """Scenes whose captions have WORDS words: the neutral sentence, cut to what is missing."""
    make_scenes(folder)
    table = folder / "samples.jsonl"
    rows = [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["text"] += " " + " ".join(TAIL.split()[: max(0, WORDS - len(row["text"].split()))])
    table.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return open_dataset(folder)


def planted(run: Run, dataset: Dataset, explanation: Explanation, score: str) -> tuple[float, float]:
    """(share of other pairs that the planted pair outranks, its score in half widths of its interval)."""
    sample = next(s for s in dataset.samples if s.id == explanation.sample_id)
    evidence = sample.evidence[STORY]

    def carries(index: int) -> bool:
        f = explanation.features[index]
        if f.span is not None:
            return any(a < f.span[1] and f.span[0] < b for a, b in evidence.words)
        assert f.box is not None
        x, y = (f.box[0] + f.box[2]) / 2, (f.box[1] + f.box[3]) / 2
        return any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in evidence.cells)

    value = np.array([getattr(p, score) for p in explanation.pairs], dtype=float)
    error = np.array([getattr(p, f"{score}_se") for p in explanation.pairs], dtype=float)
    real = np.array([carries(p.i) and carries(p.j) for p in explanation.pairs])
    best = np.flatnonzero(real)[value[real].argmax()]
    half = error[best] * getattr(explanation.interval, score)
    return float((value[best] > value[~real]).mean()), float(value[best] / max(half, 1e-12))


def explained(run: Run, dataset: Dataset, scenes: int, budget: int) -> list[dict[str, object]]:
    """One row a scene that shows the story."""
    config = run.config
    config = config.model_copy(update={"explain": config.explain.model_copy(update={"budget": budget})})
    encoders = open_encoders(run)
    rows = []
    for scene in [s for s in dataset.split("test") if STORY in s.labels][:scenes]:
        start = time.perf_counter()
        explanation = explain_sample(run, encoders, scene, config=config, target=STORY)
        seconds = time.perf_counter() - start
        halves = [p.sii_se * explanation.interval.sii for p in explanation.pairs if p.sii_se is not None]
        largest = max(abs(p.sii) for p in explanation.pairs if p.sii is not None)
        above, sure = planted(run, dataset, explanation, "sii")
        rows.append(
            {
                "pairs": len(explanation.pairs),
                "evaluations": explanation.evaluations,
                "estimator": explanation.estimator,
                "seconds": seconds,
                "half width / largest SII": float(np.median(halves)) / largest,
                "planted pair above": above,
                "planted SII / half width": sure,
            }
        )
    return rows


def overhead(run: Run, dataset: Dataset, budget: int, gaps: bool) -> dict[str, float]:
    """Seconds in all, in answers of the model, and in the estimator; values of both labels and all experts."""
    scene = next(s for s in dataset.split("test") if STORY in s.labels)
    prepared = prepare_sample(run, open_encoders(run), scene)
    who = players_in(prepared, run.config)
    label = run.card.labels.index(STORY)
    answer = model_value(run.model, run.card.task, prepared.tokens, [label], run.config.removal.fill, who)
    inside = 0.0

    def timed(asked: np.ndarray) -> np.ndarray:
        nonlocal inside
        start = time.perf_counter()
        out = answer(asked)
        inside += time.perf_counter() - start
        return out

    game = Game(timed, len(who), batch_size=512)
    start = time.perf_counter()
    estimate_pairs(game, who.of(0)[:WORDS], who.of(1)[:CELLS], budget=budget, gaps=gaps)
    whole = time.perf_counter() - start
    return {"whole": whole, "answers": inside, "estimator": whole - inside}


def paper_answers(budget: int) -> float:
    """Seconds of `budget` answers of a model of the paper's size, fill attention, from PAPER_ASKED of them."""
    model, tokens = make((128, 196), 256, 0)
    value = model_value(model, Task("multi", tuple("abcdefghij")), tokens, [0], "attention")
    asked = coalitions(len(players_of(tokens)), PAPER_ASKED, 0)
    value(asked[:8])
    start = time.perf_counter()
    value(asked)
    return (time.perf_counter() - start) * budget / PAPER_ASKED


def main() -> None:
    parser = argparse.ArgumentParser(description="A block of 32 words x 49 cells.")
    parser.add_argument("--run", type=Path, help="a run that this command has trained before")
    parser.add_argument("--data", type=Path, help="its scenes; needed with --run")
    parser.add_argument("--keep", type=Path, help="keep run and scenes in this new folder")
    parser.add_argument("--scenes", type=int, default=10, help="scenes that are explained")
    parser.add_argument("--budget", type=int, default=24576)
    asked = parser.parse_args()
    if (asked.run is None) != (asked.data is None):
        parser.error("--run and --data go together")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        if asked.run is None:
            place = asked.keep or Path(name)
            dataset = lengthened(place / "scenes")
            run = train(dataset, make_config(SETTINGS), place / "run", store=place / "store")
        else:
            run, dataset = open_run(asked.run), open_dataset(asked.data)
        rows = explained(run, dataset, asked.scenes, asked.budget)
        metrics = run.metrics["test"]
        print(f"Test macro F1 {metrics['macro_f1']:.3f}. {len(rows)} scenes, target {STORY}, logit of the mixture.\n")
        header = list(rows[0])
        texts = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
        middle = ["**median**", "", "", *(f"**{np.median([r[h] for r in rows]):.3g}**" for h in header[3:])]
        print(markdown(header, [*texts, middle]))
        slowest = max(float(r["seconds"]) for r in rows)  # type: ignore[arg-type]
        print(f"\nSlowest: {slowest:.1f} s, encoding and attributions included.\n")
        large = paper_answers(16384)
        cost = []
        for what, gaps in (("SII alone", False), ("SII and gaps", True)):
            for budget in (16384, asked.budget):
                t = overhead(run, dataset, budget, gaps)
                share = f"{100 * t['estimator'] / (large * budget / 16384):.1f} %"
                cost.append([what, str(budget), *(f"{t[k]:.1f}" for k in ("answers", "estimator")), share])
        print(markdown(["", "evaluations", "answers, s", "estimator, s", "of the paper-size model's answers"], cost))
        print(f"\n16,384 answers of the paper's size: {large:.0f} s, from {PAPER_ASKED}.")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"Peak memory of this process: {peak:.2f} GB, model, encoders and store included.")


if __name__ == "__main__":
    main()
