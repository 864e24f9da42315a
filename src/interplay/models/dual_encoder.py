"""A dual encoder whose words and patches are projected one by one and then averaged."""

from typing import Any, cast

import torch
import transformers
from jaxtyping import Float, Int
from torch import Tensor
from transformers.models.clip.modeling_clip import CLIPOutput

from interplay.errors import BadInput

ONE_BEFORE = ("clip_vision_model", "dinov2", "vit")
"""Vision transformers whose patches come after one class token."""


class MeanPooledDualEncoder(transformers.VisionTextDualEncoderModel):
    """How well a text and a picture match: scale * cos(A mean_t x_t, B mean_p y_p) [ours].

    x_t are the text encoder's tokens and y_p the vision transformer's patches without its class token, each normalised
    by itself (a layer norm without weights); A and B are projections. Locked-image tuning (Zhai et al., CVPR 2022)
    projects one pooled vector of each; here each word and each patch has its own part in the score, by which a pair of
    them can be found. `save_pretrained`, `from_pretrained` and `push_to_hub` are those of transformers.
    """

    def __init__(self, config: Any = None, vision_model: Any = None, text_model: Any = None) -> None:
        super().__init__(config, vision_model, text_model)
        kind = self.vision_model.config.model_type
        if kind not in ONE_BEFORE:
            raise BadInput(f"the vision transformer is a {kind}", expected=f"one of {', '.join(ONE_BEFORE)}")

    def get_text_features(
        self, input_ids: Int[Tensor, "B L"], attention_mask: Int[Tensor, "B L"], **more: Any
    ) -> Float[Tensor, "B D"]:
        """The vectors of texts.

        Args:
            input_ids: (B, L) tokens.
            attention_mask: (B, L), 1 for tokens that count.
            more: as the text encoder takes it.

        Returns:
            (B, D), not normalised.
        """
        tokens = self.text_model(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        counts = attention_mask[:, :, None].to(tokens.dtype)
        return self.project_text((normalised(tokens) * counts).sum(dim=1) / counts.sum(dim=1))

    def get_image_features(self, pixel_values: Float[Tensor, "B 3 H W"], **more: Any) -> Float[Tensor, "B D"]:
        """The vectors of pictures.

        Args:
            pixel_values: (B, 3, H, W) pictures as the image processor gives them.
            more: as the vision transformer takes it.

        Returns:
            (B, D), not normalised.
        """
        tokens = self.vision_model(pixel_values=pixel_values, **more).last_hidden_state
        return self.project_image(normalised(tokens[:, 1:]).mean(dim=1))

    def forward(self, input_ids: Int[Tensor, "B L"], pixel_values: Float[Tensor, "C 3 H W"], **more: Any) -> CLIPOutput:
        """How well each text and each picture match.

        Args:
            input_ids: (B, L) tokens of the texts.
            pixel_values: (C, 3, H, W) pictures.
            more: as the text encoder takes it; its `attention_mask` (B, L) must be there.

        Returns:
            Of transformers: logits (B, C) and (C, B), and both sides' vectors of length 1.
        """
        texts = torch.nn.functional.normalize(self.get_text_features(input_ids, **more), dim=-1)
        pictures = torch.nn.functional.normalize(self.get_image_features(pixel_values), dim=-1)
        logits = self.logit_scale.exp() * texts @ pictures.T
        return CLIPOutput(logits_per_text=logits, logits_per_image=logits.T, text_embeds=texts, image_embeds=pictures)

    def project_text(self, pooled: Float[Tensor, "B T"]) -> Float[Tensor, "B D"]:
        """The projection A.

        Args:
            pooled: (B, T) means of normalised tokens.
        """
        return cast(Tensor, self.text_projection(pooled))

    def project_image(self, pooled: Float[Tensor, "B V"]) -> Float[Tensor, "B D"]:
        """The projection B.

        Args:
            pooled: (B, V) means of normalised patches.
        """
        return cast(Tensor, self.visual_projection(pooled))


def normalised(tokens: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
    """Tokens of mean 0 and variance 1.

    Args:
        tokens: (..., D).
    """
    return torch.nn.functional.layer_norm(tokens, tokens.shape[-1:])
