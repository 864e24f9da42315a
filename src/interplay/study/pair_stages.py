"""The stages of one run of a study that are about pairs: their scores, and what is left with and without them."""

import time

import numpy as np
from jaxtyping import Float, Int

from interplay.evaluation.alignment import pair_importance
from interplay.evaluation.pair_masking import ask_pairs_masked, pair_masks
from interplay.explanation.candidates import candidate_players, ranking_maps
from interplay.explanation.pairs import backgrounds
from interplay.explanation.players import SCALES, Players
from interplay.explanation.trained.pairs import probe_pairs
from interplay.study.arrays import Arrays
from interplay.study.config import StudyConfig
from interplay.study.stages import MAPS, PAIR_MASK, PAIRS, Bench, about, of_sample


def measure_pairs(bench: Bench, attributions: Arrays) -> Arrays:
    """Pair scores among candidates of each sample, for its most probable label (METHOD 9).

    Candidates are half the most important players of each modality, half drawn from the others, so that pairs of
    every importance are there.

    Args:
        bench: one run and its samples.
        attributions: what `attribute_samples` returned.

    Returns:
        label (N,), sample (P,), pair (P, 2): the players. sii, sii_se, gap, gap_se (P, 2, E1): on SCALES, by expert.
        importance (P, E1): to each expert, by explain.rank_by.
    """
    start, options, rank_by = time.perf_counter(), bench.options, MAPS.index(bench.config.explain.rank_by)
    labels, sample, asked = [], [], 0
    rows: dict[str, list[np.ndarray]] = {n: [] for n in ("pair", "sii", "sii_se", "gap", "gap_se", "importance")}
    for number, one, players in bench.prepared(options.pair_samples):
        maps, modality = of_sample(attributions, number)
        chosen = _candidates(bench, players, maps[rank_by], bench.rng(PAIRS, number))

        def candidates(_: Players, m: int, chosen: list[np.ndarray] = chosen) -> np.ndarray:
            return chosen[m]

        label = int(attributions["full"][number, -1].argmax())
        probe = probe_pairs(
            bench.run.model,
            bench.run.card.task,
            one.tokens,
            [label],
            fill=bench.config.removal.fill,
            estimate=backgrounds(options.backgrounds, number),
            players=players,
            candidates=candidates,
        )
        labels.append(label)
        asked += probe.evaluations
        for block in (block.output((0,)) for block in probe.blocks):
            sample.append(np.full(len(block), number))
            rows["pair"].append(block.pairs)
            for name, value in (
                *(("sii", block.sii), ("sii_se", block.sii_se)),
                *(("gap", block.redundancy_gap), ("gap_se", block.redundancy_gap_se)),
            ):
                rows[name].append(value)
            rows["importance"].append(
                np.stack([pair_importance(s, modality, block.pairs) for s in maps[rank_by]], axis=-1)
            )
    return Arrays(
        {
            "label": np.array(labels),
            "sample": np.concatenate(sample),
            **{name: np.concatenate(parts) for name, parts in rows.items()},
        },
        about(bench, len(labels), start, asked),
    )


def _candidates(
    bench: Bench, players: Players, maps: Float[np.ndarray, "E1 n"], rng: np.random.Generator
) -> list[Int[np.ndarray, " k"]]:
    """Of each modality the players that may form pairs."""
    importance = ranking_maps(dict(zip(bench.names, maps, strict=True)), bench.run.model.by_construction)
    most, out = bench.options.candidates, []
    for m in range(len(bench.run.card.modalities)):
        best = candidate_players(players, importance, m, -(-most // 2))
        others = np.setdiff1d(players.of(m), best)
        drawn = rng.permutation(others)[: max(0, most - len(best))]
        out.append(np.sort(np.concatenate([best, drawn])))
    return out


RANKINGS = (("sii", "synergy"), ("gap", "redundancy"), ("sii", "mixture"), ("gap", "mixture"))
"""Scores, and whose, that pairs are ranked by: each role's own expert [paper], and the mixture."""


def rankings_of(names: list[str]) -> list[tuple[str, str]]:
    """The entries of RANKINGS whose expert the model has.

    Args:
        names: names of the experts and the mixture.
    """
    return [(score, expert) for score, expert in RANKINGS if expert in names]


def mask_pairs(bench: Bench, attributions: Arrays, pairs: Arrays) -> Arrays:
    """Values without the pairs ranked first, matched ones and random ones, and of them alone (METHOD 10).

    Pairs are ranked by their score on `explain.scale`.

    Args:
        bench: one run and its samples.
        attributions: what `attribute_samples` returned.
        pairs: what `measure_pairs` returned.

    Returns:
        values (N, Q, 3, D, B, 6, 2, E1): of the probed label, on SCALES. ends (N, 2, 2, E1): of everything and of
        nothing. used (N, Q, B): how many pairs were really removed.
    """
    start, options, rank_by = time.perf_counter(), bench.options, MAPS.index(bench.config.explain.rank_by)
    rankings = rankings_of(bench.names)
    on = SCALES.index(bench.config.explain.scale)
    values, ends, used, asked = [], [], [], 0
    for number, one, players in bench.prepared(options.pair_samples):
        maps, modality = of_sample(attributions, number)
        mine, label = pairs["sample"] == number, int(pairs["label"][number])
        masks = pair_masks(
            pairs["pair"][mine],
            [pairs[score][mine][:, on, bench.names.index(expert)] for score, expert in rankings],
            np.abs(maps[rank_by, -1]),
            modality,
            options.budgets,
            options.draws,
            bench.rng(PAIR_MASK, number),
        )
        ask = bench.ask(one, players)
        values.append(bench.on_scales(ask_pairs_masked(ask, masks), label))
        ends.append(bench.on_scales(ask(np.repeat([[True], [False]], len(modality), axis=1)), label))
        used.append(masks.used)
        asked += pair_masked_evaluations(options, len(rankings))
    arrays = {"values": np.stack(values), "ends": np.stack(ends), "used": np.stack(used)}
    return Arrays(arrays, about(bench, len(values), start, asked) | {"rankings": rankings})


def pair_masked_evaluations(options: StudyConfig, rankings: int) -> int:
    """The most evaluations that `mask_pairs` makes for one sample.

    Args:
        options: the study's options.
        rankings: how many rankings there are.
    """
    return 2 + 6 * rankings * len(options.budgets) * (1 + 2 * options.draws)
