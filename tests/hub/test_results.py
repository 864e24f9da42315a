"""Results about a run that was exported, or came from the hub, have a folder of their own, and name its weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.hub.conftest import MakeRun
from tests.hub.test_commands import Command, command
from tests.hub.test_export import FIXTURES, files_in
from tests.hub.test_hub import Hub, hub

from interplay import explain, open_run, open_runs, push_to_hub, save_pretrained
from interplay.data.sample import Sample
from interplay.errors import BadInput, CheckpointError
from interplay.files.exported import CARD_FILE
from interplay.hub.facts import validity
from interplay.models.run import VALIDITY_FILE, Run
from interplay.pipeline.explanations import write_explanations
from interplay.pipeline.report import explained_before
from interplay.results.validity import Validity

__all__ = ["command", "hub"]


def validated(run: Run, folder: Path, weights: str | None = None) -> Path:
    """A validation of a run in a folder, by the weights given; an old one says none."""
    old = Validity.model_validate_json((FIXTURES / "run-v2/expected/validity.json").read_bytes())
    known = {"data": f"{run.origin.data} ({run.origin.data_hash})"} | ({"weights": weights} if weights else {})
    found = old.model_copy(update={"provenance": old.provenance.model_copy(update=known)})
    file = folder / VALIDITY_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(found.model_dump_json())
    return file


def test_a_local_folder_of_the_same_name_stays_as_it_is(
    hub: Hub, command: Command, make_run: MakeRun, sample: Sample, tmp_path: Path
) -> None:
    push_to_hub(save_pretrained(make_run(), tmp_path / "out"), "me/films")
    other = make_run("other", seed=1)
    shutil.copytree(other.folder, "films")
    validated(other, Path("films"))
    before = files_in(Path("films"))
    opened = open_run("me/films")
    assert opened.results == Path("me--films-results") and opened.validity_file is None
    card = (save_pretrained(opened, tmp_path / "again") / CARD_FILE).read_text()
    assert "It was not measured" in card and "planted pair" not in card
    command("explain", "me/films", *(part for m, path in sample.inputs.items() for part in ("--input", f"{m}={path}")))
    assert files_in(Path("films")) == before and Path("me--films-results/explanations/page.html").is_file()


def test_a_validation_is_read_where_it_is_of_these_weights(hub: Hub, make_run: MakeRun, tmp_path: Path) -> None:
    run, other = make_run(), make_run("other", seed=1)
    assert len(run.weights) == 64 and run.weights != other.weights
    opened = open_run(save_pretrained(run, tmp_path / "films"))
    assert opened.weights == run.weights and opened.results == Path("films-results")
    for weights in (None, other.weights):  # on the same data, too
        validated(opened, opened.results, weights)
        assert opened.validity_file is None
    (opened.results / VALIDITY_FILE).write_text("{")
    assert opened.validity_file is None
    file = validated(opened, opened.results, run.weights)
    assert opened.validity_file == file and "planted pair" in " ".join(validity([opened]))
    again = open_run(save_pretrained(opened, tmp_path / "again"))
    assert again.validity_file == again.folder / VALIDITY_FILE  # inside the export, and listed
    shutil.copytree(again.folder / "validation", opened.folder / "validation")
    shutil.rmtree(opened.results)
    assert opened.validity_file is None  # nobody exported it


def test_a_card_says_what_is_of_another_training_on_the_same_data(make_run: MakeRun) -> None:
    run, other = make_run(), make_run("other", seed=1)
    validated(run, run.folder, other.weights)
    assert validity([run])[0].startswith("Measured of another training")
    validated(run, run.folder, run.weights)
    assert not validity([run])[0].startswith("Measured of another training")


def test_each_seed_has_its_own(hub: Hub, make_seeds: Callable[[], list[Run]], tmp_path: Path) -> None:
    push_to_hub(save_pretrained(make_seeds(), tmp_path / "out"), "me/both")
    first, second = open_runs("me/both")
    assert (first.results, second.results) == (Path("me--both-results/seed0"), Path("me--both-results/seed1"))
    file = validated(first, first.results, first.weights)
    assert first.validity_file == file and second.validity_file is None
    local, _ = open_runs(tmp_path / "out")
    assert local.results == Path("out-results/seed0") == open_run(tmp_path / "out" / "seed0").results


def test_a_seed_that_has_changed_is_refused_by_itself_too(make_seeds: Callable[[], list[Run]], tmp_path: Path) -> None:
    folder = save_pretrained(make_seeds(), tmp_path / "out")
    (folder / "seed0" / "metrics.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"seed0/metrics\.json is not the file that was exported"):
        open_run(folder / "seed0")


def test_no_result_goes_into_an_export(
    hub: Hub, command: Command, make_run: MakeRun, sample: Sample, tmp_path: Path
) -> None:
    opened = open_run(save_pretrained(make_run(), tmp_path / "films"))
    before = files_in(opened.folder)
    page = write_explanations(opened, explain(opened, [sample]), [sample])
    assert page == Path("films-results/explanations/page.html")
    inputs = [part for m, path in sample.inputs.items() for part in ("--input", f"{m}={path}")]
    assert f"{Path('films-results')}" in command("explain", opened.folder, *inputs)
    validated(opened, opened.results, opened.weights)  # as `interplay validate` writes it
    assert files_in(opened.folder) == before and open_run(opened.folder).validity_file is not None


def test_a_run_in_the_place_of_results_is_refused(
    hub: Hub, make_run: MakeRun, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_run(save_pretrained(make_run(), tmp_path / "films"))
    found = explain(opened, [sample])
    shutil.copytree(make_run("other", seed=1).folder, "films-results")
    with pytest.raises(BadInput, match=r"films-results: .* a run is there; .*work in another folder"):
        write_explanations(opened, found, [sample])
    monkeypatch.chdir(opened.folder)
    with pytest.raises(BadInput, match="would go into the exported run itself"):
        write_explanations(opened, found, [sample])
    assert write_explanations(opened, found, [sample], tmp_path / "elsewhere").is_file()


def test_explanations_of_other_weights_are_not_shown_as_its_own(
    hub: Hub, make_run: MakeRun, sample: Sample, tmp_path: Path
) -> None:
    run, other = (
        open_run(save_pretrained(make_run(n, seed=s), tmp_path / n / "films")) for n, s in (("a", 0), ("b", 1))
    )
    found = explain(other, [sample])
    assert found[0].provenance.weights == other.weights
    write_explanations(other, found, [sample])
    assert [one for one, _ in explained_before(other)[0]] == found
    assert explained_before(run)[:2] == ([], {})
