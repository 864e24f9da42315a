"""A study's tables of pairs: whether scores follow importance, what removing pairs costs, and how pairs interact."""

from itertools import product

import numpy as np

from interplay.evaluation.alignment import by_bins, by_top, rank_correlation
from interplay.evaluation.comparisons import compare, holm
from interplay.evaluation.pair_masking import CONTROLS, MATCHED, OWN, RANDOM, WITHOUT, second_differences
from interplay.explanation.players import SCALES
from interplay.results import MIXTURE
from interplay.study.measured import Measured, Results, over_seeds, spread
from interplay.study.table_rows import TableRecord, at, compared, prefixed, source

WHEN = ("all else is there", "nothing else is there")


def alignment_table(results: Results) -> list[TableRecord]:
    """Figure 4: mean pair score by bin of importance, of top-q% sets, and their rank correlation.

    SII of the synergy expert by its importance, the redundancy gap of the redundancy expert by its; and both of the
    mixture. `part` is "bin 1" (least important) .., "top 5%" .., or "rank correlation".

    Args:
        results: all that was measured.
    """
    rows, options = [], results.study.options
    parts = [
        *(f"bin {b + 1}" for b in range(options.bins)),
        *(f"top {q:g}%" for q in options.top_shares),
        "rank correlation",
    ]
    for variant, runs in results.by_variant().items():
        for score, expert in runs[0].pair_masking.about["rankings"]:
            for on_at, on in enumerate(SCALES):
                each = []  # per seed N, parts
                for run in runs:
                    e, samples = run.experts.index(expert), run.pairs["sample"]
                    of_samples = []
                    for number in range(len(run.pairs["label"])):
                        mine, rng = samples == number, np.random.default_rng(number)
                        importance, values = run.pairs["importance"][mine, e], run.pairs[score][mine, on_at, e]
                        of_samples.append(
                            [
                                *by_bins(importance, values, options.bins, rng),
                                *by_top(importance, values, options.top_shares, rng),
                                rank_correlation(importance, values),
                            ]
                        )
                    each.append(np.array(of_samples))
                mean = over_seeds(each)
                rows += [
                    {
                        **at(variant=variant, score=score, expert=expert, on=on, part=part),
                        **compared(mean[:, k], [values[:, k] for values in each]),
                        **source(runs, "pairs.safetensors"),
                    }
                    for k, part in enumerate(parts)
                ]
    return rows


def pair_masking_table(results: Results) -> list[TableRecord]:
    """Table 2: what removing k pairs costs, ranked by a score, matched, or random; read at the mixture and the expert.

    `cost` is the loss of probability of the label that was probed. `over` compares with a control, paired by sample.

    Args:
        results: all that was measured.
    """
    rows = []
    for variant, runs in results.by_variant().items():
        for q, (score, expert) in enumerate(runs[0].pair_masking.about["rankings"]):
            for read in dict.fromkeys([MIXTURE, expert]):
                e = runs[0].experts.index(read)
                costs = [_costs(run, e)[:, q] for run in runs]  # N 3 B
                mean = over_seeds(costs)
                for b, k in enumerate(results.study.options.budgets):
                    row = {"variant": variant, "ranked_by": f"{score} of {expert}", "read_at": read, "pairs": k}
                    row |= {"pairs_used": float(np.mean([run.pair_masking["used"][:, q, b].mean() for run in runs]))}
                    row |= {f"cost_{name}": float(mean[:, c, b].mean()) for c, name in enumerate(CONTROLS)}
                    row["sd_seeds"] = spread([float(cost[:, OWN, b].mean()) for cost in costs])
                    for name, control in (("matched", MATCHED), ("random", RANDOM)):
                        found = compare(mean[:, OWN, b] - mean[:, control, b])
                        row |= prefixed(f"over_{name}", found.model_dump())
                    rows.append(row | source(runs, "pair_masking.safetensors", "pairs.safetensors"))
    return _corrected(rows)


def _costs(run: Measured, e: int) -> np.ndarray:
    """(N, Q, 3, B) loss of probability, mean over draws."""
    on = SCALES.index("probability")
    left = run.pair_masking["values"][..., WITHOUT, on, e]
    return run.pair_masking["ends"][:, 0, on, e][:, None, None, None] - left.mean(axis=3)


def second_difference_table(results: Results) -> list[TableRecord]:
    """How k pairs interact, ranked by a score, matched, or random: at the mixture, when all else is there, or nothing.

    All pairs of their first with their second players count, k^2 of them. Where a modality has few players, matched
    pairs share some with the ranked ones, which makes differences smaller. `over` compares with a control, paired by
    sample, in the direction that the score names: by how much more pairs ranked by SII act together, by how much more
    those ranked by redundancy gap back each other up.

    Args:
        results: all that was measured.
    """
    rows = []
    for variant, runs in results.by_variant().items():
        e = runs[0].experts.index(MIXTURE)
        each = [_differences(run, e) for run in runs]  # N Q 3 B 2 2
        mean = over_seeds(each)
        for q, (score, expert) in enumerate(runs[0].pair_masking.about["rankings"]):
            sign = 1 if score == "sii" else -1
            for (s, on), (w, when), (b, k) in product(
                enumerate(SCALES), enumerate(WHEN), enumerate(results.study.options.budgets)
            ):
                row = {"variant": variant, "ranked_by": f"{score} of {expert}", "on": on, "when": when, "pairs": k}
                here = mean[:, q, :, b, s, w]
                row |= {name: float(here[:, c].mean()) for c, name in enumerate(CONTROLS)}
                row["sd_seeds"] = spread([float(one[:, q, OWN, b, s, w].mean()) for one in each])
                for name, control in (("matched", MATCHED), ("random", RANDOM)):
                    found = compare(sign * (here[:, OWN] - here[:, control]))
                    row |= prefixed(f"over_{name}", found.model_dump())
                rows.append(row | source(runs, "pair_masking.safetensors", "pairs.safetensors"))
    return _corrected(rows)


def _differences(run: Measured, e: int) -> np.ndarray:
    """(N, Q, 3, B, 2, 2) second differences of values on SCALES, with all else and with nothing, mean over draws."""
    values = np.moveaxis(run.pair_masking["values"][..., e], 5, -1)  # N Q 3 D B 2 6
    everything, nothing = (run.pair_masking["ends"][:, k, :, e][:, None, None, None, None] for k in range(2))
    return second_differences(values, (everything, nothing)).mean(axis=3)


def _corrected(rows: list[TableRecord]) -> list[TableRecord]:
    """Each p-value with what Holm makes of it, over all rows."""
    for name in ("matched", "random"):
        for row, p in zip(rows, holm([row[f"over_{name}_p"] for row in rows]), strict=True):
            row[f"over_{name}_p_holm"] = p
    return rows
