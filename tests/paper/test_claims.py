"""The ledger: verdicts follow from the paper's numbers, and evidence is where it says."""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from covidcxr.figures import claim_verdicts
from covidcxr.networks import sensitivity
from covidcxr.paper import claims, publication, reproduction
from covidcxr.paper.checks import CHECKS, Evidence, Verdict, data
from tests.conftest import ROOT

RESULTS = ROOT / "results"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return claims.ledger(RESULTS)


# What follows from the paper as printed and from the committed records. A verdict that no
# longer follows shows here; change it only with a reason.
EXPECTED = {
    Verdict.IMPOSSIBLE: {"s43-accuracy", "ncovnet-positive-accuracy", "ncovnet-negative-accuracy"},
    Verdict.COUNTED: {"shared-patients"},
    Verdict.NOT_SHOWN: {"resnet50-performs-well"},
    Verdict.CONTRADICTED: {
        "title-name", "disease-and-virus", "sequential", "images-evaluated", "references-cited",
        "citation-order", "ncovnet-no-leakage", "chakraborty-source",
        "chakraborty-layers", "object-detection",
        "ncovnet-whole-set", "residual-and-original",
        "equation-numbers",
        "scores-defined", "rows-are-decisions",
        "s41-evaluated-share", "s42-evaluated-share", "s43-evaluated-share",
        "resnet252v2-one-accuracy", "resnet50-matrix-figure", "resnet152v2-matrix-figure",
        "resnet252v2-matrix-figure",
    },
    Verdict.CORRECTED: {
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
    Verdict.UNVERIFIABLE: {
        "kaggle-set", "pointwise-learns", "reference-authors", "symptom-free", "transfer-learning",
        "real-world", "joined-features", "useful-in-radiology", "who-source",
        "tuned-parameters", "chakraborty-scores", "better-features", "normalised", "rearranged",
        "s41-epochs", "s42-epochs", "s43-epochs",
        "s41-batch-size", "s42-batch-size", "s43-batch-size",
        "validation-curves",
        "resnet50-reproduced", "resnet152v2-reproduced", "resnet252v2-reproduced",
        "resnet152v2-beats-resnet50", "consistently", "small-data-advice", "low-cost",
        "performs-well-in-diagnosis", "other-diseases", "overlap-harmless",
        "resnet152v2-performs-well", "resnet252v2-performs-well",
    },
}  # fmt: skip


def test_every_verdict_still_follows(table: pd.DataFrame) -> None:
    named = {id for ids in EXPECTED.values() for id in ids}
    expected = EXPECTED | {Verdict.HOLDS: set(table["id"]) - named}
    found = {verdict: set(rows["id"]) for verdict, rows in table.groupby("verdict")}
    assert found == expected


def test_the_ledger_is_long_and_its_rows_are_whole(table: pd.DataFrame) -> None:
    assert len(table) >= 60
    assert table["id"].is_unique
    assert list(table.columns) == list(claims.COLUMNS)
    assert not table.isna().any(axis=None)
    assert (table.map(str.strip) != "").all(axis=None)
    assert set(table["verdict"]) <= set(Verdict)
    assert set(table["kind"]) >= {"number", "formula", "cross-reference", "citation", "data",
                                  "protocol", "comparison", "conclusion"}  # fmt: skip
    for column in ("claim", "finding"):
        assert not table[column].str.contains(r"[{}]|nan|None").any()
        assert table[column].str.fullmatch(r".*[.]").all()


def test_most_verdicts_are_computed(table: pd.DataFrame) -> None:
    computed = ~table["evidence"].str.startswith("judgement")
    assert computed.mean() > 0.7


def test_every_printed_score_has_a_row(table: pd.DataFrame) -> None:
    scored = {n.id for n in publication.numbers().values() if n.score} - {"abstract-accuracy"}
    assert scored <= set(table["id"])


def test_every_page_and_label_of_the_evidence_exists() -> None:
    for claim, see in ((one, see) for one in claims.claims() for see in one.see):
        page, _, label = see.partition("#")
        name = Path(page)
        source = (
            next((ROOT / "notebooks").glob(f"*/{name.name}.ipynb"))
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
        content = copy.deepcopy(publication.load())
        change(content)
        paper = publication.parse(content)
        monkeypatch.setattr(publication, "paper", lambda: paper)
        by_id = {claim.id: claim for claim in claims.claims()}
        evidence = Evidence(RESULTS)
        return lambda id: by_id[id].find(evidence).verdict

    claims.claims()
    yield changed
    monkeypatch.undo()


def number(content: dict[str, Any], id: str) -> dict[str, Any]:
    return next(n for n in content["numbers"] if n["id"] == id)


@pytest.mark.parametrize(
    ("id", "printed", "claim", "verdict"),
    [
        ("s43-accuracy", "92.78", "s43-accuracy", Verdict.HOLDS),
        ("s43-accuracy", "92.77", "s43-accuracy", Verdict.CORRECTED),
        ("s43-accuracy", "92.78", "resnet252v2-one-accuracy", Verdict.HOLDS),
        ("s41-accuracy", "77.50", "s41-accuracy", Verdict.CONTRADICTED),
        ("abstract-images", "1,801", "images-evaluated", Verdict.HOLDS),
        ("s42-evaluated-share", "20", "s42-evaluated-share", Verdict.HOLDS),
        ("abstract-accuracy", "94", "average-accuracy", Verdict.CONTRADICTED),
        ("title-name", "202", "title-name", Verdict.HOLDS),
        ("s31-inferior-layers", "34", "surpassed-network", Verdict.HOLDS),
        ("s31-flops", "1.8", "operations", Verdict.CONTRADICTED),
        ("s32-test-images", "361", "test-images", Verdict.CONTRADICTED),
        ("s32-train-images", "1500", "train-images", Verdict.CONTRADICTED),
        ("s2-chakraborty-test-share", "10", "chakraborty-shares", Verdict.HOLDS),
        ("s2-chakraborty-resnet-layers", "6", "chakraborty-layers", Verdict.HOLDS),
        ("s33-f1-maximum", "2", "f1-maximum", Verdict.CONTRADICTED),
        ("s32-image-size", "(224,224)", "image-size", Verdict.CONTRADICTED),
    ],
)
def test_a_verdict_follows_a_printed_number(
    amend: Callable[..., Callable[[str], str]], id: str, printed: str, claim: str, verdict: str
) -> None:
    found = amend(lambda paper: number(paper, id).update(printed=printed))
    assert found(claim) == verdict


def test_a_layer_narrows_below_the_rank_of_its_head(
    amend: Callable[..., Callable[[str], str]],
) -> None:
    def narrows() -> str:
        found = CHECKS["pointwise"](Evidence(RESULTS), "s31-filters", "s31-image-size")
        return str(found.details["narrows"])

    assert narrows() == "no"
    amend(lambda paper: number(paper, "s31-filters").update(printed="100"))
    assert narrows() == "yes"


def test_a_cut_digit_is_minor_and_a_wrong_name_is_not(table: pd.DataFrame) -> None:
    severity = table.set_index("id")["severity"]
    assert severity["table2-accuracy"] == "minor"
    assert severity["table2-precision"] == "major"


def test_verdicts_follow_the_matrices(amend: Callable[..., Callable[[str], str]]) -> None:
    def transpose(paper: dict[str, Any]) -> None:
        for table in paper["tables"]:
            table["matrix"] = [list(row) for row in zip(*table["matrix"], strict=True)]

    found = amend(transpose)
    assert found("rows-are-decisions") == Verdict.HOLDS
    # precision and recall are then printed under each other's name, as labels were right
    assert found("s41-precision") == Verdict.CORRECTED
    assert found("s41-accuracy") == Verdict.HOLDS


def test_verdicts_follow_a_weaker_fusion(amend: Callable[..., Callable[[str], str]]) -> None:
    def weaken(paper: dict[str, Any]) -> None:
        paper["tables"][2]["matrix"] = [[76, 16], [53, 215]]
        paper["tables"][2]["printed"]["recall"] = "0.10"

    found = amend(weaken)
    assert found("fusion-beats-resnet152v2") == Verdict.UNVERIFIABLE
    assert found("best-throughout") == Verdict.CONTRADICTED
    assert found("fewer-false-positives") == Verdict.CONTRADICTED
    # One test tells 291 of 360 from 268, the other does not.
    assert found("resnet252v2-performs-well") == Verdict.UNVERIFIABLE


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
        assert found(id) == Verdict.HOLDS, id
    assert found("citation-order") == Verdict.CONTRADICTED


def test_a_wrong_formula_or_definition_is_found(amend: Callable[..., Callable[[str], str]]) -> None:
    def spoil(paper: dict[str, Any]) -> None:
        paper["equations"][0]["formula"] = "TP / (TP + TN + FP + FN)"
        paper["cells"][2]["actual"] = "COVID19"
        paper["cross_references"][4]["panels"] = ["9"]

    found = amend(spoil)
    assert found("equation-1") == Verdict.CONTRADICTED
    assert found("four-cells") == Verdict.CONTRADICTED
    assert found("figure-1") == Verdict.CORRECTED


# --- to do well, set against always answering "normal"

TESTS = {
    "resnet50": (Verdict.NOT_SHOWN, "= 0.430", "= 0.125", 0),
    "resnet152v2": (Verdict.UNVERIFIABLE, "= 0.063", "= 0.004", 1),
    "resnet252v2": (Verdict.UNVERIFIABLE, "< 0.001", "< 0.001", 2),
}


@pytest.mark.parametrize("model", TESTS)
def test_both_tests_against_the_constant_answer_decide(model: str) -> None:
    found = CHECKS["beats_baseline"](Evidence(RESULTS), model)
    values = (found.details[key] for key in ("mcnemar", "binomial", "significant"))
    assert (found.verdict, *values) == TESTS[model]


@pytest.mark.parametrize(
    ("matrix", "verdict"),
    [
        ([[92, 0], [92, 176]], Verdict.NOT_SHOWN),  # right exactly as often
        ([[0, 92], [60, 208]], Verdict.CONTRADICTED),  # told from it, as the worse one
        ([[70, 22], [60, 208]], Verdict.NOT_SHOWN),  # better, and no test tells it
        ([[92, 0], [0, 268]], Verdict.UNVERIFIABLE),  # without an error, still no bar is stated
    ],
)
def test_only_a_better_accuracy_is_told_from_the_constant_answer(
    amend: Callable[..., Callable[[str], str]], matrix: list[list[int]], verdict: str
) -> None:
    found = amend(lambda paper: paper["tables"][2].update(matrix=matrix))
    assert found("resnet252v2-performs-well") == verdict


# --- what patients on both sides gain


def test_what_overlap_gains_is_counted_on_this_editions_images(tmp_path: Path) -> None:
    found = CHECKS["overlap_gain"](Evidence(RESULTS), "small")
    assert found.details["split"].startswith("0 of 5 (")
    # What speaks against the claim is counted as well.
    assert found.details["dose"].startswith("1 of 3 (")
    alone = CHECKS["overlap_gain"](Evidence(tmp_path), "small")
    assert alone.verdict == found.verdict == Verdict.UNVERIFIABLE
    assert alone.details["split"] == alone.details["dose"] == "not recorded"


def test_models_that_gain_are_counted() -> None:
    found = pd.DataFrame({"value": [0.01, -0.002, 0.03], "low": [0.001, -0.01, 0.0]})
    assert data._raised(found) == "1 of 3 (-0.2 to +3.0 points)"


def test_judgements_say_of_this_editions_runs_what_they_are() -> None:
    """They say that runs begin with random weights, what is repeated and which controls ran."""
    runs = reproduction.real_trainings(RESULTS)
    arms = sensitivity.read(RESULTS)
    for run in [*runs, *arms.values()]:
        assert run["parameters"]["weights"] == "none"
    assert {"fusion", "fused-same", "fused-second", "pointwise-none"} <= set(arms)
    repeated = Counter(
        (run.study, run["parameters"]["model"], run["parameters"]["split"]) for run in runs
    )
    assert {(study, model) for (study, model, _), n in repeated.items() if n > 1} == {
        ("replicates", "resnet50")
    }
    assert all(r["parameters"]["image_size"] < 128 for r in runs if r.study == "replicates")
    assert (RESULTS / "small/external/record.json").is_file()


# --- our own runs


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.90, 0.95, Verdict.REPRODUCED), (0.95, 0.99, Verdict.NOT_REPRODUCED)],
)
def test_reproduction_asks_runs_that_follow_the_protocol(
    monkeypatch: pytest.MonkeyPatch, low: float, high: float, verdict: str
) -> None:
    run = {"parameters": {"model": "resnet252v2", **reproduction.PROTOCOL}}
    accuracy = reproduction.Accuracy(0.9, low, high, 0.7, 360)
    monkeypatch.setattr(reproduction, "real_trainings", lambda results: [run])
    monkeypatch.setattr(reproduction, "accuracy", lambda run: accuracy)

    def reproduced(number: str) -> Verdict:
        return CHECKS["accuracy_reproduced"](Evidence(RESULTS), number).verdict

    assert reproduced("s5-accuracy") == verdict
    assert reproduced("s41-accuracy") == Verdict.UNVERIFIABLE
    run["parameters"]["epochs"] = 6
    assert reproduced("s5-accuracy") == Verdict.UNVERIFIABLE


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
        ({"basis": "guessed"}, "Input should be 'stated' or 'implied'"),
    ],
)
def test_a_malformed_row_is_refused(change: dict[str, Any], said: str) -> None:
    row = {k: v for k, v in (WHOLE | change).items() if v is not None}
    with pytest.raises(ValueError, match=said):
        list(claims.parse([row]))


# --- counts


def test_counts_add_up(table: pd.DataFrame) -> None:
    counted = claims.counts(table)
    own = table[table["of"] == claims.OWN]
    assert counted.loc[claims.ALL_OWN, "all"] == len(own)
    assert (counted.drop(columns="all").sum(axis=1) == counted["all"]).all()
    alt = claim_verdicts.verdicts(table).alt
    for verdict, n in own["verdict"].value_counts().items():
        assert f"{n} {verdict}" in alt


# Conventions and sums that the paper never states. A claim that it makes is not among them.
IMPLIED = {
    "title-name", "references-cited", "fewer-false-positives", "citation-order", "four-cells",
    "equation-numbers", "scores-defined", "resnet50-one-accuracy", "resnet152v2-one-accuracy",
    "resnet252v2-one-accuracy", "reference-authors", "references-findable",
}  # fmt: skip


def test_what_the_paper_never_states_is_marked(table: pd.DataFrame) -> None:
    assert set(table.loc[table["basis"] == "implied", "id"]) == IMPLIED
    assert set(table["basis"]) == {"stated", "implied"}


def test_a_tally_adds_up(table: pd.DataFrame) -> None:
    # A verdict that no claim has today is counted too.
    planted = table.assign(verdict=table["verdict"].mask(table["id"] == "low-cost",
                                                         Verdict.NOT_REPRODUCED))  # fmt: skip
    for ledger in (table, planted):
        found = claims.tally(ledger)
        n = found["claims_n"]
        assert n + found["claims_other"] == len(ledger)
        assert sum(found[f"claims_{verdict.name.lower()}"] for verdict in Verdict) == n
        assert found["claims_implied"] == len(IMPLIED)
    assert claims.tally(planted)["claims_not_reproduced"] == 1


def test_what_the_paper_retells_of_others_is_counted_apart(table: pd.DataFrame) -> None:
    other = table[table["of"] == claims.OTHER]
    assert {id.partition("-")[0] for id in other["id"]} == {"ncovnet", "chakraborty"}
    assert set(other["place"]) == {"section 2"}
    # A test set that is guessed makes nothing of this paper impossible.
    assert (other["verdict"] == Verdict.IMPOSSIBLE).sum() == 2
    assert claims.tally(table)["claims_impossible"] == 1
    counted = claims.counts(table)
    assert counted.loc[claims.OTHER, "all"] == len(other)
    assert counted.loc[claims.ALL_OWN, "all"] == len(table) - len(other)


def test_no_run_is_claimed_where_none_follows_the_protocol(table: pd.DataFrame) -> None:
    assert claims.tally(table)["claims_reproduced"] == 0


def test_the_page_glues_counts_that_add_up(table: pd.DataFrame) -> None:
    values = claims.values(table)
    assert values["claims_computed"] + values["claims_judged"] == values["claims_n"]
    unverifiable = values["claims_critical_unverifiable"]
    assert values["claims_critical_open"] + values["claims_waiting"] == unverifiable
    assert values["claims_impossible_listed"].count("; ") == values["claims_impossible"] - 1


def test_every_check_has_one_sentence_and_is_used() -> None:
    assert set(claims._reasons()) == set(CHECKS) == {c.check for c in claims.claims() if c.check}


def test_the_paper_is_quoted_as_it_prints_it() -> None:
    (row,) = claims.parse([WHOLE | {"claim": "{abstract-accuracy} of {s32-test-images}."}])
    assert row.claim == "93% of 360."
