"""A kind of modality is one object, and a new one is one class and one line of the registry."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from interplay.config import make_config
from interplay.data.shapes import feature_shapes
from interplay.data.table import check_table, read_table
from interplay.encoders.parts import Part
from interplay.encoders.precomputed import PrecomputedEncoder
from interplay.encoders.settings import EncoderConfig
from interplay.errors import DataError
from interplay.features.store import store_features
from interplay.modalities import MODALITIES, Modality, drawn_as
from interplay.modalities.feature_files import feature_shape, read_features
from interplay.pipeline.encode import load_encoders
from interplay.report.names import describe_features
from interplay.results import Explanation, Feature, Provenance, ValueFunction

TEXT, IMAGE, FEATURES = (MODALITIES[kind] for kind in ("text", "image", "features"))


class Audio(Modality):
    """Loudness by frame, from a .npy file: all that a new kind takes."""

    kind = "audio"
    panel = "features"
    file = "sound"
    suffixes = (".npy",)
    precomputed = True

    def read(self, content, row=None):
        return read_features(content, row)

    def load_encoder(self, settings, modality, shape):
        return PrecomputedEncoder(settings, modality, *shape)

    def shape(self, path, row=None):
        return feature_shape(path, row)

    def example(self, width):
        raise NotImplementedError  # abstract in Modality; only a service that warms up asks for it, and none runs here


@pytest.fixture
def audio(monkeypatch):
    monkeypatch.setitem(MODALITIES, "audio", Audio())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for number, split in enumerate(["train", "train", "val", "val", "test", "test"]):
        np.save(tmp_path / f"{number}.npy", rng.standard_normal((3 + number, 4)).astype(np.float32))
        row = {
            "id": f"s{number}",
            "split": split,
            "labels": ["a"][: number % 2],
            "talk": f"{number}.npy",
            "text": "a b",
        }
        rows.append(json.dumps(row))
    (tmp_path / "samples.jsonl").write_text("\n".join(rows))
    (tmp_path / "dataset.toml").write_text('[modalities]\ntext = "text"\ntalk = "audio"\n')
    return tmp_path


def test_a_new_kind_is_read_checked_encoded_and_stored(audio, table, tmp_path):
    dataset = read_table(table)
    assert dict(dataset.modalities) == {"text": "text", "talk": "audio"}
    assert [p for p in check_table(table) if p.severity == "error"] == []
    shapes = feature_shapes(dataset)
    assert shapes == {"talk": (4, 8)}
    config = make_config({"encoders": {"audio": {"model": "precomputed"}}})
    encoders = load_encoders(config, {"talk": "audio"}, "cpu", shapes)
    stored = store_features(dataset, "talk", encoders["talk"], tmp_path / "store")
    values, valid = stored["s1"]
    np.testing.assert_allclose(values, np.load(table / "1.npy"), atol=1e-2)
    assert valid.all()
    assert drawn_as("features", dict(dataset.modalities)) == ["talk"]


def test_a_new_kind_without_its_line_is_refused_by_the_names_of_the_others(table):
    with pytest.raises(DataError, match=r'expected "text", "image" or "features" for every column'):
        read_table(table)


def test_what_is_wrong_with_a_file_of_a_new_kind_is_said(audio, table):
    (table / "3.npy").write_bytes(b"no numbers")
    (fault,) = (p for p in check_table(table) if p.severity == "error")
    assert (fault.row, fault.column) == (4, "talk")
    (table / "3.npy").unlink()
    with pytest.raises(DataError, match=r"the sound .*3\.npy is missing"):
        read_table(table)


def test_words_are_what_blanks_part_and_cells_hold_the_middle_of_their_patches():
    text = "an unwashed cup, now"
    spans = [(0, 2), (3, 5), (5, 9), (9, 11), (12, 15), (15, 16), (17, 20)]
    words = [0, 1, 1, 1, 2, 2, 3]
    parts = [Part(text=text[a:b], span=(a, b), word=w) for (a, b), w in zip(spans, words, strict=True)]
    assert TEXT.groups(parts, token_groups=True, grid=2) == [0, 1, 1, 1, 2, 2, 3]
    assert TEXT.groups(parts, token_groups=False, grid=2) == list(range(7))
    assert TEXT.whole(parts[1:4], text) == Part(text="unwashed", span=(3, 11))
    boxes = [Part(box=(x / 3, y / 3, (x + 1) / 3, (y + 1) / 3)) for y in range(3) for x in range(3)]
    # a middle on the line belongs to the right
    assert IMAGE.groups(boxes, token_groups=True, grid=2) == [0, 1, 1, 2, 3, 3, 2, 3, 3]
    assert IMAGE.groups(boxes, token_groups=True, grid=None) == list(range(9))
    assert IMAGE.whole([boxes[1], boxes[5]], None).box == pytest.approx((1 / 3, 0, 1, 2 / 3))
    named = [Part(text="sound 1"), Part(text="sound 2")]
    assert FEATURES.groups(named, token_groups=True, grid=2) == [0, 1]
    assert FEATURES.whole(named[:1], "x.npy") == named[0]
    for modality in (TEXT, IMAGE, FEATURES):
        assert modality.groups([], token_groups=True, grid=2) == []


@pytest.mark.parametrize("kind", ["text", "image", "features"])
def test_examples_can_be_read_and_are_what_uploads_become(kind, tmp_path):
    modality = MODALITIES[kind]
    content = modality.example(5)
    if not modality.file:
        assert content.decode().split() == ["a", "word"]
        return
    path = tmp_path / f"x{modality.stored_as}"
    path.write_bytes(content)
    assert modality.read(path) is not None
    assert modality.received(path, 5) == content
    if modality.precomputed:
        with pytest.raises(DataError, match=r"the features have 5 columns; expected 6, as those trained on"):
            modality.received(path, 6)


def test_the_header_alone_says_how_large_a_picture_is():
    file = io.BytesIO()
    Image.new("RGB", (30, 20)).save(file, "PNG")
    file.seek(0)
    assert IMAGE.pixels(file) == (30, 20)
    assert file.tell() == 0
    assert IMAGE.pixels(io.BytesIO(b"nothing")) is None
    assert TEXT.pixels(file) is None


def test_a_feature_of_a_new_kind_has_a_name_on_the_page(audio):
    explanation = Explanation(
        sample_id="s",
        inputs={"text": TEXT.input_of("cup", 0), "talk": Audio().input_of(Path("folder/s.npy"), 2)},
        prediction={"a": 0.5},
        target="a",
        value=ValueFunction(on="logit", expert="mixture", fill="mean"),
        features=[
            Feature(index=0, modality="text", text="cup", span=(0, 3)),
            Feature(index=1, modality="talk", text="talk 1"),
        ],
        routing={},
        attributions={},
        pairs=[],
        evaluations=0,
        provenance=Provenance(run="r", data="d", versions={}, seed=0),
    )
    assert explanation.inputs["talk"].path == "s.npy"
    again = Explanation.model_validate_json(explanation.model_dump_json())
    assert "talk 1" in describe_features(again)[1].phrase


def test_modalities_are_known_without_what_reads_them():
    heavy = ["torch", "safetensors", "numpy", "jaxtyping", "asyncio"]
    code = f"import sys, interplay.modalities, interplay.data.registry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_two_modalities_share_an_encoder_unless_the_data_brings_the_features():
    config = make_config({})
    assert config.encoder("a", "features") == EncoderConfig(model="precomputed", max_tokens=4096)
    encoders = load_encoders(config, {"a": "features", "b": "features"}, "cpu", {"a": (3, 5), "b": (4, 6)})
    assert (encoders["a"].width, encoders["b"].width) == (3, 4)
