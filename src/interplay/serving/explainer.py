"""A trained run with its encoders, opened once: a request in, explanation and page out."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from interplay.data.registry import is_sensitive
from interplay.data.sample import Sample
from interplay.encoders.frozen import Encoder
from interplay.explanation.explaining import explain_sample
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.modalities import MODALITIES, drawn_as
from interplay.modalities.pictures import open_picture
from interplay.models.run import Run, open_run
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explain import explain_config
from interplay.progress import Advance
from interplay.report.page import render_page
from interplay.results import Explanation
from interplay.serving.job import Explained, JobRequest


@dataclass(frozen=True)
class Explainer:
    """Explains on the CPU. Called by one thread at a time."""

    run: Run
    encoders: dict[str, Encoder]

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
        content = dict(job_request.texts) | {m: inputs / name for m, (name, _) in job_request.files.items()}
        ordered = {m: content[m] for m in self.run.card.modalities}
        sample = Sample(id="new", split="", inputs=ordered, labels=())
        config = explain_config(self.run, settings)
        explained = explain_sample(
            TrainedPredictor(self.run, self.encoders, config),
            sample,
            settings=config.explain,
            target=job_request.target,
            seed=config.seed,
            progress=advance,
        )
        advance(explained.evaluations, explained.evaluations)  # the total was an upper bound before
        explanation = _without_paths(explained, job_request)
        pictures = {m: open_picture(ordered[m]) for m in drawn_as("image", self.run.card.modalities)}
        title = f"{self.run.origin.data}: why {self.run.config.fusion.kind} decided so"
        blur = is_sensitive(self.run.card.labels)
        page = render_page([explanation], {sample.id: pictures}, title=title, blur=blur)
        return Explained(explanation.model_dump_json(indent=1) + "\n", page)

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


def open_explainer(folder: Path) -> Explainer:
    """Open a run and its encoders, and warm up.

    Args:
        folder: the run folder.

    Raises:
        BadInput: they cannot be opened.
    """
    run = open_run(folder)
    explainer = Explainer(run, open_encoders(run, "cpu"))
    explainer.warm_up()
    return explainer


def _without_paths(explanation: Explanation, job_request: JobRequest) -> Explanation:
    """The files under the names the client gave them."""
    inputs = {
        m: one.model_copy(update={"path": job_request.names.get(m, m)}) if one.path is not None else one
        for m, one in explanation.inputs.items()
    }
    return explanation.model_copy(update={"inputs": inputs})
