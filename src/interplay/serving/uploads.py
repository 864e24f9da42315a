"""A multipart body to a request for a job. Too much is refused while it comes in, pictures by their header alone."""

import asyncio
import re
import tempfile
import unicodedata
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from interplay.errors import BadInput
from interplay.modalities import MODALITIES, Modality
from interplay.serving.errors import ApiError, plain, shown
from interplay.serving.job import JobRequest
from interplay.serving.limits import LEAST_BUDGET, Limits

OPTIONS = ("target", "budget", "seed")
MOST_SEED = 2**32 - 1
NAME_LENGTH = 120

# Pictures are decoded one at a time in any case; by one thread, the memory of one decoded picture is all that the
# allocator ever holds back. By sixteen it was 1.3 GB.
_READER = ThreadPoolExecutor(1, thread_name_prefix="uploads")


@dataclass(frozen=True)
class Accepted:
    """What a run takes.

    Attributes:
        modalities: modality -> kind.
        labels: what can be the target.
        widths: modality -> columns, of modalities that are features.
    """

    modalities: Mapping[str, str]
    labels: tuple[str, ...]
    widths: Mapping[str, int]
    limits: Limits

    @property
    def options(self) -> dict[str, str]:
        """Option -> the name of its field; another one where a modality is called so."""
        return {name: f"explain_{name}" if name in self.modalities else name for name in OPTIONS}

    @property
    def budget(self) -> int:
        """Evaluations of a job that asks for no number."""
        return min(self.limits.budget, self.limits.most_budget)

    def schema(self) -> dict[str, Any]:
        """The form as JSON schema."""
        limits, named = self.limits, self.options
        fields: dict[str, Any] = {}
        for modality, kind in self.modalities.items():
            if not MODALITIES[kind].file:
                fields[modality] = {"type": "string", "minLength": 1, "maxLength": limits.characters, "pattern": r"\w"}
            else:
                fields[modality] = {"type": "string", "format": "binary"}
        fields[named["target"]] = {"type": "string", "enum": list(self.labels)}
        fields[named["budget"]] = {"type": "integer", "minimum": LEAST_BUDGET, "maximum": limits.most_budget}
        fields[named["seed"]] = {"type": "integer", "minimum": 0, "maximum": MOST_SEED}
        return {
            "type": "object",
            "properties": fields,
            "required": list(self.modalities),
            "additionalProperties": False,
        }

    def encoding(self) -> dict[str, Any]:
        """The content type of each file of the form."""
        types = {m: MODALITIES[kind].media_types for m, kind in self.modalities.items()}
        return {m: {"contentType": types[m]} for m in types if types[m]}


async def read_job_request(request: Request, accepted: Accepted) -> JobRequest:
    """Read and check the form of a job.

    Args:
        request: the HTTP request.
        accepted: what uploads are accepted.

    Raises:
        ApiError: what is wrong with it (400, 408, 413, 415 or 422).
    """
    form = await _form(request, accepted.limits)
    try:
        return await asyncio.get_running_loop().run_in_executor(_READER, _job_request, form, accepted)
    finally:
        await form.close()


async def _form(request: Request, limits: Limits) -> FormData:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or options.get(b"charset", b"utf-8").lower() != b"utf-8":
        raise ApiError(
            415,
            "the body is of another type",
            expected="multipart/form-data in UTF-8",
            fix="curl -F does it",
            reason="type",
        )
    refused: list[ApiError] = []

    async def body() -> AsyncGenerator[bytes, None]:
        try:
            async for chunk in request.stream():
                yield chunk
        except ApiError as error:  # by the middleware; in the parser's own words, so that it closes what it opened
            refused.append(error)
            raise MultiPartException("refused") from None

    most = 4 * limits.characters + 4096  # bytes of a text of so many characters
    parser = MultiPartParser(
        request.headers, body(), max_files=limits.parts, max_fields=limits.parts, max_part_size=most
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        if refused:
            raise refused[0] from None
        if "maximum size" in error.message:
            raise _too_long(limits) from None
        raise ApiError(
            400,
            "the form has too many parts" if "Too many" in error.message else "the form cannot be read",
            expected=f"at most {limits.parts} parts, each with a name"
            if "Too many" in error.message
            else "whole parts",
            reason="form",
        ) from None


def _job_request(form: FormData, accepted: Accepted) -> JobRequest:
    named = accepted.options
    known = [*accepted.modalities, *named.values()]
    given: dict[str, str | UploadFile] = {}
    for name, value in form.multi_items():
        if name not in known:
            raise _unusable(f"unknown field {shown(name)}", f"of {', '.join(known)}")
        if name in given:
            raise _unusable(f"the field {name!r} is there twice", "each once")
        given[name] = value
    texts, files, names = {}, {}, {}
    for number, (modality, kind) in enumerate(accepted.modalities.items()):
        if modality not in given:
            raise _unusable(f"{modality!r} is missing", f"the inputs {', '.join(accepted.modalities)}")
        value = given[modality]
        if not MODALITIES[kind].file:
            texts[modality] = _text(modality, value, accepted.limits)
            continue
        upload = _file(modality, value)
        names[modality] = file_name(upload.filename or "") or modality
        content = _content(upload, MODALITIES[kind], accepted.widths.get(modality, 0), accepted.limits)
        files[modality] = (f"{number}{MODALITIES[kind].stored_as}", content)
    target = given.get(named["target"])
    if target is not None and target not in accepted.labels:
        came = shown(target) if isinstance(target, str) else "a file"
        raise _unusable(f"unknown target {came}", f"one of {', '.join(accepted.labels)}")
    limits = accepted.limits
    return JobRequest(
        texts,
        files,
        names,
        target if isinstance(target, str) else None,
        _number(named["budget"], given, LEAST_BUDGET, limits.most_budget, accepted.budget),
        _number(named["seed"], given, 0, MOST_SEED, 0),
    )


def _unusable(problem: str, expected: str, fix: str = "") -> ApiError:
    return ApiError(422, problem, expected=expected, fix=fix, reason="input")


def _too_long(limits: Limits) -> ApiError:
    return ApiError(
        413, "a text is too long", expected=f"at most {limits.characters} characters", fix="shorten it", reason="text"
    )


def _text(name: str, value: str | UploadFile, limits: Limits) -> str:
    if not isinstance(value, str):
        raise _unusable(f"{name!r} is a file", "a text", f"send its content: curl -F '{name}=<file'")
    if len(value) > limits.characters:
        raise _too_long(limits)
    if not re.search(r"\w", value):
        raise _unusable(f"{name!r} is empty or holds no word", "a text with a letter or a digit")
    return value


def _file(name: str, value: str | UploadFile) -> UploadFile:
    if isinstance(value, str):
        raise _unusable(f"{name!r} is a text", "a file", f"send it as one: curl -F '{name}=@file'")
    return value


def _number(name: str, given: Mapping[str, str | UploadFile], low: int, high: int, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    whole = isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,9}", value)
    if not isinstance(value, str) or not whole or not low <= int(value) <= high:
        came = shown(value) if isinstance(value, str) else "a file"
        raise _unusable(f"{name} is {came}", f"a whole number from {low} to {high}")
    return int(value)


def _content(upload: UploadFile, kind: Modality, width: int, limits: Limits) -> bytes:
    """The file decoded and written anew: the worker never meets what came in."""
    suffix = Path(file_name(upload.filename or "")).suffix.lower()
    if kind.suffixes and suffix not in kind.suffixes:
        raise _unusable(f"the file's name ends in {shown(suffix)}", " or ".join(kind.suffixes))
    _refuse_size(*(kind.pixels(upload.file) or (0, 0)), limits)
    with tempfile.TemporaryDirectory() as folder:
        path = _kept(upload, Path(folder) / f"content{suffix if kind.suffixes else ''}")
        try:
            return kind.received(path, width)
        except BadInput as error:
            fix = plain(error.fix) if kind.precomputed else "send another file"
            raise _unusable(error.problem, error.expected, fix) from None
        except MemoryError:
            raise ApiError(
                413, "there is not enough memory to decode it", fix="make it smaller", reason="pixels"
            ) from None


def _refuse_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise ApiError(
            413,
            "the picture has too many pixels",
            expected=f"at most {limits.pixels} in all, and {limits.side} a side",
            fix="make it smaller",
            reason="pixels",
        )


def _kept(upload: UploadFile, path: Path) -> Path:
    with path.open("wb") as file:
        while chunk := upload.file.read(1 << 20):
            file.write(chunk)
    return path


def file_name(given: str) -> str:
    r"""What a client called its file, to be shown: without folders, and without characters that are not seen.

    >>> file_name("../../etc/passwd"), file_name("C:\\x\\cat\u202egnp.exe")
    ('passwd', 'catgnp.exe')

    Args:
        given: what the client sent.
    """
    last = re.split(r"[/\\]", given)[-1]
    seen = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    return seen.strip(" .")[:NAME_LENGTH]
