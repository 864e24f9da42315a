"""Configuration: round trip, presets, and errors that name the key at fault."""

import pytest

from interplay.config import DEFAULT_ENCODERS, Config, config_toml, make_config, nested, read_config, read_run_config
from interplay.errors import ConfigError


def test_toml_round_trip(tmp_path):
    config = make_config({"preset": "paper", "training": {"epochs": 3}, "encoders": {"text": {"layer": 4}}})
    (tmp_path / "c.toml").write_text(config_toml(config))
    assert read_config(tmp_path / "c.toml") == config


def test_paper_preset_has_the_published_settings():
    paper = make_config({"preset": "paper"})
    assert (paper.training.learning_rate, paper.training.batch_size, paper.training.epochs) == (1e-4, 32, 40)
    assert (paper.fusion.width, paper.fusion.heads, paper.fusion.layers, paper.fusion.dropout) == (256, 4, 2, 0.5)
    assert (paper.fusion.routing_hidden, paper.fusion.routing_layers, paper.fusion.temperature) == (256, 2, 2.0)
    assert (
        paper.fusion.roles == "losses"
        and paper.roles.weight == 0.5
        and paper.roles.replace == "noise"
        and not paper.removal.mask_aware
    )
    assert paper.encoder("text", "text").max_tokens == 320 and paper.encoder("image", "image").layer is None


def test_runs_of_before_roles_by_construction_are_trained_as_they_were(tmp_path):
    path = tmp_path / "config.toml"
    for version, fusion in (("2", "[fusion]\nwidth = 16\n"), ("2", ""), ("1", "")):
        path.write_text(f'format = "interplay/config/{version}"\n{fusion}')
        then = read_run_config(path)
        assert then.fusion.roles == "losses" and then.training.smoothing == 0.0 and then.fusion.counted_once == "all"
        assert then.training.averaging == 0.0 and not then.fusion.products
    sums = {"fusion": {"products": False}}
    last_step = sums | {"training": {"averaging": 0.0}}
    for version, given in (
        ("3", last_step | {"fusion": {"counted_once": "all", "products": False}}),
        ("4", last_step),
        ("5", sums),
    ):
        path.write_text(f'format = "interplay/config/{version}"\n')
        assert read_run_config(path) == make_config(given)
    for roles in ("losses", "construction"):
        config = make_config({"fusion": {"roles": roles}})
        path.write_text(config_toml(config))
        assert read_run_config(path) == config and config.fusion.roles == roles


@pytest.mark.parametrize("version", [1, 2, 5])
def test_the_file_of_an_older_run_serves_for_a_new_one(tmp_path, version):
    path = tmp_path / "config.toml"
    key = "toward" if version == 1 else "target"
    path.write_text(f'format = "interplay/config/{version}"\n[removal]\n{key} = "answers"\n')
    assert read_config(path) == read_run_config(path) and read_config(path).removal.target == "answers"
    path.write_text('[removal]\ntoward = "answers"\n')  # written by hand: the new name is said
    with pytest.raises(ConfigError, match=r"removal\.toward is now removal\.target"):
        read_config(path)


def test_what_is_set_wins_over_the_preset():
    assert make_config({"preset": "paper", "fusion": {"width": 64}}).fusion.width == 64
    assert nested({"a": {"b": 1, "c": 2}}, {"a.b": 3, "d": 4}) == {"a": {"b": 3, "c": 2}, "d": 4}


def test_one_key_of_a_packaged_encoder_can_be_set_alone():
    text = make_config({"encoders": {"text": {"layer": 4}}}).encoder("text", "text")
    assert (text.model, text.layer) == ("minilm", 4)
    other = make_config({"encoders": {"text": {"model": "bert"}}}).encoder("text", "text")
    assert (other.model, other.layer) == ("bert", None)


def test_encoder_of_a_modality():
    config = make_config({"encoders": {"poster": {"model": "x"}, "image": {"model": "y"}}})
    assert config.encoder("poster", "image").model == "x"
    assert config.encoder("photo", "image").model == "y"
    assert config.encoder("plot", "text") == Config().encoder("any", "text")


BAD = {
    "unknown section": ({"trainning": {}}, "unknown key trainning .did you mean training?"),
    "unknown key": ({"training": {"epoch": 3}}, "unknown key training.epoch .did you mean training.epochs?"),
    "unknown encoder key": ({"encoders": {"text": {"model": "m", "laier": 1}}}, "did you mean encoders.text.layer?"),
    "unlike any": ({"fusion": {"zzz": 3}}, "unknown key fusion.zzz .no key is like it"),
    "wrong type": ({"training": {"epochs": "many"}}, "training.epochs: .*got 'many'"),
    "out of range": ({"fusion": {"dropout": 1.5}}, "fusion.dropout"),
    "heads": ({"fusion": {"width": 30, "heads": 4}}, "width 30 is not a multiple of heads 4"),
    "no estimator": ({"explain": {"estimator": "magic"}}, "explain.estimator"),
    "no width": ({"explain": {"max_interval_width": 0}}, "explain.max_interval_width"),
    "no model": ({"encoders": {"poster": {"layer": 4}}}, "encoders.poster.model: Field required"),
    "no roles": ({"fusion": {"roles": "names"}}, "fusion.roles: .*'construction' or 'losses'"),
    "preset list": ({"preset": [1]}, "preset: "),
    "preset": ({"preset": "fast"}, "preset: .*'paper'"),
    "device": ({"device": "tpu"}, "device"),
    "an endless rate": ({"training": {"learning_rate": float("inf")}}, r"training\.learning_rate: .* 10{30} .got inf"),
    "a rate that overflows": ({"training": {"learning_rate": 3e38}}, r"training\.learning_rate: .* 10{30} .got 3e\+38"),
}


@pytest.mark.parametrize("settings, message", BAD.values(), ids=BAD)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ConfigError, match=message):
        make_config(settings)


@pytest.mark.parametrize("content", [None, b"a = ", b"\xff\xfe\x00"])
def test_bad_files_are_named(tmp_path, content):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"c\.toml"):
        read_config(path)


@pytest.mark.parametrize(
    "given", [{}, {"image": {"layer": 3}}, {"text": {"model": "own"}}, {"poster": {"model": "own"}}]
)
def test_encoders_that_nothing_changes_are_written_out(given):
    """A run's file says all that it was trained with: another default of a later version must not change it."""
    config = make_config({"encoders": given})
    assert set(config.encoders) == {*DEFAULT_ENCODERS, *given}
    for name, encoder in DEFAULT_ENCODERS.items():
        assert name in given or config.encoders[name] == encoder
    assert config.encoders["text"].layer == (None if "text" in given else 2)
    assert make_config({"encoders": given, "preset": "paper"}).encoders["text"].layer is None
