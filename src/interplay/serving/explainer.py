"""A trained run with its encoders, opened once: a request in, explanation and page out."""

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from interplay.data.registry import is_sensitive
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoder
from interplay.errors import BadInput, EncoderError
from interplay.explanation.explaining import explain_sample
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.features.batches import Batch, Item, collate
from interplay.features.store import read_input
from interplay.features.writing import halved
from interplay.modalities import MODALITIES, drawn_as
from interplay.modalities.pictures import open_picture
from interplay.models.run import Run, open_run
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explain import explain_config
from interplay.progress import SILENT, Advance, Progress
from interplay.report.page import render_page
from interplay.results import Explanation
from interplay.serving.job import Explained, JobRequest


@dataclass(frozen=True)
class Explainer:
    """Explains on the CPU, one job at a time; another thread may encode samples to predict them meanwhile."""

    run: Run
    encoders: dict[str, Encoder]
    _encoding: threading.Lock = field(default_factory=threading.Lock, compare=False)  # tokenizers are for one thread

    def __call__(self, job_request: JobRequest, inputs: Path, advance: Advance) -> Explained:
        """Explain a sample whose files lie in `inputs`.

        Raises BadInput for an input that cannot be used, and whatever `advance` raises.
        """
        return self._explain(
            job_request, inputs, advance, {"explain.budget": job_request.budget, "seed": job_request.seed}
        )

    def _explain(
        self, job_request: JobRequest, inputs: Path, advance: Advance, settings: dict[str, int | str]
    ) -> Explained:
        advance(0, job_request.budget)
        sample = self.sample(job_request, inputs)
        config = explain_config(self.run, settings)
        predictor = TrainedPredictor(self.run, self.encoders, config)
        with self._encoding:
            opened = predictor.open(sample)
        explained = explain_sample(
            predictor,
            sample,
            settings=config.explain,
            target=job_request.target,
            seed=config.seed,
            progress=advance,
            opened=opened,
        )
        advance(explained.evaluations, explained.evaluations)  # the total was an upper bound before
        explanation = _without_paths(explained, job_request)
        pictures = {m: open_picture(sample.inputs[m]) for m in drawn_as("image", self.run.card.modalities)}
        title = f"{self.run.origin.data}: why {self.run.config.fusion.kind} decided so"
        blur = is_sensitive(self.run.card.labels)
        page = render_page([explanation], {sample.id: pictures}, title=title, blur=blur)
        return Explained(explanation.model_dump_json(indent=1) + "\n", page)

    def sample(self, job_request: JobRequest, inputs: Path) -> Sample:
        """What a request holds as a sample of the run.

        Args:
            job_request: the request.
            inputs: folder of its files.
        """
        content = dict(job_request.texts) | {m: inputs / name for m, (name, _) in job_request.files.items()}
        return Sample(id="new", split="", inputs={m: content[m] for m in self.run.card.modalities}, labels=())

    def encode(self, samples: Sequence[Sample]) -> Batch:
        """The features of some samples as one batch, rounded as those the model was trained with. Safe in any thread.

        Args:
            samples: the samples.

        Raises:
            BadInput: one of them cannot be used.
        """
        columns = []
        for modality, kind in self.run.card.modalities.items():
            contents = [read_input(sample, modality, kind) for sample in samples]
            with self._encoding:
                encoded = self.encoders[modality].encode(contents)
            for one in encoded:
                if not one.valid.any():
                    raise BadInput(f"{modality!r} holds no feature", expected="a word, or a patch", fix="write a word")
            half = [halved(one) for one in encoded]
            if any(one is None for one in half):
                raise EncoderError("the encoder's features are not finite in half precision", expected="at most 65504")
            columns.append([(h.float(), e.valid) for h, e in zip(half, encoded, strict=True) if h is not None])
        none = torch.zeros(1)  # there is no target
        items: list[Item] = [
            (tuple(f for f, _ in row), tuple(v for _, v in row), none) for row in zip(*columns, strict=True)
        ]
        return collate(items)

    def warm_up(self) -> None:
        """Explain something made up: what is loaded or compiled at the first call is there before the first job."""
        card = self.run.card
        texts: dict[str, str] = {}
        files: dict[str, tuple[str, bytes]] = {}
        with tempfile.TemporaryDirectory() as folder:
            for modality, kind in card.modalities.items():
                content = MODALITIES[kind].example(card.widths[modality])
                if not MODALITIES[kind].file:
                    texts[modality] = content.decode()
                    continue
                path = Path(folder) / f"{len(files)}{MODALITIES[kind].stored_as}"
                path.write_bytes(content)
                files[modality] = (path.name, b"")
            job_request = JobRequest(texts, files, {}, None, 256, 0)
            few: dict[str, int | str] = {"explain.budget": job_request.budget, "explain.candidates": 1}
            few["explain.estimator"] = "naive"
            self._explain(job_request, Path(folder), lambda done, most: None, few)


def open_explainer(folder: Path, progress: Progress = SILENT) -> Explainer:
    """Open a run and its encoders, and warm up.

    Args:
        folder: the run folder.
        progress: shows the stages.

    Raises:
        BadInput: they cannot be opened.
    """
    advance = progress.stage("Start")
    progress.note(f"Opening {folder} ...")
    advance(0, 3)
    run = open_run(folder)
    progress.note(f"Loading the encoders of {', '.join(run.card.modalities)} ...")
    advance(1, 3)
    explainer = Explainer(run, open_encoders(run, "cpu"))
    progress.note("Explaining something made up, so that the first job does not wait ...")
    advance(2, 3)
    explainer.warm_up()
    advance(3, 3)
    return explainer


def _without_paths(explanation: Explanation, job_request: JobRequest) -> Explanation:
    """The files under the names the client gave them."""
    inputs = {
        m: one.model_copy(update={"path": job_request.names.get(m, m)}) if one.path is not None else one
        for m, one in explanation.inputs.items()
    }
    return explanation.model_copy(update={"inputs": inputs})
