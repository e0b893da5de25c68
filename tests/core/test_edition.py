"""The edition rests on the studies it names; somebody's own images are judged by their number."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from covidcxr.core import edition, records, studies
from covidcxr.paper import reproduction, risk_of_bias
from covidcxr.paper import runs as tables
from covidcxr.scores.predictions import Predictions

RESULTS = Path("results")
OWN = studies.load("small", ["cohort.images_per_class=20"])


def predicted(positive: int, negative: int) -> Predictions:
    truth = np.arange(positive + negative) < positive
    names = np.array([f"i{i}" for i in range(len(truth))])
    table = pd.DataFrame(
        {
            "image_id": names, "group_id": names, "part": "test", "score": 0.5,
            "label": np.where(truth, "COVID19", "NORMAL"),
        }
    )  # fmt: skip
    from covidcxr.scores import predictions

    return predictions.from_table(table, "model", group="group_id")


def test_every_named_study_has_records_and_the_discussed_one_is_among_them() -> None:
    named = edition.edition()
    assert named.discussed in named.studies
    assert [folder.name for folder in edition.folders(RESULTS)] == named.studies


def test_what_is_ones_own() -> None:
    assert edition.is_own(OWN)
    assert not edition.is_own(studies.load("small"))
    assert not edition.is_own(studies.load("demo"))


@pytest.mark.parametrize(
    ("positive", "negative", "study", "withheld"),
    [
        (29, 100, OWN, True), (30, 30, OWN, False), (100, 0, OWN, True),
        (4, 4, studies.load("small"), False), (4, 4, studies.load("demo"), False),
    ],
)  # fmt: skip
def test_few_images_carry_no_tests(
    positive: int, negative: int, study: studies.Study, withheld: bool
) -> None:
    reason = edition.too_few(study, predicted(positive, negative).counts)
    assert bool(reason) == withheld
    table = pd.DataFrame({"pair": ["a"], "points": ["+1"], "p": ["0.2"], "verdict": ["different"]})
    kept = ["pair", "points"] if withheld else list(table)
    assert list(edition.without_tests(table, reason)) == kept
    if withheld:
        assert f"{positive} COVID19 and {negative} NORMAL" in reason


def test_few_images_deny_no_leak(tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(RESULTS, results)
    names = edition.edition().studies
    real = records.read(results / names[0] / "cohort")
    parts = {"train": 16, "test": 4}
    table = pd.DataFrame(
        [
            {"part": part, "label": label, "images": n, "images_shared_with_train": 0}
            for part, n in parts.items()
            for label in studies.LABELS
        ]
    )
    records.write(
        results / "mine/cohort", study=OWN, parameters=records.parameters(OWN, (), split="keras"),
        fingerprints={}, method=1, commit={"id": None, "changed": None},
        tables={"parts": table} | {name: real.table(name) for name in ("categories", "measures")},
        images={"COVID19": 20, "NORMAL": 20},
    )  # fmt: skip
    own = risk_of_bias.sheet(results / "mine", OWN)["L1.1", "study"]
    assert (own.status, own.evidence["test"]) == (risk_of_bias.UNTESTED, "8")
    whole = risk_of_bias.sheet(results / names[0], studies.load(names[0]))["L1.1", "study"]
    assert whole.status == risk_of_bias.NOT_FOUND


def test_records_of_other_studies_change_nothing_that_is_said_of_the_paper(tmp_path: Path) -> None:
    """Two of the edition's own studies, renamed, lie beside it."""
    results = tmp_path / "results"
    shutil.copytree(RESULTS, results)
    names = edition.edition().studies
    settings = studies.load("small")

    def said() -> tuple[object, ...]:
        runs = reproduction.real_trainings(results)
        sheets = (
            risk_of_bias.sheet(results / names[0], settings),
            risk_of_bias.sheet(results / "mine", OWN),
        )
        of_paper = [[one[kind, "paper"] for kind in risk_of_bias.TYPES] for one in sheets]
        return (
            [run.folder for run in runs],
            tables.values(runs, reproduction.external_predictions(runs)), of_paper,
            risk_of_bias.stand_in(results / "mine"),
        )  # fmt: skip

    before = said()
    shutil.copytree(results / names[1], results / "mine")
    shutil.copytree(results / names[0], results / "a-first-one")
    assert said() == before


def test_synthetic_images_give_no_verdict_on_the_paper() -> None:
    many = {"COVID19": 500, "NORMAL": 500}
    assert "synthetic" in edition.silent_on_the_paper(studies.load("demo"), many)
    assert edition.too_few(studies.load("demo"), many) == ""
    assert edition.silent_on_the_paper(studies.load("small"), many) == ""


@pytest.mark.parametrize(
    ("study", "page"), [("demo", "book/demo"), ("small", None), ("paper-scratch", None)]
)
def test_a_demonstration_opens_with_a_page_of_its_own(study: str, page: str | None) -> None:
    assert edition.landing(studies.load(study)) == page
