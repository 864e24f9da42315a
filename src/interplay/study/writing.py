"""What people read of a study: CSV files, figures, the qualitative page of one sample, and study.html."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interplay.data.registry import is_sensitive
from interplay.evaluation.pair_masking import CONTROLS
from interplay.explanation.explaining import explain_sample
from interplay.explanation.players import SCALES
from interplay.explanation.trained.predictor import TrainedPredictor, off_training
from interplay.files import write_atomic
from interplay.modalities import drawn_as
from interplay.modalities.pictures import open_picture
from interplay.pipeline.datasets import find_sample
from interplay.progress import SILENT, Progress
from interplay.report import study_figures as figures
from interplay.report.page import write_page
from interplay.report.study_page import PageSection, number, pivot, render_study, write_csv, write_figure
from interplay.results import MIXTURE, Explanation
from interplay.study.claims import DENSE, OURS, Claim, Tables, claims_of
from interplay.study.measured import Results
from interplay.study.tables import TABLES

HEADLINE = (
    *("accuracy", "micro_f1", "macro_f1", "samples_f1", "weighted_f1", "auroc", "map"),
    *("best_f1", "best_balanced_accuracy"),
)


def write_study(results: Results, out: Path, command: str, progress: Progress = SILENT) -> tuple[Path, list[Claim]]:
    """Write tables, figures, an example and the page of a study.

    Args:
        results: all that was measured.
        out: the study's folder.
        command: the command line, written into the page.
        progress: shows the stages.

    Returns:
        The page's path, and the paper's claims checked on this data.
    """
    for folder in ("tables", "figures"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    tables: Tables = {}
    advance = progress.stage("Tables")
    for done, (name, make) in enumerate(TABLES.items(), start=1):
        tables[name] = make(results)
        write_csv(tables[name], out / "tables" / f"{name}.csv")
        advance(done, len(TABLES))
    claims = claims_of(tables, results.runs[0].run.card.label_kind)
    write_csv(
        [{"claim": c.claim, "verdict": c.verdict, "evidence": c.evidence} for c in claims],
        out / "tables" / "claims.csv",
    )
    example = _example(results, out)
    page = render_study(
        f"Study on {results.dataset.name}",
        _about(results, command),
        [(c.claim, c.verdict, c.evidence) for c in claims],
        _sections(tables, out / "figures", list(results.study.variants)),
        example.name if example else None,
    )
    return write_atomic(out / "study.html", page), claims


def _about(results: Results, command: str) -> list[str]:
    """What a reader must know of every number on the page."""
    options, first = results.study.options, results.runs[0]
    config = first.run.config
    asked, scored = len(first.attributions["full"]), len(first.pairs["label"])
    kinds = first.run.card.modalities.items()
    alone = [all(c.encoder(m, kind).isolate for m, kind in kinds) for c in results.study.variants.values()]
    level = "some variants encode features by themselves, others in context"
    if all(alone):
        near = any(c.encoder(m, kind).neighbours for c in results.study.variants.values() for m, kind in kinds)
        how = "by itself, in some variants with its neighbours as far as they are left," if near else "by itself,"
        level = f"every word and patch is encoded {how} so a removed feature is gone from the whole model"
    elif not any(alone):
        level = "features are encoded in context, so one that stays still carries something of those removed"
    fills = ", ".join(sorted({repr(c.removal.fill) for c in results.study.variants.values()}))
    notes = dict.fromkeys(
        f"{run.variant}: {note}" for run in results.runs for note in off_training(run.run, run.run.config)
    )
    return [
        f"{results.dataset.name}: {len(results.dataset.split('train'))} training samples, {asked} of split "
        f"{options.split!r} attributed and masked, the first {scored} probed for pairs. Seeds "
        f"{', '.join(map(str, options.seeds))}. Made by: {command}",
        f"Features are removed by fill {fills} at feature level; {level}. Players are {config.explain.token_groups}. "
        f"Pairs are ranked on the {config.explain.scale} of the most probable label, with "
        f"{options.backgrounds} backgrounds a pair.",
        "Intervals are 95% bootstrap intervals over samples of each sample's mean over seeds; ± is the standard "
        "deviation over seeds. p-values flip signs of samples, corrected by Holm within their table. – is "
        "missing, never 0.",
        *results.dataset.notes,
        *notes,
    ]


def _sections(tables: Tables, folder: Path, variants: Sequence[str]) -> list[PageSection]:
    """What the page shows, in its order; their figures are written to the folder."""
    ours = OURS if OURS in variants else variants[-1]
    return [
        _task(tables),
        *_masking(tables, folder, ours),
        _alignment(tables, folder),
        _pair_masking(tables, folder),
        _second_differences(tables, folder),
        _concentration(tables),
        *([_stories(tables)] if tables["table4_stories"] else []),
    ]


def _task(tables: Tables) -> PageSection:
    task = [row for row in tables["table1_task"] if row["metric"] in HEADLINE]
    return PageSection(
        "Table 1: the task",
        "Mean ± sd over seeds on the study's split.",
        "tables/table1_task.csv",
        [],
        *pivot(task, ["variant"], "metric", {"": "sd"}),
    )


def _masking(tables: Tables, folder: Path, ours: str) -> list[PageSection]:
    """Of the mixture, and of each expert of our model."""
    masking = tables["figure3_masking"]
    mixture = [row for row in masking if row["expert"] == MIXTURE]
    experts = [row for row in masking if row["variant"] == ours and row["K"] == "mean"]
    return [
        PageSection(
            "Figure 3: what masking the most important features costs",
            "Loss of the predicted labels' probability, of the mixture. Comprehensiveness removes the top K% of every "
            "modality, sufficiency keeps only them. The gap compares with random features: above 0, a method found "
            "what matters.",
            "tables/figure3_masking.csv",
            [
                write_figure(figures.plot_masking(masking, tables["figure3_metrics"]), folder, "figure3_masking"),
                write_figure(figures.plot_experts(masking, ours), folder, "figure3_experts"),
            ],
            *pivot(mixture, ["variant", "method", "measure"], "K", {"": "gap"}),
        ),
        PageSection(
            f"Figure 3 by expert: {ours}, mean over K",
            "Each expert's own map masks, and its own answer is read.",
            "tables/figure3_masking.csv",
            [],
            *pivot(experts, ["expert", "method"], "measure", {"": "gap"}),
        ),
    ]


def _alignment(tables: Tables, folder: Path) -> PageSection:
    rows = tables["figure4_alignment"]
    return PageSection(
        "Figure 4: do pair scores follow importance?",
        "Pairs of each sample in bins of equally many by importance (1 is least), and the q% most important.",
        "tables/figure4_alignment.csv",
        [write_figure(figures.plot_alignment(rows, on), folder, f"figure4_alignment_{on}") for on in SCALES],
        *pivot(rows, ["variant", "score", "expert", "on"], "part", {"": "interval"}),
    )


def _pair_masking(tables: Tables, folder: Path) -> PageSection:
    rows = tables["table2_pair_masking"]
    return PageSection(
        "Table 2: what removing pairs costs",
        "Loss of probability of the probed label without the k pairs ranked first (no feature twice), against "
        "pairs of features as important by themselves to the mixture (matched), and random ones. Losing i and j "
        "costs what losing each alone does, less their interaction with all else there: of features that cost the "
        "same alone, a synergistic pair costs less than others, and a redundant one more. So this tests whether "
        "features of ranked pairs matter, not whether they act together; the next table tests that.",
        "tables/table2_pair_masking.csv",
        [write_figure(figures.plot_pair_masking(rows), folder, "table2_pair_masking")],
        *_compared_rows(rows, ("variant", "ranked_by", "read_at", "pairs"), [f"cost_{name}" for name in CONTROLS]),
    )


def _second_differences(tables: Tables, folder: Path) -> PageSection:
    rows = tables["table2_second_differences"]
    return PageSection(
        "Table 2, fair to pairs that act together: how pairs interact",
        "What k pairs do together beyond what each side does by itself, in the probed label's logit or probability: "
        "above 0 they act together, below 0 they back each other up. With all else there, v(N) - v(N - T) - v(N - I) "
        "+ v(N - T - I), where T are the first and I the second features of the pairs; with nothing else there, "
        "v(T + I) - v(T) - v(I) + v(nothing), by which F_syn (arXiv 2605.22168) judges explainers. Over matched: by "
        "how much more than matched pairs, in the direction that the score names.",
        "tables/table2_second_differences.csv",
        [write_figure(figures.plot_second_differences(rows), folder, "table2_second_differences")],
        *_compared_rows(rows, ("variant", "ranked_by", "on", "when", "pairs"), CONTROLS),
    )


def _concentration(tables: Tables) -> PageSection:
    rows = tables["table3_concentration"]
    return PageSection(
        "Concentration and role separation",
        "Of attribution magnitudes: Gini, entropy over its largest, mass in the top 5%; and how experts' maps overlap.",
        "tables/table3_concentration.csv",
        [],
        *pivot(rows, ["variant", "method", "expert", "modality"], "measure", {"": "interval"}),
    )


def _stories(tables: Tables) -> PageSection:
    rows = [row | {"mean": row["auroc"], "sd_seeds": row["auroc_sd_seeds"]} for row in tables["table4_stories"]]
    return PageSection(
        "Known truth: which expert finds which story",
        "AUROC of the planted pair among all pairs, where its label holds; mean over seeds.",
        "tables/table4_stories.csv",
        [],
        *pivot(rows, ["variant", "story", "score", "on"], "expert", {"": "sd"}),
    )


def _compared_rows(
    rows: list[dict[str, Any]], where: Sequence[str], means: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Header and cells: where a row belongs, the means of ranked, matched and random pairs, and the comparisons."""
    header = [*(name.replace("_", " ") for name in (*where, *means)), "over matched", "p", "over random", "p"]
    out = []
    for row in rows:
        cells = [str(row[name]) for name in where] + [number(row[name]) for name in means]
        for name in ("over_matched", "over_random"):
            p = row[f"{name}_p_holm"]
            between = f"[{number(row[f'{name}_low'])}, {number(row[f'{name}_high'])}]"
            cells += [f"{number(row[name])} {between}", "–" if p is None else f"{p:.2g}"]
        out.append(cells)
    return header, out


def _example(results: Results, out: Path) -> Path | None:
    """One sample explained by dense and by fl-i2moe, first seed (Figure 5); by what there is if one is not compared."""
    options, dataset = results.study.options, results.dataset
    chosen = [name for name in (DENSE, OURS) if name in results.study.variants] or [next(iter(results.study.variants))]
    sample = find_sample(dataset, options.example) if options.example else dataset.split(options.split)[0]
    runs = [next(run.run for run in results.runs if run.variant == name) for name in chosen]
    target: str | None = None
    explanations: list[Explanation] = []
    pictures = {}
    opened = {m: open_picture(sample.inputs[m]) for m in drawn_as("image", dataset.modalities)}
    for name, run in reversed(list(zip(chosen, runs, strict=True))):  # what fl-i2moe decided is asked of both
        one = results.encoded.open(run.config)
        predictor = TrainedPredictor(run, one.encoders, stores=one.stores)
        found = explain_sample(predictor, sample, settings=run.config.explain, target=target, seed=run.config.seed)
        target = found.target
        called = f"{sample.id} ({name})"
        explanations.insert(0, found.model_copy(update={"sample_id": called}))
        pictures[called] = opened
    return write_page(
        explanations,
        pictures,
        out / "example.html",
        title=f"{dataset.name}: {sample.id}, {' beside '.join(chosen)}",
        blur=is_sensitive(dataset.labels),
    )
