"""The ledger: verdicts follow from the paper's numbers, and evidence is where it says."""

import copy
import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import ROOT

from covidcxr import checks, claims, ledger, overview, seedpaper
from covidcxr.checks import Checks

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return claims.ledger(RESULTS)


# What follows from the paper as printed and from the committed records. A verdict that no
# longer follows shows here; change it only with a reason.
EXPECTED = {
    checks.IMPOSSIBLE: {"s43-accuracy", "ncovnet-positive-accuracy", "ncovnet-negative-accuracy"},
    checks.REPRODUCED: {"shared-patients"},
    checks.CONTRADICTED: {
        "title-name", "disease-and-virus", "sequential", "images-evaluated", "references-cited",
        "citation-order", "ncovnet-no-leakage", "chakraborty-source",
        "chakraborty-layers", "object-detection",
        "overlap-harmless", "ncovnet-whole-set", "residual-and-original",
        "resnet50-performs-well", "resnet152v2-performs-well", "equation-numbers",
        "scores-defined", "rows-are-decisions",
        "s41-evaluated-share", "s42-evaluated-share", "s43-evaluated-share",
        "resnet252v2-one-accuracy", "resnet50-matrix-figure", "resnet152v2-matrix-figure",
        "resnet252v2-matrix-figure",
    },
    checks.CORRECTED: {
        "roadmap-literature", "roadmap-methods", "roadmap-findings", "ncovnet-error-rate",
        "ncovnet-roc", "surpassed-network", "operations", "preliminary-part", "accuracy-words",
        "equation-4", "resnet152v2-one-accuracy", "resnet50-curves", "resnet152v2-curves",
        "resnet50-score-list", "resnet152v2-score-list", "resnet252v2-score-list",
        "references-findable", "chakraborty-shares", "residual-source",
        "table2-accuracy", "s42-accuracy-fraction",
        *(f"table{i}-{score}" for i in (1, 2, 3)
          for score in ("precision", "recall", "specificity", "npv")),
        *(f"s4{i}-{score}" for i in (1, 2, 3) for score in ("precision", "recall", "specificity")),
    },
    checks.UNVERIFIABLE: {
        "kaggle-set", "pointwise-learns", "reference-authors", "symptom-free", "transfer-learning",
        "real-world", "joined-features", "useful-in-radiology", "who-source",
        "tuned-parameters", "chakraborty-scores", "better-features", "normalised", "rearranged",
        "s41-epochs", "s42-epochs", "s43-epochs",
        "s41-batch-size", "s42-batch-size", "s43-batch-size",
        "validation-curves",
        "resnet50-reproduced", "resnet152v2-reproduced", "resnet252v2-reproduced",
        "resnet152v2-beats-resnet50", "consistently", "small-data-advice", "low-cost",
        "performs-well-in-diagnosis", "other-diseases",
    },
}  # fmt: skip


def test_every_verdict_still_follows(table: pd.DataFrame) -> None:
    named = {id for ids in EXPECTED.values() for id in ids}
    expected = EXPECTED | {checks.HOLDS: set(table["id"]) - named}
    found = {verdict: set(rows["id"]) for verdict, rows in table.groupby("verdict")}
    assert found == expected


def test_the_ledger_is_long_and_its_rows_are_whole(table: pd.DataFrame) -> None:
    assert len(table) >= 60
    assert table["id"].is_unique
    assert list(table.columns) == list(claims.COLUMNS)
    assert not table.isna().any(axis=None)
    assert (table.map(str.strip) != "").all(axis=None)
    assert set(table["verdict"]) <= set(checks.VERDICTS)
    assert set(table["kind"]) >= {"number", "formula", "cross-reference", "citation", "data",
                                  "protocol", "comparison", "conclusion"}  # fmt: skip
    for column in ("claim", "finding"):
        assert not table[column].str.contains(r"[{}]|nan|None").any()
        assert table[column].str.fullmatch(r".*[.]").all()


def test_most_verdicts_are_computed(table: pd.DataFrame) -> None:
    computed = ~table["evidence"].str.startswith("judgement")
    assert computed.mean() > 0.7


def test_every_printed_score_has_a_row(table: pd.DataFrame) -> None:
    scored = {n.id for n in seedpaper.every_number() if n.score} - {"abstract-accuracy"}
    assert scored <= set(table["id"])


def test_every_page_and_label_of_the_evidence_exists() -> None:
    for claim in claims.claims():
        page, _, label = claim.see.partition("#")
        name = Path(page)
        source = (
            ROOT / "notebooks" / f"{name.name}.ipynb"
            if page.startswith("run/")
            else ROOT / "book" / f"{page}.md"
        )
        assert source.is_file(), f"{claim.id}: {source}"
        if label:
            text = source.read_text()
            assert f"({label})=" in text or f":name: {label}\n" in text, f"{claim.id}: {label}"


def test_every_source_is_in_the_bibliography() -> None:
    keys = set(re.findall(r"^@\w+\{([^,]+),", (ROOT / "book/references.bib").read_text(), re.M))
    for claim in claims.claims():
        assert set(claim.cite) <= keys, claim.id


# --- verdicts change when the paper does


@pytest.fixture
def amend(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[[str], str]]]:
    """Change the paper; return how a claim then fares."""

    def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[str], str]:
        content = copy.deepcopy(seedpaper.load())
        change(content)
        paper = seedpaper.parse(content)
        monkeypatch.setattr(seedpaper, "paper", lambda: paper)
        seedpaper._by_id.cache_clear()
        by_id = {claim.id: claim for claim in claims.claims()}
        bench = Checks(RESULTS)
        return lambda id: by_id[id].find(bench).verdict

    claims.claims()
    yield changed
    monkeypatch.undo()
    seedpaper._by_id.cache_clear()


def number(content: dict[str, Any], id: str) -> dict[str, Any]:
    return next(n for n in content["numbers"] if n["id"] == id)


@pytest.mark.parametrize(
    ("id", "printed", "claim", "verdict"),
    [
        ("s43-accuracy", "92.78", "s43-accuracy", checks.HOLDS),
        ("s43-accuracy", "92.77", "s43-accuracy", checks.CORRECTED),
        ("s43-accuracy", "92.78", "resnet252v2-one-accuracy", checks.HOLDS),
        ("s41-accuracy", "77.50", "s41-accuracy", checks.CONTRADICTED),
        ("abstract-images", "1,801", "images-evaluated", checks.HOLDS),
        ("s42-evaluated-share", "20", "s42-evaluated-share", checks.HOLDS),
        ("abstract-accuracy", "94", "average-accuracy", checks.CONTRADICTED),
        ("title-name", "202", "title-name", checks.HOLDS),
        ("s31-inferior-layers", "34", "surpassed-network", checks.HOLDS),
        ("s31-flops", "1.8", "operations", checks.CONTRADICTED),
        ("s32-test-images", "361", "test-images", checks.CONTRADICTED),
        ("s32-train-images", "1500", "train-images", checks.CONTRADICTED),
        ("s2-chakraborty-test-share", "10", "chakraborty-shares", checks.HOLDS),
        ("s2-chakraborty-resnet-layers", "6", "chakraborty-layers", checks.HOLDS),
        ("s33-f1-maximum", "2", "f1-maximum", checks.CONTRADICTED),
        ("s32-image-size", "(224,224)", "image-size", checks.CONTRADICTED),
    ],
)
def test_a_verdict_follows_a_printed_number(
    amend: Callable[..., Callable[[str], str]], id: str, printed: str, claim: str, verdict: str
) -> None:
    found = amend(lambda paper: number(paper, id).update(printed=printed))
    assert found(claim) == verdict


def test_a_layer_that_is_too_narrow_is_said_to_be(
    amend: Callable[..., Callable[[str], str]],
) -> None:
    assert "adds nothing" in Checks(RESULTS).pointwise("s31-filters", "s31-image-size").reason
    amend(lambda paper: number(paper, "s31-filters").update(printed="100"))
    assert "narrows" in Checks(RESULTS).pointwise("s31-filters", "s31-image-size").reason


def test_a_cut_digit_is_minor_and_a_wrong_name_is_not(table: pd.DataFrame) -> None:
    severity = table.set_index("id")["severity"]
    assert severity["table2-accuracy"] == "minor"
    assert severity["table2-precision"] == "major"


def test_verdicts_follow_the_matrices(amend: Callable[..., Callable[[str], str]]) -> None:
    def transpose(paper: dict[str, Any]) -> None:
        for table in paper["tables"]:
            table["matrix"] = [list(row) for row in zip(*table["matrix"], strict=True)]

    found = amend(transpose)
    assert found("rows-are-decisions") == checks.HOLDS
    # precision and recall are then printed under each other's name, as labels were right
    assert found("s41-precision") == checks.CORRECTED
    assert found("s41-accuracy") == checks.HOLDS


def test_verdicts_follow_a_weaker_fusion(amend: Callable[..., Callable[[str], str]]) -> None:
    def weaken(paper: dict[str, Any]) -> None:
        paper["tables"][2]["matrix"] = [[76, 16], [53, 215]]
        paper["tables"][2]["printed"]["recall"] = "0.10"

    found = amend(weaken)
    assert found("fusion-beats-resnet152v2") == checks.UNVERIFIABLE
    assert found("best-throughout") == checks.CONTRADICTED
    assert found("fewer-false-positives") == checks.CONTRADICTED
    assert found("resnet252v2-performs-well") == checks.CONTRADICTED


def test_verdicts_follow_a_corrected_text(amend: Callable[..., Callable[[str], str]]) -> None:
    def correct(paper: dict[str, Any]) -> None:
        paper["equations"][3]["label"] = "F1"
        paper["equations"][2] |= {"number": "3", "label": "Recall"}
        paper["citations"].insert(3, {"place": "section 1", "reference": "4", "says": "x"})
        paper["citations"] = [c for c in paper["citations"] if "reference" in c]
        for reference in paper["references"]:
            reference["authors"] = list(dict.fromkeys(reference["authors"]))
            reference |= {"volume": "1", "pages": "1"}
        for pointer in paper["cross_references"]:
            if pointer["printed"] == "Figures 3a and 4b":
                pointer["panels"] = ["3a", "3b"]
            if pointer["printed"] == "Section II":
                pointer["number"] = "2"
        for listed in paper["metric_lists"]:
            listed["scores"] = list(paper["tables"][0]["printed"])

    found = amend(correct)
    for id in ("equation-4", "equation-numbers", "references-cited", "reference-authors",
               "references-findable", "resnet50-curves", "roadmap-literature",
               "resnet50-score-list"):  # fmt: skip
        assert found(id) == checks.HOLDS, id
    assert found("citation-order") == checks.CONTRADICTED


def test_a_wrong_formula_or_definition_is_found(amend: Callable[..., Callable[[str], str]]) -> None:
    def spoil(paper: dict[str, Any]) -> None:
        paper["equations"][0]["formula"] = "TP / (TP + TN + FP + FN)"
        paper["cells"][2]["actual"] = "COVID19"
        paper["cross_references"][4]["panels"] = ["9"]

    found = amend(spoil)
    assert found("equation-1") == checks.CONTRADICTED
    assert found("four-cells") == checks.CONTRADICTED
    assert found("figure-1") == checks.CORRECTED


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.90, 0.95, checks.REPRODUCED), (0.95, 0.99, checks.NOT_REPRODUCED)],
)
def test_reproduction_asks_runs_that_follow_the_protocol(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float, verdict: str
) -> None:
    run = {"parameters": {"model": "resnet252v2", **overview.PROTOCOL}}
    monkeypatch.setattr(overview, "real_trainings", lambda results: [run])
    monkeypatch.setattr(overview, "interval", lambda run: (low, high))
    bench = Checks(RESULTS)
    assert bench.reproduction("s5-accuracy").verdict == verdict
    assert bench.reproduction("s41-accuracy").verdict == checks.UNVERIFIABLE
    run["parameters"]["epochs"] = 6
    assert bench.reproduction("s5-accuracy").verdict == checks.UNVERIFIABLE


# --- malformed rows

WHOLE = {"id": "a", "place": "section 1", "kind": "data", "severity": "minor", "claim": "So.",
         "verdict": "holds", "because": "Because.", "see": "paper"}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"verdict": None}, "needs a check, or a verdict"),
        ({"check": "rows_label"}, "needs a check, or a verdict"),
        ({"verdict": None, "because": None, "check": "no_such_thing"}, "is no check"),
        ({"verdict": "fine"}, "is no verdict"),
        ({"claim": "{no-such-number}"}, "no number of the paper"),
        ({"place": None}, "needs either id and place or each"),
        ({"extra": 1}, "Extra inputs"),
    ],
)
def test_a_malformed_row_is_refused(change: dict[str, Any], said: str) -> None:
    row = {k: v for k, v in (WHOLE | change).items() if v is not None}
    with pytest.raises(ValueError, match=said):
        list(claims.parse([row]))


# --- what a reader gets


def test_csv_and_json_hold_the_same_ledger(table: pd.DataFrame) -> None:
    rows = json.loads(ledger.as_json(table))
    assert rows == table.to_dict("records")
    assert list(csv.DictReader(io.StringIO(ledger.as_csv(table)))) == rows


def test_the_page_reads_without_scripts_and_asks_no_other_host(table: pd.DataFrame) -> None:
    text = ledger.as_html(table.assign(claim="a < b")).text
    plain = re.sub(r"<script.*?</script>", "", text, flags=re.S)
    assert plain.count("<tr id=") == len(table)
    assert "a &lt; b" in plain
    assert "s43-accuracy" in plain
    assert not re.search(r'(src|href)="https?:', text)
    assert "paper.html#fusion" in plain
    assert 'href="audit.html#audit-margins"' in plain


def test_counts_add_up(table: pd.DataFrame) -> None:
    counted = claims.counts(table)
    assert counted.loc["all", "all"] == len(table)
    assert (counted.drop(columns="all").sum(axis=1) == counted["all"]).all()
    told = ledger.verdicts(table).alt
    for verdict, n in table["verdict"].value_counts().items():
        assert f"{n} {verdict}" in told


def test_text_ends_with_the_count(table: pd.DataFrame) -> None:
    text = ledger.as_text(table)
    assert text.endswith(f"{len(table):>4}  claims\n")
    assert "s43-accuracy (section 4.3): IMPOSSIBLE" in text
