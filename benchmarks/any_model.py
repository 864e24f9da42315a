"""Ready-made models: are planted pairs found in true architectures, and what do pairs of a dual encoder cost?

    python benchmarks/any_model.py [--parts planted dual memory speed] [--samples 100] [--seeds 3]

`planted` trains small ViLTs (2 layers, 64 wide) on texts of 8 words and pictures of 4 x 4 cells, of which the answers
are known: "signal" AND a white cell, either of them (OR), "signal" with a black cell or "beacon" with a white one
(XOR), the word alone, the cell alone. Parts of both are masked in training, so that it knows what to say without them.
A model that does not know every story is trained anew, for longer: what it knows is what claims are held against.
Of test samples in which the label holds and is predicted it counts whether the first sentence names the planted kind
and parts, and where the planted pair's SII ranks among all pairs.

`dual` takes a CLIP of random weights with 49 cells and 10 words, and holds pair scores by blocks of encodes apart
(METHOD 14) and pair by pair beside those of many more encodes.

`memory` explains one sample by a LLaVA of a billion random weights in bf16, and a CLIP of as many, each in a process
of its own, and prints the most memory that it held beside the size of the weights.

`speed` counts evaluations a second of a CLIP of the shape of ViT-B/32, in fp32 and bf16, in batches and one by one, on
a GPU where there is one.

The pointing game of a real image-text model is in `benchmarks/pictograms.py`.
"""

import argparse
import copy
import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
import transformers
from markdown_table import markdown
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from interplay import wrap
from interplay.explanation.predictor import value_function
from interplay.explanation.wrapped.predictor import WrappedPredictor
from interplay.interactions import Game, PairScores, Value, block_pairs, interval, naive_pairs
from interplay.models.device import pick_device
from interplay.report.claims import Claim, claim
from interplay.results import Explanation

PARTS = ["planted", "dual", "memory", "speed"]
STORIES = ("and", "or", "xor", "word", "cell")
TRUE = {"and": "together", "or": "either", "xor": "together", "word": "alone", "cell": "alone"}
OTHERS = "ash bay cot dew elm fig gum hay ivy jam kit log map net oak pea rug sky tin urn vat web yak zoo"
WORDS = ("signal", "beacon", *OTHERS.split())
LENGTH, CELLS, SIDE = 8, 16, 8
STEPS, KNOWN = (1500, 3000, 6000), 0.995  # of samples that hold and of those that do not, in every story
COLOURS = np.array([[200, 60, 60], [60, 160, 60], [60, 60, 200], [180, 180, 60], [120, 60, 160], [90, 90, 90]])
SIGNS = np.array([[250, 250, 250], [10, 10, 10]])


class Both:
    """A tokenizer and an image processor."""

    def __init__(self) -> None:
        vocabulary = {name: at for at, name in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
        raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        raw.pre_tokenizer = pre_tokenizers.Whitespace()
        special = [("[CLS]", 2), ("[SEP]", 3)]
        raw.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
        self.tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
        )
        self.image_processor = transformers.ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=SIDE)


def drawn(rng: np.random.Generator, count: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Texts; pictures (count, 32, 32, 3); and (count, 2) kind and place of the word and of the cell that count.

    Kind 0 is "signal" or white, 1 "beacon" or black, and -1 stands for none.
    """
    texts, cells = [], COLOURS[rng.integers(len(COLOURS), size=(count, CELLS))]
    word, cell = (
        np.stack([rng.choice([-1, 0, 1], count, p=[0.3, 0.4, 0.3]), rng.integers(places, size=count)], axis=1)
        for places in (LENGTH, CELLS)
    )
    for row in range(count):
        words = rng.choice(WORDS[2:], LENGTH).tolist()
        if word[row, 0] >= 0:
            words[word[row, 1]] = WORDS[word[row, 0]]
        if cell[row, 0] >= 0:
            cells[row, cell[row, 1]] = SIGNS[cell[row, 0]]
        texts.append(" ".join(words))
    grid = cells.reshape(count, 4, 4, 3).repeat(SIDE, axis=1).repeat(SIDE, axis=2).astype(np.uint8)
    return texts, grid, word, cell


def holds(word: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """(count, stories): which labels hold, by the kinds of word and cell."""
    signal, white = word == 0, cell == 0
    differ = (signal & (cell == 1)) | ((word == 1) & white)
    return np.stack([signal & white, signal | white, differ, signal, white], axis=1)


def knowing(seed: int) -> tuple[torch.nn.Module, Both, int]:
    """The first of longer and longer trainings that knows every story, and its steps.

    What is true of a model that has not learned a story is not known: one that had the XOR right in 93 of 100 let the
    word alone speak for it, and a sentence that says so may be right.
    """
    for steps in STEPS:
        model, processor = trained(seed, steps)
        share = known_share(model, processor, seed)
        print(
            f"seed {seed}, {steps} steps: right in {', '.join(f'{s:.1%}' for s in share)} of {', '.join(STORIES)}",
            flush=True,
        )
        if share.min() >= KNOWN:
            return model, processor, steps
    raise SystemExit(f"no training of seed {seed} knows every story: nothing can be tested on it")


def known_share(model: torch.nn.Module, processor: Both, seed: int, count: int = 2000) -> np.ndarray:
    """Share of new samples that are answered right, by story: of those that hold and of the others, the lower."""
    texts, pictures, word, cell = drawn(np.random.default_rng(2000 + seed), count)
    truth = holds(word[:, 0], cell[:, 0]).astype(bool)
    said = []
    with torch.inference_mode():
        for at in range(0, count, 100):
            part = slice(at, at + 100)
            inputs = processor.tokenizer(texts[part], return_tensors="pt")
            pixels = processor.image_processor(images=list(pictures[part]), return_tensors="pt")["pixel_values"]
            said.append(model(**inputs, pixel_values=pixels, pixel_mask=torch.ones(len(pixels), 32, 32)).logits > 0)
    right = torch.cat(said).numpy() == truth
    return np.array([min(r[t].mean(), r[~t].mean()) for r, t in zip(right.T, truth.T, strict=True)])


def trained(seed: int, steps: int) -> tuple[torch.nn.Module, Both]:
    """A ViLT that is shown all five stories, and learns to answer with parts masked as what is left says."""
    torch.manual_seed(seed)
    rng, processor = np.random.default_rng(seed), Both()
    config = transformers.ViltConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=4 + len(WORDS),
        image_size=32,
        patch_size=SIDE,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        id2label=dict(enumerate(STORIES)),
    )
    model = transformers.ViltForQuestionAnswering(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        texts, pictures, word, cell = drawn(rng, 64)
        inputs = processor.tokenizer(texts, return_tensors="pt")
        pixels = processor.image_processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        whole = torch.ones(64, 32, 32, dtype=torch.long)
        embedded, _, (places, (_, columns)) = model.vilt.embeddings.visual_embed(pixels, whole, max_image_length=CELLS)
        share = np.where(rng.random(64) < 0.4, 1.0, rng.random(64))[:, None]
        keep = torch.from_numpy(rng.random((64, LENGTH + CELLS)) < share)
        words = inputs["attention_mask"].clone()
        words[:, 1:-1] = keep[:, :LENGTH]
        cells = keep[:, LENGTH:].gather(1, places[:, :, 0] * columns + places[:, :, 1])
        seen = torch.cat([torch.ones(64, 1, dtype=torch.bool), cells], dim=1).long()
        logits = model(
            input_ids=inputs["input_ids"], attention_mask=words, image_embeds=embedded, pixel_mask=seen
        ).logits
        target = torch.from_numpy(holds(word[:, 0], cell[:, 0])).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return model.eval(), processor


def parts_of(story: str, word: np.ndarray, cell: np.ndarray) -> set[int]:
    """The features that carry a story in one sample; of an OR those of its two that are there."""
    carries = {"word": {0}, "cell": {1}, "or": {at for at, one in enumerate((word, cell)) if one[0] == 0}}
    places = int(word[1]), LENGTH + int(cell[1])
    return {places[at] for at in carries.get(story, {0, 1})}


def is_right(found: Claim, story: str, parts: set[int]) -> bool:
    """Whether the sentence is of the planted kind and names the planted parts; of an OR with one, that one alone."""
    return found.kind == (TRUE[story] if len(parts) == 2 else "alone") and set(found.features) == parts


def rank(found: Explanation, parts: set[int], sign: int) -> float:
    """The share of other pairs that the planted pair's SII, times `sign`, is above."""
    scores = {(p.i, p.j): sign * (p.sii or 0.0) for p in found.pairs}
    first, second = sorted(parts)
    own = scores.pop((first, second), -np.inf)
    return float(np.mean([own > other for other in scores.values()]))


def planted(seeds: Sequence[int], samples: int) -> None:
    """Print what is said of planted stories."""
    rows = []
    for seed in seeds:
        model, processor, _ = knowing(seed)
        predictor = wrap(model, processor, name=f"vilt, seed {seed}")
        texts, pictures, word, cell = drawn(np.random.default_rng(1000 + seed), 20 * samples)
        truth = holds(word[:, 0], cell[:, 0])
        for label, story in enumerate(STORIES):
            right, missed, kinds, ranks = 0, 0, Counter[str](), list[float]()
            for at in np.flatnonzero(truth[:, label]).tolist():
                if kinds.total() == samples:
                    break
                picture = Image.fromarray(pictures[at])
                opened = predictor.open_inputs(texts[at], picture)
                if opened.logits(np.ones((1, LENGTH + CELLS), dtype=bool))[0, 0, label] < 0:
                    missed += 1
                    continue
                found = predictor.explain(text=texts[at], image=picture, target=story, budget=2000, seed=seed)
                said, parts = claim(found), parts_of(story, word[at], cell[at])
                kinds[said.kind] += 1
                right += is_right(said, story, parts)
                if len(parts) == 2:
                    ranks.append(rank(found, parts, -1 if story == "or" else 1))
            n = kinds.total()
            shown = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
            auroc = f"{np.mean(ranks):.3f}" if ranks else "–"
            rows.append([str(seed), story, f"{n} ({missed} not predicted)", f"{right / max(1, n):.0%}", auroc, shown])
            print(rows[-1], flush=True)
    header = ["seed", "story", "samples", "first sentence right", "AUROC of the planted pair's SII", "what is said"]
    print(markdown(header, rows))


def random_clip(seed: int) -> WrappedPredictor:
    """A CLIP with 7 x 7 patches, and weights large enough that answers differ."""
    torch.manual_seed(seed)
    sides = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = transformers.CLIPConfig(
        text_config=sides
        | {
            "vocab_size": 4 + len(WORDS),
            "max_position_embeddings": 16,
            "eos_token_id": 3,
            "bos_token_id": 2,
            "pad_token_id": 0,
        },
        vision_config=sides | {"image_size": 56, "patch_size": 8},
        projection_dim=32,
    )
    model = transformers.CLIPModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(4)
    processor = Both()
    processor.image_processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}
    )
    return wrap(model.eval(), processor)


def dual(seeds: Sequence[int]) -> None:
    """Print errors of pair scores at equal encodes."""
    rows, (n, m) = [], (10, 49)
    block, pairs = (np.arange(n), n + np.arange(m)), [(i, n + j) for i in range(n) for j in range(m)]
    for seed in seeds:
        rng = np.random.default_rng(seed)
        predictor = random_clip(seed)
        picture = Image.fromarray(rng.integers(0, 255, (56, 56, 3), dtype=np.uint8))
        value = value_function(
            predictor.open_inputs(" ".join(rng.choice(WORDS, n, replace=False)), picture), "multi", [0]
        )

        def scored(samples: int, seed: int, value: Value = value) -> PairScores:
            return block_pairs(Game(value, n + m), *block, samples=samples, seed=seed).output((0, 0, 0))

        true = scored(6000, 99).sii
        size = float(np.sqrt(np.mean(true**2)))
        naive = naive_pairs(Game(value, n + m), pairs, samples=8, seed=seed).output((0, 0, 0))
        for name, encodes, scores in (
            ("encodes apart, 34 backgrounds", 34 * (n + m + 2), scored(34, seed)),
            ("encodes apart, 8 backgrounds", 8 * (n + m + 2), scored(8, seed)),
            ("pair by pair, 8 samples, two encodes an evaluation", 2 * 4 * 8 * n * m, naive),
        ):
            bounds = interval(scores)
            error = float(np.sqrt(np.mean((scores.sii - true) ** 2))) / size
            within = float(np.mean((bounds.sii_low <= true) & (true <= bounds.sii_high)))
            rows.append([str(seed), name, f"{encodes:,}", f"{error:.3f}", f"{within:.0%}"])
            print(rows[-1], flush=True)
    print(
        markdown(["seed", "how", "encodes", "error, as a share of the scores' size", "95% intervals that hold"], rows)
    )


def billion_llava() -> WrappedPredictor:
    """A LLaVA of random weights: 12 layers of 2,048, and a ViT-L that looks at 8 x 8 patches."""
    tokenizer = copy.deepcopy(Both().tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            image_size=112,
            patch_size=14,
        ),
        text_config=transformers.LlamaConfig(
            hidden_size=2048,
            intermediate_size=5632,
            num_hidden_layers=12,
            num_attention_heads=16,
            vocab_size=32064,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 112}, crop_size={"height": 112, "width": 112})
    both = transformers.LlavaProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    model = half(lambda: transformers.LlavaForConditionalGeneration(config))
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, 3
    return wrap(model, both, grid=2, labels=["fig"])


def billion_clip() -> WrappedPredictor:
    """A CLIP of random weights, of the shape of ViT-g: 40 layers of 1,408 that look at 16 x 16 patches."""
    vision = {"hidden_size": 1408, "intermediate_size": 6144, "num_hidden_layers": 40, "num_attention_heads": 16}
    text = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    ends = {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(
        text_config=text | ends | {"vocab_size": 49408, "max_position_embeddings": 77},
        vision_config=vision | {"image_size": 224, "patch_size": 14},
        projection_dim=1024,
    )
    processor = Both()
    processor.image_processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}
    )
    return wrap(half(lambda: transformers.CLIPModel(config)), processor, grid=2)


def half(make: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """A model made in bf16 from the start, so that single precision is never held."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    try:
        return make().eval()
    finally:
        torch.set_default_dtype(torch.float32)


BILLIONS = {"LLaVA": billion_llava, "CLIP": billion_clip}


def held(kind: str, budget: int) -> tuple[float, float, float, float]:
    """Billions of weights, GB of weights, and GB held at most before and while one sample is explained."""
    predictor = BILLIONS[kind]()
    weights = list(predictor.model.parameters())
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (112, 112, 3), dtype=np.uint8))
    predictor.explain(text="signal net oak pea", image=picture, budget=budget)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return sum(weight.numel() for weight in weights) / 1e9, size / 1e9, before * 1024 / 1e9, after * 1024 / 1e9


def memory(budget: int) -> None:
    """Print what is held at most, in processes of their own."""
    rows = []
    for kind in BILLIONS:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            count, size, before, after = pool.submit(held, kind, budget).result()
        rows.append([kind, f"{count:.2f}", f"{size:.2f}", f"{before:.2f}", f"{after:.2f}", f"{after - size:.2f}"])
        print(rows[-1], flush=True)
    header = [
        "model",
        "weights, billions",
        "their GB",
        "GB at most before",
        "GB at most, explained",
        "beside the weights",
    ]
    print(markdown(header, rows))


def speed(seconds: float) -> None:
    """Print evaluations a second of a CLIP of random weights."""
    device, rows = pick_device("auto"), []
    sides = {"num_hidden_layers": 12}
    config = transformers.CLIPConfig(
        text_config=sides
        | {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8}
        | {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0},
        vision_config=sides
        | {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
        | {"image_size": 224, "patch_size": 32},
    )
    processor = Both()
    processor.image_processor = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}
    )
    model = transformers.CLIPModel(config).eval().to(device)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (224, 224, 3), dtype=np.uint8))
    for precision in (torch.float32, torch.bfloat16):
        for batch in (1, 256):
            opened = wrap(model.to(precision), processor, batch=batch).open_inputs("signal net oak pea", picture)
            rng, done = np.random.default_rng(1), 0
            opened.logits(rng.random((batch, len(opened.features))) < 0.5)
            start = time.perf_counter()
            while time.perf_counter() - start < seconds:
                opened.logits(rng.random((batch, len(opened.features))) < 0.5)
                done += batch
            pace = done / (time.perf_counter() - start)
            rows.append([str(device), str(precision).removeprefix("torch."), str(batch), f"{pace:,.1f}"])
            print(rows[-1], flush=True)
    print(markdown(["device", "precision", "at a time", "evaluations a second, none repeated"], rows))


def main() -> None:
    """Print the tables of each part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=120, help="evaluations of the models with a billion weights")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row of `speed`")
    given = parser.parse_args()
    if "planted" in given.parts:
        planted(range(given.seeds), given.samples)
    if "dual" in given.parts:
        dual(range(given.seeds))
    if "memory" in given.parts:
        memory(given.budget)
    if "speed" in given.parts:
        speed(given.seconds)


if __name__ == "__main__":
    main()
