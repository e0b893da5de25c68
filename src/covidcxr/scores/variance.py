"""Where the differences between runs of one procedure come from.

A procedure is a network trained by a protocol. Each of its runs draws a split and a
seed; the draw of the split decides what trains and what tests, the seed decides initial
weights, order and dropout. Accuracies are fractions; a point is a hundredth of them.

Runs on splits of one cohort share images. That makes them more alike than runs on new
cohorts would be, and no function here can undo it: what is said of draws of the split is
said of splits of this cohort.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from covidcxr.core.errors import Problem
from covidcxr.core.records import Record
from covidcxr.core.studies import POSITIVE
from covidcxr.core.words import listing
from covidcxr.scores import metrics
from covidcxr.scores.intervals import wilson

NAN = float("nan")

RUN = ["model", "split", "seed", "draw"]
"""What names a run."""

COMPONENTS = {
    "split": "which images train",
    "seed": "initial weights, order and dropout",
    "test set": "which images happen to test",
}
"""What each component of the variance is made of."""

GAMMA = 0.75
"""From this share of pairs on an advantage is meaningful (Bouthillier et al., 2021)."""


# --- runs


def draw(split: str, seed: object) -> str:
    """Return the name of a draw of the split: ``random-1`` of ``random`` with seed 1."""
    return f"{split}-{seed}" if split in ("random", "grouped") else split


def replicated(splits: Sequence[str], seeds: Sequence[int]) -> bool:
    """Whether a study repeats one procedure so that its variance can be taken apart.

    It takes two seeds on each of two draws of one kind of split. ``keras`` has a single
    draw, and ``random`` without a number another one for every seed.
    """
    kinds = {split.partition("-")[0] for split in splits}
    numbered = all("-" in split for split in splits)
    return numbered and len(kinds) == 1 and len(set(splits)) > 1 and len(set(seeds)) > 1


def tested(records: Iterable[Record]) -> pd.DataFrame:
    """Return the test part's predictions of trainings.

    Returns
    -------
    pandas.DataFrame
        A row a run and image: ``model``, ``split``, ``seed``, ``draw``, ``image_id``,
        ``label``, ``score``.
    """
    return _gathered(
        _named(record.table("predictions").query("part == 'test'"), record) for record in records
    )


def tested_baselines(record: Record | None) -> pd.DataFrame:
    """Return the test part's predictions of trivial models, as `tested` does of trainings.

    Parameters
    ----------
    record
        Its table ``predictions`` names ``model``, ``split`` and ``seed`` in every row. The
        models have no randomness of their own, so that their seed only names a draw and
        is left empty here. None gives no rows.
    """
    if record is None:
        return _gathered([])
    rows = record.table("predictions").query("part == 'test'")
    names = [draw(split, seed) for split, seed in zip(rows["split"], rows["seed"], strict=True)]
    return _gathered([rows.assign(draw=names, seed=np.nan)])


def runs(records: Iterable[Record], threshold: float = 0.5) -> pd.DataFrame:
    """Score each training on its test part.

    Parameters
    ----------
    records
        Of trainings.
    threshold
        A score at or above it reads as COVID19.

    Returns
    -------
    pandas.DataFrame
        A row a run: ``model``, ``split``, ``seed``, ``draw``, ``n`` images, ``accuracy``,
        ``sensitivity``, ``specificity``, ``auroc``.
    """
    return scored(tested(records), threshold)


def baselines(record: Record | None, threshold: float = 0.5) -> pd.DataFrame:
    """Score each run of the trivial models on its test part; columns as for `runs`."""
    return scored(tested_baselines(record), threshold)


def scored(predictions: pd.DataFrame, threshold: float = 0.5) -> pd.DataFrame:
    """Score each run of a table that `tested` or `tested_baselines` returned, as `runs` says."""
    found = []
    for name, rows in predictions.groupby(RUN, sort=False, dropna=False):
        cells = metrics.confusion(rows["label"], rows["score"], threshold)
        values = metrics.score(cells)
        area = metrics.auroc((rows["label"] == POSITIVE).to_numpy(bool), rows["score"])
        found.append(
            dict(zip(RUN, name, strict=True))
            | {"n": len(rows)}
            | {k: float(values[k]) for k in ("accuracy", "sensitivity", "specificity")}
            | {"auroc": float(area)}
        )
    columns = [*RUN, "n", "accuracy", "sensitivity", "specificity", "auroc"]
    return pd.DataFrame(found, columns=columns)


def correctness(records: Iterable[Record], threshold: float = 0.5) -> pd.DataFrame:
    """Return which test images each training reads correctly.

    Returns
    -------
    pandas.DataFrame
        A row a run and image: ``model``, ``split``, ``seed``, ``draw``, ``image_id``,
        ``label``, ``correct``.
    """
    rows = tested(records)
    called = (rows["score"] >= threshold).to_numpy(bool)
    rows["correct"] = called == (rows["label"] == POSITIVE).to_numpy(bool)
    return rows.drop(columns="score")


# --- components of the variance


@dataclass(frozen=True)
class Decomposition:
    """The variance of a run's accuracy, taken apart.

    Attributes
    ----------
    table
        By component (`COMPONENTS`, then ``a run``, their sum): ``variance``, ``points``
        (its standard deviation, in points), ``share``, and ``low`` and ``high``, limits of
        ``points``.
    between, within
        Variance between draws of the split and between seeds of one draw, with the finite
        test part in both.
    mean
        Of the accuracy.
    splits, runs
        How many.
    method
        How ``between`` and ``within`` were estimated.
    zeroed
        The components whose estimate was negative and stands as 0.
    confidence
        Of the limits.
    """

    table: pd.DataFrame
    between: float
    within: float
    mean: float
    splits: int
    runs: int
    method: str
    zeroed: tuple[str, ...]
    confidence: float

    @property
    def remark(self) -> str:
        """How it was estimated and what was set to 0, in words."""
        text = f"Estimated by {self.method} from {self.runs} runs on {self.splits} splits."
        if self.zeroed:
            text += (
                f" The estimate for the {' and the '.join(self.zeroed)} was negative and stands as "
                "0; shares are of what remains."
            )
        return text


def decompose(
    correct: pd.DataFrame, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> Decomposition:
    """Take apart the variance of the accuracy of one procedure's runs.

    Parameters
    ----------
    correct
        As `correctness` returns it, of one model. Images of a ``label`` form a stratum where
        that column is there: splits hold as many of each class every time, so that the
        difference between classes adds nothing to the variance.
    confidence
        Of the limits.
    resamples, seed
        Of their simulation.

    Raises
    ------
    Problem
        For fewer than two draws of the split, or two seeds of one, and for runs of one
        draw that were tested on different images.

    Notes
    -----
    Run s on draw k is right on image i by the model

        c_ksi = m + b_k + a_ki + w_ks + e_ksi,

    with variances B of what the draw trains on, A of how hard images are, W of the seed
    and E of what is peculiar to image and seed. An accuracy is the mean over n images, so
    runs of one draw share b_k + mean(a_ki), of variance B + A/n, and differ by
    w_ks + mean(e_ksi), of variance W + E/n. REML with a random intercept for the draw
    estimates these two. In a two-way table of S seeds and n images

        E[mean square of images]       = E + S A
        E[mean square of interaction]  = E,

    so that the interaction's mean square is an unbiased estimate of E, and a S-th of the
    difference one of A. Divided by n they go over to the component of the finite test
    part: A/n comes out of the draw's, E/n out of the seed's. What REML has set to 0 it
    can not give, so the sum of the components may then exceed the variance of the runs.

    Images count as independent, also those of one patient. Test parts drawn from one cohort
    overlap by about the test fraction, so that the observed variance between draws holds
    that much less of A/n, and the component of the split is too low by it.

    The limits come from a parametric simulation that inverts the distributions of the mean
    squares between and within draws, instead of drawing runs from the fitted components:
    with five draws the upper limit of a variance is eight times its estimate, and the
    percentiles of a plain parametric bootstrap, skewed the other way, end far below it.
    Limits from few runs are wide for that reason. Each mean square times its degrees of
    freedom is divided by draws from the chi-square distribution that belongs to it, and the
    components are computed anew. Draws with unequal numbers of seeds enter by their
    unweighted mean square. The mean squares of images, which of right and wrong are no
    chi-squares, are drawn from Student's t by their spread over the draws of the split.

    References
    ----------
    Searle, Casella and McCulloch, Variance Components (1992), for the mean squares;
    Weerahandi, J Am Stat Assoc 88:899-905 (1993), for the limits; Thomas and Hultquist,
    Ann Stat 6:582-587 (1978), for unequal numbers.
    """
    if len(correct["model"].unique()) != 1:
        raise ValueError("the runs of one model are taken apart, not of several")
    _refuse_few(correct)
    accuracy = correct.groupby(["draw", "seed"], sort=False)["correct"].mean()
    squares = _squares(accuracy)
    between, within, method = _between_and_within(accuracy, squares)
    by_draw = _image_squares(correct)
    seeds = float(accuracy.groupby("draw").size().mean())

    of_images, peculiar = by_draw.mean(axis=0)
    hard = (of_images - peculiar) / seeds
    found = _components(between, within, hard, peculiar)
    # A split all of whose runs agree has a mean square of 0, and rounding is no negative.
    zeroed = tuple(name for name, value in found.items() if value < -1e-12)

    rng = np.random.default_rng(seed)

    def drawn(square: float, freedom: int) -> NDArray[np.float64]:
        return square * freedom / rng.chisquare(freedom, resamples)

    many_within = drawn(squares.within, squares.freedom_within)
    many_between = (drawn(squares.between, squares.draws - 1) - many_within) / squares.seeds
    many_images, many_peculiar = _means_drawn(by_draw, resamples, rng).T
    # A negative variance of a component is none.
    many = _components(
        np.maximum(many_between, 0),
        many_within,
        (many_images - many_peculiar) / seeds,
        many_peculiar,
    )
    values = {name: max(float(value), 0.0) for name, value in found.items()}
    spread = {name: np.sqrt(np.maximum(value, 0)) for name, value in many.items()}
    total = sum(values.values())
    values["a run"] = total
    spread["a run"] = np.sqrt(np.sum([s**2 for s in spread.values()], axis=0))
    tail = 100 * (1 - confidence) / 2
    limits = {name: np.percentile(100 * s, [tail, 100 - tail]) for name, s in spread.items()}
    table = pd.DataFrame(
        {
            "variance": values,
            "points": {name: 100 * np.sqrt(value) for name, value in values.items()},
            "share": {name: value / total if total else NAN for name, value in values.items()},
            "low": {name: float(ends[0]) for name, ends in limits.items()},
            "high": {name: float(ends[1]) for name, ends in limits.items()},
        }
    ).rename_axis("component")
    return Decomposition(
        table=table,
        between=between,
        within=within,
        mean=float(accuracy.groupby("draw").mean().mean()),
        splits=squares.draws,
        runs=len(accuracy),
        method=method,
        zeroed=zeroed,
        confidence=confidence,
    )


def anova(accuracy: pd.Series) -> tuple[float, float]:
    """Return the variance between and within draws of the split by analysis of variance.

    Parameters
    ----------
    accuracy
        Indexed by ``draw`` and ``seed``.

    Returns
    -------
    tuple
        Unbiased, so that the first may be negative. For a balanced design and where both
        are positive they are the REML estimates.
    """
    squares = _squares(accuracy)
    return (squares.between - squares.within) / squares.seeds, squares.within


@dataclass(frozen=True)
class _Squares:
    """Mean squares of a one-way layout: of draws' means times ``seeds``, and within draws."""

    between: float
    within: float
    draws: int
    seeds: float
    freedom_within: int


def _squares(accuracy: pd.Series) -> _Squares:
    within = accuracy.groupby("draw")
    sizes, means = within.size(), within.mean()
    # The harmonic mean, because the variance of a mean of S seeds goes with 1 / S.
    seeds = float(len(sizes) / (1 / sizes).sum())
    freedom = int(len(accuracy) - len(sizes))
    away = accuracy - within.transform("mean")
    return _Squares(
        between=seeds * float(means.var(ddof=1)),
        within=float((away**2).sum()) / freedom,
        draws=len(sizes),
        seeds=seeds,
        freedom_within=freedom,
    )


def _between_and_within(accuracy: pd.Series, squares: _Squares) -> tuple[float, float, str]:
    """Estimate the two variances by REML, or by analysis of variance where it fails."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    # Without any spread there is nothing to maximise.
    if np.isclose(squares.between, 0, atol=1e-18) and np.isclose(squares.within, 0, atol=1e-18):
        return 0.0, 0.0, "inspection (all runs are equally accurate)"
    # The optimiser's tolerances are made for numbers around 1.
    scale = float(accuracy.std(ddof=1))
    with warnings.catch_warnings(record=True):
        # It warns at the boundary, where the estimate is 0 and said to be.
        warnings.simplefilter("always")
        try:
            fitted: Any = MixedLM(
                (accuracy / scale).to_numpy(),
                np.ones((len(accuracy), 1)),
                groups=accuracy.index.get_level_values("draw").to_numpy(),
            ).fit(reml=True)
            between, within = float(fitted.cov_re[0, 0]), float(fitted.scale)
            good = bool(fitted.converged) and bool(np.isfinite([between, within]).all())
        except (np.linalg.LinAlgError, ValueError, ZeroDivisionError, FloatingPointError):
            good = False
    if good:
        between, within = between * scale**2, within * scale**2
        if min(between, within) >= 0 and _is_maximum(between, within, accuracy):
            return between, within, "REML"
    estimate, within = anova(accuracy)
    method = "analysis of variance, because REML did not converge"
    return max(estimate, 0.0), within, method


def _is_maximum(between: float, within: float, accuracy: pd.Series) -> bool:
    """Whether estimates are those that a balanced design has in closed form.

    Where seeds hardly differ the optimiser can stop short and still report success.
    """
    if len(set(accuracy.groupby("draw").size())) > 1:
        return True
    exact, rest = anova(accuracy)
    if exact < 0:  # all runs are then one sample
        exact, rest = 0.0, float(accuracy.var(ddof=1))
    return bool(np.allclose([between, within], [exact, rest], rtol=0.01, atol=0.01 * rest))


def _image_squares(correct: pd.DataFrame) -> NDArray[np.float64]:
    """Return the mean squares of images and of the interaction, over n, within classes.

    Shape (draws of the split, 2).
    """
    found = []
    labels = correct["label"] if "label" in correct else pd.Series("", correct.index)
    for name, rows in correct.assign(label=labels).groupby("draw", sort=False):
        images = interaction = 0.0
        n = rows["image_id"].nunique()
        for _, stratum in rows.groupby("label"):
            table = stratum.pivot_table(index="image_id", columns="seed", values="correct")
            if table.isna().any(axis=None) or table.shape[1] != rows["seed"].nunique():
                raise Problem(
                    f"The runs on {name} were tested on different images; run the study again."
                )
            values = table.to_numpy(float)
            size, seeds = values.shape
            if size < 2:  # one image of a class says nothing of how images differ
                continue
            by_image = values.mean(axis=1, keepdims=True)
            rest = values - by_image - values.mean(axis=0) + values.mean()
            weight = size / n**2
            images += weight * seeds * float(by_image.var(ddof=1))
            interaction += weight * float((rest**2).sum()) / ((size - 1) * (seeds - 1))
        found.append((images, interaction))
    return np.array(found)


def _means_drawn(
    rows: NDArray[np.float64], resamples: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw the mean of rows, shape (k, 2), from the t distribution of their spread.

    Shape (resamples, 2), never negative.
    """
    k = len(rows)
    # (k, 2) deviations times (b, k) normal numbers have the covariance of the rows.
    away = (rows - rows.mean(axis=0)) / np.sqrt(k * (k - 1))
    normal = rng.standard_normal((resamples, k)) @ away
    heavy = np.sqrt(rng.chisquare(k - 1, resamples) / (k - 1))
    return np.maximum(rows.mean(axis=0) + normal / heavy[:, None], 0)


def _components(between: Any, within: Any, hard: Any, peculiar: Any) -> dict[str, Any]:
    """Move the finite test part out of both variances; negative ones stay negative."""
    return {
        "split": between - hard,
        "seed": within - peculiar,
        # Never negative: a weighted mean of the two mean squares.
        "test set": hard + peculiar,
    }


def _refuse_few(rows: pd.DataFrame) -> None:
    seeds = rows.groupby("draw")["seed"].nunique()
    if len(seeds) < 2:
        raise Problem(
            "One draw of the split cannot tell how much the split matters; name two or more in "
            "'splits' of the study, random-0 and random-1 say."
        )
    if seeds.min() < 2:
        raise Problem(
            f"One run on {seeds.idxmin()} cannot tell the seed from the split; name two or more "
            "in 'seeds' of the study, with splits that keep their draw, such as random-0."
        )


# --- what to expect of a procedure


def expected(runs: pd.DataFrame, score: str = "accuracy", confidence: float = 0.95) -> pd.DataFrame:
    """Return the mean score of one procedure with the intervals that are in use for it.

    Parameters
    ----------
    runs
        As `runs` returns them, of one model.
    score
        One of its columns. Wilson's interval is given for the accuracy alone.
    confidence
        Coverage.

    Returns
    -------
    pandas.DataFrame
        By ``unit``: ``value``, ``low``, ``high``, ``n`` and degrees of freedom ``df``.
        ``draws of the split`` takes Student's t of the means of the draws: runs of one draw
        share their images and are not independent. ``runs`` takes all runs for
        independent. ``images of one run`` is Wilson's interval of the run that the
        table names first, whatever its score: all that a single run offers.

    Raises
    ------
    Problem
        For fewer than two draws of the split.
    """
    if len(runs["model"].unique()) != 1:
        raise ValueError("one model is expected, not several")
    values = runs[score]
    means = values.groupby(runs["draw"]).mean()
    if len(means) < 2:
        raise Problem(
            "One draw of the split says nothing of another; name two or more in 'splits' of the "
            "study, random-0 and random-1 say."
        )
    found = {
        "draws of the split": _t(means, confidence),
        "runs": _t(values, confidence),
    }
    if score == "accuracy":
        first = runs.iloc[0]
        n, value = int(first["n"]), float(first["accuracy"])
        low, high = wilson(round(value * n), n, confidence)
        found["images of one run"] = {
            "value": value, "low": low, "high": high, "n": n, "df": NAN,
        }  # fmt: skip
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("unit")


def _t(values: pd.Series, confidence: float) -> dict[str, float]:
    n, mean = len(values), float(values.mean())
    error = float(values.std(ddof=1)) / np.sqrt(n) if n > 1 else NAN
    reach = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error if n > 1 else NAN
    return {"value": mean, "low": mean - reach, "high": mean + reach, "n": n, "df": n - 1}


# --- is one procedure better than another?


@dataclass(frozen=True)
class Superiority:
    """How often a run of one procedure beats the paired run of another.

    Attributes
    ----------
    first, second
        The procedures.
    value, low, high
        The probability that the first beats the second, and its limits.
    difference
        Mean of the first's score less the second's.
    pairs, splits
        How many.
    meaningful
        The lower limit exceeds a half and the value exceeds `GAMMA`.
    """

    first: str
    second: str
    value: float
    low: float
    high: float
    difference: float
    pairs: int
    splits: int
    meaningful: bool


def superiority(
    runs: pd.DataFrame,
    first: str,
    second: str,
    score: str = "accuracy",
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Superiority:
    """Estimate the probability that a run of one procedure beats one of another.

    Parameters
    ----------
    runs
        As `runs` and `baselines` return them, of both models.
    first, second
        The models.
    score
        The column that decides; ties count half.
    confidence
        Of the percentile interval. Draws of the split are resampled with all their runs.
    resamples, seed
        Of the bootstrap.

    Returns
    -------
    Superiority
        Runs are paired by draw of the split and seed; a run without a seed meets every run
        of its draw. Where every draw gives the same share, so does every resample: limits
        without a width are then no certainty.

    Raises
    ------
    Problem
        Where the procedures share no draw and seed, or a single draw.

    References
    ----------
    Bouthillier et al., Proc MLSys 3 (2021), arXiv 2103.03098, section 4 and appendix C.
    """
    one, other = (runs[runs["model"] == model] for model in (first, second))
    with_seeds = one["seed"].notna().all() and other["seed"].notna().all()
    keys = ["draw", "seed"] if with_seeds else ["draw"]
    paired = one.merge(other, on=keys, suffixes=("_first", "_second"))
    if paired["draw"].nunique() < 2:
        raise Problem(
            f"{first} and {second} share {paired['draw'].nunique()} draws of the split; name two "
            "or more in 'splits' of the study and run both models on them."
        )
    away = paired[f"{score}_first"] - paired[f"{score}_second"]
    # A hundredth of an image is rounding.
    wins = pd.Series(np.where(np.abs(away) < 1e-9, 0.5, away > 0), paired.index)
    by_draw = wins.groupby(paired["draw"]).agg(["sum", "size"]).to_numpy(float)
    rng = np.random.default_rng(seed)
    draws = len(by_draw)
    many = rng.multinomial(draws, np.full(draws, 1 / draws), size=resamples) @ by_draw
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(many[:, 0] / many[:, 1], [tail, 100 - tail])
    value = float(wins.mean())
    return Superiority(
        first=first,
        second=second,
        value=value,
        low=float(low),
        high=float(high),
        difference=float(away.mean()),
        pairs=len(paired),
        splits=draws,
        meaningful=bool(low > 0.5 and value > GAMMA),
    )


def noether(p: float = GAMMA, alpha: float = 0.05, beta: float = 0.05) -> int:
    """Return how many paired runs it takes to find that one procedure beats another.

    Parameters
    ----------
    p
        The probability of superiority to be found.
    alpha, beta
        Errors of the one-sided test: seeing what is not there, missing what is.

    References
    ----------
    Noether, J Am Stat Assoc 82:645-647 (1987); in this form Bouthillier et al. (2021),
    appendix C: ``(z(1 - alpha) + z(1 - beta))^2 / (6 (1/2 - p)^2)``, rounded up.
    """
    if p == 0.5:
        raise ValueError("no number of pairs finds an advantage that is not there")
    z = float(stats.norm.ppf(1 - alpha) + stats.norm.ppf(1 - beta))
    return int(np.ceil(z**2 / (6 * (0.5 - p) ** 2)))


# --- choosing an epoch by the test part


def histories(records: Iterable[Record]) -> pd.DataFrame:
    """Return the accuracies of trainings by epoch.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``split``, ``seed``, ``draw``, ``epoch``, ``part``, ``accuracy``.
    """
    columns = ["epoch", "part", "accuracy"]
    return _gathered(
        (_named(record.table("history"), record) for record in records), [*RUN, *columns]
    )


def selection(histories: pd.DataFrame) -> pd.DataFrame:
    """Return what each run's test accuracy would be reported as, by how its epoch is chosen.

    Parameters
    ----------
    histories
        As `histories` returns them.

    Returns
    -------
    pandas.DataFrame
        A row a run. ``last``, ``by_validation`` and ``by_test``: test accuracy at the last
        epoch and at the epoch that is best on the validation and on the test part, the
        earliest of equals; ``epochs``, ``validation_epoch`` and ``test_epoch``. Optimism of
        choosing by the test part: ``over_last`` and ``over_validation``. What is of the
        validation part is NaN for a run without one.
    """
    found = []
    for name, rows in histories.groupby(RUN, sort=False, dropna=False):
        curves = rows.pivot_table(index="epoch", columns="part", values="accuracy")
        test = curves["test"]
        best = int(test.idxmax())
        row = {
            "epochs": int(test.index.max()),
            "last": float(test.loc[test.index.max()]),
            "test_epoch": best,
            "by_test": float(test.loc[best]),
            "validation_epoch": NAN,
            "by_validation": NAN,
        }
        if "validation" in curves and curves["validation"].notna().all():
            chosen = int(curves["validation"].idxmax())
            row |= {"validation_epoch": chosen, "by_validation": float(test.loc[chosen])}
        found.append(dict(zip(RUN, name, strict=True)) | row)
    table = pd.DataFrame(found)
    table["over_last"] = table["by_test"] - table["last"]
    table["over_validation"] = table["by_test"] - table["by_validation"]
    return table


def optimism(selected: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Return the mean optimism of choosing the epoch by the test part.

    Parameters
    ----------
    selected
        As `selection` returns it, of one model.
    confidence
        Of Student's interval, over the means of the draws of the split; NaN for one draw.

    Returns
    -------
    pandas.DataFrame
        By ``against`` (``last``, ``validation``): ``value``, ``low``, ``high`` in points,
        ``n`` draws, ``df``. Without a validation part, one row.
    """
    found = {}
    for against in ("last", "validation"):
        over = 100 * selected[f"over_{against}"]
        if over.notna().all():
            found[against] = _t(over.groupby(selected["draw"]).mean(), confidence)
            # By its definition it is never negative, which Student's t does not know.
            found[against]["low"] = float(np.maximum(found[against]["low"], 0))
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("against")


def expected_maximum(
    p: float, n: int, epochs: int, correlation: float = 0.0, resamples: int = 4_000, seed: int = 0
) -> NDArray[np.float64]:
    """Return how accurate the best of several equally good epochs looks.

    Parameters
    ----------
    p
        The true accuracy at every epoch.
    n
        Test images.
    epochs
        How many to choose from.
    correlation
        Of the latent normal variable that decides whether an image is read correctly at one
        epoch and at another (a Gaussian copula, the same for each two epochs); from 0,
        epochs independent, to below 1.
    resamples, seed
        Of the simulation.

    Returns
    -------
    numpy.ndarray
        Shape (epochs,): the expected highest test accuracy among the first 1, 2, ...
        epochs. The first is p but for the simulation's error.
    """
    if not (0 <= correlation < 1 and 0 < p < 1):
        raise ValueError("correlation must be from 0 to below 1, p between 0 and 1")
    rng = np.random.default_rng(seed)
    reached = stats.norm.ppf(p)
    found, chunk = np.zeros(epochs), max(1, 400_000 // n)
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        # Given what an image shares over the epochs, its epochs are independent.
        shared = np.sqrt(correlation) * rng.standard_normal((size, n))
        chance = stats.norm.cdf((reached - shared) / np.sqrt(1 - correlation)).astype(np.float32)
        best = np.zeros(size)
        for epoch in range(epochs):
            right = rng.random((size, n), dtype=np.float32) < chance
            best = np.maximum(best, right.mean(axis=1))
            found[epoch] += best.sum()
    return found / resamples


# --- in words


def answer(name: str, taken: Decomposition) -> str:
    """Say in one sentence how much runs of a procedure differ and why."""
    run, share = taken.table.T["a run"], taken.table["share"].to_dict()
    if not run["variance"]:
        return f"All runs of {name} are equally accurate, and nothing can be said of why."
    return (
        f"Runs of {name} are right on {taken.mean:.1%} of their test images on average and differ "
        f"by an estimated standard deviation of {run['points']:.1f} points ({taken.confidence:.0%} "
        "limits "
        f"{run['low']:.1f} to {run['high']:.1f}); of the variance an estimated "
        f"{share['split']:.0%} comes from the split, {share['seed']:.0%} from the seed and "
        f"{share['test set']:.0%} from the finite test part."
    )


def judgement(found: Sequence[Superiority], names: Mapping[str, str]) -> str:
    """Say how often a procedure beats others, and whether that is meaningful.

    Parameters
    ----------
    found
        Of one ``first`` procedure.
    names
        What to call the procedures.
    """
    if not found:
        return "No other procedure was run on these draws, so there is nothing to compare."
    judged = [
        f"{names[one.second]} in {one.value:.0%} of {one.pairs} pairs ({one.low:.0%} to "
        f"{one.high:.0%}; {'' if one.meaningful else 'not '}meaningful)"
        for one in found
    ]
    text = f"{names[found[0].first]} beats {listing(judged)}."
    few = min(one.pairs for one in found) < noether()
    return f"{text} These are fewer than {noether()} pairs." if few else text


def optimism_in_words(gain: pd.DataFrame, runs: int) -> str:
    """Say what choosing the epoch by the test part gained, from what `optimism` returned."""
    against = {
        "last": "the last epoch",
        "validation": "the epoch chosen by the validation part",
    }
    reached = [
        f"{row['value']:.1f} points"
        + (f" ({row['low']:.1f} to {row['high']:.1f})" if np.isfinite(row["low"]) else "")
        + f" better than {against[str(name)]}"
        for name, row in gain.iterrows()
    ]
    text = (
        f"Over {runs} runs the epoch that is best on the test part looks {' and '.join(reached)}, "
        "on the same images."
    )
    if "validation" not in gain.index:
        text += " These runs have no validation part, so there is no honest choice to compare with."
    return text


# --- tables of many records


def _named(rows: pd.DataFrame, record: Record) -> pd.DataFrame:
    given = record["parameters"]
    names = {key: given[key] for key in ("model", "split", "seed")}
    return rows.assign(**names, draw=draw(given["split"], given["seed"]))


def _gathered(
    tables: Iterable[pd.DataFrame], columns: Sequence[str] = (*RUN, "image_id", "label", "score")
) -> pd.DataFrame:
    kept = [table[list(columns)] for table in tables]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=list(columns))
