"""Intervals hold what they promise, and the naive ones do not where images come in groups."""

import numpy as np
import pytest
from scipy import stats

from covidcxr.scores import (
    bootstrap,
    comparison,
    delong,
    evaluation,
    intervals,
    mcnemar,
    metrics,
    proportions,
)
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

POSITIVES, NEGATIVES = 92, 268
TRIALS = 400
# Three standard errors of a coverage of 95 % in so many trials.
SLACK = 3 * np.sqrt(0.95 * 0.05 / TRIALS)


def test_wilson_holds_at_the_papers_sizes() -> None:
    # The coverage itself, summed over all counts, and averaged over true values: no chance in it.
    for n in (POSITIVES, NEGATIVES, POSITIVES + NEGATIVES):
        limits = np.array([proportions.wilson(k, n) for k in range(n + 1)])
        exact = np.array([proportions.clopper_pearson(k, n) for k in range(n + 1)])
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
        worth, _ = proportions.effective_sample_size(right, group)
        positive = np.ones(n, bool)
        limits = {
            "naive Wilson": proportions.wilson(k, n),
            "Wilson": proportions.wilson(k / n * worth, worth),
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


def test_the_bootstrap_of_composites_holds_at_the_papers_true_values() -> None:
    # Sensitivity and specificity of the best and the worst of its models.
    rng = np.random.default_rng(6)
    names = ("f1", "balanced_accuracy", "mcc")
    for sensitivity, specificity in ((0.935, 0.925), (0.76, 0.776)):
        truth = metrics.score(
            [92 * sensitivity, 92 * (1 - sensitivity), 268 * (1 - specificity), 268 * specificity]
        )
        inside = dict.fromkeys(names, 0.0)
        for _ in range(1_000):
            tp, tn = rng.binomial(92, sensitivity), rng.binomial(268, specificity)
            drawn = bootstrap.Units(
                np.eye(4, dtype=np.int64), np.array([tp, 92 - tp, 268 - tn, tn]),
                np.array([1, 1, 2, 2]), np.arange(4)[None],
            )  # fmt: skip
            values = metrics.score(bootstrap.matrices(drawn, 500, rng)[:, 0])
            for name in names:
                low, high = bootstrap.percentile(values[name], 0.95)
                inside[name] += float(low <= truth[name] <= high)
        for name, hits in inside.items():
            assert hits / 1_000 > 0.92, (name, hits / 1_000)


def test_the_balanced_accuracy_of_a_nearly_perfect_model_is_held_too() -> None:
    # Often all positives are found, and resampling then takes the sensitivity for certain.
    rng = np.random.default_rng(7)
    hits = 0
    for _ in range(TRIALS):
        tp, tn = rng.binomial(92, 0.98), rng.binomial(268, 0.99)
        found = evaluation.of_matrix([tp, 92 - tp, 268 - tn, tn], Protocol(resamples=400))
        made = found["balanced_accuracy"]
        hits += made.low <= 0.985 <= made.high
    assert hits / TRIALS > 0.92, hits / TRIALS


@pytest.mark.parametrize(("n", "b", "c"), [(360, 0.10, 0.06), (360, 0.02, 0.01), (92, 0.08, 0.08)])
def test_a_paired_difference_is_held_whatever_share_of_images_is_discordant(
    n: int, b: float, c: float
) -> None:
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(TRIALS):
        kind = rng.choice(3, n, p=[b, c, 1 - b - c])
        called = np.stack([kind != 1, kind != 0])
        drawn = bootstrap.matrices(bootstrap.units(np.ones(n, bool), called), 400, rng)
        values = metrics.score(drawn)["sensitivity"]
        low, high = bootstrap.percentile(values[:, 0] - values[:, 1], 0.95)
        hits += low - 1e-12 <= b - c <= high + 1e-12
    assert hits / TRIALS > 0.95 - SLACK, hits / TRIALS


def test_composites_of_patients_with_many_images_need_whole_patients_drawn() -> None:
    rng = np.random.default_rng(9)
    truth = {"f1": 0.8, "balanced_accuracy": 0.8, "mcc": 0.6}
    share = {(name, drawn): 0.0 for name in truth for drawn in ("images", "patients")}
    for _ in range(TRIALS):
        right, group = clustered(rng)
        other, more = clustered(rng)
        # As many images of either class, so that the true scores are those above.
        n = min(len(right), len(other))
        positive = np.repeat([True, False], n)
        called = np.concatenate([right[:n], ~other[:n]])
        unit = np.concatenate([group[:n], 60 + more[:n]])
        _, unit = np.unique(unit, return_inverse=True)
        for drawn, clusters in (("images", None), ("patients", unit)):
            units = bootstrap.units(positive, called[None], clusters)
            values = metrics.score(bootstrap.matrices(units, 300, rng)[:, 0])
            for name, true in truth.items():
                low, high = bootstrap.percentile(values[name], 0.95)
                share[name, drawn] += (low <= true <= high) / TRIALS
    for name in truth:
        assert share[name, "images"] < 0.85, share
        assert share[name, "patients"] > 0.95 - SLACK, share


@pytest.mark.parametrize("truth", [0.8, 0.935, 0.97])
def test_wilson_holds_for_patients_also_where_few_images_are_wrong(truth: float) -> None:
    # Images of a patient correlate by 0.6. Few patients err, so that how much is hard to tell.
    rng = np.random.default_rng(11)
    naive = ours = 0
    for _ in range(2_000):
        group = np.repeat(np.arange(60), rng.integers(1, 7, 60))
        skill = rng.beta(truth * 2 / 3, (1 - truth) * 2 / 3, 60)
        right = rng.random(len(group)) < skill[group]
        n, k = len(right), right.sum()
        worth, _ = proportions.effective_sample_size(right, group)
        low, high = proportions.wilson(k, n)
        naive += low <= truth <= high
        low, high = proportions.wilson(k / n * worth, worth)
        ours += low <= truth <= high
    assert naive / 2_000 < 0.85
    assert ours / 2_000 > 0.92, ours / 2_000


def binormal(rng: np.random.Generator, area: float, spread: float) -> Predictions:
    """Return predictions at the paper's sizes, the scores of positives spread otherwise."""
    positive = np.arange(POSITIVES + NEGATIVES) < POSITIVES
    apart = stats.norm.ppf(area) * np.hypot(spread, 1)
    drawn = rng.normal(apart * positive, np.where(positive, spread, 1))
    images = np.arange(len(positive))
    return Predictions("m", images.astype(str), positive, stats.norm.cdf(drawn - 2), images)


@pytest.mark.parametrize(
    ("area", "spread"), [(0.76, 1), (0.85, 1.5), (0.94, 1.5), (0.97, 1), (0.99, 1), (0.995, 1.5)]
)
def test_the_area_is_held_at_the_papers_sizes(area: float, spread: float) -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(TRIALS):
        made = intervals.area(binormal(rng, area, spread), 0.95)
        hits += made.low <= area <= made.high
    assert hits / TRIALS > 0.95 - SLACK, hits / TRIALS


@pytest.mark.parametrize("spread", [1, 1.5])
def test_newcombe_holds_near_one_at_the_papers_sizes(spread: float) -> None:
    rng = np.random.default_rng(12)
    for area in (0.97, 0.99, 0.995):
        hits = 0
        for _ in range(TRIALS):
            p = binormal(rng, area, spread)
            found = float(metrics.auroc(p.positive, p.score))
            low, high = delong.newcombe(found, POSITIVES, NEGATIVES, 0.95)
            hits += low <= area <= high
        assert hits / TRIALS > 0.95 - SLACK, (area, hits / TRIALS)


def test_mcnemars_tests_keep_their_level() -> None:
    # Without a difference the exact p is below 0.05 at most so often; mid-p nearly so.
    for discordant in range(5, 60):
        b = np.arange(discordant + 1)
        chance = stats.binom.pmf(b, discordant, 0.5)
        assert chance[mcnemar.exact_p(b, discordant - b) < 0.05].sum() <= 0.05
        assert chance[mcnemar.mid_p(b, discordant - b) < 0.05].sum() <= 0.08


def test_the_p_of_groups_keeps_its_level_where_mcnemars_does_not() -> None:
    rng = np.random.default_rng(12)
    found = {"images": 0, "groups": 0}
    for _ in range(TRIALS):
        sign = rng.choice([-1, 1], 30)
        difference = sign * rng.integers(0, 7, 30)
        b, c = difference[difference > 0].sum(), -difference[difference < 0].sum()
        found["images"] += float(mcnemar.exact_p(b, c)) < 0.05
        found["groups"] += comparison.mcnemar_by_group(difference) < 0.05
    assert found["images"] / TRIALS > 0.15
    assert found["groups"] / TRIALS < 0.05 + SLACK


# --- every score of a model, as the command and the pages give them


def simulated(
    rng: np.random.Generator, sizes: tuple[int, int], area: float, images: int
) -> Predictions:
    """Return binormal predictions; of each patient ``images``, whose scores correlate by 0.6."""
    apart = np.sqrt(2) * stats.norm.ppf(area)
    scores, groups = [], []
    for n, mean, first in ((sizes[0], apart, 0), (sizes[1], 0.0, sizes[0])):
        group = np.arange(n) % max(1, n // images)
        shared = 0.6 if images > 1 else 0.0
        patient = rng.normal(size=n)[group] * np.sqrt(shared)
        scores.append(mean + patient + rng.normal(size=n) * np.sqrt(1 - shared))
        groups.append(first + group)
    positive = np.arange(sum(sizes)) < sizes[0]
    odds = sizes[0] / sizes[1]
    logit = 1.5 * (apart * (np.concatenate(scores) - apart / 2) + np.log(odds))
    _, group = np.unique(np.concatenate(groups), return_inverse=True)
    names = np.arange(len(positive)).astype(str)
    return Predictions("m", names, positive, 1 / (1 + np.exp(-logit)), group, "patient")


@pytest.mark.parametrize(
    ("sizes", "area", "images"),
    [((10, 20), 0.8, 1), ((10, 20), 0.95, 1), ((92, 268), 0.8, 1), ((92, 268), 0.99, 1),
     ((92, 268), 0.9, 3)],
)  # fmt: skip
def test_each_of_fifteen_scores_is_held_or_has_no_interval(
    sizes: tuple[int, int], area: float, images: int
) -> None:
    n = sum(sizes)
    whole = simulated(np.random.default_rng(13), (sizes[0] * 90_000 // n, sizes[1] * 90_000 // n),
                      area, 1)  # fmt: skip
    truth = {
        name: float(value)
        for name, value in {
            **metrics.score(metrics.cells(whole.positive, whole.called(0.5))),
            **metrics.probability_scores(whole.positive, whole.score),
        }.items()
    }
    assert len(truth) == 15
    rng = np.random.default_rng(14)
    hits = {name: np.zeros(2) for name in truth}
    for seed in range(TRIALS):
        sample = simulated(rng, sizes, area, images)
        for name, one in evaluation.evaluate(sample, Protocol(resamples=200, seed=seed)).items():
            if np.isfinite(one.low):
                held = one.low - 1e-12 <= truth[name] <= one.high + 1e-12
                hits[name] += held, 1
            else:
                assert one.reason
    shares = {name: held / given for name, (held, given) in hits.items() if given}
    low = {name: share for name, share in shares.items() if share < 0.95 - SLACK}
    assert not low
    without = {"ece"} if min(sizes) >= 30 else {"ece", "brier", "log_loss"}
    assert set(truth) - set(shares) == without


@pytest.mark.parametrize("spread", [1, 1.5])
def test_the_average_precision_is_held_also_near_one(spread: float) -> None:
    rng = np.random.default_rng(15)
    area, whole = 0.995, 200_000
    apart = stats.norm.ppf(area) * np.hypot(spread, 1)
    positive = np.arange(whole) < whole * POSITIVES // (POSITIVES + NEGATIVES)
    truth = float(
        metrics.auprc(positive, rng.normal(apart * positive, np.where(positive, spread, 1)))
    )
    held = given = 0
    for _ in range(TRIALS):
        one = evaluation.evaluate(binormal(rng, area, spread), Protocol(resamples=2))["auprc"]
        if np.isfinite(one.low):
            held, given = held + (one.low <= truth <= one.high), given + 1
    assert given > TRIALS / 2
    assert held / given > 0.95 - SLACK, held / given
