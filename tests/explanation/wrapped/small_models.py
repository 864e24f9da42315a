"""Small Hugging Face models of the true architectures, randomly initialised, with real tokenizers and processors."""

import copy
import functools
import json

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

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


@functools.cache
def gemma() -> transformers.PreTrainedTokenizerBase:
    """SigLIP 2's kind of tokenizer: lower case, and a blank belongs to the word after it."""
    raw = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    raw.train_from_iterator(
        [TEXT, "a photo of a cat", "the sun"], trainers.BpeTrainer(vocab_size=90, special_tokens=special)
    )
    known = json.loads(raw.to_str())["model"]
    merges = [tuple(pair) for pair in known["merges"]]
    out = transformers.Siglip2Tokenizer(vocab=known["vocab"], merges=merges, padding_side="right", model_max_length=40)
    ending = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    out.backend_tokenizer.post_processor = ending
    out.model_input_names = ["input_ids"]  # as SigLIP's: what pads a text counts
    return out


SIGLIP_TEXT = SIDES | {"max_position_embeddings": 40, "projection_size": WIDTH}


def siglip2(seed: int = 0):
    """A SigLIP 2 for pictures of one shape, which is a SigLIP with another tokenizer."""
    torch.manual_seed(seed)
    ids = {"vocab_size": 90, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    config = transformers.SiglipConfig(
        text_config=SIGLIP_TEXT | ids, vision_config=SIDES | {"image_size": 32, "patch_size": 8}
    )
    images = transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32})
    return transformers.SiglipModel(config).eval(), Both(copy.deepcopy(gemma()), images)


def naflex(seed: int = 0):
    """A SigLIP 2 for pictures of any shape: of 60 x 90 pixels it sees 4 x 6 patches, and no more than 30."""
    torch.manual_seed(seed)
    ids = {"vocab_size": 90, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    config = transformers.Siglip2Config(
        text_config=SIGLIP_TEXT | ids, vision_config=SIDES | {"num_patches": 16, "patch_size": 8}
    )
    images = transformers.Siglip2ImageProcessorPil(patch_size=8, max_num_patches=30)
    return transformers.Siglip2Model(config).eval(), Both(copy.deepcopy(gemma()), images)


CHAT = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@functools.cache
def chatter() -> transformers.PreTrainedTokenizerFast:
    """Byte-level BPE with Qwen2-VL's signs and its chat template."""
    known = copy.deepcopy(tokenizer("clip"))
    signs = ["image_pad", "video_pad", "vision_start", "vision_end", "im_start", "im_end"]
    known.add_special_tokens({"additional_special_tokens": [f"<|{sign}|>" for sign in signs]})
    known.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    known.backend_tokenizer.decoder = decoders.ByteLevel()
    known.chat_template = CHAT
    return known


def qwen(seed: int = 0, version: str = "2"):
    """A Qwen2-VL that sees a picture of 60 x 90 pixels as 8 x 12 patches, which are merged into 4 x 6."""
    torch.manual_seed(seed)
    known = copy.deepcopy(chatter())
    vision = {"depth": 2, "num_heads": 2, "patch_size": 8, "hidden_size": WIDTH} | WIDE
    text = SIDES | WIDE | {"num_key_value_heads": 1, "vocab_size": 310, "max_position_embeddings": 200}
    text |= {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 3, 3]}}
    ids = {f"{name}_token_id": known.convert_tokens_to_ids(f"<|{name}_pad|>") for name in ("image", "video")}
    ids |= {f"vision_{name}_token_id": known.convert_tokens_to_ids(f"<|vision_{name}|>") for name in ("start", "end")}
    images = {"patch_size": 8, "merge_size": 2, "size": {"shortest_edge": 16 * 16 * 4, "longest_edge": 16 * 16 * 40}}
    both = Both(known, transformers.Qwen2VLImageProcessorPil(**images))
    if version == "2":
        vision |= {"embed_dim": WIDTH, "mlp_ratio": 2}
        config = transformers.Qwen2VLConfig(text_config=text, vision_config=vision, **ids)
        model = transformers.Qwen2VLForConditionalGeneration(config).eval()
    else:  # windows of 2 x 2 merged patches in one layer of two
        vision |= {"out_hidden_size": WIDTH, "intermediate_size": 64, "window_size": 32, "fullatt_block_indexes": [1]}
        config = transformers.Qwen2_5_VLConfig(text_config=text, vision_config=vision, **ids)
        model = transformers.Qwen2_5_VLForConditionalGeneration(config).eval()
    model.generation_config.pad_token_id = 0
    model.generation_config.eos_token_id = known.convert_tokens_to_ids("<|im_end|>")
    return model, both


def qwen_windows(seed: int = 0):
    """A Qwen2.5-VL of the same sizes."""
    return qwen(seed, "2.5")


ALL = {
    "clip": clip,
    "siglip": siglip,
    "vilt": vilt,
    "bert": bert,
    "vit": vit,
    "llava": llava,
    "blip": blip,
    "blip_vqa": blip_vqa,
    "siglip2": siglip2,
    "naflex": naflex,
    "qwen": qwen,
    "qwen_windows": qwen_windows,
}
