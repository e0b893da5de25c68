"""A Sphinx extension: a remark that stands in place of a figure has neither number nor caption."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_transform(Unnumbered)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Unnumbered(SphinxTransform):
    """Leave the remark alone of figures that hold nothing else."""

    default_priority = 700  # before figures are named and counted

    def apply(self, **_: Any) -> None:
        """Replace each such figure of the document by what it shows."""
        for figure in list(self.document.findall(nodes.figure)):
            if any('class="remark"' in raw.astext() for raw in figure.findall(nodes.raw)):
                shown = [node for node in figure if not isinstance(node, nodes.caption)]
                figure.replace_self(shown)
