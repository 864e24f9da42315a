"""A study's settings: variants as config lines, and every fault named."""

from pathlib import Path

import pytest

from interplay.errors import ConfigError
from interplay.study.config import make_study, read_study


def test_variants_are_laid_over_the_shared_settings():
    study = make_study(
        {
            "study": {"models": ["fl-i2moe"], "variants": {"no roles": {"roles": {"weight": 0.0}}}},
            "training": {"epochs": 3},
            "roles": {"on": "logits"},
        }
    )
    assert list(study.variants) == ["fl-i2moe", "no roles"]
    assert study.variants["no roles"].roles.weight == 0 and study.variants["no roles"].roles.on == "logits"
    assert study.variants["fl-i2moe"].roles.weight == 0.5 and study.variants["fl-i2moe"].training.epochs == 3
    assert study.config("no roles", 7).seed == 7


def test_a_preset_of_all():
    study = make_study({"preset": "paper"})
    assert [c.fusion.kind for c in study.variants.values()] == ["dense", "i2moe", "fl-i2moe"]
    assert all(c.fusion.width == 256 and not c.removal.mask_aware for c in study.variants.values())


@pytest.mark.parametrize(
    "settings, said",
    [
        ({"study": {"seedz": [0]}}, r"unknown key study\.seedz \(did you mean study\.seeds\?\)"),
        ({"study": {"seeds": []}}, "study.seeds"),
        ({"study": {"seeds": [1, 1]}}, "twice"),
        ({"study": {"shares": [0]}}, "percent"),
        ({"study": {"budgets": [0]}}, "at least 1"),
        ({"study": {"models": ["sparse"]}}, "unknown model 'sparse'"),
        ({"study": {"models": []}}, "no model"),
        ({"study": {"variants": {"dense": {}}}}, "name of a model"),
        ({"study": {"variants": {"a": {"rolez": {}}}}}, "did you mean roles"),
        ({"study": {"split": "dev"}}, "study.split"),
        ({"study": {"split": "train"}}, "study.split"),
        ({"study": {"backgrounds": 7}}, "multiple of 2"),
        ({"seed": 3}, "study.seeds"),
        ({"trainin": {}}, "did you mean training"),
    ],
)
def test_faults(settings, said):
    with pytest.raises(ConfigError, match=said):
        make_study(settings)


def test_a_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot read"):
        read_study(tmp_path / "none.toml")
    (tmp_path / "s.toml").write_text("[study]\nseeds = [4]\n")
    assert read_study(tmp_path / "s.toml").options.seeds == (4,)


CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=[path.stem for path in CONFIGS])
def test_every_config_of_the_repository(path):
    study = read_study(path)
    assert len(study.options.seeds) >= 1 and len(study.variants) >= 3


def test_the_published_settings():
    """METHOD 5, as far as it names them."""
    configs = {path.stem: read_study(path) for path in CONFIGS}
    for name, epochs, depth in (("mmimdb", 40, 2), ("enrico", 50, 3)):
        for config in configs[name].variants.values():
            fusion, training = config.fusion, config.training
            assert (fusion.width, fusion.heads, fusion.layers, fusion.dropout) == (256, 4, 2, 0.5)
            assert (fusion.routing_hidden, fusion.routing_layers, fusion.temperature) == (256, depth, 2.0)
            assert (training.learning_rate, training.batch_size, training.epochs) == (1e-4, 32, epochs)
            assert config.roles.weight == 0.5 and config.roles.on == "latent" and not config.removal.mask_aware
            assert config.encoders["image"].model == "openai/clip-vit-base-patch16"
        assert configs[name].options.seeds == (0, 1, 2)
    assert configs["mmimdb"].variants["dense"].encoders["text"].max_tokens == 320
