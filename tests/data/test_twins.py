"""What `data check` sees beyond broken rows, and the cleaned copy (cases.md F, J and K, and more of each kind)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from interplay.config import make_config
from interplay.data.check import Check, look_over
from interplay.data.fix import CHANGES, write_clean
from interplay.data.registry import open_dataset
from interplay.data.twins import NEAR, difference_hash, twin_problems
from interplay.errors import BadInput, DataError

LONG = "a storm came over the hills at noon, number"


def rows(n: int = 24) -> list[dict[str, Any]]:
    splits = ["train", "train", "train", "val", "test", "train"]
    return [
        {"id": f"s{k}", "split": splits[k % 6], "text": f"{LONG} {k}", "labels": ["cat", "dog"][k // 6 % 2]}
        for k in range(n)
    ]


def noise(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A smooth picture, made up, another for each seed."""
    rough = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC)


def write(folder: Path, made: list[dict[str, Any]], toml: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    if toml:
        (folder / "dataset.toml").write_text(toml)
    return folder


def warnings(check: Check) -> str:
    return "\n".join(str(p.error()) for p in check.problems if p.severity == "warning")


def test_rows_that_also_stand_in_train_are_counted(tmp_path: Path) -> None:
    made = rows()
    made[3]["text"], made[9]["text"] = made[0]["text"], f" {made[1]['text']}\u00a0"
    made[4]["text"] = made[2]["text"].upper().replace(",", " !")  # nearly
    dataset = open_dataset(write(tmp_path / "d", made))
    check = look_over(tmp_path / "d")
    found = warnings(check)
    assert "2 rows of the split 'val' also stand in train (the first: s3, s9)" in found
    assert "1 rows of val and test have a text in 'text' that stands in train with other punctuation" in found
    assert "(the first: s4)" in found and check.leaked == {"s3", "s9"} and check.trainable
    assert next(p.problem for p in twin_problems(dataset)).startswith("2 rows of the split 'val'")  # train says it too


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(
    "text, again",
    [
        ("a calm sea", "a calm sea"),
        ("cafe\u0301 au lait", "caf\u00e9 au lait"),
        ("fog", "\n fog \u200b"),
        ("हिन्दी में", "\u2060हिन्दी में\ufeff"),
    ],
    ids=ascii,
)
def test_a_text_that_also_stands_in_train_is_found_however_it_is_coded(
    tmp_path: Path, split: str, text: str, again: str
) -> None:
    made = rows()
    made[0]["text"], made[9]["text"], made[9]["split"] = text, again, split
    check = look_over(write(tmp_path / "d", made))
    assert f"1 rows of the split '{split}' also stand in train (the first: s9)" in warnings(check)
    assert check.leaked == {"s9"}


@pytest.mark.parametrize("same", ["picture and text", "picture", "text"])
def test_a_row_stands_in_train_if_its_picture_and_its_text_do(tmp_path: Path, same: str) -> None:
    made = rows()
    (tmp_path / "d").mkdir()
    for k, row in enumerate(made):
        noise(k).save(tmp_path / "d" / f"{k}.png")
        row["image"] = f"{k}.png"
    if "picture" in same:
        (tmp_path / "d" / "10.png").write_bytes((tmp_path / "d" / "0.png").read_bytes())
    if "text" in same:
        made[10]["text"] = made[0]["text"]
    check = look_over(write(tmp_path / "d", made))
    whole = "1 rows of the split 'test' also stand in train (the first: s10)" in warnings(check)
    assert whole == (same == "picture and text") == (check.leaked == {"s10"})
    one = f"1 rows of val and test have a {same} in '{'image' if same == 'picture' else 'text'}' that also stands"
    assert (one in warnings(check)) != whole


def test_contradictory_twins_are_counted(tmp_path: Path) -> None:
    made = rows()
    made[1]["text"] = made[0]["text"]  # the same label
    made[8]["text"] = made[2]["text"]  # another label
    found = warnings(look_over(write(tmp_path / "d", made)))
    assert "2 rows have the same content as another and other labels (the first: s2, s8)" in found


def test_pictures_are_compared_by_what_they_show(tmp_path: Path) -> None:
    made = rows()
    (tmp_path / "d").mkdir()
    for k, row in enumerate(made):
        noise(k).save(tmp_path / "d" / f"{k}.png")
        row["image"] = f"{k}.png"
    (tmp_path / "d" / "3.png").write_bytes((tmp_path / "d" / "0.png").read_bytes())  # a copy under another text
    noise(1).resize((128, 96)).save(tmp_path / "d" / "4.jpg", quality=80)  # the same at another size
    made[4]["image"] = "4.jpg"
    Image.new("RGB", (64, 48), "white").save(tmp_path / "d" / "5.png")  # plain ones are like too many
    Image.new("RGB", (64, 48), "white").resize((70, 50)).save(tmp_path / "d" / "9.png")
    found = warnings(look_over(write(tmp_path / "d", made)))
    assert "1 rows of val and test have a picture in 'image' that also stands in train (the first: s3)" in found
    assert "1 rows of val and test have a picture in 'image' that looks like one in train (the first: s4)" in found


def test_difference_hashes_hold_under_size_and_compression() -> None:
    hashes = [difference_hash(noise(seed)) for seed in range(20)]
    far = [int(np.bitwise_count(a ^ b).sum()) for k, a in enumerate(hashes) for b in hashes[:k]]
    assert min(far) > 60
    assert all(
        np.bitwise_count(difference_hash(noise(k).resize((31, 47))) ^ hashes[k]).sum() <= NEAR // 2 for k in range(20)
    )


def test_odd_labels_rare_ones_and_odd_sizes_are_named(tmp_path: Path) -> None:
    made = rows()
    made[0]["labels"], made[1]["labels"], made[2]["labels"] = "Cat", "nan", "cat\u200b"
    for row in made:
        row["image"] = "wide.png"
    write(tmp_path / "d", made)
    noise(0, (300, 40)).save(tmp_path / "d" / "wide.png")
    check = look_over(tmp_path / "d")
    assert "nearly equal, and count as 2: 'Cat' (1 rows), 'cat' (10 rows)" in warnings(check)
    assert "what programs write for a missing one: 'nan' (1 rows)" in warnings(check)
    assert "4 labels have fewer than 10 rows in train: 'Cat' (1)" in warnings(check)
    assert "24 pictures are below 32 pixels on a side or 5 times as long as wide (the first: s0, 300 x 40)" in warnings(
        check
    )
    assert check.trainable
    assert any("nearly equal" in note for note in open_dataset(tmp_path / "d").notes)  # train says it too


@pytest.mark.parametrize("label", ["nan", "None", "NULL", "NaN", "n/a", "<NA>", "NaT", "?", "undefined"])
def test_what_programs_write_for_a_missing_label_is_warned_of(tmp_path: Path, label: str) -> None:
    made = rows()
    made[1]["labels"] = label
    folder = write(tmp_path / "d", made)
    warning = f"labels are what programs write for a missing one: '{label}' (1 rows)"
    check = look_over(folder)
    assert warning in warnings(check) and check.trainable
    assert any(warning in note for note in open_dataset(folder).notes)


@pytest.mark.parametrize("label", ["none of these", "Nan's", "nothing", "0"])
def test_what_only_looks_like_a_missing_label_is_not_warned_of(tmp_path: Path, label: str) -> None:
    made = rows()
    made[1]["labels"] = label
    assert "missing one" not in warnings(look_over(write(tmp_path / "d", made)))


EMPTY = ["", " \n", "\u200b", "\ufe0f", "\u2060\u00a0", "\u3164", "\u0301", "\x00"]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_is_empty_is_empty_everywhere_and_all_rows_are_named_at_once(tmp_path: Path, form: str) -> None:
    made = rows()
    for k, text in enumerate(EMPTY):
        made[3 * k]["text"] = text
    folder = write(tmp_path / "d", made)
    if form == "csv":
        lines = ["id,split,text,labels", *(f'{r["id"]},{r["split"]},"{r["text"]}",{r["labels"]}' for r in made)]
        (folder / "samples.csv").write_text("\n".join(lines), newline="")
        (folder / "samples.jsonl").unlink()
    check = look_over(folder)
    assert len([p for p in check.errors if "empty or blank" in p.problem]) == len(EMPTY) == len(check.errors)
    lines_of = [p.row for p in check.errors]
    with pytest.raises(DataError, match="empty or blank") as refused:  # train names the same rows, in one message
        open_dataset(folder)
    assert refused.value.row == lines_of[0]
    others = ", ".join(map(str, lines_of[1:]))
    assert f"7 more problems, on rows {others}: `interplay data check` names each" in str(refused.value)


def test_what_an_encoder_reads_nothing_of_is_an_error_and_cut_words_are_counted(tmp_path: Path) -> None:
    made = rows()
    made[2]["text"] = "\ue000 \ue001"  # private characters are seen, and the packaged encoder drops them
    made[3]["text"] = "storm " * 400
    check = look_over(write(tmp_path / "d", made))
    (error,) = check.errors
    assert error.row == 3 and "the encoder minilm reads nothing in this text" in error.problem
    assert "1 of 24 texts are longer than the encoder minilm takes: 80 of" in warnings(check)
    shorter = make_config({"encoders": {"text": {"max_tokens": 5}}})
    assert "23 of 24 texts are longer" in warnings(look_over(tmp_path / "d", config=shorter))
    head, row = check.header, check.rows[0]
    assert dict(zip(head, row, strict=True)) | {"split": "train", "samples": "16", "text cut": "0"} == dict(
        zip(head, row, strict=True)
    )


def test_a_cleaned_copy_is_sound_and_says_what_was_removed(tmp_path: Path) -> None:
    made = rows()
    for row in made:
        row["image"] = f"{row['id']}.png"
    folder = write(tmp_path / "d", made)
    for k, row in enumerate(made):
        noise(k).save(folder / row["image"])
    (folder / "s6.png").write_bytes((folder / "s6.png").read_bytes()[:90])
    made[7]["text"], made[8]["split"], made[11]["labels"] = "\u200b", "trian", None
    made[9] |= {"text": made[0]["text"], "image": made[0]["image"]}
    write(folder, made)
    check = look_over(folder)
    written, done = write_clean(check, tmp_path / "clean")
    assert {s.id for s in look_over(folder).dataset.samples} - {s.id for s in written.samples} == {  # type: ignore[union-attr]
        *("s6", "s7", "s8", "s9", "s11")
    }
    again = look_over(tmp_path / "clean")
    assert again.trainable and not again.leaked and len(written.samples) == 19
    assert any("19 of 24 rows" in line for line in done) and sum("1 row removed" in line for line in done) == 5
    told = (tmp_path / "clean" / CHANGES).read_text()
    assert all(f"{name}\t" in told for name in ("s6", "s7", "s8", "s9", "s11"))
    assert (folder / "s6.png").exists()  # the original stays


def test_a_cleaned_copy_is_never_written_over_the_dataset(tmp_path: Path) -> None:
    made = rows()
    for row in made:
        row["image"] = f"{row['id']}.png"
    folder = write(tmp_path / "d", made)
    for k, row in enumerate(made):
        noise(k).save(folder / row["image"])
    (folder / "s6.png").write_bytes((folder / "s6.png").read_bytes()[:90])
    made[7]["text"], made[8]["split"], made[11]["labels"] = "\u200b", "trian", None
    made[9] |= {"text": made[0]["text"], "image": made[0]["image"]}
    write(folder, made)
    check = look_over(folder)
    folder = Path(check.dataset.source if check.dataset else tmp_path)
    for out in (folder, folder.parent, folder / "clean"):
        before = sorted(p for p in tmp_path.rglob("*"))
        with pytest.raises(BadInput, match="over the dataset, or into it"):
            write_clean(check, out, overwrite=True)
        assert sorted(p for p in tmp_path.rglob("*")) == before


def test_what_removing_rows_does_not_correct_is_refused(tmp_path: Path) -> None:
    made = rows()
    for row in made:
        del row["labels"]
    with pytest.raises(DataError, match="column is missing"):
        write_clean(look_over(write(tmp_path / "d", made)), tmp_path / "clean")
    with pytest.raises(DataError, match="there is nothing here"):
        write_clean(look_over(tmp_path / "none"), tmp_path / "clean")
    same = [row | {"labels": "cat"} for row in rows()]
    with pytest.raises(DataError, match="the same labels"):
        write_clean(look_over(write(tmp_path / "d", same)), tmp_path / "clean")
    assert not (tmp_path / "clean").exists()


def test_no_rows_are_alike_where_a_column_is_missing(tmp_path: Path) -> None:
    """Without the column of texts all rows hold nothing, which is no content."""
    rows = [f"{n},{split},text {n},{'ab'[n % 2]}" for n, split in enumerate(["train"] * 4 + ["val"] * 2 + ["test"] * 2)]
    (tmp_path / "samples.csv").write_text("\n".join(["id,split,text,labels", *rows]) + "\n")
    found = [problem.problem for problem in look_over(tmp_path, {"text_column": "texts"}).problems]
    assert any("no such column" in problem for problem in found)
    assert not any("stand in train" in problem or "same content" in problem for problem in found)
