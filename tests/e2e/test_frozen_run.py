"""Runs trained by earlier code open, evaluate and explain as they did then (tests/fixtures).

run-v1 has roles by losses and formats of version 1; run-v2 roles by construction, config/6 and model/5.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from interplay import evaluate, explain, open_dataset, open_run, report_run, validate_run
from interplay.config import read_run_config
from interplay.config.versions import FORMAT
from interplay.errors import BadInput, CheckpointError, ConfigError, DataError
from interplay.explanation.candidates import candidate_players
from interplay.features.store import open_features
from interplay.models.checkpoint import load_model, save_model
from interplay.pipeline.encode import open_encoders
from interplay.pipeline.explain import explain_config
from interplay.report.reading import read_explanation
from interplay.results import Explanation
from interplay.results.explanation import EXPLANATION_SCHEMA
from interplay.results.validity import Validity

FIXTURES = Path(__file__).parents[1] / "fixtures"
FROZEN = FIXTURES / "run-v1"
CLOSE = {"rel": 1e-4, "abs": 2e-5}  # single precision on another processor


def alike(found, expected, where=""):
    """Equal but for rounding, field by field; names the first that is not."""
    if isinstance(expected, dict):
        assert isinstance(found, dict) and set(found) == set(expected), where
        for key in expected:
            alike(found[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list) and expected and all(isinstance(x, float | int | None) for x in expected):
        alike_numbers(found, expected, where)
    elif isinstance(expected, list):
        assert len(found) == len(expected), where
        for at, pair in enumerate(zip(found, expected, strict=True)):
            alike(*pair, f"{where}[{at}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, **CLOSE), where
    else:
        assert found == expected, where


def alike_numbers(found, expected, where):
    assert [x is None for x in found] == [x is None for x in expected], where
    known = [(x, y) for x, y in zip(found, expected, strict=True) if y is not None]
    scale = max((abs(y) for _, y in known), default=1.0)
    assert np.allclose(*zip(*known, strict=True), rtol=1e-4, atol=1e-4 * scale + 2e-5), where


@pytest.fixture(scope="module")
def frozen():
    return open_run(FROZEN / "run"), open_dataset(FROZEN / "scenes")


@pytest.fixture(scope="module", params=["run-v1", "run-v2"])
def each(request):
    """A frozen run, the dataset of both, and the folder of what was answered when it was trained."""
    folder = FIXTURES / request.param
    return open_run(folder / "run"), open_dataset(FROZEN / "scenes"), folder / "expected"


@pytest.fixture
def copy(tmp_path):
    """The run folder, to be damaged."""
    return Path(shutil.copytree(FROZEN / "run", tmp_path / "run"))


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_opens_with_the_names_of_today(frozen):
    run, _ = frozen
    assert run.config.removal.target == "labels" and run.config.explain.scale == "logit"
    assert run.config.fusion.roles == run.card.fusion.roles == "losses"
    assert run.config.device == "cpu" and run.config.explain.token_groups == "words"
    assert {"mean_0", "std_0", "mean_1", "std_1"} <= set(run.model.state_dict())


def test_it_evaluates_equally(each, tmp_path):
    run, dataset, answered = each
    expected = json.loads((answered / "metrics.json").read_text())
    for split in ("test", "val"):
        found = evaluate(run, dataset, split=split, store=tmp_path)
        assert found == pytest.approx(expected[split], nan_ok=True, rel=1e-4, abs=1e-5)


THIRD = {
    "explain.scale": "probability",
    "explain.expert": "synergy",
    "removal.fill": "mean",
    "explain.estimator": "block",
}


def within_errors(found, expected):
    """Take out and compare what hangs on the coalitions of `hybrid`, which are others than then."""
    blocks = [[one.pop("pairs"), *(more["pairs"] for more in one["more_pairs"])] for one in (found, expected)]
    for ours, theirs in zip(*blocks, strict=True):
        assert [(p["i"], p["j"]) for p in ours] == [(p["i"], p["j"]) for p in theirs]
        for score in ("sii", "redundancy_gap"):
            now, then = (np.array([(p[score], p[f"{score}_se"]) for p in pairs]) for pairs in (ours, theirs))
            error = np.hypot(now[:, 1], then[:, 1])
            assert (np.abs(now[:, 0] - then[:, 0]) <= 4.5 * error + CLOSE["abs"]).all(), score
    without = []
    for one in (found, expected):
        for key in ("interval", "more_pairs", "evaluations"):
            one.pop(key)
        pairs = zip(*(one["whatif"].pop(key) for key in ("i", "j", "without_both")), strict=True)
        without.append({(i, j): value for i, j, value in pairs})  # of those that are strongest
    both = sorted(without[0].keys() & without[1].keys())
    assert both, "some are strongest now and then"
    alike(*([one[pair] for pair in both] for one in without), "without both")


def test_it_explains_equally(each, monkeypatch):
    """Asked about the candidates of then: those that count where their modality alone is left were not among them."""

    def candidates_of_then(players, importance, modality, limit):
        return candidate_players(players, importance[:-1], modality, limit)

    monkeypatch.setattr("interplay.explanation.explaining.candidate_players", candidates_of_then)
    run, dataset, answered = each
    samples = dataset.split("test")
    found = explain(run, samples[:2])
    found += explain(run, samples[2:3], target="storm", config=explain_config(run, THIRD))
    for number, explanation in enumerate(found, start=1):
        file = answered / f"{number:02d}.json"
        expected = json.loads(Explanation.model_validate_json(file.read_bytes()).model_dump_json())  # fields of today
        plain = json.loads(explanation.model_dump_json())
        for one in (
            plain,
            expected,
        ):  # words of notes are not the model's
            for key in ("schema", "notes", "provenance"):
                one.pop(key)
            for key in (
                "off",
                "strong",
                "off_strong",
                "evaluations",
            ):  # on which sets estimates are checked has changed
                one["whatif"].pop(key)
        assert (plain["contributions"] is None) == (plain["bias"] is None) == (run.config.fusion.roles == "losses")
        assert expected["attributions"] and expected["pairs"] and expected["whatif"]["without"]
        if expected["estimator"] == "hybrid":
            within_errors(plain, expected)
        alike(plain, expected, f"explanation {number}")


def test_it_is_valid_as_before(each):
    run, dataset, answered = each
    found = validate_run(run, dataset, encoders=open_encoders(run, "cpu"), samples=2, backgrounds=4)
    expected = Validity.model_validate_json((answered / "validity.json").read_bytes())
    for field in ("calibrations", "recovered", "discoveries"):
        ours, theirs = (
            [
                json.loads(one.model_dump_json())
                for one in getattr(v, field)
                # By construction most pair scores of a single expert are 0 but for rounding, and ranks are of that.
                if run.config.fusion.roles == "losses" or one.expert == "mixture"
            ]
            for v in (found, expected)
        )
        assert ours
        alike(ours, theirs, field)


def test_its_explanations_and_features_open():
    for file in sorted((FROZEN / "expected").glob("0*.json")):
        old = Explanation.model_validate_json(file.read_bytes())
        assert old.schema_ == EXPLANATION_SCHEMA and old.pairs
    for folder in sorted((FROZEN / "store").glob("text-*")):
        assert open_features(folder).width == 384


@pytest.mark.parametrize("name", ["explanation", "validity"])
def test_a_result_of_a_newer_version_is_refused_by_name(tmp_path, name):
    expected = FROZEN / "expected"
    file = next(expected.glob("0*.json")) if name == "explanation" else expected / "validity.json"
    copy = Path(shutil.copy(file, tmp_path / "newer.json"))
    set_json(copy, schema=f"interplay/{name}/9", made_by_the_future=3)
    words = f"newer version of Interplay, as interplay/{name}/9; expected interplay/{name}/. or older; update Interplay"
    with pytest.raises(BadInput, match=words):
        (Explanation if name == "explanation" else Validity).model_validate_json(copy.read_bytes())
    if name == "explanation":
        with pytest.raises(DataError, match=r"newer\.json: .*newer version of Interplay, as interplay/explanation/9"):
            read_explanation(copy)


def set_json(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def truncate(path: Path, by: int = 1000) -> None:
    path.write_bytes(path.read_bytes()[:-by])


DAMAGES = {
    "a newer config": (lambda run: _prepend(run / "config.toml", 'format = "interplay/config/9"\n'), "newer version"),
    "another file": (lambda run: _prepend(run / "config.toml", 'format = "other/2"\n'), "its format is 'other/2'"),
    "a newer card": (
        lambda run: set_json(run / "model" / "card.json", format="interplay/model/9"),
        "interplay/model/9",
    ),
    "newer provenance": (
        lambda run: set_json(run / "provenance.json", format="interplay/provenance/9"),
        r"provenance\.json: .*newer version of Interplay, as interplay/provenance/9",
    ),
    "no card": (lambda run: (run / "model" / "card.json").unlink(), "card.json"),
    "a cut file": (lambda run: truncate(run / "model" / "model.safetensors"), "model.safetensors"),
    "other weights": (lambda run: set_json(run / "model" / "card.json", sha256="0" * 64), "not those that were saved"),
    "a version that never was": (
        lambda run: _prepend(run / "config.toml", 'format = "interplay/config/0"\n'),
        "its format is 'interplay/config/0'",
    ),
    "no section": (
        lambda run: (run / "config.toml").write_text("training = 3\nexplain = 4\n"),
        "training: .*explain: ",
    ),
    "a flipped bit": (lambda run: _flip(run), "not those that were saved"),
    "a config of today with a key of yesterday": (
        lambda run: _prepend(run / "config.toml", f'format = "{FORMAT}"\n'),
        r"config\.toml: .*(explain|removal|training)\.\w+ is now ",
    ),
    "a config that stops in the middle": (lambda run: truncate(run / "config.toml", 40), "config.toml: not valid TOML"),
    "no weights": (lambda run: (run / "model" / "model.safetensors").unlink(), "model.safetensors"),
    "another model's card": (lambda run: set_json(run / "model" / "card.json", labels=["a"]), "does not fit"),
    "an unknown key": (lambda run: _prepend(run / "config.toml", "speed = 3\n"), "unknown key speed"),
}


def _flip(run: Path) -> None:
    """Save the weights as today, with their checksum, and turn one bit over."""
    save_model(*load_model(run / "model"), run / "model")
    weights = run / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 0x10
    weights.write_bytes(content)


def _prepend(path: Path, line: str) -> None:
    path.write_text(line + path.read_text())


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_run_is_refused_and_left_as_it_is(copy, name):
    damage, words = DAMAGES[name]
    damage(copy)
    before = files_of(copy)
    with pytest.raises((CheckpointError, ConfigError), match=words) as caught:
        open_run(copy)
    assert caught.value.exit_code == 2 and files_of(copy) == before


def test_a_run_whose_card_alone_was_upgraded_opens(copy):
    set_json(copy / "model" / "card.json", format="interplay/model/2")
    assert open_run(copy).card.labels == open_run(FROZEN / "run").card.labels


def test_a_config_of_a_user_is_told_the_new_name():
    from interplay.config import make_config

    with pytest.raises(ConfigError, match=r"explain\.on is now explain.scale") as caught:
        make_config({"explain": {"on": "logit"}})
    assert caught.value.exit_code == 2
    with pytest.raises(ConfigError, match=r"training\.device is now device"):
        make_config({"training": {"device": "cpu"}})
    assert read_run_config(FROZEN / "run" / "config.toml").explain.budget == 400


def test_the_model_runs_where_it_is_asked_to(frozen, tmp_path, monkeypatch):
    run, dataset = frozen
    moved = []
    whole = type(run.model).to
    monkeypatch.setattr(type(run.model), "to", lambda self, device: moved.append(str(device)) or whole(self, device))
    evaluate(run, dataset, store=tmp_path / "store", device="cpu")
    report_run(run, dataset, splits=["test"], out=tmp_path / "page", store=tmp_path / "store", device="cpu")
    explain(run, dataset.split("test")[:1], config=explain_config(run, {"explain.budget": 200}))
    assert moved == ["cpu", "cpu", "cpu"]
    with pytest.raises(BadInput, match="no device 'cuda:7'"):
        evaluate(run, dataset, store=tmp_path / "store", device="cuda:7")
