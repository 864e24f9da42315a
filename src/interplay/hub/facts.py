"""What a model card says of a run, as plain sentences and rows: of what the run keeps, and nothing else."""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from interplay.data.registry import is_sensitive
from interplay.encoders.packaged import PACKAGED
from interplay.encoders.sources import public_name
from interplay.errors import BadInput
from interplay.explanation.trained.predictor import level_notes, off_training
from interplay.modalities import MODALITIES
from interplay.models.designs import MODELS
from interplay.models.run import Run
from interplay.results.comparison import Comparison
from interplay.results.ensemble import EnsembleScores
from interplay.results.validity import Validity

OWN = "this model"
MOST_LABELS = 60


def what(runs: Sequence[Run]) -> list[str]:
    """What the model is.

    Args:
        runs: the run, or several that are one model.
    """
    run = runs[0]
    reads = " and ".join(f"{m} ({kind})" for m, kind in run.card.modalities.items())
    kind = "exactly one of which holds" if run.card.label_kind == "single" else "any number of which may hold"
    design = MODELS[run.config.fusion.kind]
    several = len(design.expert_names(list(run.card.modalities))) > 1
    network = "a mixture of interaction experts" if several else "one fusion network"
    over = "the sequences of features" if design.reads_sequences else "one mean vector a modality"
    lines = [
        f"A classifier of {reads}: {len(run.card.labels)} labels, {kind}. It is {run.config.fusion.kind}, {network} "
        f"over {over} of frozen encoders, trained with Interplay, which also explains what it answers."
    ]
    if len(runs) > 1:
        names = ", ".join(one.folder.name for one in runs)
        lines.append(f"These are {len(runs)} trainings that differ in their seed ({names}); their mean is the model.")
    return lines


def needs(run: Run) -> str:
    """What else must be there when it is opened.

    Args:
        run: the run, or one of several.
    """
    folders = [public_name(name) for name in _encoder_names(run).values() if _is_folder(name)]
    if not folders:
        return ""
    return (
        f"Before that, put {' and '.join(dict.fromkeys(folders))}, the folder of an encoder that it was trained on, "
        "into the folder you work in."
    )


def data(run: Run) -> list[str]:
    """On what it was trained.

    Args:
        run: the run, or one of several.
    """
    sizes, baselines = run.origin.splits, run.baselines
    if sizes:
        splits = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
    else:
        tested = f"{baselines.difference.samples:,} test samples" if baselines else "not known"
        splits = f"{tested}; the sizes of the others were not kept" if baselines else tested
    labels = run.card.labels
    some = ", ".join(labels[:MOST_LABELS]) + (
        f" and {len(labels) - MOST_LABELS} more" if len(labels) > MOST_LABELS else ""
    )
    lines = [
        f"Name: {run.origin.data} (hash of its labels, splits and features: {run.origin.data_hash})",
        f"Splits: {splits}",
        f"Labels: {some}",
    ]
    if is_sensitive(labels):
        lines.append("The labels are of hate speech: pages blur pictures and texts until asked.")
    return lines


def encoders(run: Run) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the table of encoders.

    Args:
        run: the run, or one of several.
    """
    header = ["modality", "encoder", "from layer", "features of a sample", "what must be there", "fingerprint"]
    rows = []
    for modality, kind in run.card.modalities.items():
        name, settings = _encoder_names(run)[modality], run.config.encoder(modality, kind)
        if MODALITIES[kind].precomputed:
            there = "files of features (T, D) that were computed as those it was trained on"
        elif name in PACKAGED:
            there = "nothing: it comes with interplay[train]"
        elif _is_folder(name):
            there = f"a folder {public_name(name)} with that model"
        else:
            there = "nothing: it is fetched from the hub once"
        layer = "–" if MODALITIES[kind].precomputed else str(settings.layer or "the last")
        size = f"at most {run.card.lengths[modality]}, of width {run.card.widths[modality]}"
        rows.append([f"{modality} ({kind})", public_name(name), layer, size, there, run.card.encoders[modality][:12]])
    return header, rows


def columns(
    runs: Sequence[Run], scores: EnsembleScores | None, comparison: Comparison | None
) -> dict[str, Mapping[str, float | None]]:
    """Name -> test metrics: the model's own first, then what it has to beat.

    Args:
        runs: the run, or several that are one model.
        scores: of several runs, what was measured of their mean.
        comparison: of several runs, how much better they are than the other models.
    """
    if scores is None:
        return {OWN: runs[0].metrics["test"]} | runs[0].beside
    out: dict[str, Mapping[str, float | None]] = {OWN: scores.metrics["test"]}
    if scores.calibration.thresholds:
        out["cut by val"] = scores.calibration.at_thresholds["test"]
    out |= {f"{run.folder.name} alone": run.metrics["test"] for run in runs}
    out |= {"linear probe": scores.baselines.linear_probe["test"], "labels' shares": scores.baselines.prior["test"]}
    return out | {f"mean of {other.model}": other.test for other in (comparison.others if comparison else ())}


def measured(run: Run) -> list[str]:
    """Whether it beats a linear probe and the other models, with the paired intervals that the run keeps.

    Args:
        run: the run.
    """
    lines = [run.baselines.sentence()] if run.baselines else ["No linear probe was fitted beside it."]
    return [*lines, *(run.comparison.sentences() if run.comparison else [])]


def calibration(runs: Sequence[Run], scores: EnsembleScores | None) -> list[str]:
    """How far its probabilities are off.

    Args:
        runs: the run, or several that are one model.
        scores: of several runs, what was measured of their mean.
    """
    kept = scores.calibration if scores else runs[0].calibration
    if kept is None:
        return ["It was not measured."]
    by = f"Dividing logits by {kept.temperature:.2f} would give the least loss on the validation split"
    lines = [kept.sentence(), f"{by}; that is measured, not applied."]
    if runs[0].config.training.class_weights == "balanced":
        lines.append("Labels counted alike in training, so probabilities are not meant to be their shares.")
    return lines


def validity(runs: Sequence[Run]) -> list[str]:
    """What `interplay validate` found.

    Args:
        runs: the run, or several that are one model.
    """
    lines = []
    for run in runs:
        if (file := run.validity_file) is None:
            continue
        try:
            found = Validity.model_validate_json(file.read_bytes())
        except (ValidationError, BadInput):
            continue
        origin, known = found.provenance, f"{run.origin.data} ({run.origin.data_hash})"
        other = origin.weights != run.weights if origin.weights else origin.data != known  # older files name no weights
        if other:
            lines.append(f"Measured of another training of these settings, on {origin.data}.")
        elif len(runs) > 1:
            lines.append(f"Of {run.folder.name} alone:")
        lines += [*found.notes, *found.verdicts]
    return lines or ["It was not measured: interplay validate does, and plants evidence where none is known."]


def limits(runs: Sequence[Run], scores: EnsembleScores | None) -> list[str]:
    """What claims rest on, what intervals do not cover, and where nothing is known.

    Args:
        runs: the run, or several that are one model.
        scores: of several runs, what was measured of their mean.
    """
    run = runs[0]
    baselines = scores.baselines if scores else run.baselines
    lines = [
        "A claim is about what this model answers when words and patches are removed; it is no claim about the world.",
        *level_notes(run),
        *off_training(run, run.config),
        "Intervals of pair scores cover which sets of features were drawn, not what training again would change.",
        "This is one training: another seed may name other words and patches for the same sample. Explaining the mean "
        "of several trainings says in how many of them a claim holds."
        if len(runs) == 1
        else f"A claim of the mean need not hold in each of the {len(runs)} trainings: an explanation says in how many "
        "it does, and other trainings may differ again.",
    ]
    if baselines is not None:
        lines.append(
            f"Intervals of metrics are over its {baselines.difference.samples:,} test samples, drawn anew; neither "
            "other data nor training again is covered."
        )
        if baselines.difference.low is None or baselines.difference.low <= 0:
            lines.append(
                "It is not shown to beat a linear probe, which has no pairs: take care with what explanations say of "
                "them."
            )
    if run.config.fusion.kind != "dense" and run.config.fusion.roles == "losses":
        lines.append("Roles are what losses asked of experts in training; an expert may say what is not its own.")
    return [*lines, f"Nothing was measured on other data than {run.origin.data}."]


def made(runs: Sequence[Run], writer: str) -> list[str]:
    """Settings, seed and versions.

    Args:
        runs: the run, or several that are one model.
        writer: the version of Interplay that writes the card.
    """
    run, training = runs[0], runs[0].config.training
    seeds = ", ".join(str(one.origin.seed) for one in runs)
    epochs = ", ".join(str(one.card.epoch + 1) for one in runs)
    removal = run.config.removal
    aware = f"with features removed, too (fill {removal.fill})" if removal.mask_aware else "on whole samples alone"
    versions = ", ".join(f"{name} {number}" for name, number in run.origin.versions.items())
    return [
        f"Seed{'s' * (len(runs) > 1)}: {seeds}",
        f"Training: at most {training.epochs} epochs {aware}, the best by the validation split is {epochs}; "
        f"all settings are in config.toml (preset {run.config.preset})",
        f"Versions: {versions}; this folder was written by Interplay {writer}",
    ]


def _encoder_names(run: Run) -> dict[str, str]:
    return {m: run.config.encoder(m, kind).model for m, kind in run.card.modalities.items()}


def _is_folder(name: str) -> bool:
    return name.startswith("./")  # as `public_config` writes it: what lies here under a hub id is nothing to readers
