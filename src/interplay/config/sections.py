"""The configuration of a run, section by section, with its defaults and the settings of the paper."""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from interplay.config.versions import FORMAT
from interplay.encoders.settings import EncoderConfig
from interplay.errors import ConfigError
from interplay.kinds import Estimator

Fill = Literal["mean", "zero", "attention"]
FILLS: tuple[Fill, ...] = get_args(Fill)
Role = Literal["unique", "synergy", "redundancy"]
ROLES: tuple[Role, ...] = get_args(Role)
Precision = Literal["fp32", "bf16"]
ModelKind = Literal["dense", "i2moe", "fl-i2moe"]
MODEL_KINDS: tuple[ModelKind, ...] = get_args(ModelKind)


class Section(BaseModel):
    """Base of every section: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FusionConfig(Section):
    """The trainable part (METHOD 2-4)."""

    kind: ModelKind = "fl-i2moe"
    roles: Literal["construction", "losses"] = Field(
        "construction",
        description="whether experts own their roles by how their answers are combined [ours], or by losses [I2MoE]",
    )
    counted_once: Literal["learned", "all"] = Field(
        "learned",
        description="by construction: whether of what two modalities both say a learned share counts once and the rest "
        "adds up, or all of it counts once",
    )
    products: bool = Field(
        True, description="by construction: the synergy network reads products of modalities' latents, too [ours]"
    )
    standardize: bool = Field(True, description="bring features to mean 0 and deviation 1 before the projection [ours]")
    width: int = Field(64, ge=8)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    dropout: float = Field(
        0.1, ge=0, lt=1, description="in blocks and router; by construction not in the synergy network [ours]"
    )
    routing_hidden: int = Field(64, ge=1)
    routing_layers: int = Field(2, ge=1)
    routing: Literal["learned", "uniform"] = Field(
        "learned", description="by losses: whether experts' weights are learned, or equal"
    )
    temperature: float = Field(2.0, gt=0)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> "FusionConfig":
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


class RoleConfig(Section):
    """What gives each expert its role: losses (METHOD 5), or what keeps roles by construction apart (METHOD 12)."""

    weight: float = Field(0.5, ge=0, description="lambda_int")
    losses: tuple[Role, ...] = Field(ROLES, description="the roles that are asked of experts; the others train freely")
    on: Literal["latent", "logits"] = "latent"
    replace: Literal["noise", "mean", "zero"] = "noise"
    regulariser: Literal["none", "squared_cosine", "cka", "barlow"] = "none"
    regulariser_weight: float = Field(0.0, ge=0, description="lambda_reg")
    consistency: float = Field(
        0.03, ge=0, description="by construction: the redundancy network says the same of each modality"
    )
    alone: float = Field(
        0.03, ge=0, description="by construction: the redundancy network knows the label from each alone"
    )
    decorrelation: float = Field(
        1.0, ge=0, description="by construction: unique networks say what the other modalities do not"
    )
    opposition: float = Field(
        0.3,
        ge=0,
        description="weight of what the unique and the redundancy network say of one modality against each other",
    )
    silence: float = Field(
        0.02, ge=0, description="by construction: synergy is silent where one modality decides alone"
    )


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
    """Optimisation. The best epoch on the validation split is kept, or the last.

    `monitor` "metric" is macro F1 (multi-label) or accuracy (single label). "loss" is the negative loss; with
    mask-aware training it counts samples with features removed too, whose answers improve long after the metric
    has stopped to [ours]. "last" keeps the last epoch: with few validation samples, or where more epochs do no harm.
    """

    learning_rate: float = Field(2e-3, gt=0, le=1e30)  # far larger ones overflow in the optimizer
    weight_decay: float = Field(0.1, ge=0)
    averaging: float = Field(
        2.0, ge=0, description="epochs over which weights are averaged, exponentially; 0: those of the last step [ours]"
    )
    batch_size: int = Field(16, ge=1)
    accumulate: int = Field(1, ge=1, description="batches of one step: their gradients are added up")
    epochs: int = Field(20, ge=1)
    decay: float = Field(0.4, ge=0, le=1, description="share of the epochs, the last, in which the rate falls to 0")
    patience: int = Field(
        10, ge=1, description="epochs without a better validation score before stopping, from `removal.warmup` on"
    )
    smoothing: float = Field(
        0.01, ge=0, lt=0.5, description="how far from 0 and 1 the probabilities that training asks for stay [ours]"
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: in the loss rare labels count as much as frequent ones, so that probabilities are those "
        "of data in which they are as frequent [ours]",
    )
    monitor: Literal["loss", "metric", "last"] = Field(
        "loss", description="validation score that picks the best epoch; last: the last is kept, and none is left out"
    )
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

    format: Literal["interplay/config/6"] = FORMAT
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

    @model_validator(mode="after")
    def _neighbours_leave_attention(self) -> "Config":
        near = [name for name, encoder in self.encoders.items() if encoder.neighbours]
        if near and self.removal.fill != "attention":
            raise ValueError(f'encoders.{near[0]}.neighbours needs removal.fill "attention", got {self.removal.fill!r}')
        return self

    def encoder(self, modality: str, kind: str) -> EncoderConfig:
        """The encoder of one modality: by its name, else by its kind, else the packaged default of that kind.

        Args:
            modality: its name.
            kind: what it is a kind of.

        Raises:
            ConfigError: none is named, and the kind, one that was added, has no default.
        """
        found = self.encoders.get(modality) or self.encoders.get(kind) or DEFAULT_ENCODERS.get(kind)
        if found is None:
            raise ConfigError(
                f"no encoder is named for {modality!r}", expected=f"encoders.{modality} or encoders.{kind}"
            )
        return found


# The published settings (METHOD 5) with the packaged encoders, whose last layer is tapped. With the encoders of the
# paper at hand, set encoders.text.model = "roberta-base" and encoders.image.model = "openai/clip-vit-base-patch16".
PAPER: dict[str, Any] = {
    "encoders": {
        "text": {"model": "minilm", "max_tokens": 320},
        "image": {"model": "vit-s14", "size": 196, "fit": "crop"},
    },
    "fusion": {"roles": "losses", "width": 256, "dropout": 0.5, "routing_hidden": 256, "standardize": False},
    "roles": {"on": "latent", "replace": "noise"},
    "removal": {"fill": "mean", "mask_aware": False},
    "training": {
        "averaging": 0.0,
        "decay": 0.0,
        "smoothing": 0.0,
        "epochs": 40,
        "learning_rate": 1e-4,
        "weight_decay": 0.0,
        "batch_size": 32,
        "patience": 40,
        "monitor": "metric",
    },
}
PRESETS: dict[str, dict[str, Any]] = {"default": {}, "paper": PAPER}
