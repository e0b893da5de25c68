"""Figures, tables and values of the page on the variance between runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from covidcxr.figures import variance as page
from covidcxr.scores import optimism, variance
from covidcxr.scores.variance_components import decompose
from tests.scores.test_optimism import curves
from tests.scores.test_variance import table
from tests.scores.test_variance_components import answers, planted

RIGHT = planted(np.random.default_rng(0), 3, 2, 60, 0.05, 0.02)
RUNS = table(RIGHT.mean(axis=2), "resnet50")
TRIVIAL = table(np.full((3, 1), 0.2), "majority").assign(seed=np.nan)


def test_figures_say_what_they_show() -> None:
    expected = variance.expected(RUNS)
    assert f"{100 * RUNS['accuracy'].max():.1f}%" in page.by_split(RUNS, expected).alt
    components = decompose(answers(RIGHT), resamples=200)
    alt = page.components({"resnet50": components}).alt
    assert f"a run {components.table.loc['a run', 'points']:.2f}" in alt
    history = pd.concat([curves([0.5, 0.7, 0.6], [0.5, 0.6, 0.7], f"random-{k}") for k in (0, 10)])
    alt = page.epochs(history, optimism.choices(history)).alt
    assert "best on the test part 70.0%" in alt
    assert "best on the validation part 60.0%" in alt


def test_tables_name_procedures_in_full() -> None:
    both = pd.concat([RUNS, TRIVIAL])
    expected = {str(m): variance.expected(rows) for m, rows in both.groupby("model", sort=False)}
    text = page.expected_table(expected, 0.95).text
    assert text.count("<td>ResNet50</td>") == 3
    assert text.count("<td>Majority</td>") == 1
    pairs = {"majority": variance.superiority(both, "resnet50", "majority")}
    frame = pd.DataFrame.from_dict(pairs, orient="index")
    assert "<td>yes</td>" in page.superiority_table(frame, "resnet50").text
    assert "No other procedure" in page.superiority_table(pd.DataFrame(), "resnet50").text
    components = {"resnet50": decompose(answers(RIGHT), resamples=200)}
    assert page.component_table(components, 0.95).text.count("<td>ResNet50</td>") == 4


def test_a_component_that_was_set_to_zero_is_marked_and_no_other() -> None:
    one = replace(decompose(answers(RIGHT), resamples=200), zeroed=("seed",))
    text = page.component_table({"resnet50": one}, 0.95).text
    assert text.count("(set to 0)") == 1
    assert "seed (set to 0)" in text


def test_the_plain_standard_deviation_is_that_of_the_accuracies() -> None:
    components = decompose(answers(RIGHT), resamples=200)
    values = page.result_values(RUNS, variance.expected(RUNS), components)
    assert values["variance_sd_plain"] == pytest.approx(100 * np.std(RUNS["accuracy"], ddof=1))


def test_what_is_undefined_is_a_dash() -> None:
    same = np.ones((2, 2, 5), bool)
    runs = table(same.mean(axis=2))
    values = page.result_values(runs, variance.expected(runs), decompose(answers(same)))
    assert (values["variance_mean"], values["variance_split_share"]) == (100, "–")
    assert page.components({"resnet50": decompose(answers(same))}).alt
    without = optimism.choices(curves([0.9, 0.8], None))
    values = page.choice_values(pd.DataFrame(), optimism.mean_optimism(without))
    assert (values["variance_over_last"], values["variance_over_validation"]) == ("10.0", "–")
    assert (values["variance_meaningful"], values["variance_others"]) == (0, 0)
