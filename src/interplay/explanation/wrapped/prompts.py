"""What a model that writes is asked: its own prompt around a text and a picture, and the tokens of an answer."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from interplay.errors import BadInput
from interplay.explanation.wrapped.words import WordTokens, with_words

SIGN = "qxzvkj"  # stands for the text where a prompt is searched for its place: no template holds it


def prompt_of(processor: Any, text: str) -> str:
    """The prompt, by the processor's chat template; LLaVA's first one where it has none.

    Args:
        processor: of the model.
        text: what the model is asked.

    Raises:
        BadInput: the text holds the sign for a picture.
    """
    if processor.image_token in text:
        raise BadInput(f"the text holds {processor.image_token}, the model's sign for a picture", expected="words")
    if not getattr(processor, "chat_template", None):
        return f"USER: {processor.image_token}\n{text} ASSISTANT:"
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return str(processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True))


def read_prompt(processor: Any, prompt: str, picture: Image.Image) -> dict[str, Tensor]:
    """What a model gets for a prompt and a picture; a prompt that begins with the first token gets no second one.

    Args:
        processor: of the model.
        prompt: of `prompt_of`.
        picture: RGB.
    """
    special = _adds_special(processor.tokenizer, prompt)
    found = dict(processor(images=picture, text=prompt, add_special_tokens=special, return_tensors="pt"))
    return {name: value for name, value in found.items() if name != "token_type_ids"}


def _adds_special(tokenizer: Any, prompt: str) -> bool:
    return not (tokenizer.bos_token and prompt.startswith(tokenizer.bos_token))


def prompted(processor: Any, model: Any, text: str, picture: Image.Image, longest: int) -> WordTokens:
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
    prompt, image = prompt_of(processor, text), processor.image_token
    ids = read_prompt(processor, prompt, picture)["input_ids"]
    if ids.shape[1] > longest:
        raise BadInput(f"the prompt has {ids.shape[1]} tokens", expected=f"at most {longest}", fix="shorten the text")
    count = int((ids == model.config.image_token_id).sum())
    whole = prompt.replace(image, image * count, 1)
    special = _adds_special(processor.tokenizer, prompt)
    again = processor.tokenizer(whole, add_special_tokens=special, return_offsets_mapping=True, return_tensors="pt")
    before = prompt_of(processor, SIGN).partition(SIGN)[0]
    start = len(before) + before.count(image) * (count - 1) * len(image)
    if again["input_ids"].tolist() != ids.tolist() or whole[start : start + len(text)] != text:
        raise BadInput(f"the prompt changes the text {text[:40]!r}", expected="one that holds it as it is")
    offsets = (again["offset_mapping"][0] - start).tolist()
    read = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    return with_words(processor.tokenizer, text, read, offsets)


def spelled(tokenizer: Any, answer: str, before: str = "") -> Tensor:
    """The tokens of an answer, as it follows a prompt.

    Args:
        tokenizer: of the model.
        answer: the text.
        before: how the prompt ends; "" where the answer stands by itself.

    Raises:
        BadInput: the tokenizer has no tokens for it.
    """
    end = before[-1:]
    first = tokenizer(end, add_special_tokens=False)["input_ids"]
    whole = tokenizer(end + " " * (not end.isspace()) * bool(end) + answer, add_special_tokens=False)["input_ids"]
    alone = tokenizer(answer, add_special_tokens=False)["input_ids"]
    ids = torch.tensor(whole[len(first) :] if whole[: len(first)] == first else alone, dtype=torch.long)
    if not answer.strip() or (tokenizer.unk_token_id is not None and bool((ids == tokenizer.unk_token_id).any())):
        raise BadInput(f"the tokenizer cannot spell the answer {answer[:40]!r}", expected="an answer of known tokens")
    return ids
