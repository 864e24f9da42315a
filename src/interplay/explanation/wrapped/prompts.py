"""What a model that writes is asked: its own prompt around a text and a picture, and the tokens of an answer."""

from collections.abc import Sequence
from typing import Any, final

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
        BadInput: the text holds the sign for a picture, or another of the model's own; or the template does not hold
            one picture, and the text once.
    """
    if processor.image_token in text:
        raise BadInput(f"the text holds {processor.image_token}, the model's sign for a picture", expected="words")
    if own := [sign for sign in processor.tokenizer.all_special_tokens if sign in text]:
        raise BadInput(f"the text holds {own[0]}, a sign of the model's own prompt", expected="words")
    if not getattr(processor, "chat_template", None):
        return f"USER: {processor.image_token}\n{text} ASSISTANT:"
    whole, sign = (_templated(processor, one) for one in (text, SIGN))
    for what, count in (("pictures", whole.count(processor.image_token)), ("texts", sign.count(SIGN))):
        if count != 1:
            raise BadInput(
                f"the chat template makes a prompt of {count} {what} from one message",
                expected="one picture, and the text once",
                fix="use the model's own template, or set the processor's chat_template",
            )
    return whole


def _templated(processor: Any, text: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return str(processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True))


@final
class MergedPrompts:
    """What a Qwen2-VL gets for a prompt and a picture, as its own processor makes it.

    That one is not there without torchvision, which reads its films.

    Args:
        model: the model.
        tokenizer: its tokenizer.
        image_processor: its image processor.
        chat_template: its own, in Jinja.

    Raises:
        BadInput: there is no template, or the tokenizer is another model's.
    """

    def __init__(self, model: Any, tokenizer: Any, image_processor: Any, chat_template: str | None) -> None:
        self.tokenizer, self.image_processor, self.chat_template = tokenizer, image_processor, chat_template
        self._merged = model.config.vision_config.spatial_merge_size**2
        sign = tokenizer.convert_ids_to_tokens(model.config.image_token_id)
        if not sign or tokenizer.convert_tokens_to_ids(sign) != model.config.image_token_id:
            raise BadInput(
                f"the tokenizer has no token {model.config.image_token_id}, which stands for a picture",
                expected="the model's own tokenizer",
            )
        if not chat_template:
            raise BadInput(
                "the processor has no chat template",
                expected="the model's own",
                fix="load the processor of the model that was trained for chats, or set tokenizer.chat_template",
            )
        self.image_token = str(sign)

    def apply_chat_template(self, messages: Sequence[dict[str, Any]], add_generation_prompt: bool) -> str:
        """The prompt of some messages.

        Args:
            messages: as transformers takes them.
            add_generation_prompt: whether it ends where the model begins to write.
        """
        return str(
            self.tokenizer.apply_chat_template(
                list(messages),
                chat_template=self.chat_template,
                add_generation_prompt=add_generation_prompt,
                tokenize=False,
            )
        )

    def __call__(
        self, images: Image.Image, text: str, add_special_tokens: bool, return_tensors: str
    ) -> dict[str, Tensor]:
        """What the model gets.

        Args:
            images: the picture, RGB.
            text: the prompt, with one sign for the picture.
            add_special_tokens: whether the tokenizer adds some around it.
            return_tensors: "pt".
        """
        seen = dict(self.image_processor(images=images, return_tensors=return_tensors))
        count = int(seen["image_grid_thw"].prod()) // self._merged
        whole = text.replace(self.image_token, self.image_token * count, 1)
        read = self.tokenizer(whole, add_special_tokens=add_special_tokens, return_tensors=return_tensors)
        ids, sign = read["input_ids"], self.tokenizer.convert_tokens_to_ids(self.image_token)
        return seen | {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == sign).int(),
        }


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
