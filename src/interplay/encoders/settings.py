"""The settings of one frozen encoder: a section of the configuration that needs no PyTorch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class EncoderConfig(BaseModel):
    """A frozen encoder of one modality (METHOD 1).

    `model` is a packaged name (`interplay encode --list`), a Hugging Face folder or a hub id; "precomputed" for
    features that are there already, of which only `max_tokens` matters.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    layer: int | None = Field(None, ge=1, description="take the tokens after this layer; the last if absent [paper]")
    max_tokens: int = Field(
        320, ge=1, description="text, features: longest sequence, special tokens not counted [paper: 320]"
    )
    size: int | None = Field(None, ge=14, description="image: side in pixels given to the encoder; its own if absent")
    fit: Literal["letterbox", "stretch", "crop"] = Field("letterbox", description="image: how it meets the square")
    pool: int = Field(1, ge=1, description="image: average blocks of pool x pool patches")
    isolate: bool = Field(False, description="encode every word, or every block of patches, by itself [ours]")
    neighbours: int = Field(
        0,
        ge=0,
        le=2,
        description="text, with `isolate`: encode a word with so many to each side, as far as they are left [ours]",
    )

    @model_validator(mode="after")
    def _neighbours_of_isolated_words(self) -> "EncoderConfig":
        if self.neighbours and not self.isolate:
            raise ValueError(
                f"neighbours = {self.neighbours} needs isolate = true: without it words are encoded in their whole text"
            )
        return self
