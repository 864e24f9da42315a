"""A frozen text network: a text in, the sequence of its tokens out; or each word encoded by itself."""

import math
from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from interplay.encoders.fingerprint import fingerprint, tokenizer_state
from interplay.encoders.frozen import Encoded, Encoder
from interplay.encoders.parts import Part
from interplay.encoders.settings import EncoderConfig
from interplay.encoders.tokens import TokenizedText, Word, tokenize, word_bounds, words_with_neighbours
from interplay.encoders.towers import Tower, probe
from interplay.errors import EncoderError
from interplay.neighbours import variant_count

WORDS_AT_ONCE = 256
WORDS = 2
"""The rule of what a word is (`interplay.words`). Until 1, tokens with nothing between them were one."""


@final
class TextEncoder(Encoder):
    """Any Hugging Face text model: tokens without special tokens and padding; with `neighbours`, words."""

    kind = "text"

    def __init__(self, tower: Tower, config: EncoderConfig) -> None:
        super().__init__(tower.network, config)
        self.tokenizer = tower.prepare
        self._refuse_foreign_tokenizer(tower)
        positions = _positions(tower)
        special = self.tokenizer.num_special_tokens_to_add()
        longest = min(self.tokenizer.model_max_length, positions or math.inf)
        self.max_features = int(min(config.max_tokens, longest - special))
        if self.max_features < 1:
            raise EncoderError(f"encoder {tower.name} takes {longest} tokens, of which {special} are special")
        # Of the last batch: whoever encodes a text asks what its tokens are next.
        self._tokenized: dict[str, TokenizedText] = {}
        # SigLIP was trained on texts padded to full length, the padding seen as any token: it gets no mask.
        self.padded = positions if tower.config.model_type.startswith("siglip") else None
        ids = torch.full((1, self.padded or 1), self._pad)
        out = probe(tower, config.layer, {"input_ids": ids})
        self.neighbours = config.neighbours
        self.width = out.last_hidden_state.shape[-1] * variant_count(self.neighbours)
        prepared = {"longest": self.max_features, "tokenizer": tokenizer_state(self.tokenizer)}
        prepared |= {"layer": config.layer, "isolate": config.isolate}
        if self.neighbours:  # without, features and their name are as they were before there was a choice
            prepared["neighbours"] = self.neighbours
        self.earlier = (fingerprint(self.network, **prepared),)
        self.fingerprint = fingerprint(self.network, words=WORDS, **prepared)

    def _refuse_foreign_tokenizer(self, tower: Tower) -> None:
        network: Any = tower.network
        known = network.get_input_embeddings().num_embeddings
        highest = max(self.tokenizer.get_vocab().values(), default=-1)
        if not 0 <= highest < known:
            raise EncoderError(
                f"encoder {tower.name}: its tokenizer has {highest + 1} tokens",
                expected=f"at most the {known} that the weights know, and at least one",
                fix="put the model's own tokenizer into the folder",
            )

    @property
    def _pad(self) -> int:
        return self.tokenizer.pad_token_id or 0

    def encode(self, inputs: Sequence[str]) -> list[Encoded]:
        """Texts -> token features. The special tokens take part in the encoder's attention, then are dropped.

        Args:
            inputs: the texts.
        """
        batch = tokenize(self.tokenizer, inputs, self.max_features)
        self._tokenized = dict(zip(inputs, batch, strict=True))
        if self.config.isolate:
            return self._encode_words(batch)
        out = []
        for tokens, hidden in zip(batch, self._hidden([tokens.ids for tokens in batch]), strict=True):
            out.append(self._encoded(hidden[torch.tensor(tokens.is_feature, dtype=torch.bool)], tokens))
        return out

    def _encode_words(self, batch: Sequence[TokenizedText]) -> list[Encoded]:
        """Each word between the special tokens of its text, by itself; equal words are encoded once.

        With neighbours, each word with each set of them: one feature a word, the mean of its pieces in each variant.
        A word is what blanks part; in a script without blanks, a character (`interplay.words`).
        """
        texts = [words_with_neighbours(tokens, self.neighbours) for tokens in batch]
        different = sorted({word for rows in texts for row in rows for word in row}, key=lambda w: (len(w.ids), w.ids))
        pieces: dict[Word, Tensor] = {}
        for start in range(0, len(different), WORDS_AT_ONCE):
            chunk = different[start : start + WORDS_AT_ONCE]
            for word, rows in zip(chunk, self._hidden([word.ids for word in chunk]), strict=True):
                own = rows[word.first : word.last]
                pieces[word] = own.mean(0, keepdim=True) if self.neighbours else own
        nothing = torch.zeros(0, self.width)
        return [
            self._encoded(torch.cat([nothing, *(torch.cat([pieces[w] for w in row], -1) for row in rows)]), tokens)
            for tokens, rows in zip(batch, texts, strict=True)
        ]

    @torch.no_grad()
    def _hidden(self, sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        """The network's answer (T, W) to each sequence of ids, special tokens included."""
        longest = self.padded or max((len(ids) for ids in sequences), default=0)
        if not sequences or not longest:  # a tokenizer without special tokens makes nothing of an empty text
            return [torch.zeros(0, self.width) for _ in sequences]
        ids = torch.full((len(sequences), longest), self._pad)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
            mask[row, : len(sequence)] = 1
        masked = {} if self.padded else {"attention_mask": mask.to(self.device)}
        hidden = self.network(input_ids=ids.to(self.device), **masked).last_hidden_state.float().cpu()
        return [rows[: len(sequence)] for rows, sequence in zip(hidden, sequences, strict=True)]

    def _encoded(self, features: Tensor, tokens: TokenizedText) -> Encoded:
        return Encoded(features, torch.ones(len(features), dtype=torch.bool), tokens.cut)

    def parts(self, content: str) -> list[Part]:
        """The word pieces of a text with their character spans, without blanks at their ends, and their words.

        The bytes of one character share its span. With neighbours, the whole words.

        Args:
            content: the text.
        """
        tokens = self._tokenized.get(content) or tokenize(self.tokenizer, [content], self.max_features)[0]
        spans, words = tokens.spans, tokens.words
        if self.neighbours:
            bounds = word_bounds(words)
            spans = [(spans[a][0], max(end for _, end in spans[a:b])) for a, b in bounds]
            words = [words[a] for a, _ in bounds]
        return [Part(content[start:end], (start, end), word=w) for (start, end), w in zip(spans, words, strict=True)]


def _positions(tower: Tower) -> int | None:
    """How many tokens, special ones included, the position table takes; None if there is no such limit.

    Tables that know about padding (RoBERTa, MPNet) begin with rows that no token can use.
    """
    positions: int | None = getattr(tower.config, "max_position_embeddings", None)
    for name, module in tower.network.named_modules():
        table = name.endswith("position_embeddings") and isinstance(module, nn.Embedding)
        if positions and table and module.padding_idx is not None:
            return positions - module.padding_idx - 1
    return positions
