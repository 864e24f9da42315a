"""What a model that writes is asked: its own prompt around a text and a picture, and the tokens of an answer."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from interplay.errors import BadInput
from interplay.explanation.wrapped.words import WordTokens, with_words


def prompt_of(processor: Any, text: str) -> str:
    """The prompt, by the processor's chat template; LLaVA's first one where it has none.

    Args:
        processor: of the model.
        text: what the model is asked.
    """
    if not getattr(processor, "chat_template", None):
        return f"USER: {processor.image_token}\n{text} ASSISTANT:"
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return str(processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True))


def prompted(processor: Any, model: Any, text: str, picture: Image.Image | None, longest: int) -> WordTokens:
    """The whole prompt as the model reads it, and the tokens of the words of the text in it.

    Args:
        processor: of the model.
        model: the model.
        text: what it is asked.
        picture: RGB.
        longest: most tokens that it takes.

    Raises:
        BadInput: the text holds the sign for a picture, or the prompt is longer, or changes the text, so that its words
            cannot be found in it.
    """
    if processor.image_token in text:
        raise BadInput(
            f"the text holds {processor.image_token}, the model's sign for a picture", expected="words alone"
        )
    prompt = prompt_of(processor, text)
    inputs = processor(images=picture, text=prompt, return_tensors="pt")
    ids = inputs["input_ids"]
    if ids.shape[1] > longest:
        raise BadInput(f"the prompt has {ids.shape[1]} tokens", expected=f"at most {longest}", fix="shorten the text")
    count = int((ids == model.config.image_token_id).sum())
    whole = prompt.replace(processor.image_token, processor.image_token * count, 1)
    again = processor.tokenizer(whole, return_offsets_mapping=True, return_tensors="pt")
    start = whole.rfind(text)
    if again["input_ids"].tolist() != ids.tolist() or start < 0:
        raise BadInput(f"the prompt changes the text {text[:40]!r}", expected="one that holds it as it is")
    offsets = (again["offset_mapping"][0] - start).tolist()
    read = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return with_words(processor.tokenizer, text, read, offsets)


def spelled(tokenizer: Any, answer: str) -> Tensor:
    """The tokens of an answer, as it follows a prompt.

    Args:
        tokenizer: of the model.
        answer: the text.

    Raises:
        BadInput: the tokenizer has no tokens for it.
    """
    ids = tokenizer(answer.strip(), add_special_tokens=False, return_tensors="pt")["input_ids"][0]
    if not len(ids) or (tokenizer.unk_token_id is not None and bool((ids == tokenizer.unk_token_id).any())):
        raise BadInput(f"the tokenizer cannot spell the answer {answer[:40]!r}", expected="an answer of known tokens")
    return ids
