"""What a page needs is found by following imports, and no more than that."""

from pathlib import Path

import pytest

from covidcxr.book import imports

ROOT = Path(__file__).parents[2]


def needing(name: str) -> set[str]:
    """Return the templates that need a file of the package."""
    path = ROOT / "src/covidcxr" / name
    templates = (ROOT / "notebooks").glob("*/*.ipynb")
    return {t.stem for t in templates if path in imports.of_template(t, ROOT)}


@pytest.mark.parametrize(
    ("name", "pages"),
    [
        ("figures/duplicates.py", {"leakage"}),
        ("figures/variance.py", {"variance"}),
        ("figures/comparison.py", {"metrics"}),
        ("figures/audit.py", {"audit"}),
        ("data/reforms.yaml", {"judgement"}),
        ("data/arms.yaml", {"runs", "variance"}),
    ],
)
def test_rewording_what_one_page_shows_reruns_that_page_alone(name: str, pages: set[str]) -> None:
    assert needing(name) == pages


def test_every_page_needs_what_executes_it_and_what_all_import() -> None:
    everywhere = {path.stem for path in (ROOT / "notebooks").glob("*/*.ipynb")}
    for name in (
        "book/pages.py",
        "book/provenance.py",
        "core/records.py",
        "core/errors.py",
        "__init__.py",
    ):
        assert needing(name) == everywhere


def test_an_import_within_a_function_counts_and_one_for_types_alone_does_not() -> None:
    found = imports.of_modules(["cli.study_commands"], ROOT)
    assert ROOT / "src/covidcxr/cli/doctor.py" in found  # imported where it is called
    assert ROOT / "src/covidcxr/networks/training.py" not in imports.of_modules(
        ["core.studies"], ROOT
    )


def test_every_file_of_data_is_needed_by_something() -> None:
    for path in (ROOT / "src/covidcxr/data").rglob("*.yaml"):
        assert needing(str(path.relative_to(ROOT / "src/covidcxr"))), path.name
