"""Made-up explanations and pictures for the tests of the report: planted pairs over noise, every shape of input."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from interplay.results import Box, Explanation, Feature, Input, Pair, PairTable, Provenance, ValueFunction, WhatIf

CAPTION = "What a wonderful morning for a picnic, said the cat as the storm rolled slowly over the town."
GLYPHS = "★☂✈♫☀⚑⚡☕♥☁☹✿☎♞☃⚓"
TINTS = ("#f6d8c6", "#d7e3ee", "#e4ead2", "#f3e6bd", "#e6d9ec", "#d2e8e4")


def picture(size: int = 224, side: int = 4) -> Image.Image:
    """A board of pictograms on tinted tiles."""
    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    cell = size // side
    font = ImageFont.truetype(font_file, int(cell * 0.62))
    board = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(board)
    for n in range(side * side):
        x, y = n % side * cell, n // side * cell
        draw.rectangle((x, y, x + cell, y + cell), fill=TINTS[(n * 5 + n // side) % len(TINTS)])
        glyph = GLYPHS[n % len(GLYPHS)]
        draw.text((x + cell / 2, y + cell / 2), glyph, fill="#26221e", font=font, anchor="mm")
    return board


def grid(rows: int, columns: int) -> list[Box]:
    return [(c / columns, r / rows, (c + 1) / columns, (r + 1) / rows) for r in range(rows) for c in range(columns)]


def words(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The words of a text with their spans; a comma or a full stop is left out."""
    found, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        bare = word.strip(",.")
        if bare:
            found.append((bare, (start, start + len(bare))))
    return found


def text_features(modality: str, text: str) -> list[Feature]:
    return [Feature(index=n, modality=modality, text=w, span=s) for n, (w, s) in enumerate(words(text))]


def patch_features(modality: str, boxes: Sequence[Box]) -> list[Feature]:
    return [Feature(index=n, modality=modality, box=box) for n, box in enumerate(boxes)]


def value(expert: str = "mixture") -> ValueFunction:
    return ValueFunction(on="logit", expert=expert, fill="mean")


def provenance() -> Provenance:
    return Provenance(
        run="runs/scenes-fli2moe-0",
        data="scenes 1.0, 2,000 samples",
        versions={"interplay": "0.1.0", "torch": "2.13.0"},
        seed=0,
        model="fl-i2moe",
        encoders={"caption": "MiniLM-L6", "image": "ViT-S/14"},
        settings={"players": 34, "samples": 64, "temperature": 2.0, "note": None},
    )


Planted = dict[tuple[int, int], tuple[float, float]]


def noisy_pairs(
    lefts: Sequence[int], rights: Sequence[int], planted: Planted, seed: int = 0, noise: float = 0.07
) -> list[Pair]:
    """All pairs of two sides: noise around 0, but for those planted as (SII, gap)."""
    rng = np.random.default_rng(seed)
    pairs = []
    for i in lefts:
        for j in rights:
            sii, gap = planted.get((i, j), (0.0, 0.0))
            scale = noise * (1 + abs(sii) + abs(gap))
            draws = rng.normal(size=2) * scale * 0.6
            errors = scale * rng.uniform(0.8, 1.2, 2)
            pairs.append(
                Pair(
                    i=i,
                    j=j,
                    sii=sii + float(draws[0]),
                    sii_se=float(errors[0]),
                    redundancy_gap=gap + float(draws[1]),
                    redundancy_gap_se=float(errors[1]),
                    samples=64,
                )
            )
    return pairs


def attributions(
    features: Sequence[Feature], experts: Sequence[str], strong: dict[str, dict[int, float]], seed: int = 0
) -> dict[str, dict[str, list[float]]]:
    """Four methods; rollouts are positive, integrated gradients signed, and one expert is left out of one method."""
    rng = np.random.default_rng(seed)
    out: dict[str, dict[str, list[float]]] = {}
    for method in ("random", "attention_rollout", "grad_rollout", "integrated_gradients"):
        signed = method == "integrated_gradients"
        out[method] = {}
        for expert in experts:
            scores = rng.normal(0, 0.05, len(features)) if signed else rng.uniform(0, 0.08, len(features))
            if method != "random":
                for at, extra in strong.get(expert, {}).items():
                    scores[at] += extra if signed else abs(extra)
            out[method][expert] = [float(s) for s in scores]
    if len(experts) > 1:
        del out["attention_rollout"][experts[-1]]
    return out


def planted(side: int = 4, sample_id: str = "scene-0042", text: str = CAPTION) -> Explanation:
    """A caption and a picture of side x side patches, with two synergies, one against, and two backups."""
    tokens = text_features("caption", text)
    patches = patch_features("image", grid(side, side))
    features = [*tokens, *patches]
    n = len(tokens)

    def patch(row: int, column: int) -> int:
        step = side // 4
        return n + (row * step + step // 2) * side + column * step + step // 2

    bolt, sad = patch(1, 2), patch(2, 2)
    effects = {
        (2, bolt): (3.2, -0.9),
        (6, sad): (1.6, -0.4),
        (3, bolt): (-1.1, -0.2),
        (12, bolt): (-1.9, 1.5),
        (9, patch(3, 1)): (-1.0, 0.8),
    }
    left, right = range(n), range(n, len(features))
    pairs = noisy_pairs(left, right, effects)
    gone = {"sii": None, "sii_se": None, "redundancy_gap": None, "redundancy_gap_se": None, "samples": 0}
    pairs = [p.model_copy(update=gone) if p.i in (1, 5) and p.j % 3 else p for p in pairs]
    experts = ["mixture", "unique_caption", "unique_image", "synergy", "redundancy"]
    strong = {
        "mixture": {2: 0.6, bolt: 0.7, 6: 0.25, sad: 0.2},
        "unique_caption": {2: 0.5, 6: 0.3, 12: -0.3},
        "unique_image": {patch(1, 0): 0.5, sad: -0.4},
        "synergy": {2: 0.9, bolt: 0.8, 6: 0.4, sad: 0.5},
        "redundancy": {12: 0.7, bolt: 0.6, 9: 0.4, patch(3, 1): 0.4},
    }
    return Explanation(
        sample_id=sample_id,
        inputs={"caption": Input(kind="text", text=text), "image": Input(kind="image", path="images/0042.png")},
        prediction={"sarcastic": 0.871, "sincere": 0.094, "neutral": 0.035},
        target="sarcastic",
        truth=["sarcastic"],
        value=value(),
        routing={"unique_caption": 0.14, "unique_image": 0.09, "synergy": 0.56, "redundancy": 0.21},
        features=features,
        attributions=attributions(features, experts, strong),
        pairs=pairs,
        more_pairs=[
            PairTable(value=value("synergy"), pairs=noisy_pairs(left, right, {(2, bolt): (4.1, -1.0)}, 1)),
            PairTable(value=value("redundancy"), pairs=noisy_pairs(left, right, {(12, bolt): (-2.2, 2.0)}, 2)),
        ],
        evaluations=2048,
        notes=["All 18 words and all patches were players; pairs of “a” were scored for a third of the patches only."],
        provenance=provenance(),
    )


def with_contributions() -> Explanation:
    """The planted example of a model whose experts own their roles by construction: what they add, no weights."""
    added = {"unique_caption": 0.42, "unique_image": -0.21, "synergy": 3.24, "redundancy": 0.003}
    return planted().model_copy(update={"routing": {}, "contributions": added, "bias": -1.5})


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def with_whatif() -> Explanation:
    """The planted example and what its model answers with features out: on the logit, a sum of terms of one feature
    and of two. The fourth word was not asked about alone, the fifth not with the
    last patch, and no two words together."""
    full = planted()
    n = len(full.features)
    features = [f.model_copy(update={"index": at}) for at, f in enumerate(full.features)]
    words, patches = [f.index for f in features if f.text], [f.index for f in features if f.box]
    twos = [(i, j) for i in words for j in patches] + [(i, j) for i in patches for j in patches if i < j]
    twos.remove((4, patches[-1]))
    without: list[float | None] = [sigmoid(whatif_logit([at])) for at in range(n)]
    without[3] = None
    return full.model_copy(
        update={
            "features": features,
            "whatif": WhatIf(
                whole=sigmoid(whatif_logit([])),
                nothing=0.07,
                without_modality={"caption": 0.21, "image": 0.32},
                without=without,
                i=[i for i, _ in twos],
                j=[j for _, j in twos],
                without_both=[sigmoid(whatif_logit([i, j])) for i, j in twos],
                off={3: 0.1, 4: 0.25},
                evaluations=4 + n - 1 + len(twos) + 24,
            ),
        }
    )


def whatif_logit(gone: Sequence[int]) -> float:
    """The logit of `with_whatif` without some features, by terms of one and of two."""
    pairs = [(i, j) for i in gone for j in gone if i < j]
    return 1.9 - sum(0.1 * (at % 7) for at in gone) + sum(0.05 * ((i * j) % 5 - 2) for i, j in pairs)


def without_pairs() -> Explanation:
    return planted().model_copy(update={"pairs": [], "more_pairs": [], "truth": None, "notes": []})


def only_noise() -> Explanation:
    full = planted()
    pairs = [p.model_copy(update={"sii_se": 9.0, "redundancy_gap_se": 9.0}) for p in full.pairs]
    return full.model_copy(update={"pairs": pairs, "more_pairs": [], "truth": ["sincere"]})


def dense() -> Explanation:
    """One expert; no interval is known."""
    full = planted(sample_id="dense-1")
    bare = [p.model_copy(update={"sii_se": None, "redundancy_gap_se": None}) for p in full.pairs]
    return full.model_copy(
        update={
            "routing": {"fusion": 1.0},
            "attributions": {"random": {"fusion": full.attributions["random"]["mixture"]}},
            "pairs": bare,
            "more_pairs": [],
        }
    )


def dense_beside() -> Explanation:
    """The planted sample as a model of one fusion sees it: surer, by other features, and no pair stands out."""
    full = planted()
    features = full.features
    noise = [p.model_copy(update={"sii": p.sii_se and p.sii_se / 3, "redundancy_gap": 0.0}) for p in full.pairs]
    return full.model_copy(
        update={
            "prediction": {"sarcastic": 0.972, "sincere": 0.02, "neutral": 0.008},
            "routing": {"fusion": 1.0},
            "attributions": attributions(features, ["fusion"], {"fusion": {6: 0.8, 20: 0.5}}, seed=1),
            "pairs": noise,
            "more_pairs": [],
            "provenance": full.provenance.model_copy(update={"run": "runs/scenes-dense-0", "model": "dense"}),
        }
    )


def three_modalities() -> Explanation:
    """A title and two screens, multi-label, with pairs of every two of them."""
    title = text_features("title", "Sign in to see your saved recipes")
    before = patch_features("before", grid(6, 3))
    after = patch_features("after", grid(6, 3))
    features = [*title, *before, *after]
    a, b, c = range(7), range(7, 25), range(25, 43)
    pairs = [
        *noisy_pairs(a, b, {(0, 9): (1.4, -0.3)}, 3),
        *noisy_pairs(a, c, {(6, 40): (0.2, 0.9)}, 4),
        *noisy_pairs(b, c, {(12, 30): (-0.8, -0.2)}, 5),
    ]
    experts = ["mixture", "unique_title", "unique_before", "unique_after", "synergy", "redundancy"]
    return Explanation(
        sample_id="screens/7 é",
        inputs={
            "title": Input(kind="text", text="Sign in to see your saved recipes today, and more", truncated=3),
            "before": Input(kind="image"),
            "after": Input(kind="image"),
        },
        prediction={"login": 0.92, "list": 0.61, "menu": 0.2, "form": 0.18, "news": 0.05, "map": 0.01, "tos": 0.0},
        target="login",
        truth=["login", "form"],
        value=value(),
        routing=dict(zip(experts[1:], (0.1, 0.2, 0.1, 0.4, 0.2), strict=True)),
        features=features,
        attributions=attributions(features, experts, {"synergy": {0: 0.6, 9: 0.5}}),
        pairs=pairs,
        evaluations=900,
        provenance=provenance(),
    )


def two_images() -> Explanation:
    full = three_modalities()
    features = [f for f in full.features if f.modality != "title"]
    pairs = noisy_pairs(range(18), range(18, 36), {(5, 23): (1.1, 0.0)}, 6)
    return full.model_copy(
        update={
            "sample_id": "two-images",
            "inputs": {},
            "features": features,
            "pairs": pairs,
            "attributions": {},
        }
    )


def two_texts() -> Explanation:
    """Questions and answers; the second text has no spans, so that its tokens are shown as chips."""
    one = text_features("question", "Is the sky over the bay still red this evening?")
    other = [Feature(index=n, modality="answer", text=t) for n, t in enumerate(["▁No", "▁it", "▁clear", "##ed", "Ġup"])]
    features = [*one, *other]
    n = len(one)
    pairs = noisy_pairs(range(n), range(n, n + 5), {(2, n + 2): (1.3, 0.0), (6, n): (-0.9, 0.7)}, 7)
    return planted().model_copy(
        update={
            "sample_id": "two-texts",
            "inputs": {
                "question": Input(kind="text", text="Is the sky over the bay still red this evening?"),
                "answer": Input(kind="text"),
            },
            "features": features,
            "pairs": pairs,
            "more_pairs": [],
            "attributions": {},
        }
    )


def with_features() -> Explanation:
    """A caption, a picture and two modalities of features that were computed beforehand; one name is hostile."""
    caption = text_features("caption", "A bell rings twice")
    patches = patch_features("image", grid(2, 2))
    sound = [Feature(index=n, modality="sound", text=f"sound {n + 1}") for n in range(6)]
    pose = [Feature(index=n, modality="<b>pose</b>", text=f"<b>pose</b> {n + 1}") for n in range(2)]
    features = [*caption, *patches, *sound, *pose]
    a, b, c, d = range(4), range(4, 8), range(8, 14), range(14, 16)
    pairs = [
        *noisy_pairs(a, c, {(1, 10): (2.4, -0.6)}, 3),
        *noisy_pairs(b, c, {(6, 9): (-1.4, 1.2)}, 4),
        *noisy_pairs(c, d, {(8, 14): (1.2, 0.0)}, 5),
    ]
    experts = ["mixture", "unique_sound", "synergy", "redundancy"]
    return planted().model_copy(
        update={
            "sample_id": "with-features",
            "inputs": {
                "caption": Input(kind="text", text="A bell rings twice"),
                "image": Input(kind="image"),
                "sound": Input(kind="features", path="0042.npy", truncated=3),
                "<b>pose</b>": Input(kind="features"),
            },
            "features": features,
            "pairs": pairs,
            "more_pairs": [],
            "routing": dict.fromkeys(experts[1:], 0.33),
            "attributions": attributions(features, experts, {"synergy": {10: 0.6}}),
        }
    )


@functools.cache
def large(tokens: int = 320, side: int = 14) -> Explanation:
    """The sizes of MM-IMDb: 320 tokens and 196 patches, every pair scored."""
    stock = CAPTION.replace(".", "").replace(",", "").split()
    text = " ".join(stock[n % len(stock)] for n in range(tokens))
    features = [*text_features("plot", text), *patch_features("poster", grid(side, side))]
    pairs = noisy_pairs(range(tokens), range(tokens, len(features)), {(20, tokens + 50): (2.0, 0.0)}, 8)
    experts = ["mixture", "unique_plot", "unique_poster", "synergy", "redundancy"]
    return planted().model_copy(
        update={
            "sample_id": "large",
            "inputs": {"plot": Input(kind="text", text=text), "poster": Input(kind="image")},
            "features": features,
            "pairs": pairs,
            "more_pairs": [],
            "routing": dict.fromkeys(experts[1:], 0.25),
            "attributions": attributions(features, experts, {}),
            "notes": [],
        }
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(2)</script>",
    "<img/src=x/onerror=alert(3)>",
    "\"'><svg/onload=alert(4)>",
    "<!--<script>",
    "javascript:alert(5)",
    "\u202eevil\u202c",
    "مرحبا",
    "\u200b",
    "\u2028",
    "👩‍👩‍👧‍👦",
    '=HYPERLINK("x")',
    "__proto__",
    "constructor",
    "{{7*7}}",
    "x" * 100_000,
)


def hostile() -> Explanation:
    """Every text of the result is an attack or a nuisance."""
    text = " ".join(HOSTILE)
    features, at = [], 0
    for n, word in enumerate(HOSTILE):
        start = text.index(word, at)
        at = start + len(word)
        features.append(Feature(index=n, modality="<b>text</b>", text=word, span=(start, at)))
    features += patch_features("__proto__", grid(2, 2))
    n = len(HOSTILE)
    pairs = noisy_pairs(range(n), range(n, n + 4), {(0, n): (3, 0), (9, n + 1): (-2, 0), (15, n + 2): (0, 2)}, 9)
    experts = ["mixture", "unique_<i>x</i>", "constructor", "</script>"]
    return Explanation(
        sample_id="../<img src=x onerror=alert(6)>\u202e#%",
        inputs={"<b>text</b>": Input(kind="text", text=text), "__proto__": Input(kind="image", path="javascript:0")},
        prediction={word[:300]: 1 / len(HOSTILE) for word in HOSTILE},
        target=HOSTILE[0],
        truth=[HOSTILE[1]],
        value=value("</script><script>alert(7)</script>"),
        routing=dict.fromkeys(experts[1:], 0.33),
        features=features,
        attributions={"<u>m</u>": {e: [0.1 * k for k in range(n + 4)] for e in experts}, "constructor": {}},
        pairs=pairs,
        evaluations=10,
        notes=list(HOSTILE),
        provenance=Provenance(run=HOSTILE[0], data=HOSTILE[3], versions={HOSTILE[2]: HOSTILE[1]}, seed=1),
    )
