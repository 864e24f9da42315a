"""Every file of tests/corpus is read, or refused for the reason it was made for; check and train agree about it."""

import json
import re
from pathlib import Path

import pytest

from interplay.data.check import look_over
from interplay.data.registry import open_dataset
from interplay.errors import DataError
from interplay.modalities.pictures import open_picture
from interplay.pipeline.train import refuse_bad_splits
from tests.corpus.make import pictures, tables

CORPUS = Path(__file__).parent / "corpus"
EXPECTED: dict[str, str] = json.loads((CORPUS / "expected.json").read_text())


def of(kind: str) -> list[str]:
    return [name for name in EXPECTED if name.startswith(kind)]


@pytest.mark.parametrize("name", of("pictures"))
def test_a_picture_is_read_or_refused_for_its_reason(name: str) -> None:
    if EXPECTED[name] == "read":
        picture = open_picture(CORPUS / name)
        assert picture.mode == "RGB" and sorted(picture.size) == [18, 24]
        return
    with pytest.raises(DataError, match=EXPECTED[name]) as caught:
        open_picture(CORPUS / name)
    assert caught.value.fix and caught.value.file == CORPUS / name


@pytest.mark.parametrize("name", of("tables"))
def test_a_table_is_read_or_refused_for_its_reason(name: str) -> None:
    check = look_over(CORPUS / name)
    try:
        refuse_bad_splits(open_dataset(CORPUS / name))
        refused = False
    except DataError:
        refused = True
    if EXPECTED[name] == "read":
        assert not refused and not check.errors, [str(p.error()) for p in check.errors]
        assert check.dataset is not None and len(check.dataset.samples) == 7
        return
    assert any(re.search(EXPECTED[name], p.problem) for p in check.errors), [p.problem for p in check.errors]
    assert refused or "reads nothing" in EXPECTED[name]  # that is known where the encoder is opened
    assert all(p.fix for p in check.errors)


def test_the_corpus_is_what_its_script_makes() -> None:
    made = {f"pictures/{name}": what for name, _, what in pictures()} | {f"tables/{n}": w for n, _, w in tables()}
    assert made == EXPECTED
    assert all((CORPUS / "tables" / name).read_bytes() == data for name, data, _ in tables())
    assert all((CORPUS / name).stat().st_size < 30_000 for name in EXPECTED)
