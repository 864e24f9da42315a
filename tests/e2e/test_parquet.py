"""`interplay explain --parquet`: a row each explanation; interrupted, it goes on; nothing twice, nothing lost."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet
import pytest
from tests.small_runs import SmallRun

from interplay.cli import app as cli
from interplay.errors import DataError, RunExistsError
from interplay.pipeline import parquet
from interplay.pipeline.explain import explain, explain_config
from interplay.results import Explanation


def rows(folder: Path) -> list[dict]:
    return pyarrow.parquet.read_table(folder).to_pylist()


@pytest.fixture
def cheap(small_run: SmallRun):
    return explain_config(small_run.run, {"explain.budget": 240, "explain.candidates": 2})


def test_rows_hold_the_explanations(small_run: SmallRun, cheap, tmp_path: Path):
    samples = small_run.dataset.split("test")[:3]
    assert parquet.explain_to_parquet(small_run.run, samples, tmp_path / "p", config=cheap) == 3
    expected = explain(small_run.run, samples, config=cheap, encoders=small_run.encoders)
    found = rows(tmp_path / "p")
    assert [Explanation.model_validate_json(row["explanation"]) for row in found] == list(expected)
    for row, one in zip(found, expected, strict=True):
        assert (row["sample_id"], row["target"], row["truth"]) == (one.sample_id, one.target, one.truth)
        assert row["probability"] == one.prediction[one.target]
        assert [p["sii"] for p in row["pairs"]] == [p.sii for p in one.pairs]
        names = [one.features[p.i].text for p in one.pairs if one.features[p.i].text]
        assert [p["feature_i"] for p in row["pairs"]][: len(names)] == names


def test_it_goes_on_with_what_is_not_there(small_run: SmallRun, cheap, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(parquet, "PART", 2)
    samples, folder = small_run.dataset.split("test")[:5], tmp_path / "p"
    real, seen = parquet.explain_each, []

    def interrupted(*given, **named):
        for number, one in enumerate(real(*given, **named)):
            if number == 4 and not seen:
                seen.append(one.sample_id)
                raise KeyboardInterrupt
            yield one

    monkeypatch.setattr(parquet, "explain_each", interrupted)
    with pytest.raises(KeyboardInterrupt):
        parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap)
    assert [row["sample_id"] for row in rows(folder)] == [s.id for s in samples[:3]], "what was ready is there"
    (folder / "part-000000.parquet").unlink()  # as if it had never been written
    assert parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap) == 4
    assert sorted(row["sample_id"] for row in rows(folder)) == sorted(s.id for s in samples)
    assert parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap) == 0


def test_other_settings_and_damaged_files_are_refused(small_run: SmallRun, cheap, tmp_path: Path):
    samples, folder = small_run.dataset.split("test")[:1], tmp_path / "p"
    parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap)
    with pytest.raises(RunExistsError, match="other settings"):
        parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap, target="storm")
    (folder / "part-000000.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(DataError, match=r"part-000000\.parquet: this file cannot be read .* delete it"):
        parquet.explain_to_parquet(small_run.run, samples, folder, config=cheap)


def test_the_command(small_run: SmallRun, tmp_path: Path, monkeypatch, capsys):
    given = ["--data", small_run.dataset.source, "--count", "1", "--parquet", tmp_path / "p", "--budget", "400"]
    monkeypatch.setattr("sys.argv", ["interplay", "explain", *map(str, [small_run.run.folder, *given])])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert not ended.value.code, printed.err
    assert "1 of 1 samples explained" in printed.out
    assert len(rows(tmp_path / "p")) == 1 and not list(tmp_path.rglob("page.html"))


@pytest.mark.parametrize("option", [["--out", "x"], ["--blur"], ["--no-blur"], ["--input", "text=a"]])
def test_what_parquet_would_ignore_is_refused(option: list[str], tmp_path: Path, monkeypatch, capsys):
    command = ["interplay", "explain", str(tmp_path), "--parquet", str(tmp_path / "p"), *option]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    name = option[0].replace("--no-", "--")
    assert f"both {name} and --parquet are given; expected samples of a dataset" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


def test_a_sample_is_written_with_all_its_models_or_not_at_all():
    def each():
        yield from (SimpleNamespace(sample_id=name) for name in ("a", "a", "b"))
        raise KeyboardInterrupt

    parts = parquet._by_part(each())
    assert [one.sample_id for one in next(parts)] == ["a", "a"]
    with pytest.raises(KeyboardInterrupt):
        next(parts)


def test_a_file_that_is_no_part_is_left_alone(small_run: SmallRun, cheap, tmp_path: Path):
    (tmp_path / "part-000000 (1).parquet").write_bytes(b"of somebody else")
    assert parquet.explain_to_parquet(small_run.run, small_run.dataset.split("test")[:1], tmp_path, config=cheap) == 1
    assert (tmp_path / "part-000000 (1).parquet").read_bytes() == b"of somebody else"
