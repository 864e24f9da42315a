"""Features that were computed beforehand: what is read, and that every fault is named."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save, save_file

from interplay.data.check import check_dataset
from interplay.data.registry import open_dataset
from interplay.data.shapes import feature_shapes
from interplay.data.table_write import write_table
from interplay.errors import DataError
from interplay.modalities.feature_files import feature_shape, read_features

VALUES = np.arange(12, dtype=np.float32).reshape(4, 3) / 7


def npy(path: Path, values: Any) -> Path:
    np.save(path, values)
    return path


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64, np.uint8, ">f4"])
def test_numbers_of_any_type(tmp_path: Path, kind: Any) -> None:
    values = np.arange(12).reshape(4, 3).astype(kind)
    got = read_features(npy(tmp_path / "a.npy", values))
    assert got.dtype == np.float32 and got.flags.writeable and np.array_equal(got, np.arange(12).reshape(4, 3))


def test_safetensors(tmp_path: Path) -> None:
    save_file({"anything": VALUES}, tmp_path / "one.safetensors")
    save_file({"features": VALUES, "more": np.zeros(2, np.float32)}, tmp_path / "two.SAFETENSORS")
    for name in ("one.safetensors", "two.SAFETENSORS"):
        assert np.array_equal(read_features(tmp_path / name), VALUES)
        assert feature_shape(tmp_path / name) == (4, 3)


def test_fortran_order(tmp_path: Path) -> None:
    assert np.array_equal(read_features(npy(tmp_path / "a.npy", np.asfortranarray(VALUES))), VALUES)


class Trap:
    """Would leave a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def save_trap(path: Path) -> None:
    path.write_bytes(pickle.dumps(Trap(path.with_name("sprung"))))


def save_two(path: Path) -> None:
    save_file({"a": VALUES, "b": VALUES}, path)


def save_archive(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), a=VALUES, b=VALUES)
    path.with_suffix(".npz").rename(path)


def nan_at(row: int, column: int, value: float = np.nan) -> np.ndarray:
    values = VALUES.copy()
    values[row, column] = value
    return values


BAD: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "missing": ("a.npy", lambda p: None, "the file is missing"),
    "a folder": ("a.npy", lambda p: p.mkdir(), "the file is missing"),
    "another kind": ("a.pt", lambda p: p.write_bytes(b"x"), r"ends in '\.pt'; expected \.npy or \.safetensors"),
    "an empty npy": ("a.npy", lambda p: p.touch(), "cannot be read"),
    "an object": ("a.npy", lambda p: np.save(p, np.array([{"a": 1}], dtype=object)), "cannot be read"),
    "a pickle": ("a.npy", save_trap, "cannot be read"),
    "an archive": ("a.npy", save_archive, "cannot be read"),
    "cut short": ("a.npy", lambda p: (np.save(p, VALUES), p.write_bytes(p.read_bytes()[:-8])), "cannot be read"),
    "broken safetensors": ("a.safetensors", lambda p: p.write_bytes(save({"a": VALUES})[:-8]), "cannot be read"),
    "an empty safetensors": ("a.safetensors", lambda p: p.touch(), "cannot be read"),
    "no tensor": ("a.safetensors", lambda p: save_file({}, p), "it holds 0 tensors"),
    "two tensors": ("a.safetensors", save_two, "it holds 2 tensors and none is called 'features'"),
    "one vector": ("a.npy", lambda p: npy(p, np.ones(3)), r"shape \(3,\).*one row: x\[None\]"),
    "three axes": ("a.npy", lambda p: npy(p, np.ones((1, 4, 3))), r"shape \(1, 4, 3\); expected .*\(T, D\)"),
    "one number": ("a.safetensors", lambda p: save_file({"a": np.ones((), np.float32)}, p), r"shape \(\)"),
    "no rows": ("a.safetensors", lambda p: save_file({"a": np.ones((0, 3), np.float32)}, p), r"shape \(0, 3\)"),
    "no columns": ("a.safetensors", lambda p: save_file({"a": np.ones((3, 0), np.float32)}, p), r"shape \(3, 0\)"),
    "true and false": ("a.npy", lambda p: npy(p, np.ones((2, 2), bool)), "type bool"),
    "complex": ("a.npy", lambda p: npy(p, np.ones((2, 2), complex)), "type complex128"),
    "not a number": ("a.npy", lambda p: npy(p, nan_at(2, 1)), "position 2, column 1 is nan"),
    "infinite": ("a.safetensors", lambda p: save_file({"a": nan_at(3, 2, np.inf)}, p), "position 3, column 2 is inf"),
    "too large": ("a.npy", lambda p: npy(p, np.full((1, 2), 1e39)), r"column 0 is 1e\+39.*float32 can hold"),
}


@pytest.mark.parametrize("name, make, message", BAD.values(), ids=BAD)
def test_bad_files_are_named(tmp_path: Path, name: str, make: Callable[[Path], Any], message: str) -> None:
    make(tmp_path / name)
    with pytest.raises(DataError, match=message) as caught:
        read_features(tmp_path / name, row=5)
    assert caught.value.file == tmp_path / name and caught.value.row == 5 and caught.value.fix
    assert not (tmp_path / "sprung").exists()


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    path = npy(tmp_path / "a.npy", VALUES)
    path.write_bytes(path.read_bytes().replace(b"(4, 3), }" + b" " * 12, b"(4, 3000000000000), }"))
    with pytest.raises(DataError, match="cannot be read"):
        read_features(path)


# ---- as a modality of a table ----


def table(folder: Path, widths: tuple[int, ...] = (3, 3, 3, 3)) -> Path:
    """Rows with two kinds of features: `sound` of 2 to 5 positions, `pose` of one width."""
    folder.mkdir()
    rows = []
    for n, width in enumerate(widths):
        npy(folder / f"{n}.npy", np.full((2 + n, width), n / 4))
        save_file({"x": np.ones((1, 6), np.float32)}, folder / f"{n}.safetensors")
        split = ("train", "train", "val", "test")[n % 4]
        label = ["loud"] if n % 2 else []
        rows.append({"id": f"s{n}", "split": split, "labels": label, "sound": f"{n}.npy", "pose": f"{n}.safetensors"})
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "dataset.toml").write_text(
        'label_kind = "multi"\nlabels = ["loud", "soft"]\n[modalities]\nsound = "features"\npose = "features"\n'
    )
    return folder


def test_a_table_with_features(tmp_path: Path) -> None:
    dataset = open_dataset(table(tmp_path / "t"))
    assert dict(dataset.modalities) == {"sound": "features", "pose": "features"}
    assert dataset.samples[1].inputs == {"sound": tmp_path / "t" / "1.npy", "pose": tmp_path / "t" / "1.safetensors"}
    assert feature_shapes(dataset) == {"sound": (3, 5), "pose": (6, 1)}
    assert [p for p in check_dataset(tmp_path / "t") if p.severity == "error"] == []


def test_a_table_with_features_is_written_and_read_again(tmp_path: Path) -> None:
    made = open_dataset(table(tmp_path / "t"))
    again = write_table(made, tmp_path / "copy")
    assert again.modalities == made.modalities
    first = again.samples[0].inputs["sound"]
    assert isinstance(first, Path) and first.is_relative_to(tmp_path / "copy")
    assert np.array_equal(read_features(first), np.zeros((2, 3)))


def test_another_width_is_named(tmp_path: Path) -> None:
    folder = table(tmp_path / "t", widths=(3, 3, 4, 3))
    with pytest.raises(DataError, match="have 4 columns; expected 3") as caught:
        feature_shapes(open_dataset(folder))
    assert caught.value.file == folder / "2.npy" and caught.value.row == 3
    (found,) = (p for p in check_dataset(folder) if p.severity == "error")
    assert (found.row, found.column, found.file) == (3, "sound", folder / "2.npy") and "4 columns" in found.problem


def test_the_check_opens_every_file(tmp_path: Path) -> None:
    folder = table(tmp_path / "t")
    npy(folder / "1.npy", nan_at(0, 0))
    (folder / "3.safetensors").write_bytes(b"12345678")
    found = [(p.row, p.column) for p in check_dataset(folder) if p.severity == "error"]
    assert found == [(2, "sound"), (4, "pose")]


@pytest.mark.parametrize("value", ["gone.npy", "", None])
def test_files_that_are_not_there(tmp_path: Path, value: str | None) -> None:
    folder = table(tmp_path / "t")
    rows = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    rows[2]["sound"] = value
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"feature file.* missing") as caught:
        open_dataset(folder)
    assert caught.value.row == 3


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    folder = table(tmp_path / "t")
    (folder / "dataset.toml").write_text('[modalities]\nsound = "audio"\n')
    with pytest.raises(DataError, match='"text", "image" or "features"'):
        open_dataset(folder)
