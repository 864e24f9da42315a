"""The scikit-learn estimator: rows in, predictions and explanations out, and nothing encoded twice."""

import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from tests.small_runs import SMALL, made_once

import interplay
from interplay.data.scenes import make_scenes
from interplay.encoders.frozen import Encoder
from interplay.errors import BadInput, ConfigError, DataError, RunExistsError
from interplay.interop.classifier import MultimodalClassifier
from interplay.interop.targets import choose_splits, draw_seed, read_labels

QUICK = SMALL | {"training": {"epochs": 1, "batch_size": 16, "learning_rate": 3e-3}}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """36 scenes: rows, one label each, and several."""
    dataset = interplay.open_dataset(made_once(tmp_path_factory, "rows", lambda to: make_scenes(to, samples=36)))
    rows = [{name: str(value) for name, value in sample.inputs.items()} for sample in dataset.samples]
    several = np.array([[int(label in sample.labels) for label in dataset.labels] for sample in dataset.samples])
    return (
        rows,
        np.array(["storm" if row[1] else "calm" for row in several]),
        pd.DataFrame(several, columns=dataset.labels),
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("rows") / "store"


@pytest.fixture(scope="module")
def fitted(data, store):
    rows, y, _ = data
    return MultimodalClassifier(settings=QUICK, store=store).fit(rows, y)


@pytest.fixture
def encoded(monkeypatch):
    """How many inputs are encoded."""
    counts = []
    for cls in Encoder.__subclasses__():
        was = cls.encode

        def encode(self, contents, *rest, was=was, **more):
            counts.append(len(contents))
            return was(self, contents, *rest, **more)

        monkeypatch.setattr(cls, "encode", encode)
    return counts


def test_it_predicts_as_its_run_does(fitted, data):
    rows, y, _ = data
    p = fitted.predict_proba(rows)
    assert p.shape == (36, 2) and fitted.classes_.tolist() == ["calm", "storm"]
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert fitted.predict(rows).tolist() == fitted.classes_[p.argmax(axis=1)].tolist()
    assert fitted.score(rows, y) == pytest.approx((fitted.predict(rows) == y).mean())
    held = choose_splits([[int(one == "storm")] for one in y], list(map(str, range(36))), 0.15, 0.15, 0)
    tested = [at for at, split in enumerate(held) if split == "test"]
    right = fitted.score([rows[at] for at in tested], y[tested])
    assert fitted.metrics_["test"]["accuracy"] == pytest.approx(right, abs=1e-6)


def test_a_row_is_predicted_alike_wherever_it_stands(fitted, data):
    rows = data[0]
    again = fitted.predict_proba([rows[5], rows[2], rows[5]])
    np.testing.assert_allclose(again, fitted.predict_proba(rows)[[5, 2, 5]], atol=1e-6)


def test_it_can_be_pickled(fitted, data):
    """As `n_jobs` and joblib do: what is left without its folder predicts and explains."""
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(data[0][:4]), fitted.predict_proba(data[0][:4]))


@pytest.mark.slow
def test_cross_validation_encodes_nothing_twice(data, store, fitted, encoded):
    rows, y, _ = data
    estimator = MultimodalClassifier(settings=QUICK, store=store)
    scores = cross_val_score(estimator, pd.DataFrame(rows), y, cv=3, error_score="raise")
    assert scores.shape == (3,) and ((scores >= 0) & (scores <= 1)).all()
    assert encoded == []  # `fitted` has seen all rows
    few = cross_val_score(estimator.set_params(store=store.with_name("other")), rows[:18], y[:18], cv=3)
    assert len(few) == 3
    assert sum(encoded) == 2 * (
        18 + 6
    )  # each row's text and picture once for fits; before, the first fold is predicted


def test_a_prediction_leaves_nothing_in_the_store(fitted, data, store, encoded):
    row = data[0][0]
    kept = fitted.predict_proba(data[0][:2])
    assert encoded == []
    before = sorted(store.iterdir())
    for word in ("rain", "snow"):
        alone = fitted.predict_proba([row | {"text": f"{word} over the sea"}])
    assert sorted(store.iterdir()) == before and sum(encoded) == 2 * 2
    mixed = fitted.predict_proba([row, row | {"text": "snow over the sea"}, data[0][1]])
    np.testing.assert_allclose(mixed, [kept[0], alone[0], kept[1]], atol=1e-6)


@pytest.mark.slow
def test_rows_of_several_folders_are_as_if_of_one(data, store, tmp_path):
    rows, y, _ = data
    other = tmp_path / "parts"
    parts = MultimodalClassifier(settings=QUICK, store=other).fit(rows[:18], y[:18])
    apart = parts.fit(rows, y).predict_proba(rows)
    whole = MultimodalClassifier(settings=QUICK, store=store).fit(rows, y).predict_proba(rows)
    np.testing.assert_allclose(apart, whole, atol=1e-5)


@pytest.mark.slow
def test_the_seed_decides_and_parameters_are_kept(data, store):
    rows, y, _ = data
    made = [MultimodalClassifier(settings=QUICK, store=store, random_state=seed) for seed in (1, 1, 2)]
    first, again, other = (clone(one).fit(rows, y).predict_proba(rows) for one in made)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3
    assert clone(made[0]).get_params() == made[0].get_params()


@pytest.mark.slow
def test_a_grid_search_sets_settings(data, store, tmp_path):
    rows, y, _ = data
    grid = {"settings": [QUICK, QUICK | {"fusion": {"width": 16, "heads": 2}}]}
    search = GridSearchCV(MultimodalClassifier(store=store), grid, cv=2, error_score="raise").fit(rows, y)
    assert (
        search.best_estimator_.save(tmp_path / "best").config.fusion.width
        == search.best_params_["settings"]["fusion"]["width"]
    )
    assert len(search.predict(rows[:2])) == 2


@pytest.mark.slow
def test_several_labels_may_hold(data, store):
    rows, _, several = data
    found = MultimodalClassifier(settings=QUICK, store=store).fit(rows, several)
    p = found.predict_proba(rows)
    assert found.label_kind_ == "multi" and found.classes_.tolist() == list(several.columns)
    np.testing.assert_array_equal(found.predict(rows), (p >= 0.5).astype(int))
    assert found.score(rows, several) == (found.predict(rows) == several.to_numpy()).all(axis=1).mean()
    (explanation,) = found.explain(rows[0], target="storm")
    assert explanation.target == "storm"
    assert explanation.prediction["storm"] == pytest.approx(p[0, 1], abs=1e-4)


@pytest.mark.slow
def test_it_explains_what_it_predicts(fitted, data):
    rows = data[0]
    explanations = fitted.explain(pd.DataFrame(rows[:2]))
    assert [one.sample_id for one in explanations] == ["row 0", "row 1"]
    for one, p in zip(explanations, fitted.predict_proba(rows[:2]), strict=True):
        np.testing.assert_allclose(list(one.prediction.values()), p, atol=1e-3)
        assert one.pairs and one.pictures["image"].exists()
        assert one.truth is None  # nothing says what is right
        assert interplay.finding(one) and "wrong" not in interplay.finding(one)


def test_pictures_in_memory_are_those_of_their_files(fitted, data, store, encoded):
    text, path = data[0][0]["text"], data[0][0]["image"]
    with Image.open(path) as file:
        picture = file.convert("RGB")
    ways = [path, Path(path), picture, np.asarray(picture)]
    p = fitted.predict_proba([{"text": text, "image": way} for way in ways])
    np.testing.assert_allclose(p, p[[0, 0, 0, 0]], atol=1e-6)
    assert len(list((store / "pictures").iterdir())) == 1
    assert sum(encoded) == 2  # one new file for both of the pictures in memory, and its text


def test_what_a_fit_found_stays_with_it(fitted, data, store, tmp_path):
    """Nothing of it lies in a folder that another fit, or the end of another process, could take away."""
    before, p = fitted.metrics_["test"], fitted.predict_proba(data[0][:4])
    other = pickle.loads(pickle.dumps(fitted))
    again = clone(fitted).set_params(random_state=1).fit(*data[:2])
    assert other.metrics_["test"] == fitted.metrics_["test"] == before != again.metrics_["test"]
    assert other.baselines_ == fitted.baselines_ and other.calibration_ == fitted.calibration_
    run = other.save(tmp_path / "run")
    opened = interplay.open_run(tmp_path / "run")
    assert opened.metrics == run.metrics == fitted.metrics_
    assert (opened.baselines, opened.calibration) == (fitted.baselines_, fitted.calibration_)
    other._run = opened
    np.testing.assert_array_equal(other.predict_proba(data[0][:4]), p)
    with pytest.raises(RunExistsError, match="something is there already; expected a new or empty folder"):
        other.save(tmp_path / "run")


def test_columns_of_other_names_are_named(data, store):
    rows, y, _ = data
    frame = pd.DataFrame(rows).rename(columns={"text": "caption"}).assign(id=range(36)).drop(columns="image")
    found = MultimodalClassifier(settings=QUICK, store=store, modalities={"caption": "text"}).fit(frame, y)
    assert found.modalities_ == {"caption": "text"} and found.predict_proba(frame).shape == (36, 2)


@pytest.mark.parametrize("n", [20, 37, 400])
def test_every_label_has_its_share_in_each_split(n):
    held = [[0]] * (n // 4) + [[1]] * (n - n // 4)
    contents = list(map(str, range(n)))
    splits = np.array(choose_splits(held, contents, 0.15, 0.15, 3))
    for split, share in (("train", 0.7), ("val", 0.15), ("test", 0.15)):
        for label in (0, 1):
            of_label = np.array([one == [label] for one in held])
            assert abs((splits[of_label] == split).sum() - share * of_label.sum()) <= 2
    assert splits.tolist() != choose_splits(held, contents, 0.15, 0.15, 4)


def test_rows_that_occur_twice_stay_in_one_split():
    contents = [str(row % 40) for row in range(100)]
    splits = choose_splits([[row % 40 % 2] for row in range(100)], contents, 0.2, 0.2, 0)
    assert len(set(zip(contents, splits, strict=True))) == 40 and set(splits) == {"train", "val", "test"}
    with pytest.raises(BadInput, match=r"of 30 rows, 2 of them different, .* expected at least one of each"):
        choose_splits([[0], [1]] * 15, ["a", "b"] * 15, 0.2, 0.2, 0)


def test_a_fit_keeps_equal_rows_together_and_names_contradictions(data, store, monkeypatch):
    rows, y, _ = data
    given = []
    monkeypatch.setattr("interplay.interop.classifier.train", lambda dataset, *_, **__: 1 / given.append(dataset))
    with (
        pytest.warns(UserWarning, match=r"rows of X hold the same .* labels in y: 0 and 36;"),
        pytest.raises(TypeError),
    ):
        other = "calm" if y[0] == "storm" else "storm"
        MultimodalClassifier(settings=QUICK, store=store).fit(
            [*rows, rows[0], rows[1]], [*y.tolist(), other, str(y[1])]
        )
    splits = [sample.split for sample in given[0].samples]
    assert splits[36:] == splits[:2]


def test_the_seed_is_drawn_as_scikit_learn_has_it():
    assert draw_seed(3) == draw_seed(np.int64(3)) == 3
    assert draw_seed(np.random.RandomState(5)) == draw_seed(np.random.RandomState(5))
    assert draw_seed(None) != draw_seed(None)
    for bad in ("one", -1, 1.5):
        with pytest.raises(BadInput, match=f"random_state is {bad!r}; expected an integer"):
            draw_seed(bad)


def test_labels_are_read_as_scikit_learn_has_them():
    classes, kind, held = read_labels(np.array([3, 1, 3]), 3)
    assert (classes.tolist(), kind, held) == ([1, 3], "single", [[1], [0], [1]])
    classes, kind, held = read_labels([[0, 1], [1, 1]], 2)
    assert (classes.tolist(), kind, held) == ([0, 1], "multi", [[1], [0, 1]])
    classes, _, _ = read_labels(pd.Series(["b", "a", "b"]), 3)
    assert classes.tolist() == ["a", "b"]


ONE = {"text": "a storm", "image": "nowhere.png"}
BAD_ROWS = {
    "a text alone": ("a storm", "X is of type str; expected a data frame"),
    "rows of lists": ([["a", "b"]], "X is of type list.*list of mappings"),
    "a column": ([ONE | {"title": "x"}], "columns text, image, title.*leave title out.*modalities="),
    "other columns": ([{"caption": "x"}], "columns caption; expected text, image, or both"),
    "no rows": ([], "X has no row"),
    "no picture": ([ONE, {"text": "a"}], "row 1 of X: image is no column; there are text"),
    "a picture of none": ([ONE | {"image": None}], "row 0 of X: image is missing; expected every modality"),
    "a text of nan": (pd.DataFrame([ONE, ONE | {"text": np.nan}]), "row 1 of X: text is missing.*leave the row out"),
    "an empty text": ([ONE | {"text": "  "}], "row 0 of X: text is empty"),
    "a number": ([ONE | {"text": 3}], "row 0 of X: text is of type int; expected a text"),
    "a picture of floats": ([ONE | {"image": np.zeros((4, 4, 3))}], r"row 0 of X: the image is an array of float64"),
    "a picture of a list": ([ONE | {"image": [1]}], "image is of type list; expected a path, an image or an array"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_named(name, fitted, store):
    rows, message = BAD_ROWS[name]
    with pytest.raises(BadInput, match=message):
        twice = pd.concat([rows, rows]) if isinstance(rows, pd.DataFrame) else rows * 2
        MultimodalClassifier(store=store).fit(twice, [0, 1] * len(rows))
    with pytest.raises(BadInput, match=message):
        fitted.predict(rows)


BAD_LABELS = {
    "too few": (["a"], r"y has shape \(1,\); expected \(36,\) or \(36, C\): X has 36 rows"),
    "one label": (["a"] * 36, "y has only the label 'a'; expected two"),
    "numbers": (np.linspace(0, 1, 36), "y is continuous"),
    "a missing one": ([np.nan] + ["a", "b"] * 17 + ["a"], "missing label"),
    "what pandas misses": (pd.Series(["a", pd.NA] * 18, dtype="string"), "missing label"),
    "of two types": ([1, "a"] * 18, "labels of the types int and str"),
    "lists": ([["a"], ["a", "b"]] * 18, "several labels in one place.*MultiLabelBinarizer"),
    "classes in columns": (np.arange(72).reshape(36, 2), "y is multiclass-multioutput"),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_named(name, data, store):
    y, message = BAD_LABELS[name]
    with pytest.raises(BadInput, match=message):
        MultimodalClassifier(settings=QUICK, store=store).fit(data[0], y)


def test_other_bad_input_is_named(data, store, fitted, tmp_path):
    rows, y, _ = data
    with pytest.raises(BadInput, match=r"of 3 rows .* expected at least one of each"):
        MultimodalClassifier(settings=QUICK, store=store, test_fraction=0.05).fit(rows[:3], ["a", "b", "a"])
    with pytest.raises(
        BadInput, match=r"validation_fraction is 0.9 and test_fraction 0.15; expected above 0, together"
    ):
        MultimodalClassifier(settings=QUICK, store=store, validation_fraction=0.9).fit(rows, y)
    with pytest.raises(ConfigError, match="trainings"):
        MultimodalClassifier(settings={"trainings": {}}, store=store).fit(rows, y)
    with pytest.raises(BadInput, match="'text' is 'words'; expected one of text, image"):
        MultimodalClassifier(modalities={"text": "words"}, store=store).fit(rows, y)
    with pytest.raises(DataError, match=r"gone.png: row 1 of X: cannot read the file"):
        fitted.predict([rows[0], rows[0] | {"image": tmp_path / "gone.png"}])
    with pytest.raises(BadInput, match=r"settings holds a seed; .* give it as random_state"):
        MultimodalClassifier(settings=QUICK | {"seed": 5}, store=store).fit(rows, y)
    with pytest.raises(BadInput, match="unknown target 'rain'; expected one of calm, storm"):
        fitted.explain(rows[:1], target="rain")
    with pytest.raises(NotFittedError):
        MultimodalClassifier().predict(rows)
    with pytest.raises(BadInput, match="'a b' and 'a_b' differ in signs alone"):
        frame = pd.DataFrame({"a b": [f"x {row}" for row in range(36)], "a_b": ["x z"] * 36})
        MultimodalClassifier(settings=QUICK, store=store, modalities={"a b": "text", "a_b": "text"}).fit(frame, y)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "interplay.interop.classifier")
    with pytest.raises(ModuleNotFoundError, match=r"needs sklearn.*pip install 'interplay\[sklearn\]'"):
        _ = interplay.MultimodalClassifier
