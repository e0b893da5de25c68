"""HTML output becomes nodes that any writer of Sphinx can set."""

import json
import re
from pathlib import Path

import pytest
from docutils import nodes

from covidcxr.book import markup


def texts(html: str) -> list[tuple[str, str]]:
    return [(type(node).__name__, node.astext()) for node in markup.to_nodes(html)]


def table(html: str) -> nodes.table:
    (node,) = markup.to_nodes(f"<table>{html}</table>")
    assert isinstance(node, nodes.table)
    return node


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", []),
        ("<p>One.</p><p>Two.</p>", [("paragraph", "One."), ("paragraph", "Two.")]),
        ("plain <b>bold</b> text", [("paragraph", "plain bold text")]),
        ("<p>two\n   lines</p>", [("paragraph", "two lines")]),
        ("<h3 class='within'>Head</h3>", [("rubric", "Head")]),
        ("<div><p>deep</p></div>", [("paragraph", "deep")]),
        ("<script>x</script><style>y</style><fieldset>z</fieldset><!-- c -->", []),
        ("<p hidden>not seen</p><p class='downloads'>claims.csv</p>", []),
        ("<p>1 &lt; 2 &amp; 3 % of $x_1$</p>", [("paragraph", "1 < 2 & 3 % of $x_1$")]),
        ("<dl><div><dt>Study</dt><dd>demo</dd></div><div><dt>Size</dt><dd>64</dd></div></dl>",
         [("paragraph", "Study demo · Size 64")]),
        ("<p><span class='verdict'>found</span> <small>judged</small></p>",
         [("paragraph", "found (judged)")]),
    ],
)  # fmt: skip
def test_markup_becomes_nodes(html: str, expected: list[tuple[str, str]]) -> None:
    assert texts(html) == expected


def test_what_is_marked_stays_marked() -> None:
    (paragraph,) = markup.to_nodes(
        "<p><b>a</b><i>b</i><code>c_d</code><sup>2</sup>"
        '<a href="https://example.org">out</a><a href="page.html">in</a></p>'
    )
    kinds = [type(node).__name__ for node in paragraph.children]
    assert kinds == ["strong", "emphasis", "literal", "superscript", "reference", "Text"]


def test_a_figure_keeps_its_picture_and_its_words() -> None:
    (image,) = markup.to_nodes('<img class="figure" src="data:image/svg+xml;base64,AA==" alt="X">')
    assert isinstance(image, nodes.image)
    assert (image["uri"], image["alt"]) == ("data:image/svg+xml;base64,AA==", "X")


def test_a_table_has_its_caption_head_body_and_merged_cells() -> None:
    merged = table(
        "<caption>Planted</caption><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>"
        "<tbody><tr><th rowspan=2>r</th><td colspan=2>wide</td></tr><tr><td>1</td><td>2</td></tr>"
        "</tbody>"
    )
    assert [n.astext() for n in merged.findall(nodes.title)] == ["Planted"]
    assert next(merged.findall(nodes.thead)).astext().split() == ["a", "b", "c"]
    (body,) = merged.findall(nodes.tbody)
    rows = [[entry.astext() for entry in row] for row in body]
    assert rows == [["r", "wide"], ["1", "2"]]
    assert (body[0][0]["morerows"], body[0][1]["morecols"]) == (1, 1)


def test_no_caption_of_a_figure_cites() -> None:
    # LaTeX stops at a link that a caption cannot carry to its list.
    captions = []
    for path in Path("notebooks").glob("*/*.ipynb"):
        text = "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])
        captions += re.findall(r"```\{glue:figure\}(.*?)```", text, re.S)
    assert len(captions) > 15
    assert not [caption for caption in captions if "{cite}" in caption]
