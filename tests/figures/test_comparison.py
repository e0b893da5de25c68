"""Tables, figures and values of comparisons, pair by pair."""

import numpy as np
import pytest

from covidcxr.core import edition
from covidcxr.figures import comparison as page
from covidcxr.figures.common import Picture
from covidcxr.scores import comparison, evaluation
from covidcxr.scores.intervals import Protocol
from covidcxr.scores.predictions import Predictions

QUICK = Protocol(resamples=200)
ERRORS = {"a": 1 / 40, "b": 7 / 40, "c": 9 / 40}


def model(name: str, wrong: int, n: int = 40) -> Predictions:
    """A model that is wrong on the first images."""
    positive = np.arange(n) % 2 == 0
    score = 0.1 + 0.8 * (positive ^ (np.arange(n) < wrong))
    ids = np.array([f"{i}" for i in range(n)])
    return Predictions(name, ids, positive, score, np.arange(n, dtype=np.int64))


def test_tables_have_a_row_for_each_pair() -> None:
    pairs = comparison.pairs([model("a", 1), model("b", 7), model("c", 9)], QUICK)
    accuracy = page.accuracy_table(pairs, ERRORS)
    assert list(accuracy["pair"]) == ["a less b", "a less c", "b less c"]
    assert list(accuracy["errors"]) == ["2.5% : 17.5%", "2.5% : 22.5%", "17.5% : 22.5%"]
    assert list(accuracy["right alone"]) == ["6 : 0", "8 : 0", "2 : 0"]
    smallest = page.smallest_table(pairs)
    assert list(smallest.iloc[0, 1:]) == [6, "6 images", "15.0"]
    assert list(smallest.iloc[2, 1:]) == [2, "none", "–"]
    assert len(page.auroc_table(pairs)) == 3
    assert page.accuracy_table([], {}).empty


def test_a_test_that_is_undefined_is_a_dash() -> None:
    one = model("one", 3)
    pairs = comparison.pairs([one, one], QUICK)
    assert page.auroc_table(pairs).loc[0, "p"] == "–"
    errors = {"one": 3 / 40}
    assert page.accuracy_table(pairs, errors).loc[0, "verdict"] == "undecided at 5 points"


@pytest.mark.parametrize(
    ("judged", "p", "words"),
    [
        ("equivalent", 0.004, "within 5 points, yet different"),
        ("equivalent", 0.4, "within 5 points, no difference seen"),
        ("different", 0.004, "more than 5 points apart"),
        ("different", 0.25, "undecided at 5 points"),
        ("undecided", 0.25, "undecided at 5 points"),
        ("undecided", 0.004, "different, undecided at 5 points"),
    ],
)
def test_a_verdict_never_contradicts_the_p_in_its_line(judged: str, p: float, words: str) -> None:
    pair = {"mcnemar": {"p": 1.0, "p_holm": p}, "equivalence": {"margin": 0.05, "accuracy": judged}}
    assert page.verdict(pair) == words


def test_values_name_the_strongest_trivial_model() -> None:
    models = [model("a", 1), model("b", 9), model("blind", 20)]
    scores = {p.name: evaluation.evaluate(p, QUICK) for p in models}
    pairs = comparison.pairs(models[:2], QUICK)
    values = page.values(pairs, scores, ["blind"], few="")
    assert values["comparison_strongest"] == "blind"
    assert (values["comparison_pairs"], values["comparison_different"]) == (1, "1")
    assert page.values(pairs, scores, ["blind"], "few")["comparison_different"] == (
        edition.WITHHELD
    )


def test_figures_say_what_they_show() -> None:
    models = [model("a", 1), model("b", 9)]
    picture = page.differences(comparison.pairs(models, QUICK), 0.05)
    assert isinstance(picture, Picture)
    assert "accuracy of a less b +20.0 (" in picture.alt
    assert not isinstance(page.differences([], 0.05), Picture)
    scores = {p.name: evaluation.evaluate(p, QUICK) for p in models}
    assert "accuracy: a 0.975; b 0.775" in page.beside(scores, ["b"]).alt
