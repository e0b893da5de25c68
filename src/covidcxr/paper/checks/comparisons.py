"""Checks of comparisons between networks, of their worth, and of their reproduction."""

from __future__ import annotations

from scipy import stats

from covidcxr.core.studies import TITLES, ModelName
from covidcxr.paper import publication, reproduction
from covidcxr.paper.audit.names import word
from covidcxr.paper.audit.text import p_range, p_value
from covidcxr.paper.checks.evidence import Evidence, Finding, Verdict, judge
from covidcxr.scores import mcnemar

_FUSION: ModelName = "resnet252v2"


def better(evidence: Evidence, model: ModelName, than: ModelName) -> Finding:
    """Compare two networks by McNemar's test, whatever their single decisions were."""
    names = {TITLES[model], TITLES[than]}
    (pair,) = (p["all"] for p in evidence.report["pairs"] if {p["a"], p["b"]} == names)
    right, other = (evidence.cells(m)[0] + evidence.cells(m)[3] for m in (model, than))
    low, high = pair["p"]
    fewest, most = pair["discordant"]
    values = {
        "right": right,
        "other": other,
        "n": sum(evidence.cells(model)),
        "feasible": pair["feasible"],
        "fewest": fewest,
        "most": most,
        "p": p_range(low, high),
        "limit": pair["significant_up_to"] or "none",
    }
    if right <= other:
        return Finding(Verdict.CONTRADICTED, values)
    return Finding(Verdict.HOLDS if high < mcnemar.LEVEL else Verdict.UNVERIFIABLE, values)


def best_throughout(evidence: Evidence) -> Finding:
    """Check that the joined network comes first in every printed score."""
    tables = publication.tables()
    fusion = tables.pop(_FUSION)
    behind = [
        word(score)
        for score, value in fusion.printed.items()
        if max(float(other.printed[score]) for other in tables.values()) >= float(value)
    ]
    return judge(not behind, behind=behind)


def beats_baseline(evidence: Evidence, model: ModelName) -> Finding:
    """Compare a network with always answering with the majority class, by two tests."""
    # To beat a trivial answer is not to do well, since the paper states no bar; to fail to beat it
    # is absence of evidence; only to be beaten by it contradicts.
    base, scores = evidence.table(model)["baseline"], evidence.scores(model)
    tests = (base["paired"]["p"], base["binomial_p"])
    better = scores["accuracy"] > base["accuracy"]
    significant = sum(p < mcnemar.LEVEL for p in tests) if better else 0
    beaten = scores["accuracy"] < base["accuracy"] and tests[0] < mcnemar.LEVEL
    otherwise = Verdict.CONTRADICTED if beaten else Verdict.NOT_SHOWN
    return Finding(
        Verdict.UNVERIFIABLE if significant else otherwise,
        {
            "accuracy": scores["accuracy"],
            "baseline": base["accuracy"],
            "better": base["paired"]["better"],
            "worse": base["paired"]["worse"],
            "mcnemar": p_value(tests[0]),
            "binomial": p_value(tests[1]),
            "significant": significant,
            "false": 1 - scores["ppv"],
        },
    )


def tells_apart(evidence: Evidence, model: ModelName) -> Finding:
    """Test by Fisher's exact test whether a network's decisions depend on the class."""
    tp, fn, fp, tn = evidence.cells(model)
    p = float(stats.fisher_exact([[tp, fn], [fp, tn]]).pvalue)
    scores = evidence.scores(model)
    return judge(
        p < mcnemar.LEVEL,
        Verdict.UNVERIFIABLE,
        sensitivity=scores["sensitivity"],
        specificity=scores["specificity"],
        p=p_value(p),
    )


def fewer_false_positives(evidence: Evidence) -> Finding:
    """Check that the joined network has fewer false positives than either other."""
    counts = {model: evidence.cells(model)[2] for model in TITLES}
    fewest = all(counts[_FUSION] < n for model, n in counts.items() if model != _FUSION)
    return judge(
        fewest,
        counts=[f"{n} ({TITLES[model]})" for model, n in counts.items()],
        false=1 - evidence.scores(_FUSION)["ppv"],
    )


def screening(evidence: Evidence) -> Finding:
    """Compute the joined network's PPV at lower prevalences."""
    rows = evidence.table(_FUSION)["predictive_values"]
    tp, fn, fp, tn = evidence.cells(_FUSION)
    ppv = [f"{row['ppv']:.0%} at {row['prevalence']:.0%}" for row in rows]
    return Finding(
        Verdict.UNVERIFIABLE, {"ppv": ppv, "prevalence": (tp + fn) / (tp + fn + fp + tn)}
    )


def accuracy_reproduced(evidence: Evidence, number: str) -> Finding:
    """Compare a printed accuracy with the run records that follow the paper's protocol."""
    stated = publication.numbers()[number]
    accuracies = [
        reproduction.accuracy(run)
        for run in reproduction.real_trainings(evidence.results)
        if run["parameters"]["model"] == stated.of and not reproduction.protocol_deviations(run)
    ]
    if not accuracies:
        return Finding(Verdict.UNVERIFIABLE, {"inside": 0, "runs": 0})
    inside = sum(accuracy.low <= stated.value <= accuracy.high for accuracy in accuracies)
    verdict = Verdict.REPRODUCED if inside == len(accuracies) else Verdict.NOT_REPRODUCED
    return Finding(verdict, {"inside": inside, "runs": len(accuracies)})
