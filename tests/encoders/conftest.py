"""Small random models of every family, built on disk as Hugging Face folders. The session builds each once."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CORPUS = ["the cat sat on a mat", "hello world", "a red square and a blue circle", "the cat's hat, again!"] * 2
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 37}
VISION = SMALL | {"image_size": 32, "patch_size": 8}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "a", "mat", "red", "##s", "##quare"]
LETTERS = "abcdefghijklmnopqrstuvwxyz!,.'😀"
BERT_VOCAB = {w: i for i, w in enumerate(dict.fromkeys([*WORDS, *LETTERS, *(f"##{c}" for c in LETTERS)]))}


def byte_pairs(special: list[str], **options: Any) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE of about 320 tokens."""
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=600 if options else 330,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=special,
        show_progress=False,
        **options,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def bert_tokenizer() -> Any:
    return transformers.BertTokenizer(vocab=dict(BERT_VOCAB), model_max_length=24)


def roberta_tokenizer() -> Any:
    vocab, merges = byte_pairs(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    return transformers.RobertaTokenizer(vocab=vocab, merges=merges)  # its longest text is 1e30


def clip_tokenizer() -> Any:
    vocab, merges = byte_pairs([], end_of_word_suffix="</w>")
    vocab |= {f"{c}</w>": len(vocab) + k for k, c in enumerate(c for c in list(vocab) if f"{c}</w>" not in vocab)}
    vocab |= {"<|startoftext|>": len(vocab), "<|endoftext|>": len(vocab) + 1}
    return transformers.CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=20)


def gpt2_tokenizer() -> Any:
    vocab, merges = byte_pairs(["<|endoftext|>"])
    return transformers.GPT2Tokenizer(vocab=vocab, merges=merges)


def unigram_tokenizer() -> Any:
    """As SigLIP's and T5's: no token before the text, </s> after it; SigLIP also pads with </s>."""
    pieces = ["<pad>", "</s>", "<unk>", "▁the", "▁cat", "▁a", "▁red", "▁", *LETTERS]
    tokenizer = Tokenizer(models.Unigram([(p, -float(i)) for i, p in enumerate(pieces)], unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="</s>", unk_token="<unk>")


def text_model(name: str, tokenizer: Any, **settings: Any) -> tuple[Any, Any]:
    config = getattr(transformers, f"{name}Config")(**SMALL | {"vocab_size": len(tokenizer)} | settings)
    return getattr(transformers, f"{name}Model")(config), tokenizer


def image_model(name: str, processor: str, crop: bool = False, **settings: Any) -> tuple[Any, Any]:
    side = settings.get("image_size", 32)
    size = (
        {"size": {"shortest_edge": side + 3}, "crop_size": side} if crop else {"size": {"height": side, "width": side}}
    )
    prepare = getattr(transformers, f"{processor}ImageProcessorPil")(**size)
    return getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**settings)), prepare


def two_towers(name: str, tokenizer: Any) -> tuple[Any, Any]:
    text = SMALL | {"vocab_size": len(tokenizer), "max_position_embeddings": 20, "projection_dim": 16}
    text |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": 0}
    config = getattr(transformers, f"{name}Config")(text_config=text, vision_config=VISION | {"hidden_size": 24})
    image = getattr(transformers, f"{name}ImageProcessorPil")(
        size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32}
    )
    return getattr(transformers, f"{name}Model")(config), (tokenizer, image)


def distilbert() -> tuple[Any, Any]:
    config = transformers.DistilBertConfig(vocab_size=len(BERT_VOCAB), dim=32, n_layers=3, n_heads=4, hidden_dim=37)
    return transformers.DistilBertModel(config), bert_tokenizer()


def modernbert() -> tuple[Any, Any]:
    special = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    return text_model("ModernBert", bert_tokenizer(), **special)


def t5() -> tuple[Any, Any]:
    tokenizer = unigram_tokenizer()
    config = transformers.T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=37, num_layers=3, num_heads=4)
    return transformers.T5Model(config), tokenizer


def resnet() -> tuple[Any, Any]:
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 8, 12, 20], "depths": [1, 1, 1, 1], "layer_type": "basic"}
    return image_model("ResNet", "ViT", **sizes)


def swin() -> tuple[Any, Any]:
    sizes = {"embed_dim": 8, "depths": [1, 1, 1], "num_heads": [2, 2, 2], "window_size": 2, "patch_size": 4}
    return image_model("Swin", "ViT", image_size=32, **sizes)


BUILD: dict[str, Callable[[], tuple[Any, Any]]] = {
    "bert": lambda: text_model("Bert", bert_tokenizer(), max_position_embeddings=24),
    "roberta": lambda: text_model("Roberta", roberta_tokenizer(), max_position_embeddings=26, pad_token_id=1),
    "mpnet": lambda: text_model("MPNet", roberta_tokenizer(), max_position_embeddings=26, pad_token_id=1),
    "distilbert": distilbert,
    "modernbert": modernbert,
    "gpt2": lambda: text_model("GPT2", gpt2_tokenizer(), max_position_embeddings=24),
    "t5": t5,
    "clip": lambda: two_towers("CLIP", clip_tokenizer()),
    "siglip": lambda: two_towers("Siglip", unigram_tokenizer()),
    "vit": lambda: image_model("ViT", "ViT", **VISION),
    "dinov2": lambda: image_model("Dinov2", "Bit", crop=True, **VISION),
    "registers": lambda: image_model("Dinov2WithRegisters", "Bit", crop=True, num_register_tokens=4, **VISION),
    "resnet": resnet,
    "swin": swin,
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small random model, by the name of its family."""
    built: dict[str, Path] = {}

    def build(name: str) -> Path:
        if name not in built:
            torch.manual_seed(len(name))
            model, prepare = BUILD[name]()
            # Drawn weights of .02 make every layer nearly the identity, and every error small.
            with torch.no_grad():
                for weight in model.parameters():
                    weight.add_(torch.randn_like(weight) * 0.1)
            built[name] = tmp_path_factory.mktemp(name)
            model.save_pretrained(built[name])
            for part in prepare if isinstance(prepare, tuple) else (prepare,):
                part.save_pretrained(built[name])
        return built[name]

    return build


@pytest.fixture(autouse=True, scope="session")
def no_bars() -> Iterator[None]:
    """Building models shows no progress bars; the encoders see to theirs themselves."""
    transformers.utils.logging.disable_progress_bar()
    yield
    transformers.utils.logging.enable_progress_bar()
