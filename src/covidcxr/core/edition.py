"""Studies that the edition rests on, and rules for a study of somebody's own images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem
from covidcxr.core.studies import PhantomCohort, Strict, Study

FILE = "data/edition.yaml"

DEMONSTRATION = "book/demo"
"""The page that a book on synthetic images opens with: the edition's first page follows it."""

FEWEST = 30
"""Test images of a class below which a study of somebody's own is given no tests and verdicts."""

TESTS = ("p", "p by group", "Holm", "verdict")  # columns of tables that hold tests and verdicts
WITHHELD = "not tested"  # what stands in a sentence in the place of a test or a verdict


class Edition(Strict):
    """The content of `FILE`: names of studies, which are folders of records."""

    discussed: str
    studies: list[str]


@cache
def edition() -> Edition:
    """Studies on which the edition's statements on the paper rest."""
    text = files("covidcxr").joinpath(FILE).read_text("utf-8")
    try:
        return Edition.model_validate(strict_yaml.parse(text, f"{FILE}: is"))
    except ValidationError as error:
        raise Problem(f"{FILE}: {error.errors()[0]['msg']}; correct it.") from error


def folders(results: Path) -> list[Path]:
    """Return the folders of the edition's studies, in its order, as far as they are there."""
    return [results / name for name in edition().studies if (results / name).is_dir()]


def is_own(study: Study) -> bool:
    """Return whether a study is of real images and none of the edition's."""
    return not isinstance(study.cohort, PhantomCohort) and study.name not in edition().studies


def landing(study: Study) -> str | None:
    """Return the page that a study's book opens with; None for the edition's own first page."""
    if isinstance(study.cohort, PhantomCohort):
        return DEMONSTRATION
    return "book/own" if is_own(study) else None


def too_few(study: Study, counts: Mapping[str, int]) -> str:
    """Return why tests and verdicts are withheld, by the test images of each class, or nothing."""
    if not is_own(study) or min(counts.values()) >= FEWEST:
        return ""
    n = " and ".join(f"{count} {label}" for label, count in counts.items())
    return (
        f"The test part has {n} images. With fewer than {FEWEST} of a class no tests, verdicts, "
        "decision curves or headlines are printed: they would say more than so few images can."
    )


def silent_on_the_paper(study: Study, counts: Mapping[str, int]) -> str:
    """Return why a study is given no verdict on the paper, or nothing."""
    if isinstance(study.cohort, PhantomCohort):
        return "These images are synthetic: they give no verdict on the paper."
    return too_few(study, counts)


def without_tests(table: pd.DataFrame, reason: str) -> pd.DataFrame:
    """Leave out columns of tests and verdicts where there is a reason to."""
    return table.drop(columns=[c for c in TESTS if c in table]) if reason else table
