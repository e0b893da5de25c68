"""Statuses follow from records; what is planted flips them, and a damaged file is refused."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.core.words import in_words
from covidcxr.figures import risk_of_bias as judgement_figures
from covidcxr.paper import risk_of_bias
from covidcxr.paper.risk_of_bias import FOUND, NOT_FOUND, UNTESTED, Finding, Row
from tests.conftest import ROOT

SYNTHETIC = studies.load(ROOT / "config/demo.yaml")
REAL = studies.load(ROOT / "config/small.yaml")
TEXT = files("covidcxr").joinpath(risk_of_bias.FILE).read_text("utf-8")
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
    write(place, "patients", REAL, shared={"keras": shared}, held_out=92)


def of(results: Path, id: str, study: studies.Study = SYNTHETIC) -> Row:
    return next(row for row in risk_of_bias.rows(results, study) if row.leak.id == id)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "demo"


def test_without_records_nothing_that_needs_one_is_decided(results: Path) -> None:
    for id in ("L1.1", "L1.4", "L2", "L3.2", "L3.3"):
        row = of(results, id)
        assert row.study.status == UNTESTED
        assert "not recorded for this study" in row.study.because
    assert of(results, "L1.4").paper.status == UNTESTED
    # The paper's own words remain, and what needs no record.
    assert of(results, "L3.2").paper.status == FOUND
    assert of(results, "L3.2").paper.basis == "judged"
    assert of(results, "L1.2").study.status == NOT_FOUND


@pytest.mark.parametrize(
    ("hit", "status"),
    [({}, NOT_FOUND), ({"keras_copy": 2}, FOUND), ({"random_copy": 9}, NOT_FOUND),
     ({"keras_group": 5}, NOT_FOUND)],
)  # fmt: skip
def test_copies_count_in_the_splits_that_the_study_uses(
    results: Path, hit: dict[str, int], status: str
) -> None:
    overlap(results, SYNTHETIC, **hit)
    found = of(results, "L1.4").study
    assert found.status == status
    assert f"by name {hit.get('keras_copy', 'none')} of 40" in found.because
    assert f"at random {hit.get('random_copy', 'none')} of 40" in found.because


def test_a_numbered_split_is_one_of_its_kind(results: Path) -> None:
    study = SYNTHETIC.model_copy(update={"splits": ["random-3"]})
    overlap(results, random_copy=1)
    assert of(results, "L1.4", study).study.status == FOUND
    overlap(results, keras_copy=1)
    assert of(results, "L1.4", study).study.status == NOT_FOUND


def test_patients_of_a_study_come_from_the_overlap_or_else_from_the_parts(results: Path) -> None:
    composition(results, shared=3)
    found = of(results, "L3.2").study
    assert found.status == FOUND
    assert "3 of 40" in found.because
    composition(results, shared=0)
    assert of(results, "L3.2").study.status == NOT_FOUND
    assert "None of 40" in of(results, "L3.2").study.because
    overlap(results, keras_group=4)
    assert "by name 4 of 40" in of(results, "L3.2").study.because


@pytest.mark.parametrize(("shared", "status"), [(0, NOT_FOUND), (20, FOUND)])
def test_patients_of_the_paper_come_from_the_listing(
    results: Path, shared: int, status: str
) -> None:
    patients(results, shared)
    found = of(results, "L3.2").paper
    assert (found.status, found.basis) == (status, "computed")
    assert f"{shared or 'none'} of 92" in found.because
    assert "same patients" in found.because


@pytest.mark.parametrize(("low", "status"), [(0.45, NOT_FOUND), (0.55, FOUND)])
def test_marks_are_found_where_an_interval_lies_above_chance(
    results: Path, low: float, status: str
) -> None:
    shortcuts(results, low)
    found = of(results, "L2").study
    assert found.status == status
    assert "a frame with the inner 70% hidden" in found.because


def test_what_lies_outside_the_lung_region_is_no_mark(results: Path) -> None:
    # It shows a share of the lungs, so that an AUROC above chance may be the disease's.
    assert ("lungs", "hidden") not in risk_of_bias.MARKS
    shortcuts(results, 0.4)
    table = records.read(results / "shortcuts").table("areas")
    hidden = table.iloc[[0]].assign(probe="lungs", variant="hidden", auroc=0.998, low=0.99)
    write(results, "shortcuts", tables={"areas": pd.concat([table, hidden])})
    found = of(results, "L2").study
    assert found.status == NOT_FOUND
    assert "0.998" not in found.because


def test_probes_without_an_interval_decide_nothing(results: Path) -> None:
    shortcuts(results, np.nan)
    table = records.read(results / "shortcuts").table("areas").assign(low=np.nan)
    write(results, "shortcuts", tables={"areas": table})
    assert of(results, "L2").study.status == UNTESTED


@pytest.mark.parametrize(
    ("mixed", "ages", "status"),
    [(True, True, NOT_FOUND), (False, True, FOUND), (True, False, FOUND)],
)
def test_sampling_looks_at_sources_and_ages(
    results: Path, mixed: bool, ages: bool, status: str
) -> None:
    composition(results, mixed=mixed, ages=ages)
    found = of(results, "L3.3").study
    assert found.status == status
    assert f"Age alone has an AUROC of {'0.50' if ages else '0.75'}" in found.because
    told = "one source, one of which" if mixed else "two sources, none of which"
    assert f"The images come from {told} gave images of both classes" in found.because


@pytest.mark.parametrize("source", ["kermany", "elsewhere"])
def test_ages_unknown_image_by_image_may_be_known_of_a_collection(
    results: Path, source: str
) -> None:
    composition(results, mixed=False)
    made = records.read(results / "cohort")
    tables = {name: made.table(name) for name in ("categories", "measures", "parts")}
    tables["categories"]["value"] = tables["categories"]["value"].replace("elsewhere", source)
    tables["measures"].loc[tables["measures"]["label"] == "NORMAL", "n"] = 0
    write(results, "cohort", tables=tables)
    told = of(results, "L3.3").study.because
    assert "Ages cannot be compared image by image: of NORMAL none is known" in told
    assert ("children of one to five years" in told) == (source == "kermany")


@pytest.mark.parametrize(("informative", "status"), [(True, NOT_FOUND), (False, FOUND)])
def test_sampling_looks_at_external_cohorts(results: Path, informative: bool, status: str) -> None:
    composition(results)
    external(results, informative)
    assert of(results, "L3.3").study.status == status


def test_a_test_part_that_is_empty_is_none(results: Path) -> None:
    composition(results, test=40)
    assert of(results, "L1.1").study.status == NOT_FOUND
    assert "160 for training, none for validation, 40 for test" in (
        of(results, "L1.1").study.because
    )
    composition(results, test=0)
    assert of(results, "L1.1").study.status == FOUND


def test_real_images_stand_in_for_the_papers_and_synthetic_ones_do_not(results: Path) -> None:
    composition(results)
    overlap(results, keras_copy=5)
    assert of(results, "L1.4").paper.status == UNTESTED
    beside = results.parent / "small"
    composition(beside, REAL)
    overlap(beside, REAL)
    assert of(results, "L1.4").paper.status == NOT_FOUND
    overlap(beside, REAL, keras_copy=2)
    found = of(results, "L1.4").paper
    assert found.status == FOUND
    assert "If the paper's are the images that its counts point to" in found.because
    assert "60 of its 460 COVID19 and 140 of its 1,341 NORMAL" in found.because
    assert "2 of 40" in found.because
    assert "at random" not in found.because


def test_somebodys_own_images_are_not_the_papers(results: Path) -> None:
    composition(results.parent / "mine", REAL, images={"COVID19": 20, "NORMAL": 20})
    assert risk_of_bias.real(results.parent / "mine") == []
    beside = results.parent / "small"
    assert "No real images" in risk_of_bias.stand_in(results)
    composition(beside, REAL, images={"COVID19": 460, "NORMAL": 1341})
    assert risk_of_bias.real(results) == [beside]
    assert risk_of_bias.stand_in(results).endswith("which is whole by its counts.")
    composition(beside, REAL, images={"COVID19": 385, "NORMAL": 1341})
    assert risk_of_bias.stand_in(results).endswith("which lacks 75 of 460 COVID19 images.")


def test_a_record_of_another_cohort_is_not_the_studys(results: Path) -> None:
    overlap(results, REAL, keras_copy=5)
    assert of(results, "L1.4").study.status == UNTESTED


def test_a_damaged_record_is_refused(results: Path) -> None:
    overlap(results)
    (results / "overlap" / "splits.csv").write_text("split\n")
    with pytest.raises(Problem, match="changed after the record"):
        risk_of_bias.sheet(results, SYNTHETIC)


def test_the_sheet_has_every_type_once_and_is_whole(results: Path) -> None:
    composition(results)
    table = risk_of_bias.sheet(results, SYNTHETIC)
    assert tuple(table.columns) == risk_of_bias.COLUMNS
    assert tuple(table["id"]) == risk_of_bias.TYPES
    assert set(table["basis"]) == {"computed", "judged"}
    assert set(table["paper"]) | set(table["study"]) <= set(risk_of_bias.STATUSES)
    assert (table.map(str.strip) != "").all(axis=None)


@given(
    st.lists(st.sampled_from(risk_of_bias.STATUSES), min_size=8, max_size=8),
    st.lists(st.sampled_from(risk_of_bias.STATUSES), min_size=8, max_size=8),
)
def test_the_answer_counts_what_the_sheet_says(paper: list[str], study: list[str]) -> None:
    table = pd.DataFrame({"id": risk_of_bias.TYPES, "paper": paper, "study": study})
    told = risk_of_bias.answer(table)
    assert not re.search(r"(?<![\w.])\d(?![\w.])", told)
    assert "if its images are the set that its counts point to" in told.split("; ")[0]
    for side, half in zip((paper, study), told.split("; "), strict=True):
        for status, words in zip(
            risk_of_bias.STATUSES,
            (r"(\w+) (?:is|are) found", r"(\w+) (?:is|are) not found", r"(\w+) cannot be tested"),
            strict=True,
        ):
            n = side.count(status)
            told_of = re.findall(words, half)
            assert told_of == ([in_words(n)] if n or status == FOUND else [])
        found = [i for i, s in zip(risk_of_bias.TYPES, side, strict=True) if s == FOUND]
        assert re.findall(r"L\d(?:\.\d)?", half) == found


def test_an_answer_on_synthetic_images_says_so(results: Path) -> None:
    table = risk_of_bias.sheet(results, SYNTHETIC)
    assert "synthetic" in risk_of_bias.answer(table, synthetic=True)
    assert "synthetic" not in risk_of_bias.answer(table)


# --- the file


def damaged(change: str) -> str:
    content = yaml.safe_load(TEXT)
    first, domain = content["leakage"][0], content["domains"][0]
    match change:
        case "unknown key":
            first["sttus"] = "found"
        case "missing id":
            del first["id"]
        case "type left out":
            del content["leakage"][3]
        case "type twice":
            content["leakage"][1]["id"] = "L1.1"
        case "unknown page":
            first["page"] = "nowhere"
        case "unknown page of a domain":
            domain["bias"]["pages"] = ["nowhere"]
        case "unknown evidence":
            first["study"]["evidence"] = "hearsay"
        case "unknown status":
            first["paper"]["status"] = "perhaps"
        case "no reason":
            del first["paper"]["because"]
        case "nothing said":
            first["study"] = {}
        case "long quotation":
            first["paper"]["quote"] = "a b c d e f g h i j k"
        case "quotation without section":
            del first["paper"]["section"]
        case "domain left out":
            del content["domains"][1]
        case "score":
            domain["score"] = 0.8
        case "no applicability":
            del domain["applicability"]
        case "applicable analysis":
            content["domains"][3]["applicability"] = domain["bias"]
        case "no link":
            domain["bias"]["pages"] = []
    return yaml.safe_dump(content)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("unknown key", "sttus"), ("missing id", r"leakage\.0\.id"), ("type left out", "each of"),
        ("type twice", "each of"), ("unknown page", r"leakage\.0\.page"),
        ("unknown page of a domain", r"domains\.0\.bias\.pages"), ("unknown evidence", "hearsay"),
        ("unknown status", r"paper\.status"), ("no reason", "reason"), ("nothing said", "evidence"),
        ("long quotation", "ten words"), ("quotation without section", "section"),
        ("domain left out", "each of"), ("score", r"domains\.0\.score"),
        ("no applicability", "applicability"), ("applicable analysis", "applicability"),
        ("no link", r"bias\.pages"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_its_place(change: str, named: str) -> None:
    with pytest.raises(Problem, match=named) as caught:
        risk_of_bias.parse(damaged(change), "sheet.yaml")
    assert str(caught.value).startswith("sheet.yaml: ")
    assert "\n" not in str(caught.value)


def test_the_file_as_it_is_passes_and_a_key_written_twice_does_not() -> None:
    assert risk_of_bias.parse(damaged("nothing")) == risk_of_bias.content()
    with pytest.raises(Problem, match="twice"):
        risk_of_bias.parse(TEXT + "\nleakage: []\n")


def test_pages_that_are_evidence_are_pages_of_the_book() -> None:
    there = {path.stem for path in (ROOT / "notebooks").glob("*/*.ipynb")}
    sheet = risk_of_bias.content()
    named: set[str] = {page for leak in sheet.leakage for page in (leak.page, *leak.see)}
    named |= set(" ".join(risk_of_bias.domains()["pages"]).split())
    assert named <= there


def test_four_domains_are_judged_and_the_analysis_not_for_applicability() -> None:
    table = risk_of_bias.domains()
    counted = table.groupby("domain", sort=False).size()
    assert counted.to_dict() == dict(zip(risk_of_bias.DOMAINS, (3, 3, 3, 2), strict=True))
    assert not re.search(r"\d", " ".join(table["because"].str.replace("COVID-19", "")))


@pytest.mark.parametrize(
    ("concerns", "worst"),
    [(["low", "low"], "low"), (["low", "unclear"], "unclear"), (["unclear", "high"], "high")],
)
def test_one_domain_of_high_concern_is_enough(concerns: list[str], worst: str) -> None:
    table = pd.DataFrame({"aspect": "bias", "concern": concerns})
    assert risk_of_bias.overall(table, "bias") == worst


# --- on a page


class Tags(HTMLParser):
    """Whether what is opened is closed, and where links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(str(dict(attrs)["href"]))
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_markup_is_whole_links_to_pages_and_marks_what_is_judged(results: Path) -> None:
    composition(results)
    found = risk_of_bias.rows(results, SYNTHETIC)
    for shown in (
        judgement_figures.as_html(found),
        judgement_figures.domains_html(risk_of_bias.domains()),
    ):
        tags = Tags()
        tags.feed(shown.text)
        assert not tags.open
        assert tags.links
        assert all(re.fullmatch(r"[a-z]+\.html", link) for link in tags.links)
    judged = sum(f.basis == "judged" for row in found for f in (row.paper, row.study))
    assert judgement_figures.as_html(found).text.count("<small>judged") == judged
    assert judgement_figures.summary(found).text.count(" *<") == judged


def test_what_is_shown_is_escaped() -> None:
    leak = risk_of_bias.content().leakage[0]
    evil = Finding(FOUND, "<b>5 & more")
    text = judgement_figures.as_html([Row(leak, evil, evil)]).text
    assert "&lt;b&gt;5 &amp; more" in text
