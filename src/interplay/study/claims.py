"""What the paper claims, held against a study's own tables: holds, does not hold, or cannot be told, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from interplay.results import MIXTURE, SCORE_NAMES

Tables = dict[str, list[dict[str, Any]]]
OURS, DENSE = "fl-i2moe", "dense"
ALPHA = 0.01
OWNS = 0.9  # AUROC from which an expert finds a story
SHORT = {"sii": "sii", "gap": "redundancy_gap"}
OWNERS = {"sii": "synergy", "redundancy_gap": "redundancy"}


@dataclass(frozen=True)
class Claim:
    """A claim, the verdict, and the figures it rests on."""

    claim: str
    holds: bool | None
    evidence: str

    @property
    def verdict(self) -> str:
        """The claim's outcome in words: "holds", "does not hold" or "cannot be told"."""
        return {True: "holds", False: "does not hold", None: "cannot be told"}[self.holds]


def claims_of(tables: Tables, kind: str) -> list[Claim]:
    """Every claim that the tables can decide.

    Args:
        tables: name of the table -> its rows.
        kind: the label kind, "single" or "multi".
    """
    if not any(row["variant"] == OURS for row in tables["table1_task"]):
        return []
    return [
        *_task(tables["table1_task"], ("macro_f1", "accuracy") if kind == "single" else ("macro_f1", "map")),
        *_masking(tables["figure3_masking"]),
        *_alignment(tables["figure4_alignment"]),
        *_pair_masking(tables["table2_pair_masking"]),
        *_second_differences(tables["table2_second_differences"]),
        *_concentration(tables["table3_concentration"]),
        *_stories(tables["table4_stories"]),
    ]


def _task(rows: list[dict[str, Any]], metrics: Sequence[str]) -> list[Claim]:
    at = {(row["variant"], row["metric"]): row for row in rows}
    out = []
    for metric in metrics:
        ours, dense = at.get((OURS, metric)), at.get((DENSE, metric))
        if ours is None or dense is None:
            continue
        text = f"{_with_sd(ours)} against {_with_sd(dense)}"
        known = ours["mean"] is not None and dense["mean"] is not None and ours["sd_seeds"] is not None
        holds = ours["mean"] >= dense["mean"] - ours["sd_seeds"] if known else None
        out.append(Claim(f"fl-i2moe's {metric} is not below dense's by more than its own sd over seeds", holds, text))
    return out


def _masking(rows: list[dict[str, Any]]) -> list[Claim]:
    out = []
    mine = [r for r in rows if r["variant"] == OURS and r["expert"] == MIXTURE and r["method"] != "random"]
    for method in dict.fromkeys(row["method"] for row in mine):
        for measure in dict.fromkeys(row["measure"] for row in mine):
            cells = [r for r in mine if (r["method"], r["measure"]) == (method, measure) and r["K"] != "mean"]
            above = [r["K"] for r in cells if r["gap_low"] is not None and r["gap_low"] > 0]
            (mean,) = (r for r in mine if (r["method"], r["measure"], r["K"]) == (method, measure, "mean"))
            text = f"gap to random above 0 at {len(above)} of {len(cells)} K; mean over K {_interval(mean, 'gap')}"
            name = method.replace("_", " ")
            claim = f"Features identified by {name} beat random ones at every K ({measure}, mixture of fl-i2moe)"
            out.append(Claim(claim, len(above) == len(cells) if mean["gap"] is not None else None, text))
    return out


def _alignment(rows: list[dict[str, Any]]) -> list[Claim]:
    out = []
    for row in rows:
        if row["variant"] == OURS and row["part"] == "rank correlation" and row["expert"] != MIXTURE:
            name = SCORE_NAMES[SHORT[row["score"]]]
            claim = f"The {name} of the {row['expert']} expert rises with its importance ({row['on']})"
            out.append(Claim(claim, _above(row["low"]), f"rank correlation {_interval(row)}"))
    return out


def _pair_masking(rows: list[dict[str, Any]]) -> list[Claim]:
    out = []
    mine = [row for row in rows if row["variant"] == OURS]
    for ranked, read in dict.fromkeys((row["ranked_by"], row["read_at"]) for row in mine):
        cells = [row for row in mine if (row["ranked_by"], row["read_at"]) == (ranked, read)]
        score, of = ranked.split(" ", 1)
        claim = f"Removing pairs ranked by {SCORE_NAMES[SHORT[score]]} {of} costs the {read} more than matched pairs"
        out.append(_over_matched(claim, cells))
    return out


def _second_differences(rows: list[dict[str, Any]]) -> list[Claim]:
    out = []
    mine = [row for row in rows if row["variant"] == OURS and row["on"] == "logit"]
    for ranked, when in dict.fromkeys((row["ranked_by"], row["when"]) for row in mine):
        cells = [row for row in mine if (row["ranked_by"], row["when"]) == (ranked, when)]
        score, of = ranked.split(" ", 1)
        do = "act together" if score == "sii" else "back each other up"
        name = f"{SCORE_NAMES[SHORT[score]]} {of}"
        claim = f"Pairs ranked by {name} {do} more than matched ones when {when} (mixture's logit)"
        out.append(_over_matched(claim, cells))
    return out


def _over_matched(claim: str, cells: list[dict[str, Any]]) -> Claim:
    """It holds if it surely does for every number of pairs."""
    sure = [row for row in cells if row["over_matched_p_holm"] is not None and row["over_matched_p_holm"] < ALPHA]
    each = ", ".join(
        f"{row['pairs']}: {_interval(row, 'over_matched')}, p {_p(row['over_matched_p_holm'])}" for row in cells
    )
    known = any(row["over_matched"] is not None for row in cells)
    return Claim(claim, len(sure) == len(cells) if known else None, f"by number of pairs {each} (Holm)")


def _concentration(rows: list[dict[str, Any]]) -> list[Claim]:
    at = {
        (r["variant"], r["method"], r["modality"]): r for r in rows if (r["expert"], r["measure"]) == (MIXTURE, "gini")
    }
    out = []
    for (variant, method, modality), ours in at.items():
        dense = at.get((DENSE, method, modality))
        if variant == OURS and dense:
            known = ours["low"] is not None and dense["high"] is not None
            claim = f"fl-i2moe's evidence is more concentrated than dense's ({method.replace('_', ' ')}, {modality})"
            text = f"Gini {_interval(ours)} against {_interval(dense)}"
            out.append(Claim(claim, ours["low"] > dense["high"] if known else None, text))
    return out


def _stories(rows: list[dict[str, Any]]) -> list[Claim]:
    out = []
    for row in rows:
        if row["variant"] == OURS and row["expert"] == OWNERS[row["score"]] and row["on"] == "logit":
            claim = f"The {row['expert']} expert carries {row['story']} (its {SCORE_NAMES[row['score']]}, logit)"
            known = row["auroc"] is not None
            text = f"AUROC of the planted pair {_number(row['auroc'])}, sd over seeds {_number(row['auroc_sd_seeds'])}"
            out.append(Claim(claim, row["auroc"] >= OWNS if known else None, text))
    return out


def _above(low: float | None) -> bool | None:
    return None if low is None else low > 0


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    return "–" if value is None else f"{value:.1g}"


def _with_sd(row: dict[str, Any]) -> str:
    return f"{_number(row['mean'])} ± {_number(row['sd_seeds'])}"


def _interval(row: dict[str, Any], prefix: str = "") -> str:
    mean, low, high = (prefix, f"{prefix}_low", f"{prefix}_high") if prefix else ("mean", "low", "high")
    return f"{_number(row[mean])} [{_number(row[low])}, {_number(row[high])}]"
