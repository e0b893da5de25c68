"""The book on paper: markup becomes nodes, tables fit the page, and a faulty PDF is refused."""

import shutil
from pathlib import Path

import pytest
from docutils import nodes
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.book import latex_pdf, markup, typeset
from covidcxr.core.errors import Problem


def texts(html: str) -> list[tuple[str, str]]:
    return [(type(node).__name__, node.astext()) for node in markup.to_nodes(html)]


def table(html: str) -> nodes.table:
    (made,) = markup.to_nodes(f"<table>{html}</table>")
    assert isinstance(made, nodes.table)
    return made


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
    made = table(
        "<caption>Planted</caption><thead><tr><th>a</th><th>b</th><th>c</th></tr></thead>"
        "<tbody><tr><th rowspan=2>r</th><td colspan=2>wide</td></tr><tr><td>1</td><td>2</td></tr>"
        "</tbody>"
    )
    assert [n.astext() for n in made.findall(nodes.title)] == ["Planted"]
    assert next(made.findall(nodes.thead)).astext().split() == ["a", "b", "c"]
    (body,) = made.findall(nodes.tbody)
    rows = [[entry.astext() for entry in row] for row in body]
    assert rows == [["r", "wide"], ["1", "2"]]
    assert (body[0][0]["morerows"], body[0][1]["morecols"]) == (1, 1)
    assert typeset.widths(made) == [(1, 1), (2, 2), (2, 2)]


def test_a_narrow_table_is_as_wide_as_it_is_and_a_wide_one_fills_the_line() -> None:
    assert typeset.layout([(5, 9), (4, 6)]) == ("footnotesize", "ll")
    size, specification = typeset.layout([(10, 40), (12, 300)])
    assert size == "footnotesize"
    assert specification.count("X") == 2
    shares = shared(specification)
    assert shares[1] > shares[0]


def shared(specification: str) -> list[int]:
    return [int(part.partition("}")[0]) for part in specification.split(r"\X{")[1:]]


@given(
    st.lists(
        st.tuples(st.integers(1, 40), st.integers(0, 400)).map(lambda w: (w[0], w[0] + w[1])),
        min_size=1, max_size=12,
    ),
    st.booleans(),
)  # fmt: skip
def test_columns_share_no_more_than_the_line(found: list[tuple[int, int]], merged: bool) -> None:
    size, specification = typeset.layout(found, merged)
    assert size in ("footnotesize", "scriptsize", "tiny")
    if "X" in specification:
        assert len(shared(specification)) == len(found)
        assert sum(shared(specification)) <= 1000 + len(found)
        assert min(shared(specification)) > 0
    else:
        assert specification == "l" * len(found)
        assert sum(whole for _, whole in found) <= typeset.LINE * 1.15


@given(st.text(st.sampled_from("ab_-./(= "), max_size=30))
def test_a_break_adds_nothing_that_is_seen(code: str) -> None:
    assert typeset.breakable(code).replace("\u200b", "") == code


def test_code_breaks_where_its_words_join() -> None:
    assert typeset.breakable("average_accuracy(a-b)") == ("average_\u200baccuracy(\u200ba-\u200bb)")


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ("This is XeTeX\nOutput written on book.pdf\n", []),
        ("Missing character: There is no ↕ (U+2195) in font x!\n", ["↕ (U+2195)"]),
        ("LaTeX Warning: Reference `nowhere' on page 3 undefined on input line 7.\n", ["nowhere"]),
    ],
)
def test_a_log_tells_what_the_pdf_lacks(log: str, found: list[str]) -> None:
    assert latex_pdf.faults(log) == found


def test_a_machine_without_tex_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Problem, match=r"xelatex, latexmk, rsvg-convert: not .*apt-get install"):
        latex_pdf.check_tools()


TEX = r"\documentclass{article}\usepackage{fontspec}\begin{document}%s\end{document}"


@pytest.mark.skipif(
    not all(map(shutil.which, latex_pdf.TOOLS)), reason=f"needs {', '.join(latex_pdf.TOOLS)}"
)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Words.", None),
        (r"\nosuchcommand", "LaTeX stopped: Undefined control sequence"),
        ("\u4e2d", "would lack"),
        (r"\ref{nowhere}", "would lack nowhere"),
    ],
)
def test_a_pdf_is_whole_or_is_not_there(tmp_path: Path, body: str, said: str | None) -> None:
    source, output = tmp_path / "a b" / "book.tex", tmp_path / "book.pdf"
    source.parent.mkdir()
    source.write_text(TEX % body, encoding="utf-8")
    if said is None:
        latex_pdf.write(source, output)
        assert output.read_bytes().startswith(b"%PDF")
        return
    with pytest.raises(Problem, match=said):
        latex_pdf.write(source, output)
    assert not output.exists()
