"""Sphinx: how the pages of this folder become a site that opens from disk. `make docs` builds it.

Nothing is fetched while it is built or read: no intersphinx, no formulas in LaTeX, no fonts or scripts from elsewhere.
"""

import re
from importlib.metadata import version as installed_version

project = "Interplay"
author = "The Interplay authors"
copyright = author
version = release = installed_version("interplay")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = f"Interplay {release}"
html_copy_source = False
html_show_sphinx = False

myst_heading_anchors = 3
"""A link to `page.md#a-heading` leads to that heading, as on the pages of a repository's host."""

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_display_short_literal_types = True
python_maximum_signature_line_length = 100

OUTSIDE = {
    "../README.md": "index.md",
    "../CHANGELOG.md": "changelog.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../RELEASING.md": "releasing.md",
    "../benchmarks/RESULTS.md": "measurements.md",
}
"""Files that pages link to in the repository -> the page of the site that includes them."""


def lead_inside(app, docname, source):
    """Let links to files of the repository lead to the pages of the site that show them."""
    source[0] = re.sub(
        r"\]\(([^)#\s]+)(#[^)\s]*)?\)",
        lambda link: f"]({OUTSIDE.get(link[1], link[1])}{link[2] or ''})",
        source[0],
    )


def lead_inside_included(app, path, docname, source):
    """The same for included files, whose links start at the root of the repository."""
    source[0] = re.sub(r"\]\(docs/", "](", source[0])
    source[0] = re.sub(r"\]\(examples/[\w./]+\)", "](examples.md)", source[0])


def escape(line):
    """A line of a docstring, which is plain text with code in backticks, as reStructuredText that shows the same."""
    if line.lstrip().startswith((">>> ", "... ")):
        return line
    code = re.split(r"(`+[^`]+`+)", line)
    code[::2] = (re.sub(r"([*|\\]|_(?!\w))", r"\\\1", text) for text in code[::2])
    code[1::2] = (f"``{text.strip('`')}``" for text in code[1::2])
    return "".join(code)


def read_as_text(app, what, name, obj, options, lines):
    """Docstrings are written for `help()`: `|S|`, `2 * n` and `*values` mean what they say."""
    lines[:] = map(escape, lines)


def escape_types(app, what, name, obj, options, lines):
    """What napoleon adds of an attribute's annotation: the `*` of a shape such as "P *V" is no emphasis."""
    lines[:] = (escape(line) if line.lstrip().startswith(":type:") else line for line in lines)


def setup(app):
    """Sphinx calls this first."""
    app.connect("autodoc-process-docstring", read_as_text, priority=100)  # before napoleon finds the sections
    app.connect("autodoc-process-docstring", escape_types, priority=900)  # after it
    app.connect("source-read", lead_inside)
    app.connect("include-read", lead_inside_included)
