"""Statuses follow from records, and what is planted flips them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.paper import risk_of_bias
from covidcxr.paper.risk_of_bias import FOUND, NOT_FOUND, STATUSES, UNTESTED, Finding
from tests.conftest import ROOT

SYNTHETIC = studies.load(ROOT / "config/demo.yaml")
REAL = studies.load(ROOT / "config/small.yaml")
IMAGES = {"COVID19": 60, "NORMAL": 140}


def write(
    results: Path, name: str, study: studies.Study = SYNTHETIC, **content: Any
) -> records.Record:
    tables: Mapping[str, pd.DataFrame] = content.pop("tables", {})
    return records.write(
        results / name,
        study=study,
        parameters=records.parameters(study, (), split="keras"),
        fingerprints={},
        method=1,
        commit={"id": None, "changed": None},
        tables=tables,
        **({"images": IMAGES} | content),
    )


def composition(
    results: Path,
    study: studies.Study = SYNTHETIC,
    *,
    mixed: bool = True,
    ages: bool = True,
    shared: int = 0,
    test: int = 40,
    **content: Any,
) -> None:
    """Write who the images are of: sources that give both classes or one, ages alike or apart."""
    other = "here" if mixed else "elsewhere"
    places = [("here", "COVID19", 60), (other, "NORMAL", 140)]
    categories = pd.DataFrame(
        [{"variable": "source", "value": v, "label": k, "n": n} for v, k, n in places]
    )
    bins = [("COVID19", 20, 30), ("NORMAL", 20, 70 if ages else 140), ("COVID19", 40, 30)]
    bins.append(("NORMAL", 40, 70 if ages else 0))
    measures = pd.DataFrame(
        [{"variable": "age", "label": k, "low": a, "high": a + 20, "n": n} for k, a, n in bins]
    )
    parts = pd.DataFrame(
        [("train", 160, 0), ("test", test, shared)],
        columns=["part", "images", "images_shared_with_train"],
    ).assign(label="NORMAL", groups=9, groups_known=9)
    tables = {"categories": categories, "measures": measures, "parts": parts}
    write(results, "cohort", study, tables=tables, **content)


def overlap(results: Path, study: studies.Study = SYNTHETIC, **hit: int) -> None:
    """Write how many of 40 test images share something; keras_copy=2, say."""
    rows = [
        {"split": split, "seed": 0, "label": "NORMAL", "reason": reason, "n": 40,
         "affected": hit.get(f"{split}_{reason}", 0)}
        for split in ("keras", "random", "grouped")
        for reason in ("group", "copy", "any")
    ]  # fmt: skip
    write(results, "overlap", study, tables={"splits": pd.DataFrame(rows)})


def shortcuts(results: Path, low: float, study: studies.Study = SYNTHETIC) -> None:
    probes = [*risk_of_bias.MARKS, ("metadata", "known")]
    rows = [
        {"probe": p, "variant": v, "tier": "all", "model": "logistic", "n": 200,
         "auroc": low + 0.1, "low": low if p == "corners" else 0.4, "high": low + 0.2}
        for p, v in probes
    ]  # fmt: skip
    write(results, "shortcuts", study, tables={"areas": pd.DataFrame(rows)})


def external(results: Path, informative: bool, study: studies.Study = SYNTHETIC) -> None:
    """Write scores that are right at home, and elsewhere right or tossed."""
    positive = np.arange(80) % 2 == 0
    score = np.where(positive, 0.8, 0.2) + np.random.default_rng(0).normal(0, 0.2, 80)
    elsewhere = score if informative else np.random.default_rng(1).random(80)
    name = [f"{i}.png" for i in range(80)]
    images = [
        pd.DataFrame({"cohort": c, "image_id": name, "label": np.where(positive, *IMAGES),
                      "group": [f"{c}:{i}" for i in name], "copy": 0, "source": c})
        for c in ("cohort", "adults")
    ]  # fmt: skip
    scores = [
        pd.DataFrame({"model": "logistic", "trained_on": "cohort", "cohort": c, "image_id": name,
                      "score": np.clip(s, 0.001, 0.999)})
        for c, s in (("cohort", score), ("adults", elsewhere))
    ]  # fmt: skip
    tables = {"images": pd.concat(images), "scores": pd.concat(scores)}
    write(results, "external", study, tables=tables)


def patients(results: Path, shared: int) -> None:
    place = results.parent / "forensics"
    write(
        place,
        "patients",
        REAL,
        shared={"keras": shared, "random": {"low": 1.0, "high": 2.0}},
        held_out=92,
    )


def study_status(results: Path, kind: str, study: studies.Study = SYNTHETIC) -> Finding:
    return risk_of_bias.sheet(results, study)[kind, "study"]


def paper_status(results: Path, kind: str) -> Finding:
    return risk_of_bias.sheet(results, SYNTHETIC)[kind, "paper"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "demo"


def test_without_records_nothing_that_needs_one_is_decided(results: Path) -> None:
    findings = risk_of_bias.sheet(results, SYNTHETIC)
    for key in risk_of_bias.EVIDENCE:
        assert findings[key].status == UNTESTED
        assert set(findings[key].evidence.values()) == {risk_of_bias.UNKNOWN}
    assert findings["L1.2", "study"].status == NOT_FOUND


@pytest.mark.parametrize(
    ("hit", "status", "shown"),
    [({}, NOT_FOUND, "by name 0 of 40"), ({"keras_copy": 2}, FOUND, "by name 2 of 40"),
     ({"random_copy": 9}, NOT_FOUND, "by name 0 of 40"),
     ({"keras_group": 5}, NOT_FOUND, "by name 0 of 40")],
)  # fmt: skip
def test_copies_count_in_the_splits_that_the_study_uses(
    results: Path, hit: dict[str, int], status: str, shown: str
) -> None:
    overlap(results, SYNTHETIC, **hit)
    finding = study_status(results, "L1.4")
    assert finding.status == status
    assert shown in finding.evidence["copies"]
    assert "at random" not in finding.evidence["copies"]


def test_a_numbered_split_is_one_of_its_kind(results: Path) -> None:
    study = SYNTHETIC.model_copy(update={"splits": ["random-3"]})
    overlap(results, random_copy=1)
    assert study_status(results, "L1.4", study).status == FOUND
    overlap(results, keras_copy=1)
    assert study_status(results, "L1.4", study).status == NOT_FOUND


def test_patients_of_a_study_come_from_the_overlap(results: Path) -> None:
    overlap(results)
    assert study_status(results, "L3.2").status == NOT_FOUND
    overlap(results, keras_group=4)
    finding = study_status(results, "L3.2")
    assert finding.status == FOUND
    assert "by name 4 of 40" in finding.evidence["groups"]


@pytest.mark.parametrize(("shared", "status"), [(0, NOT_FOUND), (20, FOUND)])
def test_patients_of_the_paper_come_from_the_listing(
    results: Path, shared: int, status: str
) -> None:
    patients(results, shared)
    expected = Finding(status, {"patients": f"{shared}", "held_out": "92"})
    assert paper_status(results, "L3.2") == expected


@pytest.mark.parametrize(("low", "status"), [(0.45, NOT_FOUND), (0.55, FOUND)])
def test_marks_are_found_where_an_interval_lies_above_chance(
    results: Path, low: float, status: str
) -> None:
    shortcuts(results, low)
    finding = study_status(results, "L2")
    assert finding.status == status
    assert f"the four corners {low + 0.1:.3f} ({low:.3f} to" in finding.evidence["marks"]


def test_what_lies_outside_the_lung_region_is_no_mark(results: Path) -> None:
    # It shows a share of the lungs, so that an AUROC above chance may be the disease's.
    assert ("lungs", "hidden") not in risk_of_bias.MARKS
    shortcuts(results, 0.4)
    table = records.read(results / "shortcuts").table("areas")
    hidden = table.iloc[[0]].assign(probe="lungs", variant="hidden", auroc=0.998, low=0.99)
    write(results, "shortcuts", tables={"areas": pd.concat([table, hidden])})
    finding = study_status(results, "L2")
    assert finding.status == NOT_FOUND
    assert "0.998" not in finding.evidence["marks"]


def test_probes_without_an_interval_decide_nothing(results: Path) -> None:
    shortcuts(results, np.nan)
    table = records.read(results / "shortcuts").table("areas").assign(low=np.nan)
    write(results, "shortcuts", tables={"areas": table})
    assert study_status(results, "L2").status == UNTESTED


@pytest.mark.parametrize(
    ("mixed", "ages", "status"),
    [(True, True, NOT_FOUND), (False, True, FOUND), (True, False, FOUND)],
)
def test_sampling_looks_at_sources_and_ages(
    results: Path, mixed: bool, ages: bool, status: str
) -> None:
    composition(results, mixed=mixed, ages=ages)
    finding = study_status(results, "L3.3")
    assert finding.status == status
    shown = finding.evidence
    assert shown["age"] == f"{'0.50' if ages else '0.75'} (ages of 60 COVID19 and 140 NORMAL)"
    assert (shown["sources"], shown["sources_of_both"]) == (("1", "1") if mixed else ("2", "0"))
    assert shown["variation"] == ("0%" if mixed else "100%")
    assert shown["home"] == shown["elsewhere"] == risk_of_bias.UNKNOWN


def test_ages_of_one_class_alone_are_not_compared(results: Path) -> None:
    composition(results)
    record = records.read(results / "cohort")
    tables = {name: record.table(name) for name in ("categories", "measures", "parts")}
    tables["measures"].loc[tables["measures"]["label"] == "NORMAL", "n"] = 0
    write(results, "cohort", tables=tables)
    finding = study_status(results, "L3.3")
    assert (finding.status, finding.evidence["age"]) == (NOT_FOUND, "no ages of NORMAL")


@pytest.mark.parametrize(("informative", "status"), [(True, NOT_FOUND), (False, FOUND)])
def test_sampling_looks_at_external_cohorts(results: Path, informative: bool, status: str) -> None:
    composition(results)
    external(results, informative)
    finding = study_status(results, "L3.3")
    assert finding.status == status
    assert finding.evidence["elsewhere"].endswith("on 'adults'")


def test_a_test_part_that_is_empty_is_none(results: Path) -> None:
    composition(results, test=40)
    counts = {"train": "160", "validation": "0", "test": "40"}
    assert study_status(results, "L1.1") == Finding(NOT_FOUND, counts)
    composition(results, test=0)
    assert study_status(results, "L1.1").status == FOUND


def test_real_images_stand_in_for_the_papers_and_synthetic_ones_do_not(results: Path) -> None:
    composition(results)
    overlap(results, keras_copy=5)
    assert paper_status(results, "L1.4").status == UNTESTED
    beside = results.parent / "small"
    composition(beside, REAL)
    overlap(beside, REAL)
    assert paper_status(results, "L1.4").status == NOT_FOUND
    overlap(beside, REAL, keras_copy=2, random_copy=7)
    assert paper_status(results, "L1.4") == Finding(FOUND, {"copies": "by name 2 of 40"})


def test_somebodys_own_images_are_not_the_papers(results: Path) -> None:
    composition(results.parent / "mine", REAL, images={"COVID19": 20, "NORMAL": 20})
    assert risk_of_bias.stand_in(results) == {"COVID19": 0, "NORMAL": 0}
    beside = results.parent / "small"
    composition(beside, REAL, images={"COVID19": 385, "NORMAL": 1341})
    assert risk_of_bias.stand_in(results) == {"COVID19": 385, "NORMAL": 1341}


def test_a_record_of_another_cohort_is_not_the_studys(results: Path) -> None:
    overlap(results, REAL, keras_copy=5)
    assert study_status(results, "L1.4").status == UNTESTED


def test_a_damaged_record_is_refused(results: Path) -> None:
    overlap(results)
    (results / "overlap" / "splits.csv").write_text("split\n")
    with pytest.raises(Problem, match="changed after the record"):
        risk_of_bias.sheet(results, SYNTHETIC)


def test_every_type_has_a_status_of_each_side_judged_or_computed(results: Path) -> None:
    composition(results)
    findings = risk_of_bias.sheet(results, SYNTHETIC)
    assert list(findings) == [(k, side) for k in risk_of_bias.TYPES for side in ("paper", "study")]
    assert {finding.status for finding in findings.values()} <= set(STATUSES)
    assert not set(risk_of_bias.JUDGED) & set(risk_of_bias.EVIDENCE)


def test_glued_counts_are_those_of_the_sheet(results: Path) -> None:
    composition(results, mixed=False)
    glued = risk_of_bias.values(results, SYNTHETIC)
    findings = risk_of_bias.sheet(results, SYNTHETIC)
    for side in ("paper", "study"):
        found = [k for k in risk_of_bias.TYPES if findings[k, side].status == FOUND]
        assert glued[f"judgement_{side}_found"] == len(found)
        assert glued[f"judgement_{side}_found_types"] == (", ".join(found) or "none")
        names = ("found", "not_found", "untested")
        assert sum(glued[f"judgement_{side}_{name}"] for name in names) == 8
    assert glued["judgement_L13_study"] == "not found *"
    assert glued["judgement_L33_study"] == "found"


# --- what the page holds itself


def page() -> str:
    (path,) = (ROOT / "notebooks").rglob("judgement.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def rows(start: str) -> list[list[str]]:
    """Return the rows of a table of the page whose first cell starts so."""
    lines = [line for line in page().splitlines() if line.startswith(f"| **{start}")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_page_asks_about_every_type_once() -> None:
    assert [row[0].split("**")[1] for row in rows("L")] == list(risk_of_bias.TYPES)
    for kind in risk_of_bias.TYPES:
        assert page().count(f"- **{kind}.** ") == 2, "a reason for the paper and for the study"


def test_pages_that_are_evidence_are_pages_of_the_book() -> None:
    pages = {path.stem for path in (ROOT / "notebooks").rglob("*.ipynb")}
    linked = set(re.findall(r"\]\((\w+)\.ipynb\)", page()))
    assert linked and linked <= pages


def test_four_domains_are_judged_and_the_analysis_not_for_applicability() -> None:
    judged = {row[0].strip("* "): row[1:] for row in rows("") if not row[0].startswith("**L")}
    domains = ["participants and data sources", "predictors", "outcome", "analysis"]
    assert list(judged) == domains
    for domain, cells in judged.items():
        concerns = [re.match(r"\*\*(low|high|unclear)\.\*\* .*\]\(", cell) for cell in cells]
        assert [bool(one) for one in concerns] == [True, True, domain != "analysis"]
        assert not re.search(r"\d", " ".join(cells).replace("COVID-19", "")), "no score"


def test_quotations_of_the_paper_are_short() -> None:
    for quoted in re.findall(r'"([^"]+)", section', page()):
        assert len(quoted.split()) <= 10
