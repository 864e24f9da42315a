"""Several models of one sample: in how many a claim holds, whichever order their features come in."""

from dataclasses import replace

from interplay.report.agreement import agreement, agreement_lines, what_is_said
from interplay.report.claims import claim


def asked(example, **answers):
    """The example with other answers of its model, another prediction, or of another run."""
    run = answers.pop("run", "a")
    p = answers.pop("p", None)
    updates = {"whatif": example.whatif.model_copy(update=answers)}
    updates["provenance"] = example.provenance.model_copy(update={"run": run})
    if p is not None:
        updates["prediction"] = example.prediction | {example.target: p}
    return example.model_copy(update=updates)


def alone(example, at, **more):
    """The word at this place alone carries it."""
    without = [0.1 if n == at else example.whatif.whole for n in range(len(example.features))]
    return asked(example, without=without, without_both=[0.1] * len(example.whatif.i), **more)


def test_the_same_claim_of_the_same_features(examples):
    one = examples.with_whatif()
    models = [alone(one, 2), alone(one, 2, run="b"), alone(one, 3, run="c")]
    assert agreement(models) == [(2, 3), (2, 3), (1, 3)]
    who = f"{one.provenance.model} (a)"
    assert agreement_lines(models) == [f"{one.sample_id}, {one.target}: what {who} says holds in 2 of 3 models"]
    assert agreement([*models, alone(one, 3, run="d", p=0.2)])[2:] == [(1, 4), (1, 4)], "one is for it, one against it"
    assert agreement_lines([alone(one, 2), alone(one, 3)]) == [
        f"{one.sample_id}, {one.target}: what one of 2 models says holds in no other"
    ]


def test_the_mean_of_the_models_is_held_against_each_and_counts_as_none(examples):
    one = examples.with_whatif()
    models = [alone(one, 2), alone(one, 3, run="b"), alone(one, 3, run="c")]
    mean = {"run": "a, b, c", "model": "mean of 3 fl-i2moe", "members": ["a", "b", "c"]}
    for at, holds, words in ((3, 2, "2 of 3 models"), (2, 1, "1 of 3 models"), (4, 0, "none of 3 models")):
        together = alone(one, at)
        together = together.model_copy(update={"provenance": together.provenance.model_copy(update=mean)})
        assert agreement([together, *models]) == [(holds, 3), (1, 3), (2, 3), (2, 3)]
        line = f"{one.sample_id}, {one.target}: what the mean of 3 fl-i2moe says holds in {words}"
        assert agreement_lines([*models, together]) == [line]
    assert agreement([together]) == [None], "of members that are not explained nothing is known"


def test_many_small_things_hold_where_they_are_of_one_modality(examples):
    """Not the other way round, and not where features are named, or the answer is another."""
    one = examples.with_whatif()
    small = [one.whatif.whole - 0.01] * len(one.features)
    nothing = {"without": small, "i": [], "j": [], "without_both": [], "nothing": 0.05}
    many = asked(one, **nothing, without_modality=dict.fromkeys(one.whatif.without_modality, 0.1))
    first, *others = one.whatif.without_modality
    alike = {first: 0.1} | dict.fromkeys(others, one.whatif.whole)
    of_one = asked(one, **nothing, without_modality=alike, run="b")
    assert [claim(e).kind for e in (many, of_one)] == ["many", "modality"]
    assert agreement([many, of_one]) == [(2, 2), (1, 2)]
    assert agreement([many, asked(of_one, p=0.2)]) == [(1, 2), (1, 2)]
    named = what_is_said(many)
    assert not replace(named, where=frozenset({1})).holds_in(what_is_said(of_one))


def test_that_features_pull_both_ways_holds_where_one_is_named(examples):
    """Not the other way round: the one that is named is not said to be first by the other."""
    one = examples.with_whatif()
    still = {"whole": 0.55, "nothing": 0.5, "i": [], "j": [], "without_both": []}
    modalities = dict.fromkeys(one.whatif.without_modality, 0.3)
    level = [0.52] * len(one.features)
    both_ways = asked(one, **still, without=level, without_modality=modalities, p=0.55)
    named = asked(one, **still, without=[0.3, *level[1:]], without_modality=modalities, p=0.55, run="b")
    assert [claim(e).kind for e in (both_ways, named)] == ["opposed", "opposed"] and claim(named).features == (0,)
    assert agreement([both_ways, named]) == [(2, 2), (1, 2)]


def test_what_only_may_be_holds_where_it_only_may_be(examples):
    """Both say that the model is not sure: on which side of one half their answers lie is then not what they say."""
    one = examples.with_whatif()
    here, there = alone(one, 2, p=0.52), alone(one, 2, p=0.46, run="b")
    assert agreement([here, there]) == [(2, 2), (2, 2)]
    assert agreement([here, alone(one, 2, p=0.38, run="b")]) == [(1, 2), (1, 2)], "one says that it is not"
    assert agreement([alone(one, 2, p=0.62), there]) == [(1, 2), (1, 2)], "one says that it is"
    assert agreement([here, alone(one, 3, p=0.46, run="b")]) == [(1, 2), (1, 2)], "of other words"
    against = alone(one, 2, p=0.46, run="b", whole=1 - one.whatif.whole, nothing=0.9)
    assert what_is_said(here).raised and not what_is_said(against).raised
    assert not what_is_said(here).holds_in(replace(what_is_said(here), raised=False)), "the other way"


def test_features_are_compared_by_where_they_are(examples):
    """Two models may number theirs otherwise."""
    one = alone(examples.with_whatif(), 2)
    order = [2, 0, 1, *range(3, len(one.features))]
    moved = one.model_copy(
        update={
            "features": [one.features[at] for at in order],
            "whatif": one.whatif.model_copy(
                update={"without": [one.whatif.without[at] for at in order], "i": [], "j": [], "without_both": []}
            ),
        }
    )
    assert agreement([one, moved]) == [(2, 2), (2, 2)]


def test_one_model_of_each_sample_has_nothing_to_agree_with(examples):
    one, other = examples.with_whatif(), examples.three_modalities()
    assert agreement([one, other]) == [None, None] and agreement_lines([one, other]) == []
    not_asked = one.model_copy(update={"whatif": None})
    assert agreement([not_asked, not_asked]) == [None, None] == agreement([one, not_asked])
    another_label = one.model_copy(update={"target": "neutral"})
    assert agreement([one, another_label]) == [None, None]
