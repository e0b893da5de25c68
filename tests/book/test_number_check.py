"""A number in prose is glued, or allowed with a reason."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.book import number_check
from covidcxr.core.errors import Problem


def numbers(text: str) -> list[str]:
    return [found.number for found in number_check.numbers("page", text)]


def test_a_typed_number_is_found() -> None:
    assert numbers("An accuracy of 93.5%, of 1,441 images.") == ["93.5", "1,441"]


@pytest.mark.parametrize(
    "text",
    [
        "{glue:text}`run/a.ipynb::accuracy:.3f` of ResNet50",
        "`x = 3` and $n = 4$ and [a link](page5.md)",
        "```\n12\n```",
        "Tables 1 to 3 and section 4.1 of COVID-19",
        "| 1 | 2 |",
        ":::{grid} 1 1 3 3\n:gutter: 3",
        "a 1x1 convolution, the F1 score, SHA-256, CLAIM 2024",
    ],
)
def test_what_is_no_number_in_prose_is_left_alone(text: str) -> None:
    assert numbers(text) == []


@given(st.integers(0, 10**6), st.sampled_from(["{n} images", "in {n}, too", "({n})", "of {n}."]))
def test_every_integer_in_a_sentence_is_found(n: int, sentence: str) -> None:
    assert numbers(sentence.format(n=n)) == [str(n)]


def test_the_book_types_no_number_without_a_reason() -> None:
    number_check.check(Path())


def project(folder: Path, text: str, allowed: str) -> Path:
    (folder / "book").mkdir()
    (folder / "book/page.md").write_text(text)
    (folder / number_check.ALLOWED).write_text(allowed)
    return folder


@pytest.mark.parametrize(
    ("text", "allowed", "sentence"),
    [
        ("It is 42.", "{}", r"book/page\.md: the number 42 is typed into prose .* glue it"),
        ("It is.", "book/page.md: {of 3: why}", "no number of book/page.md needs 'of 3'"),
        ("One of 3.", "book/page.md: {of 3: ''}", "is allowed for no reason"),
    ],
)
def test_what_is_amiss_is_one_sentence(
    text: str, allowed: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(Problem, match=sentence):
        number_check.check(project(tmp_path, text, allowed))


def test_an_allowance_with_a_reason_is_enough(tmp_path: Path) -> None:
    number_check.check(project(tmp_path, "One of 3.", "book/page.md: {of 3: an example}"))
