"""Averages over folds, p values and intervals of an AUROC: golden values, and none is blamed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportions_ztest

from covidcxr.core.errors import Unusable
from covidcxr.paper import audit
from covidcxr.paper.audit import averages, comparisons, limits, reading, verdicts
from covidcxr.paper.audit.printed import parse


def run(*tables: dict[str, Any], **paper: Any) -> dict[str, Any]:
    named = [{"name": f"table {i}"} | table for i, table in enumerate(tables, 1)]
    return audit.audit(audit.parse({"title": "T", "tables": named} | paper, "paper.yaml"))


# --- averages


def test_folds_as_scikit_learn_makes_them() -> None:
    from sklearn.model_selection import StratifiedKFold

    for p, n, k in ((92, 268, 5), (7, 11, 3), (30, 31, 7), (10, 10, 10)):
        truth = np.repeat([1, 0], [p, n])
        parts = [(int(truth[test].sum()), int((1 - truth[test]).sum()))
                 for _, test in StratifiedKFold(k).split(truth, truth)]  # fmt: skip
        assert sorted(reading.split((p, n), k)) == sorted(parts)


def test_averages_that_no_folds_have() -> None:
    table = {"test_set": {"positive": 30, "negative": 30}, "reported": {"sensitivity": "91.5%"}}
    stated = run(table | {"folds": 5, "stratified": True})["tables"][0]["reported"]["sensitivity"]
    assert stated["verdict"] == "impossible"
    assert "90.000% and 93.333%" in stated["note"]
    unknown = run(table | {"folds": 5})["tables"][0]["reported"]["sensitivity"]
    assert (unknown["verdict"], unknown["average"]["verdict"]) == ("possible", "uneven")
    sizes = [{"positive": 6, "negative": 9}, {"positive": 7, "negative": 9}]
    for printed, verdict in (("0.762", "possible"), ("0.760", "impossible")):
        row = run({"folds": sizes, "reported": {"sensitivity": printed}})["tables"][0]
        assert row["reported"]["sensitivity"]["verdict"] == verdict  # 4/6 + 6/7, or nothing


@settings(max_examples=60, deadline=None)
@given(
    st.integers(2, 8), st.integers(8, 60), st.integers(8, 60), st.integers(1, 4),
    st.booleans(), st.integers(0, 10**6),
)  # fmt: skip
def test_true_averages_and_deviations_are_never_blamed(
    k: int, p: int, n: int, digits: int, sample: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    parts = np.array(reading.split((p, n), k))
    right = rng.binomial(parts, rng.uniform(0.3, 1, 2))
    values = {
        "sensitivity": right[:, 0] / parts[:, 0],
        "specificity": right[:, 1] / parts[:, 1],
        "accuracy": right.sum(1) / parts.sum(1),
    }
    values["balanced_accuracy"] = (values["sensitivity"] + values["specificity"]) / 2
    prints = {name: f"{v.mean():.{digits}f} ± {v.std(ddof=int(sample)):.{digits}f}"
              for name, v in values.items()}  # fmt: skip
    content = {"reported": prints, "folds": k, "stratified": True,
               "test_set": {"positive": p, "negative": n}}  # fmt: skip
    report = run(content)
    assert not set(report["verdicts"]) & set(verdicts.FAULTS)
    assert "other_faults" not in report
    assert report["tables"][0]["together"]["verdict"] == "averages"
    theirs = report["tables"][0]["corroboration"]
    assert theirs is None or theirs["as_labelled"]


def test_deviations_that_cannot_be() -> None:
    # Of five values with the mean 0.9 the furthest apart are 1, 1, 1, 1 and 0.5.
    assert averages.largest(0.9, 0.9, 5) == pytest.approx(np.std([1, 1, 1, 1, 0.5], ddof=1))
    assert averages.largest(0.5, 0.5, 2) == pytest.approx(np.std([0, 1], ddof=1))
    assert averages.largest(0.0, 0.0, 4, signed=True) == pytest.approx(
        np.std([-1, -1, 1, 1], ddof=1)
    )
    report = run({"folds": 5, "reported": {"auroc": "0.90 ± 0.30"}})
    assert report["tables"][0]["reported"]["auroc"]["deviation"]["verdict"] == "too large"
    assert report["other_faults"] == {"standard deviation": 1}
    sizes = [{"positive": 18, "negative": 54}] * 3
    # 40 of 54 in three folds of 18: 13, 13 and 14.
    for spread, verdict in (("0.03", "possible"), ("0.016", "standard error"),
                            ("0.001", "too small")):  # fmt: skip
        row = run({"folds": sizes, "reported": {"sensitivity": f"0.741 ± {spread}"}})["tables"][0]
        assert row["reported"]["sensitivity"]["deviation"]["verdict"] == verdict


def test_averages_over_images_are_asked_of_no_matrix() -> None:
    prints = {"accuracy": "0.95 ± 0.01", "sensitivity": "0.75", "specificity": "0.92"}
    assert "contradictory" in run({"reported": prints | {"accuracy": "0.95"}})["verdicts"]
    report = run({"per_image": True, "reported": prints})
    assert report["verdicts"] == {"possible": 3}


# --- p values


def judged(p: str, **more: Any) -> dict[str, Any]:
    tables = ({"counts": {"TP": 70, "FN": 22, "FP": 60, "TN": 208}},
              {"counts": {"TP": 75, "FN": 17, "FP": 53, "TN": 215}})  # fmt: skip
    one = {"a": "table 1", "b": "table 2", "p": p} | more
    row: dict[str, Any] = run(*tables, comparisons=[one])["comparisons"][0]
    return row


@pytest.mark.parametrize(("b", "c"), [(59, 6), (121, 59), (10, 22), (5, 5), (0, 3)])
def test_mcnemar_as_statsmodels_has_it(b: int, c: int) -> None:
    ours = comparisons.paired(b, c)
    table = [[50, b], [c, 50]]
    assert ours["McNemar, exact"][0] == pytest.approx(mcnemar(table, exact=True).pvalue)
    for name, correction in (("uncorrected", False), ("corrected", True)):
        theirs = mcnemar(table, exact=False, correction=correction).pvalue
        assert ours[f"McNemar, {name}"][0] == pytest.approx(theirs)


def test_a_textbook_example_of_mcnemar() -> None:
    # Agresti, Categorical Data Analysis, approval ratings: 150 and 86 discordant, z^2 = 17.36.
    p = comparisons.paired(150, 86)["McNemar, uncorrected"][0]
    assert stats.chi2.isf(p, 1) == pytest.approx(17.36, abs=0.005)


def test_two_proportions_as_other_libraries_have_them() -> None:
    ours = comparisons.unpaired(86, 92, 70, 92)
    table = [[86, 6], [70, 22]]
    for name, yates in (("uncorrected", False), ("Yates", True)):
        theirs = stats.chi2_contingency(table, correction=yates).pvalue
        assert ours[f"chi-squared, {name}"][0] == pytest.approx(theirs)
    assert ours["chi-squared, uncorrected"][0] == pytest.approx(
        proportions_ztest([86, 70], [92, 92])[1]
    )
    assert ours["Fisher, exact"][0] == pytest.approx(stats.fisher_exact(table)[1])


@pytest.mark.parametrize(
    ("p", "more", "verdict"),
    [
        ("0.05", {"test": "mcnemar", "discordant": [10, 22]}, "agrees"),
        ("0.050", {"test": "mcnemar", "discordant": [10, 22]}, "agrees"),
        ("0.02", {"test": "z"}, "other test"),
        ("0.27", {"test": "chi-squared"}, "agrees"),
        ("0.27", {"test": "z"}, "agrees"),
        ("0.99", {"test": "chi-squared"}, "impossible"),
        ("0.03", {"test": "mcnemar"}, "possible"),
        ("0.99", {"test": "mcnemar"}, "impossible"),
        ("<0.0001", {"test": "fisher"}, "impossible"),
        (">0.05", {"test": "fisher"}, "agrees"),
        ("0.03", {"discordant": [10, 12]}, "contradictory"),
        ("0.03", {"test": "other"}, "unchecked"),
    ],
)
def test_verdicts_on_p_values(p: str, more: dict[str, Any], verdict: str) -> None:
    row = judged(p, **more)
    assert row["verdict"] == verdict, row["note"]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 60), st.integers(2, 4),
       st.integers(0, 30))  # fmt: skip
def test_true_p_values_are_never_blamed(b: int, c: int, both: int, digits: int, which: int) -> None:
    n = b + c + both + 7
    sides = {"a": f"{both + b}/{n}", "b": f"{both + c}/{n}"}
    tests = comparisons.paired(b, c) | comparisons.unpaired(both + b, n, both + c, n)
    name = list(tests)[which % len(tests)]
    family = comparisons._family(name)
    for more in ({}, {"discordant": [b, c]}, {"test": family}):
        one = {**sides, "p": f"{tests[name][0]:.{digits}f}", **more}
        report = run({"reported": {"auroc": "0.9"}}, comparisons=[one])
        assert report["comparisons"][0]["verdict"] in ("agrees", "possible")
        assert "other_faults" not in report


@pytest.mark.parametrize(
    "one",
    [
        {"p": "1.2"}, {"p": 0.03}, {"p": "small"}, {"p": "3%"}, {"test": "t"}, {"a": "none"},
        {"a": "5/4"}, {"score": "auroc"}, {"discordant": [1]}, {"discordant": [1, -1]}, {"x": 1},
    ],
)  # fmt: skip
def test_malformed_comparisons_are_named(one: dict[str, Any]) -> None:
    with pytest.raises(Unusable, match="comparisons, item 1"):
        run({"reported": {"auroc": "0.9"}},
            comparisons=[{"a": "1/2", "b": "1/2", "p": "0.5"} | one])  # fmt: skip


@pytest.mark.parametrize("key", [{"folds": []}, {"folds": [{"positive": 1, "negative": 2}]},
                                 {"folds": [None, None]}, {"runs": 0}, {"stratified": "yes"},
                                 {"per_image": 1}, {"folds": 100, "runs": 100}])  # fmt: skip
def test_malformed_folds_are_named(key: dict[str, Any]) -> None:
    with pytest.raises(Unusable, match="table 1"):
        run({"reported": {"auroc": "0.9"}} | key)


# --- intervals of an AUROC


def test_hanley_and_mcneil_is_the_variance_of_exponential_scores() -> None:
    # Of negative exponential scores the share of positives above a share x of negatives is
    # (1 - x)^k, with the area 1 / (1 + k): Radiology 143:29-36 (1982).
    for area, p, n in ((0.893, 51, 58), (0.6, 20, 200), (0.99, 92, 268)):
        k = 1 / area - 1
        q1 = quad(lambda x, k=k: (1 - x) ** (2 * k), 0, 1)[0]
        q2 = quad(lambda x, k=k: 2 * x * (1 - x) ** k, 0, 1)[0]
        spread = area * (1 - area) + (p - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
        assert limits.standard_error(area, (p, n)) == pytest.approx((spread / p / n) ** 0.5)


@pytest.mark.parametrize(
    ("limits", "verdict"),
    [
        ("0.830-0.956", "formula"), ("0.95-0.83", "reversed"), ("0.90-0.95", "outside"),
        ("0.83-1.02", "beyond"), ("0.892-0.894", "too narrow"), 
        ("0.83-0.94", "other"), ("0.40-0.99", "too wide"),
    ],
)  # fmt: skip
def test_intervals_of_an_area(limits: str, verdict: str) -> None:
    table = {"test_set": {"positive": 51, "negative": 58},
             "reported": {"auroc": f"0.893 ({limits})"}}  # fmt: skip
    assert run(table)["tables"][0]["reported"]["auroc"]["limits"]["verdict"] == verdict


def test_the_least_variance_is_that_of_no_scores() -> None:
    # Of even chances and as many of each class the two laws are equal: 1/12 each.
    assert limits.least_variance(0.5, (20, 20)) == pytest.approx(2 / 12 / 20, rel=1e-4)
    assert limits.least_variance(1.0, (20, 30)) == pytest.approx(0, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 60), st.integers(5, 60), st.floats(0, 3), st.floats(0.3, 3),
       st.integers(2, 4), st.integers(0, 10**6))  # fmt: skip
def test_true_intervals_of_an_area_are_never_blamed(
    p: int, n: int, shift: float, scale: float, digits: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(shift, scale, p), rng.normal(0, 1, n)])
    above = scores[:p, None] > scores[None, p:]
    area = float(above.mean())
    variance = above.mean(1).var(ddof=1) / p + above.mean(0).var(ddof=1) / n
    theirs = (area - 1.96 * variance**0.5, area + 1.96 * variance**0.5)
    for low, high in (theirs, *limits.area_methods(area, (p, n)).values()):
        ends = parse(f"{max(low, 0):.{digits}f}"), parse(f"{min(high, 1):.{digits}f}")
        said = limits.of_area(parse(f"{area:.{digits}f}"), ends, (p, n))
        assert said["verdict"] not in ("too narrow", "outside", "reversed", "beyond")


def test_far_narrower_than_hanley_and_mcneil() -> None:
    # Few positives and many negatives leave room below Hanley and McNeil's error.
    said = limits.of_area(parse("0.893"), (parse("0.865"), parse("0.921")), (20, 2000))
    assert said["verdict"] == "narrow"
    assert "times the images" in said["note"]


def test_the_table_of_a_folder_counts_what_is_at_fault() -> None:
    one = {"a": "86/92", "b": "70/92", "p": "0.9", "test": "fisher"}
    report = run({"reported": {"auroc": "0.90 (0.95-0.99)"}}, comparisons=[one])
    header, row = (line.split(",") for line in audit.as_csv({"a.yaml": report}).splitlines())
    counts = dict(zip(header, row, strict=True))
    assert [counts[k] for k in ("intervals at fault", "p values at fault", "p values")] == list(
        "111"
    )
    assert "p 0.9 (fisher): impossible" in audit.as_text(report).replace("\n    ", " ")
    assert "1 interval and 1 p value" in report["headline"].replace("\n  ", " ")
