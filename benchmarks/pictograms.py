"""A real image-text model that needs no hub, and a pointing game: which patch pairs with which word?

    python benchmarks/icon_sets.py emoji EMOJI
    python benchmarks/pictograms.py EMOJI --model PICTOGRAMS [--games 50] [--page PAGE.html]

The model is trained where PICTOGRAMS is not there yet, which takes some minutes: the packaged text encoder and vision
transformer, frozen, and a projection of each, by a contrastive loss on mosaics of four pictograms beside texts that
name two of them ("red apple and steam locomotive"). It is a dual encoder as those of transformers are, and is
explained by `interplay explain-model PICTOGRAMS --text ... --image ...`.

The game: for each word of a name, is the cell with which its interaction (SII) is highest one of the pictogram that it
names, and have the four cells of that one the highest sum? Chance is a quarter. It is played with pictograms of
training in mosaics that are new, and with others that the model has never seen; and with texts that name nothing of the
picture, where there is no right answer.
"""

import argparse
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
from jaxtyping import Float, Int
from markdown_table import markdown
from PIL import Image
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

import interplay
from interplay.encoders.packaged import minilm_folder, vit_s14
from interplay.explanation.wrapped.predictor import WrappedPredictor
from interplay.models.dual_encoder import MeanPooledDualEncoder, normalised
from interplay.report.claims import claim
from interplay.results import Explanation

THINGS = {"Animals & Nature", "Food & Drink", "Travel & Places", "Objects", "Activities"}
SIDE, UNSEEN = 56, 100  # pixels of a pictogram: four patches; how many the model never sees
WIDTH, MOSAICS, STEPS, BATCH, RATE = 384, 3000, 8000, 512, 6e-3


@dataclass(frozen=True)
class Icons:
    """Pictograms (n, 56, 56, 3) of bytes, their names, and which of them the model is trained on."""

    names: list[str]
    pictures: np.ndarray
    seen: np.ndarray
    unseen: np.ndarray


def icons_of(folder: Path) -> Icons:
    """Things whose names are one to three plain words, each name once."""
    names, pictures = list[str](), list[np.ndarray]()
    for sample in interplay.open_dataset(folder).samples:
        name = str(sample.inputs["text"])
        if set(sample.labels) <= THINGS and re.fullmatch(r"[a-z]+( [a-z]+){0,2}", name) and name not in names:
            with Image.open(str(sample.inputs["image"])) as picture:
                small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            names.append(name)
            pictures.append(np.asarray(small))
    order = np.random.default_rng(0).permutation(len(names))
    return Icons(names, np.stack(pictures), np.sort(order[UNSEEN:]), np.sort(order[:UNSEEN]))


def fours(icons: Icons, among: np.ndarray, count: int, rng: np.random.Generator) -> Int[np.ndarray, "count 4"]:
    """Pictograms of mosaics, no two of whose names share a word."""
    out = list[np.ndarray]()
    while len(out) < count:
        four = rng.choice(among, 4, replace=False)
        words = [word for at in four for word in set(icons.names[at].split())]
        if len(set(words)) == len(words):
            out.append(four)
    return np.stack(out)


def mosaic(icons: Icons, four: np.ndarray) -> Image.Image:
    """Four pictograms: above left, above right, below left, below right."""
    rows = icons.pictures[four].reshape(2, 2, SIDE, SIDE, 3).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(2 * SIDE, 2 * SIDE, 3))


def untrained() -> tuple[
    MeanPooledDualEncoder, transformers.PreTrainedTokenizerFast, transformers.ViTImageProcessorPil
]:
    """The two encoders, with projections that are random."""
    torch.manual_seed(0)
    tower = vit_s14(None)
    text = transformers.AutoModel.from_pretrained(minilm_folder())
    config = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
        tower.network.config, text.config, projection_dim=WIDTH
    )
    model = MeanPooledDualEncoder(config, vision_model=tower.network, text_model=text).eval()
    images = transformers.ViTImageProcessorPil(
        size={"height": 2 * SIDE, "width": 2 * SIDE}, image_mean=tower.prepare.mean, image_std=tower.prepare.std
    )
    return model, transformers.AutoTokenizer.from_pretrained(minilm_folder()), images


@dataclass(frozen=True)
class Pieces:
    """Sums over tokens (P, D) and their counts (P, 1); pictogram i has rows first[i] to first[i] + often[i]."""

    sums: Float[Tensor, "P D"]
    counts: Float[Tensor, "P 1"]
    first: np.ndarray
    often: np.ndarray

    def draw(self, at: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """One piece of each pictogram, at random: (*, D) and (*, 1)."""
        rows = self.first[at] + (rng.random(at.shape) * self.often[at]).astype(int)
        return self.sums[rows], self.counts[rows]


def pieces_of(sums: Tensor, counts: Tensor, owner: np.ndarray, icons: int) -> Pieces:
    """Pieces in the order of the pictograms that they are of."""
    order, often = np.argsort(owner, kind="stable"), np.bincount(owner, minlength=icons)
    return Pieces(sums[order], counts[order], np.cumsum(often) - often, often)


@torch.no_grad()
def encoded(
    icons: Icons, model: MeanPooledDualEncoder, tokenizer: transformers.PreTrainedTokenizerFast, images: object
) -> tuple[Pieces, Pieces, Pieces]:
    """Quarters of mosaics; names within texts and each word of them; and of each text what names nothing."""
    rng, names = np.random.default_rng(1), icons.names
    four = fours(icons, icons.seen, MOSAICS, rng)
    quarters = list[Tensor]()
    for start in range(0, MOSAICS, 32):
        pixels = images([mosaic(icons, one) for one in four[start : start + 32]], return_tensors="pt")  # type: ignore[operator]
        tokens = normalised(model.vision_model(**pixels).last_hidden_state[:, 1:])
        quarters.append(tokens.view(-1, 2, 4, 2, 4, tokens.shape[2]).sum(dim=(2, 4)).flatten(0, 2))
        if start % 640 == 0:
            print(f"{start:,} of {MOSAICS:,} mosaics", flush=True)
    pictures = torch.cat(quarters)
    pairs = np.concatenate([rng.permuted(four, axis=1)[:, :2] for _ in range(2)])
    words, sizes, owners, rest, rests = list[Tensor](), list[float](), list[int](), list[Tensor](), list[float]()
    for start in range(0, len(pairs), 64):
        some = pairs[start : start + 64]
        given = tokenizer([f"{names[a]} and {names[b]}" for a, b in some], padding=True, return_tensors="pt")
        tokens = normalised(model.text_model(**given).last_hidden_state)
        for row, (a, b) in enumerate(some):
            first, last = len(names[a].split()), len(names[a].split()) + len(names[b].split()) + 1
            of = np.array([-1 if word is None else word for word in given.word_ids(row)])
            parts = [(a, range(first)), (b, range(first + 1, last))]
            parts += [(owner, [word]) for owner, some_words in parts for word in some_words if len(some_words) > 1]
            for owner, some_words in parts:
                inside = torch.from_numpy(np.isin(of, list(some_words)))
                words.append(tokens[row, inside].sum(dim=0))
                sizes.append(float(inside.sum()))
                owners.append(owner)
            inside = torch.from_numpy((of == first) | (of == -1)) & given["attention_mask"][row].bool()
            rest.append(tokens[row, inside].sum(dim=0))
            rests.append(float(inside.sum()))
    n, quarter = len(names), torch.full((len(pictures), 1), float((SIDE // 14) ** 2))
    texts = pieces_of(torch.stack(words), torch.tensor(sizes)[:, None], np.array(owners), n)
    others = Pieces(torch.stack(rest), torch.tensor(rests)[:, None], np.zeros(1, dtype=int), np.array([len(rest)]))
    return pieces_of(pictures, quarter, four.flatten(), n), texts, others


def train(icons: Icons, folder: Path) -> None:
    """Train the projections, and save the model.

    Training mosaics are put together from quarters of others, and texts from names in others or single words of them,
    so that none comes twice; of half of the pictures only parts count, as where patches are removed.
    """
    model, tokenizer, images = untrained()
    quarters, texts, others = encoded(icons, model, tokenizer, images)
    weights = [*model.text_projection.parameters(), *model.visual_projection.parameters(), model.logit_scale]
    optimizer = torch.optim.AdamW(weights, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=STEPS)
    rng, truth = np.random.default_rng(2), torch.arange(BATCH)
    named = np.flatnonzero(texts.often)
    for step in range(STEPS):
        two, more = rng.choice(named, (BATCH, 2)), rng.choice(icons.seen, (BATCH, 2))
        shown, size = quarters.draw(np.concatenate([two, more], axis=1), rng)
        share = np.where(rng.random((BATCH, 1)) < 0.5, 1.0, rng.random((BATCH, 4)))[:, :, None]
        left = torch.from_numpy(share).float()
        pictures = normalize(model.project_image((shown * left).sum(dim=1) / (size * left).sum(dim=1)))
        words, counts = texts.draw(two, rng)
        rest, rests = others.draw(np.zeros(BATCH, dtype=int), rng)
        vectors = normalize(model.project_text((words.sum(dim=1) + rest) / (counts.sum(dim=1) + rests)))
        logits = model.logit_scale.exp() * vectors @ pictures.T
        loss = (cross_entropy(logits, truth) + cross_entropy(logits.T, truth)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 1000 == 0 or step == STEPS - 1:
            right = float((logits.argmax(dim=1) == truth).float().mean())
            print(
                f"step {step + 1:,} of {STEPS:,}: loss {loss.item():.2f}, the right picture of {BATCH} in {right:.0%}",
                flush=True,
            )
    for part in (model, tokenizer, images):
        part.save_pretrained(folder)


def points(found: Explanation, words: Sequence[int]) -> list[tuple[int, int]]:
    """Where some words point: the quarter of the cell of their highest SII, and that whose cells have most together."""
    score = {(pair.i, pair.j): pair.sii for pair in found.pairs if pair.sii is not None}
    cells, quarters = list[int](), list[int]()
    for feature in found.features:
        if feature.box is not None:
            x0, y0, x1, y1 = feature.box
            cells.append(feature.index)
            quarters.append(2 * int(y0 + y1 > 1) + int(x0 + x1 > 1))
    out = []
    for word in words:
        sii = np.array([score[word, cell] for cell in cells])
        out.append((quarters[int(sii.argmax())], int(np.bincount(quarters, weights=sii).argmax())))
    return out


def play(
    predictor: WrappedPredictor, icons: Icons, among: np.ndarray, games: int, absent: bool, budget: int, seed: int
) -> tuple[np.ndarray, Counter[str], float]:
    """(words, 2) whether each points to what it names, what the first sentences are, and how often it is a match."""
    rng, hits, kinds, matches = np.random.default_rng(seed), list[list[bool]](), Counter[str](), 0
    for four, others in zip(fours(icons, among, games, rng), fours(icons, among, games, rng), strict=True):
        places = rng.permutation(4)[:2]
        one, two = (icons.names[at] for at in (others if absent else four)[places])
        first = len(one.split())
        found = predictor.explain(text=f"{one} and {two}", image=mosaic(icons, four), budget=budget, seed=seed)
        words = [at for at in range(first + 1 + len(two.split())) if at != first]
        for word, quarters in zip(words, points(found, words), strict=True):
            hits.append([quarter == places[int(word > first)] for quarter in quarters])
        kinds[claim(found).kind] += 1
        matches += found.prediction["a match"] > 0.5
    return np.array(hits), kinds, matches / games


def main() -> None:
    """Train the model where it is not there, print the table of the game, and write the page of one mosaic."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("icons", type=Path, help="the folder that `icon_sets.py emoji` writes")
    parser.add_argument("--model", type=Path, required=True, help="the model's folder; trained if it is not there")
    parser.add_argument("--games", type=int, default=50)
    parser.add_argument("--budget", type=int, default=300, help="texts and pictures encoded for each mosaic")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", type=Path, help="where a mosaic's page is written, and its picture beside")
    given = parser.parse_args()
    icons = icons_of(given.icons)
    if not given.model.exists():
        train(icons, given.model)
    predictor = interplay.wrap(given.model, grid=4)
    rows = []
    for what, among, absent in (
        ("of training, in new mosaics", icons.seen, False),
        ("never seen", icons.unseen, False),
        ("of training, but the text names others", icons.seen, True),
    ):
        hits, kinds, matches = play(predictor, icons, among, given.games, absent, given.budget, given.seed)
        shares = hits.mean(axis=0)
        errors = 1.96 * np.sqrt(shares * (1 - shares) / len(hits))
        rows.append([what, str(given.games), f"{matches:.0%}", str(len(hits))])
        rows[-1] += [f"{share:.3f} ± {error:.3f}" for share, error in zip(shares, errors, strict=True)]
        rows[-1] += ["0.250", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())]
        print(rows[-1], flush=True)
    header = ["pictograms", "mosaics", "a match", "words", "their first cell is of what they name (95%)"]
    header += ["the four cells of it come first together", "chance", "what is said"]
    print(markdown(header, rows))
    if given.page is not None:
        four = fours(icons, icons.seen, 1, np.random.default_rng(given.seed))[0]
        picture, text = mosaic(icons, four), f"{icons.names[four[0]]} and {icons.names[four[3]]}"
        found = predictor.explain(text=text, image=picture, budget=8 * given.budget, name="mosaic")
        picture.save(given.page.with_suffix(".png"))
        interplay.write_page([found], {"mosaic": {"image": picture}}, given.page)


if __name__ == "__main__":
    main()
