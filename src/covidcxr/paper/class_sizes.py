"""Class sizes that the paper's counts allow, and the public data sets that have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import Literal, NamedTuple

import pandas as pd
import yaml
from pydantic import TypeAdapter

from covidcxr.core.studies import Count, Label, Strict
from covidcxr.paper import publication
from covidcxr.paper.split_functions import FRACTION, held_out

Pair = tuple[int, int]
"""COVID19 and NORMAL images."""


class Counts(NamedTuple):
    """Images of both parts, and of each class of the test part."""

    train: int
    test: int
    covid_test: int
    normal_test: int


def printed_counts() -> Counts:
    """Return the counts that the paper prints."""
    ((covid, normal),) = publication.row_totals()
    train, test = (int(publication.value(f"s32-{part}-images")) for part in ("train", "test"))
    return Counts(train, test, covid, normal)


def class_pairs(counts: Counts, take: Callable[[int], int] = held_out) -> list[Pair]:
    """Class sizes of which a fifth, taken by class, gives these counts; by COVID19 images."""
    if counts.covid_test + counts.normal_test != counts.test:
        return []
    total = counts.train + counts.test
    return [
        (covid, total - covid)
        for covid in range(total + 1)
        if (take(covid), take(total - covid)) == (counts.covid_test, counts.normal_test)
    ]


def pairs_by_rule(counts: Counts) -> dict[str, list[Pair]]:
    """Class sizes by how a fifth of a class is rounded: ``down``, to the ``nearest``."""
    return {
        "down": class_pairs(counts),
        "nearest": class_pairs(counts, lambda n: round(FRACTION * n)),
    }


# --- public data sets


class DataSet(Strict):
    """A public set of radiographs and the number of images in its folders."""

    key: str
    title: str
    url: str
    stated_by: Literal["owner", "users"]
    published: str
    parts: dict[str, dict[str, Count]]

    def count(self, label: Label, parts: Iterable[str] | None = None) -> int:
        """Images of a class in some of the parts, or in all."""
        names = self.parts if parts is None else parts
        return sum(self.parts[name].get(label, 0) for name in names)

    def choices(self, label: Label, size: int) -> tuple[tuple[str, ...], ...]:
        """Choices of parts whose images of a class add up to a size."""
        # A part without the class would only repeat a choice made without it.
        parts = [name for name in self.parts if self.count(label, [name])]
        subsets = (s for k in range(1, len(parts) + 1) for s in combinations(parts, k))
        return tuple(subset for subset in subsets if self.count(label, subset) == size)


@dataclass(frozen=True)
class Fit:
    """The choices of a data set's parts that have the COVID19 and the NORMAL images sought."""

    data: DataSet
    covid: tuple[tuple[str, ...], ...]
    normal: tuple[tuple[str, ...], ...]

    @property
    def both(self) -> bool:
        """Whether the set has both class sizes."""
        return bool(self.covid and self.normal)


@cache
def data_sets() -> tuple[DataSet, ...]:
    """Public sets of ``data/datasets.yaml``."""
    text = files("covidcxr").joinpath("data/datasets.yaml").read_text("utf-8")
    return tuple(TypeAdapter(list[DataSet]).validate_python(yaml.safe_load(text)))


def fit(sets: Iterable[DataSet], covid: int, normal: int) -> list[Fit]:
    """Compare every data set with two class sizes, one part or several added."""
    return [
        Fit(data, data.choices("COVID19", covid), data.choices("NORMAL", normal)) for data in sets
    ]


def fitting(pairs: Iterable[Pair]) -> list[DataSet]:
    """Known data sets that alone have any of these class sizes."""
    both = (fitted.data for pair in pairs for fitted in fit(data_sets(), *pair) if fitted.both)
    return list({data.key: data for data in both}.values())


def mixtures(fits: Sequence[Fit]) -> Iterator[tuple[str, str]]:
    """Pairs of different sets, by key, that have one of the class sizes each."""
    for one in fits:
        for other in fits:
            if one is not other and one.covid and other.normal:
                yield one.data.key, other.data.key


def as_table(fits: Sequence[Fit]) -> pd.DataFrame:
    """Tabulate the counts by part of each data set, and which parts fit."""
    rows = [
        {
            "data set": one.data.title,
            "COVID19": _part_counts(one.data, "COVID19"),
            "NORMAL": _part_counts(one.data, "NORMAL"),
            "COVID19 fits": sums_of_parts(one.covid),
            "NORMAL fits": sums_of_parts(one.normal),
            "counts by": one.data.stated_by,
        }
        for one in fits
    ]
    return pd.DataFrame(rows)


def sums_of_parts(choices: Sequence[Sequence[str]]) -> str:
    """Write choices of parts: ``train or val + test``, ``no`` if there is none."""
    return " or ".join(" + ".join(choice) for choice in choices) or "no"


def _part_counts(data: DataSet, label: Label) -> str:
    parts = data.parts.items()
    return ", ".join(f"{name} {part[label]:,}" for name, part in parts if label in part) or "none"
