"""The configuration of a run: pydantic models to and from TOML. Unknown keys are errors that name the nearest key."""

import difflib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from interplay.config_versions import FORMAT, RENAMED, upgrade_config
from interplay.errors import ConfigError

Fill = Literal["mean", "zero", "attention"]
FILLS: tuple[Fill, ...] = get_args(Fill)
Role = Literal["unique", "synergy", "redundancy"]
ROLES: tuple[Role, ...] = get_args(Role)
Estimator = Literal["auto", "exact", "paired", "hybrid", "block", "naive"]
Precision = Literal["fp32", "bf16"]
ESTIMATORS: tuple[Estimator, ...] = get_args(Estimator)
ModelKind = Literal["dense", "i2moe", "fl-i2moe"]
MODEL_KINDS: tuple[ModelKind, ...] = get_args(ModelKind)


class Section(BaseModel):
    """Base of every section: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EncoderConfig(Section):
    """A frozen encoder of one modality (METHOD 1).

    `model` is a packaged name (`interplay encode --list`), a Hugging Face folder or a hub id; "precomputed" for
    features that are there already, of which only `max_tokens` matters.
    """

    model: str
    layer: int | None = Field(None, ge=1, description="take the tokens after this layer; the last if absent [paper]")
    max_tokens: int = Field(
        320, ge=1, description="text, features: longest sequence, special tokens not counted [paper: 320]"
    )
    size: int | None = Field(None, ge=14, description="image: side in pixels given to the encoder; its own if absent")
    fit: Literal["letterbox", "stretch", "crop"] = Field("letterbox", description="image: how it meets the square")
    pool: int = Field(1, ge=1, description="image: average blocks of pool x pool patches")
    isolate: bool = Field(False, description="encode every word, or every block of patches, by itself [ours]")


class FusionConfig(Section):
    """The trainable part (METHOD 2-4)."""

    kind: ModelKind = "fl-i2moe"
    standardize: bool = Field(True, description="bring features to mean 0 and deviation 1 before the projection [ours]")
    width: int = Field(64, ge=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1, description="mask-aware training regularises by itself [ours]")
    routing_hidden: int = Field(64, ge=1)
    routing_layers: int = Field(2, ge=1)
    routing: Literal["learned", "uniform"] = Field(
        "learned", description="whether experts' weights are learned, or equal"
    )
    temperature: float = Field(2.0, gt=0)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "FusionConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class RoleConfig(Section):
    """The objective that tells the experts apart (METHOD 5)."""

    weight: float = Field(0.5, ge=0, description="lambda_int")
    losses: tuple[Role, ...] = Field(ROLES, description="the roles that are asked of experts; the others train freely")
    on: Literal["latent", "logits"] = "latent"
    replace: Literal["noise", "mean", "zero"] = "noise"
    regulariser: Literal["none", "squared_cosine", "cka", "barlow"] = "none"
    regulariser_weight: float = Field(0.0, ge=0, description="lambda_reg")


class RemovalConfig(Section):
    """How features are removed, and whether training has seen it (METHOD 6)."""

    fill: Fill = "attention"
    mask_aware: bool = True
    copies: float = Field(2.0, ge=0, le=64, description="copies of each batch that training sees with features removed")
    target: Literal["labels", "answers"] = Field(
        "labels", description="copies learn labels, or the intact sample's answers"
    )
    drop_modality: float = Field(0.3, ge=0, le=1, description="share of those that lose one modality whole")
    drop_all: float = Field(0.05, ge=0, le=1, description="share of those that lose everything")
    warmup: float = Field(0.3, ge=0, lt=1, description="share of the epochs, the first, on whole samples alone")

    @model_validator(mode="after")
    def _shares_of_one_whole(self) -> "RemovalConfig":
        if self.drop_modality + self.drop_all > 1:
            raise ValueError(f"drop_modality {self.drop_modality} and drop_all {self.drop_all}: more than 1")
        return self


class TrainingConfig(Section):
    """Optimisation. The best epoch on the validation split is kept.

    `monitor` "metric" is macro F1 (multi-label) or accuracy (single label). "loss" is the negative loss; with
    mask-aware training it counts samples with features removed too, whose answers improve long after the metric
    has stopped to [ours].
    """

    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    batch_size: int = Field(16, ge=1)
    epochs: int = Field(30, ge=1)
    decay: float = Field(0.4, ge=0, le=1, description="share of the epochs, the last, in which the rate falls to 0")
    patience: int = Field(30, ge=1, description="epochs without a better validation score before stopping")
    monitor: Literal["loss", "metric"] = Field("loss", description="validation score that picks the best epoch")
    gradient_clip: float = Field(1.0, ge=0, description="largest gradient norm; 0 clips nothing")


class ExplainConfig(Section):
    """What `explain` computes by default (METHOD 7, 9, 10)."""

    scale: Literal["logit", "probability"] = "logit"
    expert: str = "mixture"
    budget: int = Field(16384, ge=1, description="most evaluations of the model for the pair scores of a sample")
    estimator: Estimator = Field("auto", description="how pair scores are estimated; auto chooses by the budget")
    max_interval_width: float | None = Field(
        None, gt=0, description="stop once the 95% interval of every SII is this wide at most; spend all if absent"
    )
    precision: Precision = Field("fp32", description="of the answers to sets of features")
    token_groups: Literal["words", "none"] = Field(
        "words", description="words: pieces of one word play together; none: each token by itself"
    )
    grid: int | None = Field(None, ge=1, description="patches play in blocks of a grid x grid; by themselves if absent")
    candidates: int = Field(24, ge=1, description="players of each modality that may form pairs")
    methods: tuple[str, ...] = Field(
        ("random", "attention_rollout", "grad_rollout", "integrated_gradients"), description="attributions computed"
    )
    rank_by: str = Field("grad_rollout", description="attribution that ranks the candidates")
    ig_steps: int = Field(32, ge=2, description="steps of integrated gradients")


DEFAULT_ENCODERS = {
    "text": EncoderConfig(model="minilm", layer=2, isolate=True),
    "image": EncoderConfig(model="vit-s14", layer=6, size=224, pool=4, isolate=True),
    "features": EncoderConfig(model="precomputed", max_tokens=4096),
}


class Config(Section):
    """Everything that decides a run, besides the data and the code.

    `encoders` maps a modality's name, or a kind ("text", "image", "features") for all others of that kind, to its
    encoder. `data` holds the options of the dataset's reader, which checks them.
    """

    format: Literal["interplay/config/2"] = FORMAT
    preset: Literal["default", "paper"] = "default"
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", description="where encoders and models run")
    seed: int = Field(0, ge=0)
    data: dict[str, str | bool | int | float] = {}
    encoders: dict[str, EncoderConfig] = DEFAULT_ENCODERS
    fusion: FusionConfig = FusionConfig()
    roles: RoleConfig = RoleConfig()
    removal: RemovalConfig = RemovalConfig()
    training: TrainingConfig = TrainingConfig()
    explain: ExplainConfig = ExplainConfig()

    def encoder(self, modality: str, kind: str) -> EncoderConfig:
        """The encoder of one modality: by its name, else by its kind, else the packaged default of that kind."""
        return self.encoders.get(modality) or self.encoders.get(kind) or DEFAULT_ENCODERS[kind]


# The published settings (METHOD 5) with the packaged encoders, whose last layer is tapped. With the encoders of the
# paper at hand, set encoders.text.model = "roberta-base" and encoders.image.model = "openai/clip-vit-base-patch16".
PAPER: dict[str, Any] = {
    "encoders": {
        "text": {"model": "minilm", "max_tokens": 320},
        "image": {"model": "vit-s14", "size": 196, "fit": "crop"},
    },
    "fusion": {"width": 256, "dropout": 0.5, "routing_hidden": 256, "standardize": False},
    "roles": {"on": "latent", "replace": "noise"},
    "removal": {"fill": "mean", "mask_aware": False},
    "training": {
        "decay": 0.0,
        "epochs": 40,
        "learning_rate": 1e-4,
        "weight_decay": 0.0,
        "batch_size": 32,
        "patience": 40,
        "monitor": "metric",
    },
}
PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": PAPER}


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over` laid on top, section by section."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merge(out[key], value) if both else value
    return out


def make_config(settings: dict[str, Any], source: str | Path = "configuration") -> Config:
    """Check settings, laid over their preset. Raises ConfigError that names every key at fault."""
    preset = settings.get("preset", "default")
    base = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
    given = settings.get("encoders")
    if isinstance(given, dict) and "encoders" not in base:  # one key of a packaged encoder may be set alone
        partial = {k: e for k, e in given.items() if isinstance(e, dict) and "model" not in e and k in DEFAULT_ENCODERS}
        base = merge(base, {"encoders": {k: DEFAULT_ENCODERS[k].model_dump(exclude_none=True) for k in partial}})
    try:
        return Config.model_validate(merge(base, settings))
    except ValidationError as error:
        raise ConfigError(
            format_validation_error(error, _known_keys), file=source, fix="fix or remove these keys"
        ) from None


def nested(settings: dict[str, Any], assignments: dict[str, Any]) -> dict[str, Any]:
    """Settings with dotted assignments ("training.epochs": 5) laid on top."""
    for key, value in assignments.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        settings = merge(settings, value)
    return settings


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read a TOML file as it is. Raises ConfigError for a missing file or broken TOML."""
    path = Path(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read: {error.strerror}", file=path, expected="a TOML configuration") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not valid TOML: {error}", file=path, fix="correct that line") from None


def read_config(path: str | Path) -> Config:
    """Read and check a TOML file that a user wrote.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing, no TOML, or holds an unknown key; of a key that was renamed it says the new name.
    """
    return make_config(read_settings(path), path)


def read_run_config(path: str | Path) -> Config:
    """Read the config.toml of a run folder, whatever version wrote it.

    Args:
        path: the file.

    Raises:
        ConfigError: it is missing, damaged, or of a newer version.
    """
    return make_config(upgrade_config(read_settings(path), path), path)


def config_toml(config: Config) -> str:
    """The whole configuration as TOML, every default written out."""
    return tomli_w.dumps(config.model_dump(exclude_none=True))


def format_validation_error(
    error: ValidationError, known: Callable[[list[str]], list[str]], inside: str | None = None
) -> str:
    """One clause per key at fault; an unknown key comes with the nearest known one.

    Args:
        known: section -> its keys.
        inside: the section that all of it is about; the whole configuration if None.
    """
    clauses = []
    for fault in error.errors():
        where = [*([inside] if inside else []), *(str(part) for part in fault["loc"])]
        if fault["type"] != "extra_forbidden":
            clauses.append(f"{'.'.join(where) or 'configuration'}: {fault['msg']} (got {fault['input']!r})")
            continue
        near = difflib.get_close_matches(where[-1], known(where[:-1]), n=1)
        path = ".".join(where)
        if path in RENAMED:
            clauses.append(f"{path} is now {RENAMED[path]}")
            continue
        hint = f"did you mean {'.'.join([*where[:-1], near[0]])}?" if near else "no key is like it"
        clauses.append(f"unknown key {'.'.join(where)} ({hint})")
    return "; ".join(clauses)


def _known_keys(section: list[str]) -> list[str]:
    model: type[BaseModel] = Config
    for name in section:
        if name in model.model_fields:
            annotation = model.model_fields[name].annotation
            model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else EncoderConfig
    return list(model.model_fields)
