"""Intervals hold what they promise, and the naive ones do not where images come in groups."""

import numpy as np
import pytest
from scipy import stats

from covidcxr import bootstrap, delong, intervals, metrics

POSITIVES, NEGATIVES = 92, 268
TRIALS = 400
# Three standard errors of a coverage of 95 % in so many trials.
SLACK = 3 * np.sqrt(0.95 * 0.05 / TRIALS)


def test_wilson_holds_at_the_papers_sizes() -> None:
    # The coverage itself, summed over all counts, and averaged over true values: no chance in it.
    for n in (POSITIVES, NEGATIVES, POSITIVES + NEGATIVES):
        limits = np.array([intervals.wilson(k, n) for k in range(n + 1)])
        exact = np.array([intervals.clopper_pearson(k, n) for k in range(n + 1)])
        covered, always = [], []
        for truth in np.linspace(0.7, 0.98, 57):
            chance = stats.binom.pmf(np.arange(n + 1), n, truth)
            covered.append(chance[(limits[:, 0] <= truth) & (truth <= limits[:, 1])].sum())
            always.append(chance[(exact[:, 0] <= truth) & (truth <= exact[:, 1])].sum())
        assert np.mean(covered) == pytest.approx(0.95, abs=0.006)
        assert min(covered) > 0.90
        assert min(always) >= 0.95


def test_the_bootstrap_of_composites_holds() -> None:
    rng = np.random.default_rng(0)
    truth = metrics.score([[92 * 0.85, 92 * 0.15, 268 * 0.1, 268 * 0.9]])
    names = ("f1", "balanced_accuracy", "mcc", "kappa", "macro_f1")
    inside = dict.fromkeys(names, 0)
    strata = np.array([1, 1, 2, 2])
    for _ in range(TRIALS):
        tp, tn = rng.binomial(92, 0.85), rng.binomial(268, 0.9)
        drawn = bootstrap.Units(
            np.eye(4, dtype=np.int64), np.array([tp, 92 - tp, 268 - tn, tn]), strata,
            np.arange(4)[None],
        )  # fmt: skip
        values = metrics.score(bootstrap.matrices(drawn, 500, rng)[:, 0])
        for name in names:
            low, high = bootstrap.percentile(values[name], 0.95)
            inside[name] += low <= truth[name][0] <= high
    for name, hits in inside.items():
        assert abs(hits / TRIALS - 0.95) < SLACK, name


def test_delong_holds_also_near_one() -> None:
    rng = np.random.default_rng(1)
    positive = np.arange(POSITIVES + NEGATIVES) < POSITIVES
    for apart in (1.0, 2.5):
        truth = stats.norm.cdf(apart / np.sqrt(2))
        hits = 0
        for _ in range(TRIALS):
            scores = rng.normal(apart * positive, 1)[None]
            area, covariance = delong.covariance(positive, scores)
            low, high = delong.interval(float(area[0]), float(covariance[0, 0]), 0.95)
            hits += low <= truth <= high
        assert abs(hits / TRIALS - 0.95) < SLACK


def test_newcombe_holds_where_nearly_every_pair_is_right() -> None:
    rng = np.random.default_rng(2)
    apart, p, q = 4.0, 20, 40
    truth = stats.norm.cdf(apart / np.sqrt(2))
    hits, perfect = 0, 0
    for _ in range(TRIALS):
        positive = np.arange(p + q) < p
        area = float(metrics.auroc(positive, rng.normal(apart * positive, 1)))
        perfect += area == 1
        low, high = delong.newcombe(area, p, q, 0.95)
        hits += low <= truth <= high
    assert perfect > TRIALS / 20
    assert hits / TRIALS > 0.95 - SLACK


def clustered(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return whether each image is right, and its patient; images of a patient agree mostly."""
    sizes = rng.integers(1, 7, 60)
    group = np.repeat(np.arange(60), sizes)
    skill = rng.beta(1.2, 0.3, 60)  # mean 0.8
    return rng.random(len(group)) < skill[group], group


def test_patients_with_many_images_break_naive_intervals_and_not_ours() -> None:
    rng = np.random.default_rng(3)
    truth = 0.8
    found = dict.fromkeys(("naive Wilson", "naive bootstrap", "Wilson", "bootstrap"), 0)
    for _ in range(TRIALS):
        right, group = clustered(rng)
        n, k = len(right), right.sum()
        worth, _ = intervals.effective(right, group)
        positive = np.ones(n, bool)
        limits = {
            "naive Wilson": intervals.wilson(k, n),
            "Wilson": intervals.wilson(k / n * worth, worth),
        }
        for name, unit in (("naive bootstrap", None), ("bootstrap", group)):
            drawn = bootstrap.matrices(bootstrap.units(positive, right[None], unit), 400, rng)
            values = metrics.score(drawn[:, 0])["sensitivity"]
            limits[name] = bootstrap.percentile(values, 0.95)
        for name, (low, high) in limits.items():
            found[name] += low <= truth <= high
    share = {name: hits / TRIALS for name, hits in found.items()}
    assert share["naive Wilson"] < 0.85, share
    assert share["naive bootstrap"] < 0.85, share
    assert share["Wilson"] > 0.95 - SLACK, share
    # The percentile bootstrap of 60 groups is a little short.
    assert share["bootstrap"] > 0.90, share


def test_delong_for_clusters_holds_where_delong_does_not() -> None:
    rng = np.random.default_rng(4)
    truth = stats.norm.cdf(1.2 / np.sqrt(2))
    naive = ours = 0
    for _ in range(TRIALS):
        sizes = rng.integers(1, 7, 90)
        group = np.repeat(np.arange(90), sizes)
        positive = (group % 3 == 0).astype(bool)
        shared = rng.normal(0, np.sqrt(0.8), 90)[group]
        scores = (1.2 * positive + shared + rng.normal(0, np.sqrt(0.2), len(group)))[None]
        for clusters in (None, group):
            area, covariance = delong.covariance(positive, scores, clusters)
            low, high = delong.interval(float(area[0]), float(covariance[0, 0]), 0.95)
            if clusters is None:
                naive += low <= truth <= high
            else:
                ours += low <= truth <= high
    assert naive / TRIALS < 0.85
    assert ours / TRIALS > 0.92


def test_a_paired_difference_is_held_and_an_unpaired_interval_is_too_wide() -> None:
    rng = np.random.default_rng(5)
    positive = np.arange(360) < 92
    hits, widths = 0, []
    for _ in range(TRIALS):
        hard = rng.random(360) < 0.15
        right = np.stack([~hard & (rng.random(360) < 0.97), ~hard & (rng.random(360) < 0.93)])
        called = right == positive
        drawn = metrics.score(bootstrap.matrices(bootstrap.units(positive, called), 400, rng))[
            "accuracy"
        ]
        low, high = bootstrap.percentile(drawn[:, 0] - drawn[:, 1], 0.95)
        hits += low <= 0.85 * 0.04 <= high
        widths.append(
            (high - low) / np.hypot(*(np.ptp(bootstrap.percentile(d, 0.95)) for d in drawn.T))
        )
    assert abs(hits / TRIALS - 0.95) < SLACK
    assert np.mean(widths) < 0.85
