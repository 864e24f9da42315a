"""Explain the model you already have: `interplay.wrap`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from interplay.encoders.towers import quiet
from interplay.errors import BadInput, InterplayError
from interplay.explanation.wrapped.dual import has_bias
from interplay.explanation.wrapped.kinds import Kind, kind_of, labels_of
from interplay.explanation.wrapped.predictor import WrappedPredictor, answers_of
from interplay.explanation.wrapped.prompts import MergedPrompts


def wrap(
    model: Any,
    processor: Any = None,
    *,
    labels: Sequence[str] | None = None,
    grid: int = 7,
    removal: str = "drop",
    words: str = "mask",
    batch: int = 32,
    name: str = "",
) -> WrappedPredictor:
    """A Hugging Face model as a predictor, to be explained like a model trained here.

    It may be a CLIP, SigLIP, SigLIP 2 or another dual encoder (how well a text and a picture match, or which of some
    labels' texts fits a picture), a ViLT or BLIP (questions about pictures, retrieval), a LLaVA, Qwen2-VL or Qwen2.5-VL
    (the answer it writes, or how probable it finds some answers), a text classifier or a vision transformer that
    classifies.

        predictor = interplay.wrap(CLIPModel.from_pretrained(folder), AutoProcessor.from_pretrained(folder))
        explanation = predictor.explain(text="a cat asleep in the sun", image="cat.jpg")

    Args:
        model: a model in evaluation mode, or a folder or hub id to load one from.
        processor: its processor, or its tokenizer or image processor where it only reads or looks; loaded from the same
            place if None.
        labels: for CLIP and SigLIP: texts that a picture is compared with ("a photo of a cat"); for models that write:
            the answer whose probability is explained, or several of which one holds; by default they write one.
        grid: most cells along a picture's longer side: each is a square of whole patches.
        removal: how patches are removed: "drop" leaves their tokens out; "mean", "grey" and "blur" let them show that,
            and "inpaint" what is left around them, as a second opinion: what is said by both rests less on how features
            are removed.
        words: how words are removed: "mask" leaves them in their places and lets nothing attend to them; "delete", as a
            second opinion, takes them from the text, and the rest is read again. Not within a prompt.
        batch: questions at a time, at most; halved where a GPU's memory does not hold them.
        name: what reports call the model; its folder or class if empty.

    Raises:
        BadInput: nothing is known of the model's class, it is in training mode, its processor is missing or does not
            fit, labels are given to a model that has its own, or there is no such removal of patches or words.
    """
    if isinstance(model, str | Path):
        name = name or Path(model).name
        model, processor = _loaded(
            str(Path(model).expanduser()) if str(model).startswith("~") else str(model), processor
        )
    kind = kind_of(model)
    if model.training:
        raise BadInput("the model is in training mode, where dropout changes answers", expected="model.eval()")
    if grid < 1 or batch < 1:
        raise BadInput(f"grid is {grid}, batch is {batch}", expected="1 or more of each")
    tokenizer = getattr(processor, "tokenizer", processor) if kind.reads else None
    images = getattr(processor, "image_processor", processor) if kind.looks else None
    for wanted, found, what in (
        (kind.reads, hasattr(tokenizer, "model_max_length"), "tokenizer"),
        (kind.looks, hasattr(images, "image_mean") or hasattr(images, "size"), "image processor"),
    ):
        if wanted and not found:
            raise BadInput(
                f"the processor of {type(model).__name__} is {type(processor).__name__}, which has no {what}",
                expected=f"one with a {what}",
                fix="pass AutoProcessor.from_pretrained(...) of the same model",
            )
    own, label_kind = labels_of(model, kind)
    if labels is not None:
        if not kind.apart and not kind.writes:
            raise BadInput(
                f"{type(model).__name__} has labels of its own", expected="neither labels nor an answer to be given"
            )
        labels = answers_of(labels) if kind.writes else labels
        if not kind.writes and (isinstance(labels, str) or len(labels) < 2 or len(set(labels)) < len(labels)):
            raise BadInput(f"the labels are {labels!r}", expected="two or more texts, each once")
        own, label_kind = list(labels), "multi" if has_bias(model) or len(labels) == 1 else "single"
    if kind.merges:
        template = getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None)
        processor = MergedPrompts(model, tokenizer, images, template)
    return WrappedPredictor(
        model,
        kind,
        processor,
        tokenizer,
        images,
        labels=own,
        label_kind=label_kind,
        texts=labels is not None and not kind.writes,
        grid=grid,
        removal=removal,
        words=words,
        batch=batch,
        name=name or type(model).__name__,
    )


def _loaded(where: str, processor: Any) -> tuple[Any, Any]:
    """The model and its processor, from weights in safetensors alone: a pickle may run anything."""
    import transformers

    from interplay.models.dual_encoder import MeanPooledDualEncoder

    own = {MeanPooledDualEncoder.__name__: MeanPooledDualEncoder}
    try:
        with quiet():
            named = (transformers.AutoConfig.from_pretrained(where, trust_remote_code=False).architectures or ["?"])[0]
            made = own.get(named) or getattr(transformers, named, None)
            if made is None:
                raise BadInput(
                    f"{where} is of the class {named}, which transformers does not have",
                    expected="one of its own",
                    fix="load it yourself, and explain a function that calls it: interplay.explain_callable",
                )
            model, report = made.from_pretrained(where, use_safetensors=True, output_loading_info=True)
            if missing := sorted(report["missing_keys"]):
                raise BadInput(
                    f"{where} lacks weights: {', '.join(missing[:3])}{', ...' * (len(missing) > 3)}",
                    expected="a whole, trained model: what is missing would be drawn at random",
                )
            kind = kind_of(model)
            if processor is None and kind.prompts and not kind.merges:
                processor = transformers.AutoProcessor.from_pretrained(where)
            return model.eval(), processor or _Processor(where, kind)
    except (InterplayError, MemoryError):
        raise
    except Exception as error:  # transformers, tokenizers and safetensors raise anything on broken files
        lines = str(error).strip().splitlines()
        raise BadInput(
            f"{where} cannot be loaded: {lines[0] if lines else type(error).__name__}",
            expected="a folder or hub id of a Hugging Face model, with weights in safetensors",
            fix="check the spelling; a model that needs code of its own is loaded by you and passed as an object",
        ) from error


class _Processor:
    """The tokenizer and the image processor that lie beside a model, as far as it needs them."""

    def __init__(self, where: str, kind: Kind) -> None:
        import transformers

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(where) if kind.reads else None
        self.image_processor = transformers.AutoImageProcessor.from_pretrained(where) if kind.looks else None
        found = transformers.ProcessorMixin.get_processor_dict(where)[0] if kind.merges else {}
        self.chat_template = found.get("chat_template")
