"""A new kind of modality is one file, here this one: sound in WAV files, encoded, trained on, explained, on a page."""

import json
import re
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch

from interplay.config import make_config
from interplay.data.registry import open_dataset
from interplay.data.sample import Dataset
from interplay.encoders.fingerprint import fingerprint
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.errors import ConfigError, DataError
from interplay.modalities import MODALITIES, Modality
from interplay.models.run import open_run
from interplay.pipeline.datasets import new_sample
from interplay.pipeline.evaluate import evaluate
from interplay.pipeline.explain import explain, explain_config
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.report import report_run
from interplay.pipeline.train import train
from interplay.report.findings import describe
from interplay.report.names import modality_panels
from interplay.results import Explanation

RATE = 8000  # samples a second
FRAME = 200  # samples a position
BANDS = 6
MODEL = "bands"


@final
class BandEncoder(Encoder):
    """Loudness of a frame in a few bands of frequency, through a fixed random layer."""

    kind = "audio"
    width = 8
    max_features = 40

    def __init__(self, config: EncoderConfig) -> None:
        network = torch.nn.Linear(BANDS, self.width)
        with torch.no_grad():
            network.weight.copy_(torch.linspace(-1, 1, BANDS * self.width).sin().reshape(self.width, BANDS))
            network.bias.zero_()
        super().__init__(network, config)
        self.fingerprint = fingerprint(self.network, frame=FRAME, bands=BANDS)

    def encode(self, inputs: Sequence[np.ndarray]) -> list[Encoded]:
        out = []
        for sound in inputs:
            frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
            kept = frames[: self.max_features]
            loud = np.abs(np.fft.rfft(kept, axis=1))[:, 1 : 1 + 8 * BANDS].reshape(len(kept), BANDS, 8).mean(axis=2)
            with torch.no_grad():
                features = self.network(torch.from_numpy(np.log1p(loud).astype(np.float32)).to(self.device)).cpu()
            valid = torch.ones(len(kept), dtype=torch.bool)
            out.append(Encoded(features, valid, truncated=len(frames) - len(kept)))
        return out

    def parts(self, content: np.ndarray) -> list[Part]:
        """The time at which each frame begins."""
        count = min(len(content) // FRAME, self.max_features)
        return [Part(text=f"{1000 * n * FRAME // RATE} ms") for n in range(count)]


@final
class AudioModality(Modality):
    """A sound of one channel in a WAV file of its own."""

    kind = "audio"
    panel = "features"
    file = "sound"
    suffixes = (".wav",)
    media_types = "audio/wav"
    stored_as = ".wav"

    def read(self, content: str | Path, row: int | None = None) -> np.ndarray:
        try:
            with wave.open(str(content), "rb") as file:
                values = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        except (OSError, EOFError, wave.Error) as error:
            raise DataError(f"the sound cannot be read ({error})", file=content, row=row) from error
        return values.astype(np.float32) / 2**15

    def load_encoder(self, settings: EncoderConfig, modality: str, shape: tuple[int, int] | None) -> Encoder:
        return BandEncoder(settings)

    def example(self, width: int) -> bytes:
        raise NotImplementedError  # abstract in Modality; only a service that warms up needs it, and none runs here


@pytest.fixture(autouse=True)
def audio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODALITIES, "audio", AudioModality())


def write_sound(path: Path, pitch: float, frames: int, seed: int) -> None:
    """A tone in noise."""
    at = np.arange(frames * FRAME) / RATE
    values = 0.5 * np.sin(2 * np.pi * pitch * at) + np.random.default_rng(seed).normal(0, 0.02, len(at))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((values.clip(-1, 1) * (2**15 - 1)).astype("<i2").tobytes())


def make(folder: Path, rows: int = 32) -> Dataset:
    """Sounds with captions; a high tone is a bird, a low one a drum."""
    folder.mkdir()
    lines: list[dict[str, Any]] = []
    for n in range(rows):
        high = n % 2
        write_sound(folder / f"{n}.wav", (300, 1500)[high], 3 + n % 3, n)
        split = ("train", "train", "val", "test")[n // 2 % 4]
        row = {"id": f"s{n}", "split": split, "labels": [("drum", "bird")[high]]}
        lines.append(row | {"caption": f"a recording number {n}", "sound": f"{n}.wav"})
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    declared = 'label_kind = "single"\nlabels = ["drum", "bird"]\n[modalities]\ncaption = "text"\nsound = "audio"\n'
    (folder / "dataset.toml").write_text(declared)
    return open_dataset(folder)


SETTINGS: dict[str, Any] = {
    "fusion": {"width": 16, "heads": 2, "kind": "dense"},
    "device": "cpu",
    "training": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2},
    "explain": {"budget": 400, "candidates": 3, "ig_steps": 2},
    "encoders": {"audio": {"model": MODEL}},
}


def test_a_new_kind_goes_all_the_way(tmp_path: Path) -> None:
    dataset, store = make(tmp_path / "data"), tmp_path / "store"
    run = train(dataset, make_config(SETTINGS), tmp_path / "run", store=store)
    again = open_run(run.folder)
    assert again.card.modalities == {"caption": "text", "sound": "audio"} and again.card.widths["sound"] == 8
    assert evaluate(again, dataset, store=store)["accuracy"] == 1, "tones are told apart"

    sample = dataset.split("test")[1]
    (explanation,) = explain(again, [sample])
    assert Explanation.model_validate_json(explanation.model_dump_json()) == explanation
    assert modality_panels(explanation) == {"caption": "text", "sound": "features"}
    assert explanation.inputs["sound"].path == "7.wav" and explanation.inputs["sound"].text is None
    assert [f.text for f in explanation.features if f.modality == "sound"] == ["0 ms", "25 ms", "50 ms", "75 ms"]
    assert explanation.pairs and describe(explanation, explanation.pairs[0]).endswith(" ms")
    new = new_sample(again, {"caption": "a recording", "sound": str(tmp_path / "data" / "6.wav")})
    (other,) = explain(again, [new], config=explain_config(again, {"explain.budget": 200}))
    assert other.target == "drum" and explanation.target == "bird"

    page = write_explanations(again, [explanation], [sample], tmp_path / "out").read_text("utf-8")
    assert "75 ms" in page and "7.wav" in page and not re.search(r'"kind":\s*"image"', page)
    index = report_run(again, dataset, out=tmp_path / "pages", store=store)
    assert "s7" in index.read_text("utf-8") and "drum" in index.read_text("utf-8")


def test_its_files_are_checked_and_its_encoder_must_be_named(tmp_path: Path) -> None:
    dataset = make(tmp_path / "data", rows=16)
    settings = {key: value for key, value in SETTINGS.items() if key != "encoders"}
    missing = r"no encoder is named for 'sound'; expected encoders\.sound or encoders\.audio"
    with pytest.raises(ConfigError, match=missing):
        train(dataset, make_config(settings), tmp_path / "run", store=tmp_path / "store")
    (tmp_path / "data" / "3.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"3\.wav, row 4: the sound cannot be read"):
        train(dataset, make_config(SETTINGS), tmp_path / "run", store=tmp_path / "store")
    assert not (tmp_path / "run").exists()
