"""A PDF is whole, or one sentence says why not."""

import shutil
from pathlib import Path

import pytest

from covidcxr.book import latex_pdf
from covidcxr.core.errors import Problem


@pytest.mark.parametrize(
    ("log", "faults"),
    [
        ("This is XeTeX\nOutput written on book.pdf\n", []),
        ("Missing character: There is no ↕ (U+2195) in font x!\n", ["↕ (U+2195)"]),
        ("LaTeX Warning: Reference `nowhere' on page 3 undefined on input line 7.\n", ["nowhere"]),
    ],
)
def test_a_log_tells_what_the_pdf_lacks(log: str, faults: list[str]) -> None:
    assert latex_pdf.faults(log) == faults


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
