"""A study's tables, a row each number: its mean, interval, spread over seeds, and the files it comes from.

Values of samples are averaged over seeds first, then compared over samples: intervals say how samples differ, given
these training runs; `sd_seeds` says how runs differ. What could not be measured is None, never 0.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np

from interplay.evaluation.comparisons import compare, holm
from interplay.evaluation.concentration import entropy, gini, overlap, top_mass
from interplay.evaluation.masking import ALONE, WITHOUT, metric_drop, scores_of
from interplay.explanation.attribution.methods import METHODS
from interplay.study.measured import Measured, Results, mean_known, over_seeds, spread
from interplay.study.pair_tables import alignment_table, pair_masking_table, second_difference_table
from interplay.study.stages import MAPS, of_sample
from interplay.study.table_rows import TableRecord, at, compared, prefixed, source

MEASURES = {"comprehensiveness": WITHOUT, "sufficiency": ALONE}
CONCENTRATIONS = {"gini": gini, "entropy": entropy, "mass in the top 5%": top_mass}


def task_table(results: Results) -> list[TableRecord]:
    """Table 1: every task metric of every variant on the study's split.

    Args:
        results: all that was measured.
    """
    rows = []
    split = results.study.options.split
    for variant, runs in results.by_variant().items():
        each = [run.run.metrics[split] for run in runs]
        for metric in each[0]:
            values = [m[metric] for m in each]
            rows.append(
                {
                    "variant": variant,
                    "metric": metric,
                    "mean": mean_known(values),
                    "sd_seeds": spread(values),
                    "by_seed": values,
                    **source(runs, "run/metrics.json"),
                }
            )
    for model, metrics in results.dataset.published.items():
        rows += [
            {"variant": f"{model} (published)", "metric": metric, "mean": value, "sd_seeds": None, "by_seed": []}
            for metric, value in metrics.items()
        ]
    return rows


def masking_table(results: Results) -> list[TableRecord]:
    """Figure 3: loss of probability under top-K% masking, and by how much more than under random masking.

    `gap` is identified - random for comprehensiveness, random - identified for sufficiency: above 0, a method found
    what matters. K "mean" is the AOPC, the mean over K.

    Args:
        results: all that was measured.
    """
    rows = []
    shares = [*(f"{k:g}" for k in results.study.options.shares), "mean"]
    for variant, runs in results.by_variant().items():
        full = [run.target_probability(run.attributions["full"]) for run in runs]  # N E1
        drops = []  # per seed N, R + 1, E1, K + 1, 2
        for run, whole in zip(runs, full, strict=True):
            left = run.target_probability(run.masking["logits"])
            drop = whole[:, None, :, None, None] - left
            drop = np.concatenate([drop[:, : len(MAPS)], drop[:, len(MAPS) :].mean(1, keepdims=True)], axis=1)
            drops.append(np.concatenate([drop, drop.mean(3, keepdims=True)], axis=3))
        mean = over_seeds(drops)
        for (method, r), (e, expert), (k, share), (measure, side) in _grid(runs[0], shares):
            sign = 1 if side == WITHOUT else -1
            gap = sign * (mean[:, r, e, k, side] - mean[:, -1, e, k, side])
            rows.append(
                {
                    **at(variant=variant, expert=expert, method=method, K=share, measure=measure),
                    **compared(mean[:, r, e, k, side], [d[:, r, e, k, side] for d in drops]),
                    **({} if method == "random" else prefixed("gap", compare(gap).model_dump())),
                    **source(runs, "masking.safetensors", "attributions.safetensors"),
                }
            )
    corrected = holm([row.get("gap_p") for row in rows])
    return [row | {"gap_p_holm": p} if "gap_p" in row else row for row, p in zip(rows, corrected, strict=True)]


def _grid(run: Measured, shares: list[str]) -> Iterator[tuple[Any, Any, Any, Any]]:
    methods = [*((name, r) for r, name in enumerate(MAPS)), ("random", len(MAPS))]
    for method in methods:
        for expert in enumerate(run.experts):
            for share in enumerate(shares):
                for measure in MEASURES.items():
                    yield method, expert, share, measure


def metric_table(results: Results) -> list[TableRecord]:
    """Figure 3, the task metric itself: by how much it falls under masking. Of random rankings, the mean over draws.

    Args:
        results: all that was measured.
    """
    rows = []
    shares = results.study.options.shares
    for variant, runs in results.by_variant().items():
        for name, score in scores_of(runs[0].single).items():
            for (method, r), (e, expert), (k, share), (measure, side) in _grid(runs[0], [f"{s:g}" for s in shares]):
                by_seed, errors = [], []
                for run in runs:
                    full, masked = run.attributions["full"][:, e], run.masking["logits"]
                    which = range(len(MAPS), masked.shape[1]) if method == "random" else [r]
                    found = [metric_drop(score, full, masked[:, d, e, k, side], run.truth) for d in which]
                    by_seed.append(mean_known([f.mean for f in found]))
                    errors.append(mean_known([f.se for f in found]))
                rows.append(
                    {
                        **at(variant=variant, expert=expert, method=method, K=share, measure=measure, metric=name),
                        "mean": mean_known(by_seed),
                        "se_samples": mean_known(errors),
                        "sd_seeds": spread(by_seed),
                        **source(runs, "masking.safetensors", "attributions.safetensors"),
                    }
                )
    return rows


def concentration_table(results: Results) -> list[TableRecord]:
    """How concentrated maps are, by expert and modality, and how much two experts' overlap (METHOD 10).

    Args:
        results: all that was measured.
    """
    rows = []
    for variant, runs in results.by_variant().items():
        modalities, experts = list(runs[0].run.card.modalities), runs[0].experts
        for r, method in enumerate(MAPS):
            for e, expert in enumerate(experts):
                for m, modality in enumerate(modalities):
                    for name, measure in CONCENTRATIONS.items():
                        each = [np.array([measure(s[r, e][k == m]) for s, k in _samples(run)]) for run in runs]
                        where = {"method": method, "expert": expert, "modality": modality, "measure": name}
                        rows.append({"variant": variant, **where, **compared(over_seeds(each), each)})
            for a, b in combinations(range(len(experts) - 1), 2):
                each = [np.array([overlap(s[r, a], s[r, b]) for s, _ in _samples(run)]) for run in runs]
                where = {"method": method, "expert": f"{experts[a]} and {experts[b]}", "modality": "all"}
                rows.append({"variant": variant, **where, "measure": "overlap", **compared(over_seeds(each), each)})
        files = source(runs, "attributions.safetensors")
        rows = [row if "from" in row else row | files for row in rows]
    return rows


def _samples(run: Measured) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for number in range(len(run.attributions["full"])):
        yield of_sample(run.attributions, number)


def story_table(results: Results) -> list[TableRecord]:
    """Where the truth is known: how well each expert's scores find the planted pair of each story.

    Args:
        results: all that was measured.
    """
    rows = []
    for variant, runs in results.by_variant().items():
        known = [run.stories for run in runs if run.stories]
        for k, first in enumerate(known[0].recovered if known else []):
            each = [v.recovered[k] for v in known]
            rows.append(
                {
                    **at(variant=variant, story=first.story, score=first.score, on=first.on, expert=first.expert),
                    "auroc": mean_known([r.auroc.mean for r in each]),
                    "auroc_sd_seeds": spread([r.auroc.mean for r in each]),
                    "auroc_se_samples": mean_known([r.auroc.se for r in each]),
                    "top_5": mean_known([r.top.mean for r in each]),
                    "sign": mean_known([r.sign.mean for r in each]),
                    "samples": first.auroc.samples,
                    **source(runs, "stories.json"),
                }
            )
    return rows


TABLES = {
    "table1_task": task_table,
    "figure3_masking": masking_table,
    "figure3_metrics": metric_table,
    "figure4_alignment": alignment_table,
    "table2_pair_masking": pair_masking_table,
    "table2_second_differences": second_difference_table,
    "table3_concentration": concentration_table,
    "table4_stories": story_table,
}
assert set(MAPS) < set(METHODS)
