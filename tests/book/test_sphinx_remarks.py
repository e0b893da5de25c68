"""A remark in place of a figure."""

import pytest
from docutils import nodes
from docutils.utils import new_document

from covidcxr.book.sphinx_remarks import Unnumbered
from covidcxr.figures import note


@pytest.mark.parametrize(("shown", "left"), [(note("Not shown.").text, 0), ("<img>", 1)])
def test_a_remark_is_no_figure_and_a_picture_stays_one(shown: str, left: int) -> None:
    document = new_document("page")
    raw = nodes.raw("", shown, format="html")
    document += nodes.figure("", raw, nodes.caption(text="A caption."))
    Unnumbered(document).apply()
    assert len(list(document.findall(nodes.figure))) == left
    assert len(list(document.findall(nodes.caption))) == left
    assert list(document.findall(nodes.raw)) == [raw]
