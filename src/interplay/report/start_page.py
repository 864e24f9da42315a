"""The first page of `interplay serve`: a form for a new sample, the jobs, and the pages of the run.

As every page, it lies in one file and asks for nothing from elsewhere; its script writes what users sent with
`textContent` alone.
"""

from collections.abc import Mapping, Sequence

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
