"""A multipart body to samples. Too much is refused while it comes in, files are read in processes of their own."""

import asyncio
import re
import unicodedata
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from interplay.modalities import MODALITIES
from interplay.serving.accepted import MOST_SEED, OPTIONS, Accepted
from interplay.serving.errors import ApiError, shown
from interplay.serving.job import JobRequest
from interplay.serving.lanes import FileReader
from interplay.serving.limits import LEAST_BUDGET, Limits
from interplay.words import has_content

NAME_LENGTH = 120
PARTS = 16
"""Most parts of a form of one sample."""


class Uploads:
    """How many bodies come in at this time; only ever touched on the event loop."""

    def __init__(self, most: int) -> None:
        self._most, self._now = most, 0

    def __enter__(self) -> None:
        if self._now >= self._most:
            raise ApiError(
                429,
                f"{self._now} uploads come in at this time",
                expected=f"at most {self._most}",
                fix="try again later",
                reason="uploads",
                headers={"Retry-After": "1"},
            )
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1


Fields = dict[str, list[str | UploadFile]]
"""Field of a form -> its values, in their order."""


async def read_job_requests(
    request: Request,
    accepted: Accepted,
    reader: FileReader,
    uploads: Uploads,
    *,
    most: int = 1,
    options: bool = True,
) -> list[JobRequest]:
    """Read and check a form.

    Args:
        request: the HTTP request.
        accepted: what uploads are accepted.
        reader: reads the files.
        uploads: counts the bodies that come in.
        most: samples; each modality may be there as often.
        options: whether target, budget and seed are taken.

    Returns:
        A request for each sample, in the order of the form.

    Raises:
        ApiError: what is wrong with it (400, 408, 413, 415, 422 or 429).
    """
    reader.refuse_full(request.state.client)
    with uploads:  # not while files are read: a large picture that waits keeps nobody from sending a small one
        form = await read_form(request, accepted.limits, max(PARTS, most * len(accepted.modalities) + len(OPTIONS)))
    try:
        fields = _fields(form, accepted, options)
        count = _count(fields, accepted, most)
        target, budget, seed = _options(fields, accepted)
        texts = [_texts(fields, accepted, k) for k in range(count)]
        files = await asyncio.gather(*(_files(fields, accepted, reader, k, request.state.client) for k in range(count)))
        return [JobRequest(t, *f, target, budget, seed) for t, f in zip(texts, files, strict=True)]
    finally:
        await form.close()


async def read_form(request: Request, limits: Limits, parts: int) -> FormData:
    """The parts of a multipart body; texts in it are Latin-1, whatever they are, see `_utf8`.

    Args:
        request: the HTTP request.
        limits: the service's limits.
        parts: the most there may be.

    Raises:
        ApiError: it is no form (400, 415), too large (413) or too slow (408).
    """
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

    # The parser reads what is not UTF-8 as Latin-1, silently. As Latin-1 everything keeps its bytes, and is checked.
    boundary = re.sub(rb'["\\]', b"", options.get(b"boundary", b""))
    header = b"multipart/form-data; charset=latin-1" + (b'; boundary="%s"' % boundary if boundary else b"")
    most = 4 * limits.characters + 4096  # bytes of a text of so many characters
    parser = MultiPartParser(
        Headers(raw=[(b"content-type", header)]), body(), max_files=parts, max_fields=parts, max_part_size=most
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        if refused:
            raise refused[0] from None
        if "maximum size" in error.message:
            raise _too_long(limits) from None
        many = "Too many" in error.message
        raise ApiError(
            400,
            "the form has too many parts" if many else "the form cannot be read",
            expected=f"at most {parts} parts, each with a name" if many else "whole parts",
            fix="send fewer" if many else "curl -F makes such a form",
            reason="form",
        ) from None


def _fields(form: FormData, accepted: Accepted, options: bool) -> Fields:
    known = [*accepted.modalities, *(accepted.options.values() if options else ())]
    files = [m for m, kind in accepted.modalities.items() if MODALITIES[kind].file]
    fields: Fields = {}
    for raw, value in form.multi_items():
        name = raw.encode("latin-1").decode(errors="replace")
        if name not in known:
            raise _unusable(f"unknown field {shown(name)}", f"of {', '.join(known)}", "remove it")
        text = isinstance(value, str) and name not in files
        fields.setdefault(name, []).append(_utf8(name, str(value)) if text else value)
    return fields


def _utf8(name: str, value: str) -> str:
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise _unusable(
            f"{name!r} is not UTF-8: byte {error.start} is 0x{value.encode('latin-1')[error.start]:02x}",
            "a text in UTF-8",
            "save or send it as UTF-8: iconv -f latin1 -t utf-8",
        ) from None


def _count(fields: Fields, accepted: Accepted, most: int) -> int:
    """How many samples are in a form."""
    names = list(accepted.modalities)
    for name in names:
        if name not in fields:
            raise _unusable(f"{name!r} is missing", f"the inputs {', '.join(names)}", "add the field to the form")
    counts = {name: len(fields[name]) for name in names}
    count = max(counts.values())
    if count > most == 1:
        twice = max(counts, key=lambda name: counts[name])
        fix = "send one sample, or several to /api/jobs/batch"
        raise _unusable(f"the field {twice!r} is there twice", "each once", fix)
    if count > most:
        raise _unusable(f"there are {count} samples", f"at most {most}", "send them in several requests")
    if len(set(counts.values())) > 1:
        came = ", ".join(f"{n} of {name!r}" for name, n in counts.items())
        raise _unusable(f"the form holds {came}", "as many of each, one for each sample", "add those that are missing")
    return count


def _options(fields: Fields, accepted: Accepted) -> tuple[str | None, int, int]:
    """Target, budget and seed."""
    named, limits = accepted.options, accepted.limits
    given: dict[str, str | UploadFile] = {}
    for name in named.values():
        if len(values := fields.get(name, [])) > 1:
            raise _unusable(f"the field {name!r} is there twice", "each once", "leave one")
        given.update((name, value) for value in values)
    target = given.get(named["target"])
    if target is not None and target not in accepted.labels:
        came = shown(target) if isinstance(target, str) else "a file"
        labels = ", ".join(accepted.labels)
        raise _unusable(f"unknown target {came}", f"one of {labels}", "choose one, or none for the most probable label")
    return (
        target if isinstance(target, str) else None,
        _number(named["budget"], given, LEAST_BUDGET, limits.most_budget, accepted.budget),
        _number(named["seed"], given, 0, MOST_SEED, 0),
    )


def _texts(fields: Fields, accepted: Accepted, sample: int) -> dict[str, str]:
    names = [m for m, kind in accepted.modalities.items() if not MODALITIES[kind].file]
    return {name: _text(name, fields[name][sample], accepted.limits) for name in names}


async def _files(
    fields: Fields, accepted: Accepted, reader: FileReader, sample: int, client: str
) -> tuple[dict[str, tuple[str, bytes]], dict[str, str]]:
    """The files of one sample, read and written anew, and their names."""
    files, names = {}, {}
    for number, (modality, kind) in enumerate(accepted.modalities.items()):
        if not MODALITIES[kind].file:
            continue
        upload = _file(modality, fields[modality][sample])
        name = file_name((upload.filename or "").encode("latin-1", "replace").decode(errors="replace"))
        names[modality] = name or modality
        suffix = Path(name).suffix.lower() if MODALITIES[kind].suffixes else ""
        if MODALITIES[kind].suffixes and suffix not in MODALITIES[kind].suffixes:
            right = " or ".join(MODALITIES[kind].suffixes)
            raise _unusable(f"the file's name ends in {shown(suffix)}", right, f"send a file in {right}")
        content = await reader.read(client, kind, accepted.widths.get(modality, 0), upload.file, suffix)
        files[modality] = (f"{number}{MODALITIES[kind].stored_as}", content)
    return files, names


def _unusable(problem: str, expected: str, fix: str) -> ApiError:
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
    if not has_content(value):
        raise _unusable(f"{name!r} is empty: nothing in it is seen", "a text", "write a word into it")
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
        raise _unusable(f"{name} is {came}", f"a whole number from {low} to {high}", "send such a number, or none")
    return int(value)


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
