"""A Sphinx extension: the book as LaTeX, for paper.

Notebooks' HTML output becomes LaTeX, their code is left to the web, the parts of the table of
contents are parts, and each page ends with its provenance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import texescape

from covidcxr.book import markup, typeset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sphinx.application import Sphinx
    from sphinx.config import Config

NOTICE = "Demonstration: what is computed on synthetic images is no finding."
"""What stands above every printed page of a book on synthetic images."""

_NAMED = 3
"""Records that a page names; more are counted."""

_HEADS = r"""
\AtBeginDocument{%%
  \fancypagestyle{normal}{\fancyhf{}\fancyfoot[C]{\thepage}\fancyhead[C]{\footnotesize %(text)s}}%%
  \fancypagestyle{plain}{\fancyhf{}\fancyfoot[C]{\thepage}\fancyhead[C]{\footnotesize %(text)s}}}
"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    # after what is known of the build was gathered
    app.connect("config-inited", _title, priority=900)
    # after the table of contents was inserted
    app.connect("doctree-read", _front, priority=900)
    app.add_post_transform(Outputs)
    app.add_post_transform(Sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Outputs(SphinxPostTransform):
    """Set what notebooks put out, and leave out the code above it."""

    # After the kind of each output was chosen, and before images are fetched and converted.
    default_priority = 50
    formats = ("latex",)

    def run(self, **_: Any) -> None:
        """Transform the whole book."""
        for code in [
            n for n in self.document.findall(nodes.container) if "cell_input" in n["classes"]
        ]:
            code.parent.remove(code)
        for raw in [n for n in self.document.findall(nodes.raw) if n["format"] == "html"]:
            raw.parent.replace(raw, markup.to_nodes(raw.astext()))
        for code in list(self.document.findall(nodes.literal)):
            code[:] = [nodes.Text(typeset.breakable(code.astext()))]
        for table in list(self.document.findall(nodes.table)):
            table.parent.replace(table, typeset.table(table))


class Sources(SphinxPostTransform):
    """End each page with what it was made from."""

    default_priority = 51
    formats = ("latex",)

    def run(self, **_: Any) -> None:
        """Transform the whole book."""
        pages = self.app.covidcxr["pages"]  # type: ignore[attr-defined]
        for file in self.document.findall(addnodes.start_of_file):
            page = pages.get(file["docname"], {})
            if "template" in page and isinstance(file[0], nodes.section):
                file[0] += [
                    nodes.raw("", r"\begingroup\footnotesize", format="latex"),
                    nodes.paragraph(text=origin(page)),
                    nodes.raw("", r"\endgroup", format="latex"),
                ]


def origin(page: Mapping[str, Any]) -> str:
    """Provenance of a page, as `covidcxr.book.provenance.of_book` describes it, in a sentence."""
    parameters = ", ".join(f"{k}={v}" for k, v in page["parameters"].items())
    commit = page["commit"]
    at = f"commit {commit['id'][:10]}" if commit.get("id") else "no commit"
    records = ", ".join(f"{one['path']} ({one['created'][:10]})" for one in page["records"])
    if len(page["records"]) > _NAMED:
        records = f"{len(page['records'])}, which provenance.json names"
    return (
        f"Made by {page['template']}{f' with {parameters}' if parameters else ''} at {at}"
        f"{' and changes' if commit.get('changed') else ''}."
        + (f" Records: {records}." if records else "")
    )


def _title(app: Sphinx, configured: Config) -> None:
    built = app.covidcxr["build"]  # type: ignore[attr-defined]
    commit = built["commit"].get("id", "")[:10] or "none"
    texescape.init()
    # Sphinx writes the date into LaTeX as it stands.
    study = texescape.escape(built["study"], configured.latex_engine)
    configured.today = f"Study {study}, commit {commit}, {built['day']}"
    if configured.html_theme_options.get("announcement"):
        configured.today += f". {NOTICE}"
        configured.latex_elements["preamble"] += _HEADS % {"text": NOTICE}


def _front(app: Sphinx, document: nodes.document) -> None:
    """Make the landing page the book's first chapter, and its tables of contents parts."""
    if app.builder.format != "latex" or app.env.docname != app.config.root_doc:
        return
    page = document[0]
    page.insert(1, nodes.raw("", r"\chapter{In short}", format="latex"))
    for doors in [n for n in page.findall(nodes.container) if "doors" in n["classes"]]:
        doors.parent.remove(doors)
    for section in [n for n in page if isinstance(n, nodes.section)]:
        title, *rest = section
        heading = nodes.rubric("", "", *title, ids=section["ids"])
        page.replace(section, [heading, *rest])
    for toctree in list(page.findall(addnodes.toctree)):
        caption = toctree.attributes.pop("caption")
        part = rf"\part{{{texescape.escape(caption, app.config.latex_engine)}}}"
        toctree.parent.insert(toctree.parent.index(toctree), nodes.raw("", part, format="latex"))
