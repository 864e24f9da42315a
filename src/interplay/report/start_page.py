"""The first page of `interplay serve`: a form for a new sample, the jobs, and the pages of the run.

As every page, it lies in one file and asks for nothing from elsewhere; its script writes what users sent with
`textContent` alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from interplay.modalities import MODALITIES
from interplay.report.bundle import asset
from interplay.report.page import source_of


def render_start(
    run: str,
    modalities: Mapping[str, str],
    labels: Sequence[str],
    options: Mapping[str, str],
    *,
    budget: int,
    most_budget: int,
    pages: Sequence[tuple[str, str]],
) -> tuple[str, str]:
    """The page and the Content-Security-Policy it needs.

    Args:
        run: name of the run.
        modalities: modality -> kind; a field of the form each.
        labels: names of all labels, in order.
        options: "target", "budget", "seed" -> the names of their fields.
        budget: of a job that asks for no number.
        most_budget: the largest number a job may ask for.
        pages: (name, address) of the pages that are there already.
    """
    return _rendered(
        "start.html.j2",
        asset("start.js"),
        run=run,
        modalities={name: MODALITIES[kind] for name, kind in modalities.items()},
        labels=labels,
        options=options,
        budget=budget,
        most_budget=most_budget,
        pages=pages,
    )


def render_login(*, wrong: bool) -> tuple[str, str]:
    """The page that asks for the token, and its policy.

    Args:
        wrong: whether another one was given.
    """
    return _rendered("login.html.j2", "", wrong=wrong)


def render_docs(document: Mapping[str, Any]) -> tuple[str, str]:
    """The page that describes every address of the service, and its policy. It loads nothing and runs nothing.

    Args:
        document: the service's OpenAPI document.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {})
            one = {
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "fields": [field for kind in body.values() for field in _fields(kind["schema"])],
                "parameters": [parameter["name"] for parameter in operation.get("parameters", [])],
                "responses": [(status, response["description"]) for status, response in operation["responses"].items()],
            }
            groups.setdefault(operation["tags"][0], []).append(one)
    secured = "securitySchemes" in document["components"]
    return _rendered("docs.html.j2", "", about=document["info"]["description"], groups=groups, secured=secured)


def _fields(schema: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """(name, what it holds in words, whether it must be there) of each field of a form."""
    fields = []
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        words = (
            "file" if inner.get("format") == "binary" else {"string": "text", "integer": "whole number"}[inner["type"]]
        )
        if "enum" in inner:
            words = f"one of {', '.join(inner['enum'])}"
        if "maximum" in inner:
            words += f" from {inner['minimum']} to {inner['maximum']}"
        if "maxLength" in inner:
            words += f" of at most {inner['maxLength']} characters"
        if inner is not field:
            words += f"; up to {field['maxItems']} times, once for each sample"
        fields.append((name, words, name in schema["required"]))
    return fields


def _rendered(template: str, script: str, **context: object) -> tuple[str, str]:
    style = asset("start.css")
    assert "</script" not in script and "<!--" not in script, "the script would end its own element"
    loader = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = loader.from_string(asset(template)).render(style=Markup(style), script=Markup(script), **context)
    runs = f"script-src {source_of(script)}; connect-src 'self'; " if script else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src {source_of(style)}; {runs}"
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    return page, policy
