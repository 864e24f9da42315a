"""The ideal value function of data with known truth, and the pair scores it has (see `interplay.data.truth`) [ours]."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from interplay.data.truth import Slot, Story, Truth, posterior
from interplay.encoders.parts import Part
from interplay.explanation.players import Players
from interplay.interactions import exact_pairs
from interplay.results import Box

NULL = 1e-9
"""Ideal scores below this are 0."""

CLIP = 0.01
"""The logit of a posterior of 0 or 1 is infinite: posteriors are kept this far from both before their logit."""


@dataclass(frozen=True)
class Carriers:
    """Which players show what.

    Attributes:
        slots: slot -> players that hold its word or cell; it is shown when all of them are there.
        decoys: slot with decoys -> the players of each thing that looks like its `no`.
    """

    slots: dict[str, list[int]]
    decoys: dict[str, list[list[int]]]


def carriers(truth: Truth, players: Players, parts: Sequence[Sequence[Part]]) -> Carriers:
    """Find the players behind each slot: tokens that overlap its word, patches whose middle lies in its cell.

    Args:
        truth: what the sample is made of.
        players: the players of the sample.
        parts: per modality, what each position is.
    """
    what = [[parts[m][p] for p in where] for m, where in zip(players.modality, players.positions, strict=True)]

    def in_word(span: tuple[int, int]) -> list[int]:
        return [k for k, held in enumerate(what) if any(overlaps(part, span) for part in held)]

    def in_cell(box: Box) -> list[int]:
        return [k for k, held in enumerate(what) if any(lies_in(part, box) for part in held)]

    words = {name: in_word(span) for name, span in truth.words.items()}
    cells = {name: in_cell(box) for name, box in truth.cells.items()}
    return Carriers(words | cells, {name: [in_cell(box) for box in boxes] for name, boxes in truth.decoys.items()})


def overlaps(part: Part, span: tuple[int, int]) -> bool:
    """Whether a token shares a character with a word.

    Args:
        part: what a position is.
        span: (start, end) characters of the word.
    """
    return part.span is not None and part.span[0] < span[1] and span[0] < part.span[1]


def lies_in(part: Part, cell: Box) -> bool:
    """Whether the centre of a patch is in a cell.

    Args:
        part: what a position is.
        cell: box of the cell, as fractions of the picture.
    """
    if part.box is None:
        return False
    x, y = (part.box[0] + part.box[2]) / 2, (part.box[1] + part.box[3]) / 2
    return cell[0] <= x < cell[2] and cell[1] <= y < cell[3]


def ideal_value(
    story: Story, slots: Mapping[str, Slot], truth: Truth, carried: Carriers
) -> Callable[[Bool[np.ndarray, "m n"]], Float[np.ndarray, " m"]]:
    """v(S) = P(label | what is in S), exactly. A slot that no player carries is never shown.

    Args:
        story: the story whose label it is.
        slots: slot -> its alternatives and decoys.
        truth: what the sample is made of.
        carried: the players behind each slot.
    """

    def there(coalitions: Bool[np.ndarray, "m n"], who: list[int]) -> Bool[np.ndarray, " m"]:
        return np.logical_and.reduce(coalitions[:, who], axis=1) & bool(who)

    def value(coalitions: Bool[np.ndarray, "m n"]) -> Float[np.ndarray, " m"]:
        shown = {name: there(coalitions, carried.slots[name]) for name in story.slots}
        counts = {
            name: np.stack([there(coalitions, who) for who in carried.decoys[name]]).sum(axis=0)
            for name in story.slots
            if name in carried.decoys
        }
        return posterior(story, slots, truth, shown, counts)

    return value


def logit(p: Float[np.ndarray, "*m"]) -> Float[np.ndarray, "*m"]:
    """The logit of probabilities kept `CLIP` away from 0 and 1.

    Args:
        p: probabilities.
    """
    kept = np.clip(p, CLIP, 1 - CLIP)
    return np.log(kept / (1 - kept))


def ideal_pairs(
    story: Story, slots: Mapping[str, Slot], truth: Truth, carried: Carriers, pairs: Int[np.ndarray, "P 2"], on: str
) -> tuple[Float[np.ndarray, " P"], Float[np.ndarray, " P"]]:
    """Exact (SII, redundancy gap) of pairs of players under the ideal value function, by enumeration.

    Only the story's own slots and decoys move the value; all other players are dummies, whose pairs score 0 and which
    change no other score (SII and the redundancy gap average over their presence).

    Args:
        story: the story whose label it is.
        slots: slot -> its alternatives and decoys.
        truth: what the sample is made of.
        carried: the players behind each slot.
        pairs: (P, 2) the two players of each pair.
        on: "probability" or "logit" (see `CLIP`).
    """
    sii, gap = np.zeros(len(pairs)), np.zeros(len(pairs))
    who = [carried.slots[name] for name in story.slots]
    who += [decoy for name in story.slots for decoy in carried.decoys.get(name, [])]
    matter = sorted({player for held in who for player in held})
    rows = np.flatnonzero(np.isin(pairs, matter).all(axis=1))
    if not len(rows):
        return sii, gap
    value, n = ideal_value(story, slots, truth, carried), 1 + max(matter)

    def restricted(coalitions: Bool[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
        full = np.zeros((len(coalitions), n), dtype=bool)
        full[:, matter] = coalitions
        v = value(full)
        return logit(v) if on == "logit" else v

    scores = exact_pairs(restricted, len(matter), np.searchsorted(matter, pairs[rows]))
    sii[rows], gap[rows] = scores.sii, scores.redundancy_gap
    return sii, gap
