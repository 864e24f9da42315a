"""What a study compares and measures: the section [study] of its TOML file, over the configuration all runs share.

[study]
data = "my-data"
seeds = [0, 1, 2]

[study.variants."no role losses".roles]   # besides dense, i2moe and fl-i2moe: any sections of a run
weight = 0.0

[training]                                # and everything else is as in a run's configuration
epochs = 20
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from interplay.config import MODEL_KINDS, Config, Section, format_validation_error, make_config, merge, read_settings
from interplay.errors import ConfigError

MODELS: dict[str, dict[str, Any]] = {kind: {"fusion": {"kind": kind}} for kind in MODEL_KINDS}


class StudyConfig(Section):
    """How much is measured (METHOD 7-10)."""

    data: str | None = Field(None, description="the dataset, relative to where the command is run")
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=1)
    models: tuple[str, ...] = Field(MODEL_KINDS, description="of dense, i2moe, fl-i2moe: those that are compared")
    variants: dict[str, dict[str, Any]] = Field({}, description="name -> settings laid over the shared ones")
    split: str = Field("test", pattern="^(val|test)$", description="val or test")
    samples: int = Field(500, ge=2, description="most samples that are attributed and masked")
    shares: tuple[float, ...] = Field((5.0, 10.0, 15.0, 20.0, 25.0), description="K of top-K% masking [paper]")
    random_draws: int = Field(5, ge=1, description="random rankings that methods are compared with")
    pair_samples: int = Field(100, ge=2, description="most samples whose pairs are scored")
    candidates: int = Field(12, ge=2, description="players of each modality: half the most important, half at random")
    backgrounds: int = Field(16, ge=4, multiple_of=2, description="draws S behind each pair score")
    bins: int = Field(5, ge=2, description="bins of importance")
    top_shares: tuple[float, ...] = Field((5.0, 10.0, 20.0, 50.0, 100.0), description="q of top-q% sets of pairs")
    budgets: tuple[int, ...] = Field((1, 2, 3, 5), min_length=1, description="pairs removed at once")
    draws: int = Field(10, ge=1, description="random and matched sets of pairs for each ranking")
    example: str | None = Field(
        None, description="the sample of the qualitative page; the first of the split if absent"
    )

    @field_validator("shares", "top_shares")
    @classmethod
    def _percent(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if not shares or any(not 0 < share <= 100 for share in shares):
            raise ValueError("not all of them are above 0 and at most 100 percent")
        return shares

    @field_validator("budgets")
    @classmethod
    def _positive(cls, budgets: tuple[int, ...]) -> tuple[int, ...]:
        if any(k < 1 for k in budgets):
            raise ValueError("not all of them are at least 1")
        return budgets

    @field_validator("seeds", "models", "shares", "top_shares", "budgets")
    @classmethod
    def _distinct(cls, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            raise ValueError("one of them is there twice")
        return values

    @field_validator("models")
    @classmethod
    def _known(cls, models: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [m for m in models if m not in MODELS]:
            raise ValueError(f"unknown model {unknown[0]!r}, expected of {', '.join(MODELS)}")
        return models


@dataclass(frozen=True)
class Study:
    """A study: what is measured, and the configuration of each variant (its seed set aside)."""

    options: StudyConfig
    variants: Mapping[str, Config]

    def config(self, variant: str, seed: int) -> Config:
        """The configuration of one run.

        Args:
            variant: name of the variant.
            seed: the seed of the run.
        """
        return self.variants[variant].model_copy(update={"seed": seed})


def make_study(settings: dict[str, Any], source: str | Path = "study") -> Study:
    """Check a study's settings.

    Args:
        settings: the study's TOML as nested dictionaries.
        source: what they come from, for messages.

    Raises:
        ConfigError: naming every wrong key.
    """
    shared = {key: value for key, value in settings.items() if key != "study"}
    try:
        options = StudyConfig.model_validate(settings.get("study", {}))
    except ValidationError as error:
        faults = format_validation_error(error, lambda _: list(StudyConfig.model_fields), inside="study")
        raise ConfigError(faults, file=source, fix="fix or remove these keys") from None
    if taken := [name for name in options.variants if name in MODELS]:
        raise ConfigError(
            f"study.variants.{taken[0]} has the name of a model", file=source, fix="give the variant another name"
        )
    settings_of = {**{name: MODELS[name] for name in options.models}, **options.variants}
    if not settings_of:
        raise ConfigError("no model and no variant is to be compared", file=source, expected="at least one")
    variants = {name: make_config(merge(shared, over), f"{source}, {name}") for name, over in settings_of.items()}
    if "seed" in shared or any("seed" in over for over in options.variants.values()):
        raise ConfigError("seed is set", file=source, expected="study.seeds", fix="name the seeds there")
    return Study(options, variants)


def read_study(path: str | Path) -> Study:
    """Read and check a study's TOML file.

    Args:
        path: the file.

    Raises:
        ConfigError: the file is missing, broken TOML, or has an unknown key.
    """
    return make_study(read_settings(path), path)
