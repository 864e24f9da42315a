"""Functions whose interactions are known: none is found where there is none, and signs are right where there is one."""

import zlib
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from PIL import Image

from interplay import explain_callable, finding
from interplay.config import ExplainConfig
from interplay.report.claims import claim, logit
from interplay.report.ranking import rank_pairs, strong_pairs
from interplay.report.waterfall import virtual_experts, waterfall
from interplay.results import Explanation

TEXT = "fog and rain over town"
WORDS = {"fog": 0.9, "and": -0.2, "rain": 1.4, "over": 0.1, "town": -0.7}
CELLS = np.array([0.8, -1.1, 0.3, 0.5])
SAMPLED = {"estimator": "hybrid", "budget": 400}, {"estimator": "block", "budget": 400}


def picture() -> Image.Image:
    """Four cells of different greys, none of which is their mean."""
    return Image.fromarray(np.array([[40, 90], [200, 250]], np.uint8).repeat(8, 0).repeat(8, 1)).convert("RGB")


def there(seen: Image.Image) -> np.ndarray:
    """Which of the four cells are left (4,), by their corners."""
    corners = np.asarray(seen)[:: seen.height - 1, :: seen.width - 1, 0]
    return (corners == np.asarray(picture())[::15, ::15, 0]).ravel()


def drawn(kind: str, present: bytes) -> float:
    """A number for each set of features, which no sum of single ones gives."""
    return zlib.crc32(kind.encode() + present) / 2**31 - 1


def additive(text: str, seen: Image.Image) -> float:
    return 0.3 + sum(WORDS[word] for word in text.split()) + float(CELLS @ there(seen))


def sigmoid(text: str, seen: Image.Image) -> float:
    """Additive on the logit; far from it on the probability."""
    return float(1 / (1 + np.exp(-additive(text, seen))))


def apart(text: str, seen: Image.Image) -> float:
    """Interactions of any order among the words and among the cells, and none across."""
    return drawn("words", text.encode()) + drawn("cells", there(seen).tobytes())


def words_alone(text: str, seen: Image.Image) -> float:
    words = text.split()
    return 2.0 * ("fog" in words and "rain" in words) - ("town" in words or "over" in words)


def constant(text: str, seen: Image.Image) -> float:
    return 0.3


def single_precision(text: str, seen: Image.Image) -> np.float32:
    """Additive but for rounding, which is of another size for every set of features."""
    kept = [np.float32(WORDS[word]) for word in text.split()] + list(CELLS.astype(np.float32)[there(seen)])
    return sum(kept, np.float32(7.3))


def both(text: str, seen: Image.Image) -> float:
    return 3.0 * ("rain" in text.split() and there(seen)[2])


def either(text: str, seen: Image.Image) -> float:
    return 3.0 * ("rain" in text.split() or there(seen)[2])


def unless_both(text: str, seen: Image.Image) -> float:
    return -both(text, seen)


def explained(function: Callable[..., float], asked: Mapping[str, object] | None = None, seed: int = 0) -> Explanation:
    settings = ExplainConfig.model_validate(dict(asked or {}))
    return explain_callable(
        function,
        text=TEXT,
        image=picture(),
        grid=2,
        returns="probabilities" if function in (sigmoid, constant) else "logits",
        budget=settings.budget,
        seed=seed,
        settings=settings,
    )


HOW = pytest.mark.parametrize("asked", [None, *SAMPLED], ids=["exact", "hybrid", "block"])


@HOW
@pytest.mark.parametrize("function", [constant, additive, sigmoid, single_precision, words_alone])
@pytest.mark.usefixtures("few_controls")
def test_nothing_is_found_across_modalities_where_nothing_is(function, asked):
    for seed in range(2 if asked else 1):
        explanation = explained(function, asked, seed)
        assert explanation.estimator.startswith((asked or {"estimator": "exact"})["estimator"])
        assert len(explanation.pairs) == 20 and max(abs(pair.sii) for pair in explanation.pairs) < 1e-5
        assert strong_pairs(explanation) == []
        assert rank_pairs(explanation.pairs, explanation.interval).clear == {"sii": [], "redundancy_gap": []}
        assert not _joins_modalities(explanation)


@pytest.mark.slow
@HOW
@pytest.mark.usefixtures("few_controls")
def test_interactions_within_a_modality_are_no_pair_beyond_the_stated_rate_of_errors(asked):
    """Intervals of 95% leave the true 0 out in 5 of 100 pairs; over 6 seeds, whose pairs go together, in 10 at most."""
    several = [explained(apart, asked, seed) for seed in range(6 if asked else 1)]
    clear = [rank_pairs(one.pairs, one.interval).clear for one in several]
    pairs = sum(len(one.pairs) for one in several)
    assert sum(len(one["sii"]) for one in clear) <= 0.1 * pairs
    assert not any(one["redundancy_gap"] for one in clear)
    assert not any(map(_joins_modalities, several))


@pytest.mark.usefixtures("few_controls")
def test_what_single_features_give_is_exact_for_pairs_and_sums():
    settings = {"estimator": "hybrid", "budget": 1000}
    added = explained(additive, settings).shapley
    (output,) = added.values
    np.testing.assert_allclose(added.values[output], [*WORDS.values(), *CELLS], atol=1e-6)
    assert max(added.se[output]) < 1e-6
    found = explained(both, settings)
    given = dict(zip((f.text or f.index for f in found.features), found.shapley.values[output], strict=True))
    assert given.pop("rain") == pytest.approx(1.5) and given.pop(7) == pytest.approx(1.5)
    assert set(given.values()) == {0.0}
    shown = waterfall(found)
    assert [one.at for one in shown.within[output]] == [2, 7] and shown.virtual


@pytest.mark.parametrize("returns", ["logits", "probabilities"])
def test_what_features_give_adds_up_to_the_waterfall_of_one_label_of_several(returns):
    """In log-odds, not in the logits of softmax, which a constant may shift."""

    def answers(text: str, seen: Image.Image) -> list[float]:
        f = -1 + 4 * ("rain" in text.split()) + 2 * ("fog" in text.split())
        return [f + 7.0, 7.0] if returns == "logits" else [1 / (1 + np.exp(-f)), 1 / (1 + np.exp(f))]

    settings = ExplainConfig(budget=4000)
    found = explain_callable(
        answers, text=TEXT, image=picture(), grid=2, labels=["a", "b"], label_kind="single", returns=returns,
        budget=4000, settings=settings, target="a",
    )  # fmt: skip
    (given,) = found.shapley.values.values()
    assert given[0] == pytest.approx(2, abs=1e-5) and given[2] == pytest.approx(4, abs=1e-5)
    shown = waterfall(found)
    assert sum(given) == pytest.approx(sum(shown.parts.values()), abs=1e-4)


def _joins_modalities(explanation: Explanation) -> bool:
    """Whether a word and a patch are claimed to act together, or to back each other up."""
    found = claim(explanation)
    modalities = {explanation.features[at].modality for at in found.features}
    return found.kind in {"together", "either"} and len(modalities) == 2


@HOW
@pytest.mark.parametrize(
    ("function", "sii", "gap", "join", "words"),
    [
        (both, 3.0, -3.0, " and ", "only together"),
        (either, -3.0, 3.0, " or ", "either would do"),
        (unless_both, -3.0, -3.0, " and ", "speak against score, only together"),
    ],
)
def test_a_pair_of_known_sign(function, sii, gap, join, words, asked):
    explanation = explained(function, asked)
    true = {pair.i: pair for pair in explanation.pairs if pair.i == 2 and pair.j == 5 + 2}[2]
    assert (true.sii, true.redundancy_gap) == pytest.approx((sii, gap), abs=1e-6)
    for pair in explanation.pairs:
        assert pair is true or max(abs(pair.sii), abs(pair.redundancy_gap)) < 1e-6
    assert {(pair.i, pair.j) for pair in strong_pairs(explanation)} == {(2, 7)}
    comma = " " if words.startswith("speak") else ", "
    assert f"“rain”{join}the patch in row 2, column 1{comma}{words}" in finding(explanation)


@pytest.mark.parametrize(
    "function, owner",
    [
        (lambda text, seen: 0.95 if "fog" in text and there(seen)[2] else 0.1, "synergy"),
        (lambda text, seen: 0.95 if "fog" in text or there(seen)[2] else 0.1, "redundancy"),
        (lambda text, seen: 0.95 if "fog" in text else 0.1, "unique_text"),
        (lambda text, seen: 0.95 if there(seen)[2] else 0.1, "unique_image"),
        (lambda text, seen: 0.3, None),
    ],
)
def test_any_function_is_split_by_modalities(function, owner):
    explanation = explain_callable(
        function, text=TEXT, image=picture(), labels=["it"], grid=2, settings=ExplainConfig(methods=(), budget=600)
    )
    parts = virtual_experts(explanation.whatif)
    full = logit(0.95) - logit(0.1)
    assert parts == pytest.approx({name: full if name == owner else 0.0 for name in parts}, abs=1e-6)


def test_either_of_two_that_count_nothing_by_themselves_is_found_among_many():
    """Of the whole, every other feature changes more than each of the two."""

    def either(text: str, seen: Image.Image) -> float:
        words = text.split()
        rest = 0.01 * (len({"fog", "and", "rain", "over"} & set(words)) + there(seen)[:3].sum())
        return 0.1 + 0.8 * ("town" in words or bool(there(seen)[3])) + rest

    explanation = explain_callable(
        either,
        text=TEXT,
        image=picture(),
        labels=["it"],
        grid=2,
        returns="probabilities",
        settings=ExplainConfig(methods=(), budget=600, candidates=2),
    )
    assert (4, 8) in {(pair.i, pair.j) for pair in explanation.pairs}
    found = claim(explanation)
    assert found.kind == "either" and found.features == (4, 8)
