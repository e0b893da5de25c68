"""What common tools hold out of two classes, set against what the paper holds out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy import stats
from sklearn.model_selection import StratifiedKFold, train_test_split

FRACTION = 0.2
"""Share of the images that the paper holds out."""


def held_out(n: int) -> int:
    """Return how many of n images of a class Keras' ImageDataGenerator holds out, first by name.

    keras/src/legacy/preprocessing/image.py, ``_list_valid_filenames_in_directory``.
    """
    return int(FRACTION * n)


def table(covid: int, normal: int, covid_test: int, normal_test: int) -> pd.DataFrame:
    """Compare what common tools hold out of two classes, and the chance of exactly these numbers.

    Keras and PyTorch, which are slow to load, are represented by their rules: `held_out`; else
    ``int(fraction * n)`` of the shuffled whole (keras/src/utils/dataset_utils.py,
    ``get_training_or_validation_split``), as PyTorch's ``random_split`` rounds, too.

    Returns
    -------
    pandas.DataFrame
        By ``tool``: ``by_class``; ``kept`` and ``held_out`` images; of the latter ``COVID19`` and
        ``NORMAL``, NA if they vary; ``chance``: hypergeometric for a draw from the whole, the
        share of folds for folds, else 0 or 1.
    """
    labels = pd.Series(["COVID19"] * covid + ["NORMAL"] * normal)
    n = len(labels)
    folds = StratifiedKFold(round(1 / FRACTION)).split(labels, labels)
    drawn = labels.groupby(labels).sample(frac=FRACTION, random_state=0)
    stratified = train_test_split(labels, stratify=labels, test_size=FRACTION, random_state=0)[1]
    whole = train_test_split(labels, test_size=FRACTION, random_state=0)[1]
    by_class = {
        "Keras ImageDataGenerator": [(held_out(covid), held_out(normal))],
        "pandas groupby.sample": [_by_class(drawn)],
        "scikit-learn StratifiedKFold, one fold": [
            _by_class(labels.iloc[held]) for _, held in folds
        ],
        "scikit-learn train_test_split, stratified": [_by_class(stratified)],
    }
    from_whole = {
        "Keras image_dataset_from_directory": int(FRACTION * n),
        "pandas sample": len(labels.sample(frac=FRACTION, random_state=0)),
        "PyTorch random_split": int(FRACTION * n),
        "scikit-learn train_test_split": len(whole),
    }
    tested = (covid_test, normal_test)
    rows = [{"tool": tool} | _row_by_class(n, c, tested) for tool, c in by_class.items()]
    for tool, size in from_whole.items():
        probability = chance(covid, normal, *tested) if size == sum(tested) else 0.0
        rows.append({"tool": tool, "by_class": False, "kept": n - size, "held_out": size,
                     "COVID19": pd.NA, "NORMAL": pd.NA, "chance": probability})  # fmt: skip
    return pd.DataFrame(rows).set_index("tool")


def chance(covid: int, normal: int, covid_test: int, normal_test: int) -> float:
    """Probability that a draw from both classes has exactly these images of each."""
    drawn = covid_test + normal_test
    return float(stats.hypergeom.pmf(covid_test, covid + normal, covid, drawn))


def _by_class(labels: pd.Series) -> tuple[int, int]:
    return int((labels == "COVID19").sum()), int((labels == "NORMAL").sum())


def _row_by_class(
    n: int, counts: Sequence[tuple[int, int]], tested: tuple[int, int]
) -> dict[str, Any]:
    (covid, normal), same = counts[0], len(set(counts)) == 1
    return {
        "by_class": True,
        "kept": n - covid - normal if same else pd.NA,
        "held_out": covid + normal if same else pd.NA,
        "COVID19": covid if same else pd.NA,
        "NORMAL": normal if same else pd.NA,
        "chance": sum(count == tested for count in counts) / len(counts),
    }
