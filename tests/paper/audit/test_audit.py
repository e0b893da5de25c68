"""Orientation, verdicts and bounds against brute force, other libraries and planted defects."""

import json
import logging
from collections.abc import Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mlscorecheck.check.binary import check_1_testset_no_kfold
from scipy import stats
from sklearn import metrics as sklearn
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from covidcxr.paper import audit
from covidcxr.paper.audit import (
    comparisons,
    feasible,
    labels,
    names,
    orientation,
    printed,
    scores,
    verdicts,
)
from covidcxr.scores import mcnemar, metrics

Cells = tuple[int, int, int, int]

few = settings(max_examples=25, deadline=None)
some = settings(max_examples=60, deadline=None)

counts = st.integers(0, 60)
any_cells = st.tuples(counts, counts, counts, counts).filter(any)
"""tp, fn, fp, tn, with empty classes too."""

PROPER = ("accuracy", "sensitivity", "specificity", "ppv", "npv", "f1", "f1_negative")
"""Scores from 0 to 1 that are quotients of counts, as `exact` writes them."""


@st.composite
def two_classes(draw: st.DrawFn, largest: int = 60) -> Cells:
    positives, negatives = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    tp, tn = draw(st.integers(0, positives)), draw(st.integers(0, negatives))
    return tp, positives - tp, negatives - tn, tn


def exact(cells: Cells) -> dict[str, Fraction | None]:
    """Return scores as fractions: an implementation that knows no rounding."""
    tp, fn, fp, tn = cells
    parts = {
        "accuracy": (tp + tn, tp + fn + fp + tn),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, fp + tn),
        "ppv": (tp, tp + fp),
        "npv": (tn, fn + tn),
        "f1": (2 * tp, 2 * tp + fp + fn),
        "f1_negative": (2 * tn, 2 * tn + fp + fn),
        "error_rate": (fp + fn, tp + fn + fp + tn),
        "false_negative_rate": (fn, tp + fn),
        "false_positive_rate": (fp, fp + tn),
    }
    return {name: Fraction(a, b) if b else None for name, (a, b) in parts.items()}


def written(value: Fraction, digits: int, rounding: str, percent: bool) -> str:
    """Print a fraction as a paper does."""
    with localcontext() as context:
        context.prec = 60
        scaled = Decimal(value.numerator) / Decimal(value.denominator) * (100 if percent else 1)
        text = f"{scaled.quantize(Decimal(1).scaleb(-digits), rounding)}"
    return text + "%" if percent else text


def known(cells: Cells) -> dict[str, float]:
    return {k: float(v) for k, v in scores.compute(cells).items()}


def report(
    matrices: Sequence[Sequence[Sequence[int]]], rows: str = "true", **keys: Any
) -> dict[str, Any]:
    tables = [
        {"name": f"model {i}", "matrix": [list(r) for r in m], "rows": rows}
        for i, m in enumerate(matrices)
    ]
    return {"title": "Some paper", "tables": tables, **keys}


def run(content: dict[str, Any]) -> dict[str, Any]:
    return audit.audit(audit.parse(content, "paper.yaml"))


def square(cells: Cells) -> list[list[int]]:
    """Write cells as a matrix whose rows are the truth."""
    tp, fn, fp, tn = cells
    return [[tp, fn], [fp, tn]]


# --- scores


@some
@given(two_classes())
def test_scores_are_those_of_scikit_learn(cells: Cells) -> None:
    truth = np.repeat([1, 1, 0, 0], cells)
    called = np.repeat([1, 0, 1, 0], cells)
    theirs = {
        "accuracy": sklearn.accuracy_score(truth, called),
        "balanced_accuracy": sklearn.balanced_accuracy_score(truth, called),
        "mcc": sklearn.matthews_corrcoef(truth, called),
        "kappa": sklearn.cohen_kappa_score(truth, called),
    }
    for recall, precision, f1, label in (
        ("sensitivity", "ppv", "f1", 1),
        ("specificity", "npv", "f1_negative", 0),
    ):
        found = sklearn.precision_recall_fscore_support(
            truth, called, labels=[label], zero_division=0
        )
        theirs |= {name: v[0] for name, v in zip((precision, recall, f1), found, strict=False)}
    for average in ("macro", "weighted"):
        theirs[f"{average}_f1"] = sklearn.f1_score(truth, called, average=average, zero_division=0)
    ours = known(cells)
    for name, value in theirs.items():
        # Where scikit-learn puts 0 for 0/0, the auditor has NaN.
        assert ours[name] == pytest.approx(value, abs=1e-12) or (np.isnan(ours[name]) and not value)


@given(any_cells)
def test_scores_are_those_of_fractions(cells: Cells) -> None:
    ours = known(cells)
    for name, value in exact(cells).items():
        if value is None:
            assert np.isnan(ours[name])
        else:
            assert ours[name] == pytest.approx(float(value), abs=1e-12)


@given(any_cells)
def test_transposition_exchanges_recall_and_precision(cells: Cells) -> None:
    tp, fn, fp, tn = cells
    one, other = known(cells), known((tp, fp, fn, tn))
    for name in ("accuracy", "f1", "f1_negative", "macro_f1", "mcc", "kappa"):
        assert one[name] == pytest.approx(other[name], abs=1e-12, nan_ok=True)
    for name, counterpart in scores.COUNTERPARTS.items():
        assert one[name] == pytest.approx(other[counterpart], nan_ok=True)


@given(any_cells)
def test_mcc_is_made_of_its_four_parts(cells: Cells) -> None:
    found = known(cells)
    assume(np.isfinite(found["mcc"]))
    informed = found["sensitivity"] + found["specificity"] - 1
    marked = found["ppv"] + found["npv"] - 1
    assert found["mcc"] ** 2 == pytest.approx(informed * marked, abs=1e-12)


@some
@given(any_cells)
def test_intervals_are_those_of_scipy(cells: Cells) -> None:
    for found in scores.intervals(cells, resamples=10).values():
        if "successes" not in found:
            continue
        test = stats.binomtest(found["successes"], found["n"])
        for name, method in (("wilson", "wilson"), ("clopper_pearson", "exact")):
            golden = test.proportion_ci(method=method)
            assert found[name] == pytest.approx([golden.low, golden.high], abs=1e-9)


# --- what can be printed


@few
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(PROPER),
    st.integers(0, 1000),
    st.integers(1, 3),
)
def test_attainable_is_what_some_matrix_prints(
    positives: int, negatives: int, score: str, step: int, digits: int
) -> None:
    unit = Fraction(1, 10**digits)
    wanted = Fraction(step % (10**digits + 1), 10**digits)
    text = written(wanted, digits, ROUND_HALF_UP, percent=False)
    values = [
        exact((tp, positives - tp, negatives - tn, tn))[score]
        for tp, tn in product(range(positives + 1), range(negatives + 1))
    ]
    prints = any(v is not None and -Fraction(11, 20) * unit <= v - wanted < unit for v in values)
    value = printed.parse(text)
    assert feasible.attainable(score, value, (positives, negatives)) is prints
    near = scores.neighbours(score, value, positives, negatives)
    assert all(any(v is not None and abs(float(v) - x) < 1e-12 for v in values) for x in near)
    assert not any(v is not None and min(near) + 1e-9 < v < max(near) - 1e-9 and v != wanted
                   for v in values)  # fmt: skip


THEIRS = {"accuracy": "acc", "sensitivity": "sens", "f1": "f1p", "ppv": "ppv", "npv": "npv"}


@few
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from(sorted(THEIRS)), st.integers(1, 999))
def test_attainable_as_mlscorecheck_finds_it(
    positives: int, negatives: int, score: str, step: int
) -> None:
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)

    def possible(eps: float) -> bool:
        found = check_1_testset_no_kfold(
            testset={"p": positives, "n": negatives},
            scores={THEIRS[score]: step / 1000},
            eps=eps,
            numerical_tolerance=1e-9,
        )
        return not found["inconsistency"]

    ours = feasible.attainable(score, printed.parse(f"{step / 1000:.3f}"), (positives, negatives))
    assert not ours or possible(0.001)
    # Theirs takes any PPV and NPV for consistent with a matrix in which they are 0/0.
    if score not in ("ppv", "npv"):
        assert ours or not possible(0.000499)


# --- verdicts


prints = st.tuples(st.integers(1, 4), st.booleans())


@given(two_classes(), prints)
def test_what_a_matrix_prints_is_exact(cells: Cells, form: tuple[int, bool]) -> None:
    digits, percent = form
    for name, value in exact(cells).items():
        if value is None:
            continue
        for rounding in (ROUND_HALF_UP, ROUND_HALF_EVEN):
            text = written(value, digits, rounding, percent)
            assert verdicts.judge(name, printed.parse(text), cells).verdict == "exact"
        text = written(value, digits, ROUND_DOWN, percent)
        found = verdicts.judge(name, printed.parse(text), cells)
        assert found.verdict in ("exact", "truncated")
        assert found.computed == pytest.approx(float(value))


@given(two_classes(), st.integers(2, 4))
def test_a_negative_score_is_rounded_and_cut_towards_zero(cells: Cells, digits: int) -> None:
    for name in ("mcc", "kappa"):
        value = known(cells)[name]
        assume(np.isfinite(value) and abs(value * 10**digits - round(value * 10**digits)) > 1e-6)
        near = Fraction(value)
        rounded = written(near, digits, ROUND_HALF_UP, percent=False)
        assert verdicts.judge(name, printed.parse(rounded), cells).verdict == "exact"
        cut = written(near, digits, ROUND_DOWN, percent=False).replace("-", "−")
        assert verdicts.judge(name, printed.parse(cut), cells).verdict in ("exact", "truncated")


def judged(name: str, text: str, cells: Cells) -> verdicts.Verdict:
    """Judge the one value of a table."""
    value = printed.parse(text)
    place = labels.Place("table", name, 0)
    label = labels.wrong_names({place: (value, known(cells))}).get(place)
    return verdicts.judge(names.NAMES[name], value, cells, label)


SEED: dict[str, Cells] = {
    "ResNet50": (70, 22, 60, 208),
    "ResNet152V2": (75, 17, 53, 215),
    "ResNet252V2": (86, 6, 20, 248),
}


@pytest.mark.parametrize("model", SEED)
@pytest.mark.parametrize("score", PROPER)
def test_a_changed_digit_is_found(model: str, score: str) -> None:
    cells = SEED[model]
    value = exact(cells)[score]
    assert value is not None
    right = written(value, 2, ROUND_HALF_UP, percent=True)
    found = []
    for place, digit in product((0, 1, 3, 4), "0123456789"):
        wrong = right[:place] + digit + right[place + 1 :]
        if wrong in (right, written(value, 2, ROUND_DOWN, percent=True)):
            continue
        verdict = judged(score, wrong, cells)
        if verdict.verdict == "rounded twice":
            assert abs(printed.parse(wrong).value - float(value)) < 0.000056
            continue
        assert verdict.verdict in ("impossible", "inconsistent", "mislabelled")
        if verdict.verdict == "mislabelled":
            assert verdict.equals
            assert printed.parse(wrong).match(known(cells)[verdict.equals])
        found.append(verdict.verdict)
    assert len(found) >= 35
    assert found.count("mislabelled") <= 2


def test_scores_of_two_models_exchanged_are_found() -> None:
    content = report([square(c) for c in SEED.values()])
    for table, cells in zip(content["tables"], reversed(SEED.values()), strict=True):
        table["reported"] = {
            name: written(value, 2, ROUND_HALF_UP, percent=True)
            for name, value in exact(cells).items()
            if value is not None
        }
    first, middle, last = run(content)["tables"]
    for table in (first, last):
        for row in table["reported"].values():
            assert row["verdict"] in ("impossible", "inconsistent")
    assert {row["verdict"] for row in middle["reported"].values()} == {"exact"}


@given(two_classes())
def test_precision_and_recall_exchanged_are_found(cells: Cells) -> None:
    found = exact(cells)
    sensitivity, ppv = found["sensitivity"], found["ppv"]
    assume(sensitivity is not None and ppv is not None and abs(sensitivity - ppv) > 0.001)
    assert sensitivity is not None and ppv is not None
    for name, value, is_really in (
        ("precision", sensitivity, "sensitivity"),
        ("recall", ppv, "ppv"),
    ):
        text = written(value, 4, ROUND_HALF_UP, percent=False)
        verdict = judged(name, text, cells)
        assert (verdict.verdict, verdict.equals) == ("mislabelled", is_really)


# --- orientation


@st.composite
def papers(draw: st.DrawFn) -> tuple[list[list[list[int]]], bool, str, Cells]:
    """Draw tables of models on one test set, printed as labelled or transposed."""
    positives, negatives = draw(st.integers(1, 200)), draw(st.integers(1, 200))
    matrices = []
    transposed, rows = draw(st.booleans()), draw(st.sampled_from(["true", "predicted"]))
    for _ in range(draw(st.integers(2, 4))):
        tp, tn = draw(st.integers(0, positives)), draw(st.integers(0, negatives))
        cells = (tp, positives - tp, negatives - tn, tn)
        matrix = np.array(square(cells))
        matrices.append((matrix if (rows == "true") != transposed else matrix.T).tolist())
    return matrices, transposed, rows, cells


def decide(content: dict[str, Any]) -> orientation.Orientation:
    paper = audit.parse(content, "paper.yaml")
    return orientation.decide(paper.tables, paper.test_set)


@given(papers())
def test_a_planted_transposition_is_found_and_no_other(
    paper: tuple[list[list[list[int]]], bool, str, Cells],
) -> None:
    matrices, transposed, rows, last = paper
    planted = "transposed" if transposed else "as_printed"
    # What the models called positive tells the readings apart, where it differs.
    truth = 1 if (rows == "true") != transposed else 0
    called = {tuple(np.sum(m, axis=0 if truth else 1).tolist()) for m in matrices}
    decision = decide(report(matrices, rows)).decision
    assert decision == (planted if len(called) > 1 else "undecidable")
    # A stated test set decides the more.
    tp, fn, fp, tn = last
    stated = {"positive": tp + fn, "negative": fp + tn}
    decision = decide(report(matrices, rows, test_set=stated)).decision
    same = called == {(tp + fn, fp + tn)}
    assert decision == ("undecidable" if same else planted)


@given(st.lists(two_classes(), min_size=2, max_size=2))
def test_different_test_sets_decide_nothing(several: list[Cells]) -> None:
    found = [
        {(tp + fn, fp + tn) for tp, fn, fp, tn in several},
        {(tp + fp, fn + tn) for tp, fn, fp, tn in several},
    ]
    if len(found[0]) > 1 and len(found[1]) > 1:
        decided = decide(report([square(c) for c in several]))
        assert decided.decision == "undecidable"
        assert decided.reason.startswith("Neither")
        assert decided.reading == "as_printed"


@few
@given(papers())
def test_the_negative_class_may_stand_first(
    paper: tuple[list[list[list[int]]], bool, str, Cells],
) -> None:
    matrices, _, rows, _ = paper
    usual = report(matrices, rows)
    turned = report([np.array(m)[::-1, ::-1].tolist() for m in matrices], rows)
    for content in (usual, turned):
        for table in content["tables"]:
            table["reported"] = {"f1": "0.70", "recall": "70.0%"}
    for table in turned["tables"]:
        table["first"] = "negative"
    one, other = run(usual), run(turned)
    for found in (one, other):
        for table in found["tables"]:
            del table["matrix"]
    assert one == other


# --- bounds


@given(st.integers(0, 80), st.integers(0, 80))
def test_mcnemar_is_that_of_statsmodels(b: int, c: int) -> None:
    assume(b + c)
    theirs = statsmodels_mcnemar([[5, b], [c, 5]], exact=True).pvalue
    assert float(mcnemar.exact_p(b, c)) == pytest.approx(theirs, abs=1e-12)


def test_two_models_that_agree_on_every_image_do_not_differ() -> None:
    assert float(mcnemar.exact_p(0, 0)) == 1.0


@pytest.mark.parametrize("n", range(1, 6))
def test_discordance_is_every_pair_of_decisions(n: int) -> None:
    for first, second in product(range(n + 1), repeat=2):
        one = [set(c) for c in combinations(range(n), first)]
        other = [set(c) for c in combinations(range(n), second)]
        every = {(len(a - b), len(b - a)) for a, b in product(one, other)}
        found = comparisons.discordance(first, second, n)
        assert {(found.first + k, found.second + k) for k in range(found.more + 1)} == every
        assert [found.total(k) for k in range(found.more + 1)] == sorted(map(sum, every))


@st.composite
def two_models(draw: st.DrawFn, largest: int) -> tuple[Cells, Cells]:
    positives, negatives = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    made = []
    for _ in range(2):
        tp, tn = draw(st.integers(0, positives)), draw(st.integers(0, negatives))
        made.append((tp, positives - tp, negatives - tn, tn))
    return made[0], made[1]


@few
@given(two_models(12))
def test_bounds_of_mcnemar_are_those_of_every_feasible_count(models: tuple[Cells, Cells]) -> None:
    (tp1, fn1, fp1, tn1), (tp2, _, _, tn2) = models
    positives, negatives = tp1 + fn1, fp1 + tn1
    feasible = set()
    for both_positive, both_negative in product(range(positives + 1), range(negatives + 1)):
        parts = (tp1 - both_positive, tp2 - both_positive, tn1 - both_negative, tn2 - both_negative)
        right = (tp1 + tp2 - both_positive, tn1 + tn2 - both_negative)
        if min(parts) >= 0 and right[0] <= positives and right[1] <= negatives:
            feasible.add((parts[0] + parts[2], parts[1] + parts[3]))
    by = {b + c: stats.binomtest(min(b, c), b + c).pvalue if b + c else 1.0 for b, c in feasible}
    limits = comparisons.pair(*models)
    assert limits is not None
    found = limits["all"]
    assert found["feasible"] == len(by)
    assert found["discordant"] == [min(by), max(by)]
    assert found["p"] == pytest.approx([min(by.values()), max(by.values())], abs=1e-9)
    told = [d for d, p in by.items() if p < 0.05]
    assert found["significant_up_to"] == (max(told) if told else None)
    assert found["independent"]["discordant"] in by


@given(two_models(40), st.integers(0, 2**32 - 1))
def test_bounds_of_mcnemar_hold_for_decisions(models: tuple[Cells, Cells], seed: int) -> None:
    rng = np.random.default_rng(seed)
    right = []
    for tp, fn, fp, tn in models:
        parts = [np.repeat([True, False], [tp, fn]), np.repeat([True, False], [tn, fp])]
        right.append([rng.permutation(part) for part in parts])
    limits = comparisons.pair(*models)
    assert limits is not None
    for name, one, other in (
        ("positive", right[0][0], right[1][0]),
        ("negative", right[0][1], right[1][1]),
        ("all", np.concatenate(right[0]), np.concatenate(right[1])),
    ):
        b, c = int(np.sum(one & ~other)), int(np.sum(other & ~one))
        p = float(mcnemar.exact_p(b, c))
        low, high = limits[name]["p"]
        assert low - 1e-12 <= p <= high + 1e-12
        assert limits[name]["discordant"][0] <= b + c <= limits[name]["discordant"][1]


def test_models_on_different_test_sets_are_not_compared() -> None:
    assert comparisons.pair((7, 3, 4, 6), (7, 4, 4, 6)) is None


@st.composite
def scored(draw: st.DrawFn) -> tuple[list[int], list[int], int]:
    """Draw labels, scores with ties and a threshold."""
    n = draw(st.integers(2, 40))
    truth = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda x: 0 < sum(x) < len(x)))  # fmt: skip # noqa: E501
    values = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    return truth, values, draw(st.integers(0, 13))


@given(scored())
def test_the_area_is_within_its_bounds(drawn: tuple[list[int], list[int], int]) -> None:
    truth, values, threshold = np.array(drawn[0]), np.array(drawn[1]), drawn[2]
    called = values >= threshold
    sensitivity = float(np.mean(called[truth == 1]))
    specificity = float(np.mean(~called[truth == 0]))
    limits = scores.area(sensitivity, specificity)
    area = sklearn.roc_auc_score(truth, values)
    assert limits["low"] - 1e-12 <= area <= limits["high"] + 1e-12
    assert limits["low"] <= limits["low_concave"] + 1e-12 <= limits["high"] + 2e-12
    hard = sklearn.roc_auc_score(truth, called)
    assert limits["low_concave"] == pytest.approx(hard)
    cells = (
        int(np.sum(called & (truth == 1))),
        int(np.sum(~called & (truth == 1))),
        int(np.sum(called & (truth == 0))),
        int(np.sum(~called & (truth == 0))),
    )
    for text in (
        f"{area:.3f}",
        written(Fraction(float(area)).limit_denominator(10**6), 3, ROUND_DOWN, percent=False),
    ):
        assert verdicts.judge("auroc", printed.parse(text), cells).verdict != "impossible"


def test_the_least_area_cut_off_is_possible() -> None:
    # Sensitivity 0.9 and specificity 0.84 leave 0.756 at the least.
    cells = (90, 10, 16, 84)
    assert verdicts.judge("auroc", printed.parse("0.76"), cells).verdict == "possible"
    assert verdicts.judge("auroc", printed.parse("0.75"), cells).verdict == "possible"
    assert verdicts.judge("auroc", printed.parse("0.74"), cells).verdict == "impossible"
    assert verdicts.judge("auroc", printed.parse("0.98"), cells).verdict == "possible"
    assert verdicts.judge("auroc", printed.parse("0.99"), cells).verdict == "impossible"
    assert judged("auroc", "0.8700", cells).equals == "balanced_accuracy"
    assert judged("auroc", "0.87", cells).verdict == "possible"


@given(two_classes())
def test_at_its_own_prevalence_the_ppv_is_the_ppv(cells: Cells) -> None:
    found = known(cells)
    share = (cells[0] + cells[1]) / sum(cells)
    (row,) = metrics.predictive_values(found["sensitivity"], found["specificity"], [share])
    assert row["ppv"] == pytest.approx(found["ppv"], nan_ok=True)
    assert row["npv"] == pytest.approx(found["npv"], nan_ok=True)


@some
@given(any_cells)
def test_the_constant_answer_is_a_model_like_any_other(cells: Cells) -> None:
    tp, fn, fp, tn = cells
    positives, negatives = tp + fn, fp + tn
    constant = (0, positives, 0, negatives) if negatives >= positives else (positives, 0, negatives, 0)  # fmt: skip # noqa: E501
    found = scores.baseline(cells)
    assert found["accuracy"] == (constant[0] + constant[3]) / sum(cells)
    # Against a constant answer the matrix leaves nothing open.
    limits = comparisons.pair(cells, constant)
    assert limits is not None
    assert limits["all"]["p"] == pytest.approx([found["paired"]["p"]] * 2)
    assert limits["all"]["feasible"] == 1
    assert found["paired"]["better"] - found["paired"]["worse"] == tp + tn - (
        constant[0] + constant[3]
    )


# --- a matrix found by its scores


@some
@given(two_classes(25))
def test_a_matrix_is_found_by_exact_scores(cells: Cells) -> None:
    tp, fn, fp, tn = cells
    values = exact(cells)
    reported = {
        name: written(value, 5, ROUND_HALF_UP, percent=False)
        for name in ("sensitivity", "specificity")
        if (value := values[name]) is not None
    }
    content = {
        "title": "Some paper",
        "test_set": {"positive": tp + fn, "negative": fp + tn},
        "tables": [{"name": "model", "reported": reported}],
    }
    (table,) = run(content)["tables"]
    assert tuple(table["cells"]["as_printed"].values()) == cells
    assert {row["verdict"] for row in table["reported"].values()} == {"exact"}


def test_a_single_score_may_leave_several_matrices() -> None:
    content = {
        "title": "Some paper",
        "test_set": {"positive": 10, "negative": 10},
        "tables": [{"name": "model", "reported": {"accuracy": "70%"}}],
    }
    (table,) = run(content)["tables"]
    assert table["cells"] == {} and table["matrix_from"] is None
    assert table["reported"]["accuracy"]["verdict"] == "possible"


# --- the whole report


KEYS = {
    "source",
    "headline",
    "verdicts",
    "remarks",
    "title",
    "orientation",
    "reason",
    "reading",
    "test_set",
    "tables",
    "pairs",
}
TABLE_KEYS = {"cells", "scores", "intervals", "reported", "corroboration"}
MARGIN_KEYS = {"auroc", "predictive_values", "baseline"}
ROW_KEYS = {"printed", "verdict", "computed", "equals", "note", "readings"}


@settings(max_examples=20, deadline=None)
@given(
    st.lists(any_cells, min_size=1, max_size=3),
    st.dictionaries(
        st.sampled_from(sorted(names.NAMES)), st.integers(0, 100), min_size=1, max_size=3
    ),
    st.booleans(),
)
def test_every_report_is_strict_json_and_plain_words(
    several: list[Cells], values: dict[str, int], stated: bool
) -> None:
    content = report([square(c) for c in several])
    for table in content["tables"]:
        table["reported"] = {score: f"{value}%" for score, value in values.items()}
    if stated:
        content["test_set"] = {"positive": 30, "negative": 30}
    found = run(content)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert set(found) == KEYS
    assert found["orientation"] in ("as_printed", "transposed", "mixed", "undecidable")
    for table in found["tables"]:
        assert set(table) >= TABLE_KEYS | MARGIN_KEYS
        assert set(table["scores"]) == set(table["cells"]) == set(orientation.READINGS)
        for row in table["reported"].values():
            assert set(row) == ROW_KEYS
            assert row["verdict"] in verdicts.VERDICTS
            assert row["verdict"] == row["readings"][table["reading"]]["verdict"]
    pairs = [(pair["a"], pair["b"]) for pair in found["pairs"]]
    assert pairs == list(combinations([t["name"] for t in found["tables"]], 2))
    for pair in found["pairs"]:
        assert set(pair) == {"a", "b", "comparable"} | (
            {"all", "positive", "negative"} if pair["comparable"] else set()
        )
    text = audit.as_text(found, full=True)
    assert " nan" not in text and "None" not in text
    assert text.endswith("\n") and not text.endswith("\n\n")


def test_a_report_is_the_same_each_time() -> None:
    content = report([square(c) for c in SEED.values()])
    assert run(content) == run(content)


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any))
def test_the_test_against_the_majority_is_the_binomial_one(cells: list[int]) -> None:
    base = scores.baseline(cells)
    tp, _, _, tn = cells
    theirs = stats.binomtest(tp + tn, sum(cells), base["accuracy"], alternative="greater").pvalue
    assert base["binomial_p"] == pytest.approx(theirs, rel=1e-9, abs=1e-250)
