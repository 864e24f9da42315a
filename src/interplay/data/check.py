"""Everything that is wrong with a dataset of any layout, listed at once instead of stopping at the first."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from interplay.config import Config
from interplay.data.file_checks import Seen, file_problems
from interplay.data.problems import Problem
from interplay.data.registry import layout_of, open_dataset
from interplay.data.remarks import few_problems, label_problems, size_problems
from interplay.data.sample import SPLITS, Dataset, Options
from interplay.data.table import note_problems, scan_table, split_problems
from interplay.encoders.reach import Reach, open_reader
from interplay.errors import DataError

AT_ONCE = 1000
LABELS = 12
"""Labels that the table shows apart."""


@dataclass(frozen=True)
class Check:
    """What was found in a dataset.

    Attributes:
        problems: what is wrong, and what may be meant otherwise.
        dataset: as much of it as could be read; None if nothing could.
        header: what the columns of the table are.
        rows: a row of the table for each split, and one for all.
        leaked: ids of rows of val and test that also stand in train.
    """

    problems: list[Problem]
    dataset: Dataset | None
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    leaked: frozenset[str] = frozenset()

    @property
    def errors(self) -> list[Problem]:
        """The problems that stand against using the dataset as it is."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def trainable(self) -> bool:
        """Whether a training takes it: it has no error, and samples in train, val and test."""
        return not self.errors and not any(p.column == "split" and p.row is None for p in self.problems)


def check_dataset(
    path: str | Path, options: Options | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Problem]:
    """Every problem of a dataset, every file it names opened too; empty if all is well. Never raises for bad data.

    Every row of a table is checked. Readers of other layouts stop at the first error; samples that they skip or repair
    are warnings.

    Args:
        path: the dataset's folder or file.
        options: how to read it.
        progress: called with (done, total) samples while their files are opened.

    Raises:
        ConfigError: the layout does not know an option.
    """
    return look_over(path, options, progress=progress).problems


def look_over(
    path: str | Path,
    options: Options | None = None,
    config: Config | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Check:
    """The same with what could be read, and a table of it.

    Args:
        path: the dataset's folder or file.
        options: how to read it.
        config: which encoders will read its texts; the defaults if None.
        progress: called with (done, total) samples while their files are opened.

    Raises:
        ConfigError: the layout does not know an option.
    """
    path = Path(path)
    problems: list[Problem] = []
    try:
        layout = layout_of(path) if path.exists() else "table"
        if layout == "table":
            dataset = scan_table(path, problems.append, options=options)
        else:
            dataset = open_dataset(path, options)
    except DataError as error:
        file = Path(error.file) if error.file else path
        return Check([Problem(file, error.row, None, error.problem, error.fix, expected=error.expected)], None)
    if dataset is None:
        return Check(problems, None)
    # Where a column is missing, rows may seem alike that are not.
    understood = not any(one.severity == "error" and one.row is None for one in problems)
    seen: Seen = {}
    problems += note_problems(dataset) + file_problems(dataset, progress, seen)
    reached, more = _read_texts(dataset, config or Config())
    problems += more + split_problems(dataset)
    if layout == "table":  # of others the notes hold these
        problems += label_problems(dataset)
    problems += few_problems(dataset)
    problems += size_problems(dataset, {file: one.size for file, one in seen.items() if one.size is not None})
    header, rows = _table(dataset, reached)
    if not understood:
        return Check(problems, dataset, header, rows)
    from interplay.data.twins import difference_hash, leaked_samples, twin_problems  # NumPy, which nothing else needs

    pictures = {file: one.picture for file, one in seen.items() if one.picture is not None}
    hashes = {file: difference_hash(picture) for file, picture in pictures.items()}
    problems += twin_problems(dataset, hashes)
    return Check(problems, dataset, header, rows, frozenset(s.id for s in leaked_samples(dataset, hashes)))


def _read_texts(dataset: Dataset, config: Config) -> tuple[dict[str, dict[str, Reach]], list[Problem]]:
    """Modality -> id -> how far its text is read, and what is wrong: texts without a token, and words cut off."""
    reached: dict[str, dict[str, Reach]] = {}
    problems: list[Problem] = []
    for modality, kind in dataset.modalities.items():
        if kind != "text" or (reader := open_reader(config.encoder(modality, kind))) is None:
            continue
        samples = [sample for sample in dataset.samples if modality in sample.inputs]
        found: list[Reach] = []
        for start in range(0, len(samples), AT_ONCE):
            found += reader.read([str(sample.inputs[modality]) for sample in samples[start : start + AT_ONCE]])
        reached[modality] = {sample.id: one for sample, one in zip(samples, found, strict=True)}
        model = config.encoder(modality, kind).model
        for sample, one in zip(samples, found, strict=True):
            if not one.tokens:
                came = f"the encoder {model} reads nothing in this text: {ascii(sample.inputs[modality])[:60]}"
                fix = "write a text in characters that it knows, choose another encoder, or remove the row"
                problems.append(Problem(sample.file or dataset.source, sample.row or None, modality, came, fix))
        if cut := [one for one in found if one.cut]:
            words, read = sum(one.cut for one in cut), sum(one.words for one in found)
            came = f"{len(cut)} of {len(found)} texts are longer than the encoder {model} takes: {words:,} of {read:,}"
            fix = f"nothing, if the beginnings say enough; else shorten them, or set encoders.{modality}.max_tokens"
            problems.append(Problem(dataset.source, None, modality, f"{came} words are cut off", fix, "warning"))
    return reached, problems


def _table(
    dataset: Dataset, reached: dict[str, dict[str, Reach]]
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Splits in rows: how many samples, of each label, and how many words a text has."""
    labels = dataset.labels[:LABELS]
    texts = list(reached)
    rest = (f"{len(dataset.labels) - LABELS} more labels",) if len(dataset.labels) > LABELS else ()
    none = ("no label",) if any(not sample.labels for sample in dataset.samples) else ()
    words = tuple(name for text in texts for name in (f"words of {text}, median", f"{text} cut"))
    header = ("split", "samples", *labels, *rest, *none, *words)
    rows = []
    for split in (*SPLITS, "all"):
        samples = list(dataset.samples) if split == "all" else dataset.split(split)
        row = [split, str(len(samples)), *(str(sum(label in s.labels for s in samples)) for label in labels)]
        row += [str(sum(any(label in s.labels for label in dataset.labels[LABELS:]) for s in samples))] if rest else []
        row += [str(sum(not s.labels for s in samples))] if none else []
        for text in texts:
            own = [reached[text][s.id] for s in samples if s.id in reached[text]]
            row += [f"{median(one.words for one in own):g}" if own else "–", str(sum(one.cut > 0 for one in own))]
        rows.append(tuple(row))
    return header, tuple(rows)
