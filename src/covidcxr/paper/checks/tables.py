"""Checks of the printed scores against the paper's matrices."""

from __future__ import annotations

from covidcxr.core.studies import ModelName
from covidcxr.paper import audit, publication
from covidcxr.paper.audit import printed, verdicts
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict, judge

_OF_A_PRINT = {
    "exact": Verdict.HOLDS,
    "truncated": Verdict.CORRECTED,
    "rounded twice": Verdict.CORRECTED,
    "adjusted": Verdict.CORRECTED,
    "mislabelled": Verdict.CORRECTED,
    "undefined": Verdict.UNVERIFIABLE,
    "impossible": Verdict.IMPOSSIBLE,
    "inconsistent": Verdict.CONTRADICTED,
    "contradictory": Verdict.CONTRADICTED,
    "possible": Verdict.UNVERIFIABLE,
}


def printed_value(evidence: Evidence, number: str) -> Finding:
    """Compare a printed score of a network with its matrix."""
    stated = publication.numbers()[number]
    assert stated.of and stated.score
    judged = next(
        row
        for score, row in verdicts.each(evidence.table(stated.of))
        if (score, row["printed"]) == (stated.score, stated.with_unit)
    )
    minor = "minor" if judged["verdict"] == "truncated" else None
    return Finding(_OF_A_PRINT[judged["verdict"]], {"note": judged["note"]}, minor)


def one_accuracy(evidence: Evidence, model: ModelName) -> Finding:
    """Check that all printed accuracies of a network are one fraction, rounded."""
    rows = evidence.table(model)["reported"]["accuracy"]
    prints = dict.fromkeys(row["printed"] for row in rows)
    wrong = {r["printed"]: r["verdict"] for r in rows if r["verdict"] != "exact"}
    broken = {"impossible", "inconsistent"} & set(wrong.values())
    tp, fn, fp, tn = evidence.cells(model)
    return judge(
        not wrong,
        Verdict.CONTRADICTED if broken else Verdict.CORRECTED,
        prints=list(prints),
        right=tp + tn,
        images=tp + fn + fp + tn,
        wrong=[f"{text} ({verdict})" for text, verdict in wrong.items()],
    )


def average_accuracy(evidence: Evidence, number: str) -> Finding:
    """Compare "average accuracy over both classes" with accuracy and balanced accuracy."""
    stated = publication.numbers()[number]
    assert stated.of
    value, scores = printed.parse(stated.with_unit), evidence.scores(stated.of)
    accuracy, balanced = scores["accuracy"], scores["balanced_accuracy"]
    return judge(
        value.match(accuracy) == value.match(balanced) == "exact",
        accuracy=accuracy,
        balanced=balanced,
        as_labelled=evidence.table(stated.of)["scores"]["as_printed"]["balanced_accuracy"],
    )


def rows_label(evidence: Evidence) -> Finding:
    """Check that the rows of the tables are the model's decision, as labelled."""
    verdict = {"as_printed": Verdict.HOLDS, "transposed": Verdict.CONTRADICTED}
    report = evidence.report
    return Finding(
        verdict.get(report["orientation"], Verdict.UNVERIFIABLE), {"reason": str(report["reason"])}
    )


def quoted_score(evidence: Evidence, table: str, score: str) -> Finding:
    """Compare a score that the survey quotes from Panwar et al. with its test set."""
    report = audit.audit(audit.parse(audit.example("panwar"), "panwar"))
    row = next(t for t in report["tables"] if t["name"] == table)["reported"][score]
    positive, negative = report["test_set"]
    return Finding(
        _OF_A_PRINT[row["verdict"]],
        {"positive": positive, "negative": negative, "note": row["note"]},
    )


def evaluated_share(evidence: Evidence, number: str, parts: list[str]) -> Finding:
    """Compare the share on which a network was evaluated with its matrix."""
    stated = publication.numbers()[number]
    assert stated.of
    n, total = sum(evidence.cells(stated.of)), sum(map(publication.value, parts))
    return judge(
        abs(n / total - stated.value) < 0.005,
        n=n,
        total=total,
        share=n / total,
        printed=stated.with_unit,
        implied=stated.value * total,
    )
