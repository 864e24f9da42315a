"""Small Hugging Face models of the true architectures, randomly initialised, with real tokenizers and processors."""

import copy
import functools

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

TEXT = "two grey cats asleep in the warm sunshine, unbelievably"
WIDTH = 32


@functools.cache
def tokenizer(kind: str = "bert") -> transformers.PreTrainedTokenizerFast:
    """Trained on few words, so that it splits most: WordPiece as BERT's, or byte-level BPE as CLIP's."""
    corpus = [TEXT, "a photo of a cat", "a photo of a dog", "the sun is warm", "grey and believable in sunshine"]
    if kind == "bert":
        raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        raw.normalizer = normalizers.BertNormalizer(lowercase=True)
        raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
        raw.train_from_iterator(corpus, trainer)
        raw.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        return transformers.PreTrainedTokenizerFast(
            tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
        )
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<pad>", "<s>", "<unk>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    raw.train_from_iterator(corpus, trainer)
    raw.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 3)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


class Both:
    """A processor with a tokenizer and an image processor."""

    def __init__(self, tokenizer, image_processor):
        self.tokenizer, self.image_processor = tokenizer, image_processor


WIDE = {"initializer_range": 0.3}  # small weights would make all answers alike
SIDES = {"hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def clip(seed: int = 0):
    """A CLIP that looks at 32 x 32 pixels in 4 x 4 patches, cropped from the middle."""
    torch.manual_seed(seed)
    config = transformers.CLIPConfig(
        text_config=SIDES
        | {"vocab_size": 300, "max_position_embeddings": 40, "eos_token_id": 3, "bos_token_id": 1, "pad_token_id": 0},
        vision_config=SIDES | {"image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return transformers.CLIPModel(config).eval(), Both(tokenizer("clip"), images)


def siglip(seed: int = 0):
    """A SigLIP that looks at the whole picture, stretched to 32 x 32 pixels in 4 x 4 patches."""
    torch.manual_seed(seed)
    config = transformers.SiglipConfig(
        text_config=SIDES
        | {
            "vocab_size": 300,
            "max_position_embeddings": 40,
            "projection_size": WIDTH,
            "bos_token_id": 1,
            "eos_token_id": 3,
            "pad_token_id": 0,
        },
        vision_config=SIDES | {"image_size": 32, "patch_size": 8},
    )
    images = transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32})
    words = copy.deepcopy(tokenizer("clip"))
    words.model_input_names = ["input_ids"]  # as SigLIP's own: what pads a text counts
    return transformers.SiglipModel(config).eval(), Both(words, images)


def vilt(seed: int = 0):
    """A ViLT for questions with 5 answers; the shorter side of a picture is 32 pixels."""
    torch.manual_seed(seed)
    config = transformers.ViltConfig(
        **SIDES, **WIDE, vocab_size=60, image_size=32, patch_size=8, max_position_embeddings=40, num_labels=5
    )
    images = transformers.ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)
    return transformers.ViltForQuestionAnswering(config).eval(), Both(tokenizer(), images)


def bert(seed: int = 0):
    """A text classifier of 3 labels, of which one holds."""
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        **SIDES, **WIDE, vocab_size=60, max_position_embeddings=40, id2label={0: "calm", 1: "storm", 2: "fog"}
    )
    return transformers.BertForSequenceClassification(config).eval(), tokenizer()


def vit(seed: int = 0):
    """An image classifier of 3 labels."""
    torch.manual_seed(seed)
    config = transformers.ViTConfig(
        **SIDES, **WIDE, image_size=32, patch_size=8, id2label={0: "cat", 1: "dog", 2: "fish"}
    )
    return transformers.ViTForImageClassification(config).eval(), transformers.ViTImageProcessorPil(
        size={"height": 32, "width": 32}
    )


def blip(seed: int = 0, cls=transformers.BlipForImageTextRetrieval):
    """A BLIP that says whether a text and a picture match; the picture is stretched to 32 x 32 pixels."""
    torch.manual_seed(seed)
    config = transformers.BlipConfig(
        text_config=SIDES
        | WIDE
        | {"vocab_size": 60, "max_position_embeddings": 40, "encoder_hidden_size": WIDTH, "projection_dim": 16}
        | {"pad_token_id": 0, "bos_token_id": 2, "sep_token_id": 3, "eos_token_id": 3},
        vision_config=SIDES | WIDE | {"image_size": 32, "patch_size": 8},
        image_text_hidden_size=16,
        projection_dim=16,
    )
    images = transformers.BlipImageProcessorPil(size={"height": 32, "width": 32})
    return cls(config).eval(), Both(tokenizer(), images)


def blip_vqa(seed: int = 0):
    """A BLIP that answers questions."""
    return blip(seed, transformers.BlipForQuestionAnswering)


@functools.cache
def writer() -> transformers.PreTrainedTokenizerFast:
    """CLIP's kind of tokenizer with a token for the picture, and no special token after a text."""
    known = copy.deepcopy(tokenizer("clip"))
    known.add_special_tokens({"additional_special_tokens": ["<image>"]})
    known.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return known


def llava(seed: int = 0):
    """A LLaVA that looks at 32 x 32 pixels in 4 x 4 patches, cropped from the middle, and writes what comes to it."""
    torch.manual_seed(seed)
    known = writer()
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**SIDES, image_size=32, patch_size=8),
        text_config=transformers.LlamaConfig(**SIDES, **WIDE, vocab_size=310, max_position_embeddings=120),
        image_token_id=known.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
    )
    images = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    both = transformers.LlavaProcessor(
        images, known, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    model = transformers.LlavaForConditionalGeneration(config).eval()
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, 3
    return model, both


ALL = {
    "clip": clip,
    "siglip": siglip,
    "vilt": vilt,
    "bert": bert,
    "vit": vit,
    "llava": llava,
    "blip": blip,
    "blip_vqa": blip_vqa,
}
