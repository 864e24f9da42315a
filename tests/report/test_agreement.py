"""Several models of one sample: how many say the same, whichever order their features come in."""

from interplay.report.agreement import agreement, agreement_lines


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
    assert agreement_lines(models) == [f"{one.sample_id}, {one.target}: 2 of 3 models say the same"]
    assert agreement([*models, alone(one, 3, run="d", p=0.2)])[2:] == [(1, 4), (1, 4)], "one is for it, one against it"
    assert agreement_lines([alone(one, 2), alone(one, 3)]) == [
        f"{one.sample_id}, {one.target}: no two of 2 models say the same"
    ]


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
