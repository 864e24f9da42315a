"""Training on real scenes: deterministic, resumable after Ctrl-C with equal results, every option runs."""

import csv
import itertools
import math
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.small_runs import SMALL

from interplay.config import MODEL_KINDS, make_config, nested
from interplay.config.sections import FILLS
from interplay.encoders import loading
from interplay.errors import CheckpointError, DataError, RunExistsError
from interplay.explanation.trained.predictor import TrainedPredictor
from interplay.features.batches import Batch, collate
from interplay.models.checkpoint import Card, load_model
from interplay.models.contributions import only
from interplay.models.designs import Shape
from interplay.models.fusion import FusionModel
from interplay.models.run import open_run
from interplay.models.task import Task
from interplay.models.tokens import draw_keep
from interplay.pipeline.encode import encode, open_encoders
from interplay.pipeline.evaluate import evaluate
from interplay.pipeline.train import build_model, train
from interplay.training import fit as fit_module
from interplay.training.data import FeatureSet
from interplay.training.module import FusionTraining, rate

QUICK = nested(SMALL, {"training.epochs": 2})
SURE = {"width": 16, "heads": 2, "dropout": 0.0}
"""Of a small model that answers alike every time, in training, too."""


@pytest.fixture(autouse=True, scope="module")
def encoders_loaded_once():
    """Each of some fifteen trainings asks for the same two, and reading them takes longer than an epoch."""
    loaded, load = {}, loading.load_encoder

    def load_once(config, kind):
        key = (repr(config), kind)
        if key not in loaded:
            loaded[key] = load(config, kind)
        return loaded[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loading, "load_encoder", load_once)
        yield
    assert len(loaded) <= 2


def _train(scenes, store, out, settings, **more):
    return train(scenes, make_config(settings), out, store=store, **more)


def _weights(run):
    return run.model.state_dict()


@pytest.mark.slow
def test_two_runs_with_one_seed_are_equal(scenes, store, tmp_path):
    a, b = (_train(scenes, store, tmp_path / name, QUICK) for name in ("a", "b"))
    assert a.metrics == b.metrics
    assert all(torch.equal(x, y) for x, y in zip(_weights(a).values(), _weights(b).values(), strict=True))
    c = _train(scenes, store, tmp_path / "c", nested(QUICK, {"seed": 1}))
    assert not torch.equal(_weights(a)["projections.0.weight"], _weights(c)["projections.0.weight"])


@pytest.mark.slow
def test_an_interrupted_training_goes_on_to_an_equal_result(scenes, store, tmp_path, monkeypatch):
    settings = nested(SMALL, {"training.epochs": 3})
    whole = _train(scenes, store, tmp_path / "whole", settings)

    class Stop(fit_module.ShowEpochs):
        def on_train_epoch_end(self, trainer, pl_module):
            if trainer.current_epoch == 1:  # after a whole epoch, during the second
                raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit_module, "ShowEpochs", Stop)
        with pytest.raises(KeyboardInterrupt):
            _train(scenes, store, tmp_path / "cut", settings)
    assert (tmp_path / "cut" / "resume.ckpt").exists() and not (tmp_path / "cut" / "metrics.json").exists()
    with pytest.raises(CheckpointError, match="interrupted"):
        open_run(tmp_path / "cut")
    resumed = _train(scenes, store, tmp_path / "cut", settings)
    assert resumed.metrics == whole.metrics
    assert all(torch.equal(x, y) for x, y in zip(_weights(resumed).values(), _weights(whole).values(), strict=True))
    assert not (tmp_path / "cut" / "resume.ckpt").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "monitor, scores, kept, epochs, cut",
    [
        ("loss", (5, 1, 1, 1, 9, 9), 0, 4, None),  # best in the warm-up of 2: two epochs after it were not better
        ("loss", (1, 2, 3, 3, 3, 9), 2, 5, None),  # of equals the first
        ("loss", (1, 2, 3, 6, 2, 7), 5, 6, 4),
        ("loss", (math.nan,) * 6, 0, 4, None),
        ("last", (5, 4, 3, 2, 1, 0), 5, 6, 4),
        ("last", (math.nan,) * 6, 5, 6, None),
    ],
)
def test_training_ends_after_epochs_that_are_no_better(
    scenes, store, tmp_path, monkeypatch, monitor, scores, kept, epochs, cut
):
    """From the warm-up on, whose own epochs may be kept; a training that was interrupted knows of its best epoch.

    Where the last is kept, none is.
    """

    def scripted(module, metrics):
        if module.current_epoch == stop_at:
            raise KeyboardInterrupt
        return float(scores[module.current_epoch])

    monkeypatch.setattr(FusionTraining, "_score", scripted)
    settings = {"training.epochs": 6, "training.patience": 2, "removal.warmup": 0.34, "training.monitor": monitor}
    settings = nested(SMALL, settings)
    if stop_at := cut:
        with pytest.raises(KeyboardInterrupt):
            _train(scenes, store, tmp_path / "run", settings)
    stop_at = None
    run = _train(scenes, store, tmp_path / "run", settings)
    with (run.folder / "logs" / "metrics.csv").open() as file:
        trained = {int(row["epoch"]) for row in csv.DictReader(file) if row["val/loss"]}
    assert run.card.epoch == kept and max(trained) + 1 == epochs


@pytest.mark.parametrize("monitor", ["loss", "metric", "last"])
def test_only_a_score_that_weighs_removed_features_may_keep_an_epoch_of_the_warm_up(monitor):
    settings = {"training": {"monitor": monitor}}
    module, _ = training_of(make_config(settings), 2)
    module.trainer = SimpleNamespace(current_epoch=0)
    score = module._score({"loss": 1.0, "removed_loss": 2.0, "macro_f1": 0.5})
    assert score == (-math.inf if monitor == "metric" else -3.0)
    module.trainer = SimpleNamespace(current_epoch=29)
    assert module._score({"loss": 1.0, "removed_loss": 2.0, "macro_f1": 0.5}) == (0.5 if monitor == "metric" else -3.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODEL_KINDS)
def test_the_kept_weights_are_those_measured(scenes, store, tmp_path, kind):
    run = _train(scenes, store, tmp_path / kind, nested(QUICK, {"fusion.kind": kind}))
    model, card = load_model(run.folder / "model")
    assert card.epoch in (0, 1) and not model.training
    assert evaluate(run, scenes, split="test", store=store) == run.metrics["test"]
    files = {"config.toml", "model", "metrics.json", "baselines.json", "calibration.json", "provenance.json", "logs"}
    files |= {"SHA256SUMS"}
    assert {p.name for p in run.folder.iterdir()} == files
    assert list((run.folder / "logs").glob("events.*"))
    with (run.folder / "logs" / "metrics.csv").open() as file:
        (logged,) = [row for row in csv.DictReader(file) if row["val/loss"] and int(row["epoch"]) == card.epoch]
    assert float(logged["val/loss"]) == pytest.approx(run.metrics["val"]["loss"], rel=1e-4), "validated, then kept"


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"fusion.roles": "losses", "roles.on": "logits", "roles.replace": "mean"},
        {
            "fusion.roles": "losses",
            "roles.replace": "zero",
            "roles.regulariser": "cka",
            "roles.regulariser_weight": 0.1,
        },
        {
            "fusion.roles": "construction",
            "roles.regulariser": "barlow",
            "roles.regulariser_weight": 0.1,
            "removal.fill": "mean",
            "removal.target": "answers",
        },
        {"fusion.roles": "construction", "fusion.kind": "i2moe", "removal.fill": "zero"},
        {"fusion.roles": "losses", "roles.regulariser": "squared_cosine", "roles.regulariser_weight": 0.1},
        {"fusion.roles": "losses", "roles.weight": 0.0, "removal.mask_aware": False, "training.monitor": "metric"},
    ],
)
def test_every_option_trains(scenes, store, tmp_path, change):
    run = _train(scenes, store, tmp_path / "run", nested(QUICK, {"training.epochs": 1, **change}))
    assert run.metrics["val"]["loss"] > 0


def training_of(config, modalities):
    """A small model of three labels in training, and a batch."""
    torch.manual_seed(0)
    names = ["t", "i", "s"][:modalities]
    model = FusionModel(config.fusion, Shape(dict.fromkeys(names, 8), dict.fromkeys(names, 12), 3))
    features = tuple(torch.randn(7, 12 - m, 8) for m in range(modalities))
    valid = tuple(torch.rand(7, 12 - m) < 0.7 for m in range(modalities))
    module = FusionTraining(model, config, Task(("a", "b", "c"), "multi"))
    return module, Batch(features, valid, torch.rand(7, 3).round())


def test_rare_labels_count_as_much_where_that_is_asked_for(scenes, tmp_path, store):
    """What a model answers of nothing is then one half, not the label's share; a reader of its answers can know."""
    runs = {}
    for weights in ("none", "balanced"):
        config = make_config({**SMALL, "training": {**SMALL["training"], "epochs": 1, "class_weights": weights}})
        runs[weights] = train(scenes, config, tmp_path / weights, store=store)
    shares = np.array([sum(label in s.labels for s in scenes.split("train")) for label in scenes.labels])
    assert (shares / len(scenes.split("train"))).min() < 0.45
    found = {}
    for name, run in runs.items():
        predictor = TrainedPredictor(run, open_encoders(run, "cpu"))
        opened = predictor.open(scenes.split("test")[0])
        logits = opened.logits(np.zeros((1, len(opened.features)), dtype=bool))[0, -1]
        found[name] = run.card.task.probabilities(torch.from_numpy(logits)).numpy()
        assert any("class_weights balanced" in note for note in opened.notes) == (name == "balanced")
        assert any("not meant to be their shares" in said for said in run.against) == (name == "balanced")
    assert np.abs(found["balanced"] - 0.5).max() < np.abs(found["none"] - 0.5).max()


def test_the_share_that_counts_once_learns_faster_and_does_not_decay():
    module, _ = training_of(make_config({"training": {"learning_rate": 0.002, "weight_decay": 0.3}}), 2)
    weights, share = module.configure_optimizers()["optimizer"].param_groups
    assert [p is module.model.once_logit for p in share["params"]] == [True]
    assert (share["initial_lr"], share["weight_decay"]) == (pytest.approx(0.02), 0)
    assert (weights["initial_lr"], weights["weight_decay"]) == (0.002, 0.3)
    assert len(weights["params"]) + 1 == len(list(module.model.parameters()))


def test_the_model_that_is_kept_is_the_average_of_those_after_each_step():
    """Beside a naive transcription; nothing but what is trained is in the optimizer."""
    module, batch = training_of(make_config({"fusion": SURE, "training": {"averaging": 0.5}}), 2)
    module.trainer = SimpleNamespace(num_training_batches=6, global_step=0, current_epoch=0)
    module.log = lambda *_, **__: None
    optimizer = module.configure_optimizers()["optimizer"]
    expected = None
    for step in range(30):
        module.training_step(batch, 0).backward()
        optimizer.step()
        optimizer.zero_grad()
        module.trainer.global_step += 1
        module.on_train_batch_end()
        now = [p.detach().clone() for p in module.model.parameters()]
        keep = min(1 - 1 / 3, (1 + step) / (10 + step))  # .5 epochs of 6 steps: over 3
        expected = now if expected is None else [keep * a + (1 - keep) * b for a, b in zip(expected, now, strict=True)]
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(module.kept.parameters(), expected, strict=True))
    assert not torch.allclose(module.kept.projections[0].weight, module.model.projections[0].weight, atol=1e-5)
    module.validation_step(batch, 0)
    with torch.no_grad():
        assert torch.equal(module.answers[0][0], module.kept(batch.features, batch.valid).logits)


def test_without_averaging_the_model_itself_is_kept():
    module, _ = training_of(make_config({"training": {"averaging": 0.0}}), 2)
    module.on_train_batch_end()
    assert module.kept is module.model


@pytest.mark.parametrize("kind", ["single", "multi"])
def test_with_nothing_left_a_new_model_answers_labels_shares_in_training(scenes, store, kind):
    config = make_config(SMALL)
    names = ("sarcasm", "storm") if kind == "multi" else ("dog", "cat", "bird")
    held = [names[:1], names[:1], names[1:2], names[:1]]
    samples = [replace(s, labels=labels) for s, labels in zip(scenes.split("train"), held, strict=False)]
    stores = encode(scenes, config, store=store)
    widths = {m: features.width for m, features in stores.items()}
    card = Card(config.fusion, list(names), kind, dict(scenes.modalities), widths, dict.fromkeys(widths, 400), {})
    train_split = FeatureSet(samples, stores, card.task)
    model = build_model(card, 0, train_split).eval()
    batch = collate([train_split[0]])
    absent = tuple(torch.zeros_like(v) for v in batch.valid)
    answer = card.task.probabilities(model(batch.features, absent).logits[0])
    shares = [4 / 6, 2 / 6] if kind == "multi" else [4 / 7, 2 / 7, 1 / 7]  # one more sample of each outcome
    assert answer.tolist() == pytest.approx(shares, abs=1e-6)


@pytest.mark.parametrize("modalities, settings", [(1, {}), (2, {"counted_once": "all"}), (2, {"roles": "losses"})])
def test_no_share_is_learned_where_nothing_could_tell_it(modalities, settings):
    module, _ = training_of(make_config({"fusion": settings}), modalities)
    (group,) = module.configure_optimizers()["optimizer"].param_groups
    assert module.model.once_logit is None and len(group["params"]) == len(list(module.model.parameters()))


@pytest.mark.parametrize(
    "kind, roles, weight, expected",
    [
        ("fl-i2moe", "construction", 0.5, "train/ownership"),
        ("i2moe", "losses", 0.5, "train/interaction"),
        ("fl-i2moe", "losses", 0.0, None),
        ("dense", "construction", 0.5, None),
    ],
)
def test_what_gives_roles_is_logged_and_counts(kind, roles, weight, expected):
    fusion = {"kind": kind, "roles": roles, "width": 16, "heads": 2}
    settings = {"fusion": fusion, "roles": {"weight": weight}, "removal": {"mask_aware": False}}
    module, batch = training_of(make_config(settings), 2)
    logged = {}
    module.log = lambda name, value, **_: logged.update({name: value.item()})
    loss = module.training_step(batch, 0)
    loss.backward()
    assert set(logged) == {"train/task"} | ({expected} if expected else set())
    share = 1.0 if expected == "train/ownership" else weight
    assert loss.item() == pytest.approx(logged["train/task"] + share * logged.get(expected, 0.0))


@pytest.mark.parametrize("target", ["labels", "answers"])
def test_training_asks_for_smoothed_labels(target):
    """Of whole samples, of copies with features removed, and of redundancy alone."""
    settings = {"fusion": {"width": 16, "heads": 2}, "removal": {"warmup": 0.0, "target": target}}
    asked = []
    for by in (0.0, 0.2):
        module, batch = training_of(make_config(settings | {"training": {"smoothing": by}}), 2)
        module.log = lambda *_, **__: None
        targets, loss = [], module.task.loss

        def kept(_, logits, target, weights=None, targets=targets, loss=loss):
            targets.append(target)
            return loss(logits, target)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Task, "loss", kept)
            module.training_step(batch, 0)
        asked.append(targets)
    smoothed = module.task.smoothed(batch.target, 0.2)
    assert torch.equal(asked[0][0], batch.target) and torch.equal(asked[1][0], smoothed)
    assert all(torch.equal(one, smoothed) for one in asked[1][2:]), "redundancy on whole samples and each modality"
    copies = asked[1][1]
    if target == "labels":
        assert copies.unique().tolist() == pytest.approx([0.2, 0.8])
    else:
        assert len(copies.unique()) > 2, "answers are what they are"


@pytest.mark.parametrize("modalities", [1, 2, 3])
@pytest.mark.parametrize("kind", ["i2moe", "fl-i2moe"])
def test_the_ownership_loss_is_that_of_the_method(kind, modalities):
    """METHOD 12, each contribution from whole answers in which all other modalities are absent.

    It weighs what the networks say as if all of the redundancy network's counted once, whatever share of it does.
    """
    weights = {"consistency": 0.7, "alone": 0.4, "decorrelation": 1.3, "silence": 0.2, "opposition": 0.6}
    fusion = SURE | {"kind": kind, "roles": "construction"}
    module, batch = training_of(make_config({"fusion": fusion, "roles": weights}), modalities)
    model, M, target = module.model, modalities, batch.target
    tokens = model.project(batch.features, batch.valid)
    with torch.no_grad():
        model.bias.normal_()
        if M > 1:
            model.once_logit.fill_(math.inf)
        output = model.fuse(tokens)
        left = [model.fuse(only(tokens, (m,), cut=False)) for m in range(M)]
        f, c = [one.logits - model.bias for one in left], output.expert_logits
        shared, bce = [one.expert_logits[:, -1] for one in left], torch.nn.functional.binary_cross_entropy_with_logits
        sure = [(one.logits / 2).tanh() for one in left]
        pro, con = (torch.stack([(side * t).clamp(min=0) ** 2 for t in sure]).amax(0) for side in (1, -1))
        consistency = sum(((1 - pro * con) * (c[:, -1] - s).square()).mean() for s in shared) / M
        alone = sum(bce(model.bias + s, target) for s in (c[:, -1], *shared)) / (M + 1)
        decided = torch.stack([(one.logits / 2).tanh().square() for one in left]).amax(0)
        silence = (c[:, -2].square() * decided).mean()
        against = [(-c[:, m] * shared[m]).clamp(min=0) for m in range(M)]
        opposed = sum((o * o / (1 + o)).mean() for o in against) / M
        squares = []
        for m, j in itertools.permutations(range(M), 2):
            a, b = c[:, m] - c[:, m].mean(0), f[j] - f[j].mean(0)
            of_chance = (a**2).mean(0) * (b**2).mean(0) / (len(a) - 1)
            variances = ((a**2).mean(0) + 0.1) * ((b**2).mean(0) + 0.1)
            squares.append((((a * b).mean(0) ** 2 - of_chance) / variances).mean())
        expected = 0.7 * consistency + 0.4 * alone + 1.3 * sum(squares) / max(1, len(squares))
        expected += 0.2 * silence + 0.6 * opposed
        if M > 1:
            model.once_logit.normal_(0, 2)
    found = module._ownership_loss(model.fuse(tokens), target)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_model_without_roles_trains_alike_whatever_its_roles():
    losses = []
    for roles in ("construction", "losses"):
        fusion = {"kind": "dense", "roles": roles, "width": 16, "heads": 2}
        module, batch = training_of(make_config({"fusion": fusion}), 2)
        assert module.model.bias is None and not module._has_roles() and not module.model.by_construction
        losses.append(module.task.loss(module.model(batch.features, batch.valid).logits, batch.target).item())
    assert losses[0] == losses[1]


@pytest.mark.slow
def test_a_run_that_is_there_is_not_replaced_unasked(scenes, store, tmp_path, small_run):
    shutil.copytree(small_run.run.folder, tmp_path / "run")
    with pytest.raises(RunExistsError, match="a finished run is there already"):
        _train(scenes, store, tmp_path / "run", QUICK)
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(RunExistsError, match="an unfinished run of another configuration"):
        _train(scenes, store, tmp_path / "run", QUICK)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    with pytest.raises(RunExistsError):
        _train(scenes, store, tmp_path / "other", QUICK, overwrite=True)
    assert (tmp_path / "other" / "thesis.txt").read_text() == "precious"
    assert _train(scenes, store, tmp_path / "run", QUICK, overwrite=True).config == make_config(QUICK)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_an_empty_split_is_refused_before_anything_is_written(scenes, store, tmp_path, split):
    from dataclasses import replace

    without = replace(scenes, samples=[s for s in scenes.samples if s.split != split])
    with pytest.raises(DataError, match=f"'{split}'"):
        _train(without, store, tmp_path / "run", QUICK)
    assert not (tmp_path / "run").exists()


def test_a_split_with_one_class_is_refused(scenes, store, tmp_path):
    from dataclasses import replace

    same = replace(scenes, samples=[replace(s, labels=("storm",), evidence={}) for s in scenes.samples])
    with pytest.raises(DataError, match="the same labels: storm"):
        _train(same, store, tmp_path / "run", QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("epochs, decay", [(5, 0.6), (30, 0.4), (10, 0.0), (4, 1.0), (1, 0.4)])
def test_the_rate_stays_then_falls_and_never_reaches_0(epochs, decay):
    rates = [rate(epoch, epochs, decay) for epoch in range(epochs)]
    falling = round(decay * epochs)
    assert rates[0] == 1 or falling == epochs
    assert all(r == 1 for r in rates[: epochs - falling])
    assert all(a > b > 0 for a, b in itertools.pairwise(rates[max(0, epochs - falling - 1) :]))


@pytest.mark.slow
@pytest.mark.parametrize("copies", [0.5, 2.5])
def test_removed_copies_join_after_the_warm_up(scenes, store, tmp_path, monkeypatch, copies):
    seen, drawn = {}, []

    def watched(module, tokens, target, intact, weights=None, ask=FusionTraining._removed_losses):
        drawn.clear()
        loss = ask(module, tokens, target, intact)
        assert (loss is None) == (not drawn)
        seen.setdefault(module.current_epoch, set()).add((len(target), sum(drawn)))
        return loss

    def counted(valid, *law):
        drawn.append(len(valid[0]))
        return draw_keep(valid, *law)

    monkeypatch.setattr(FusionTraining, "_removed_losses", watched)
    monkeypatch.setattr("interplay.training.module.draw_keep", counted)
    settings = {"training.epochs": 5, "removal.warmup": 0.4, "removal.copies": copies}
    _train(scenes, store, tmp_path / "run", nested(SMALL, settings))
    last = len(scenes.split("train")) % 64
    whole, some = {(64, 0), (last, 0)}, {(64, round(64 * copies)), (last, round(last * copies))}
    assert seen == {0: whole, 1: whole, 2: some, 3: some, 4: some}


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("copies", [0.5, 2.0, 2.5])
def test_copies_asked_by_size_have_the_loss_of_copies_asked_together(fill, copies):
    """Each with its own target, the same gradients, and no synergy where what is left of one modality decides."""
    removal = {"fill": fill, "copies": copies, "warmup": 0.0}
    config = make_config({"removal": removal, "fusion": SURE, "roles": {"silence": 5.0}})
    torch.manual_seed(0)
    task, B = Task(("a", "b", "c"), "multi"), 7
    model = FusionModel(config.fusion, Shape({"t": 8, "i": 8}, {"t": 12, "i": 9}, 3))
    features = (torch.randn(B, 12, 8), torch.randn(B, 9, 8))
    valid = (torch.rand(B, 12) < 0.7, torch.ones(B, 9, dtype=torch.bool))
    target = torch.rand(B, 3).round()

    def naive(tokens):
        rows = torch.cat([torch.randperm(B) for _ in range(math.ceil(copies))])[: round(copies * B)]
        chosen = tokens.index(rows)
        keep = draw_keep(chosen.valid, config.removal.drop_modality, config.removal.drop_all)
        removed = model.remove(chosen, keep, fill)
        output = model.fuse(removed)
        left = [model.fuse(only(removed, (m,), cut=False)).logits.detach() for m in range(2)]
        decided = torch.stack([(logits / 2).tanh().square() for logits in left]).amax(0)
        silence = (output.expert_logits[:, 2].square() * decided).mean()
        return task.loss(output.logits, target[rows]) + 5.0 * silence

    def gradients(ask):
        model.zero_grad()
        torch.manual_seed(1)
        loss = ask(model.project(features, valid))
        loss.backward()
        return loss.item(), torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    def losses(removed, silence):
        return removed + config.roles.silence * silence

    module = FusionTraining(model, config, task)
    by_size = gradients(lambda tokens: losses(*module._removed_losses(tokens, target, model.fuse(tokens))))
    together = gradients(naive)
    assert by_size[0] == pytest.approx(together[0], abs=1e-6)
    torch.testing.assert_close(by_size[1], together[1], atol=1e-6, rtol=1e-4)


def test_what_whole_samples_say_of_each_modality_is_not_computed_again(monkeypatch):
    config = make_config({"removal": {"drop_modality": 0.8, "drop_all": 0.2, "warmup": 0.0}, "fusion": SURE})
    module, batch = training_of(config, 2)
    tokens = module.model.project(batch.features, batch.valid)
    intact = module.model.fuse(tokens)
    monkeypatch.setattr(module.model, "fuse", None)  # would fail if it was called
    loss, silence = module._removed_losses(tokens, batch.target, intact)
    assert loss > 0 and silence == 0
