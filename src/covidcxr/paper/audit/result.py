"""What an audit returns, as types; the JSON Schema of ``covidcxr audit --json`` is made of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from covidcxr.paper.audit.text import VERSION

Reading = Literal["as_printed", "transposed"]
Sizes = Annotated[list[int], Field(min_length=2, max_length=2)]
"""Positive and negative images."""
Ends = Annotated[list[float], Field(min_length=2, max_length=2)]
VerdictWord = Literal[
    "exact", "truncated", "rounded twice", "adjusted", "mislabelled", "undefined", "impossible",
    "inconsistent", "contradictory", "possible",
]  # fmt: skip


@with_config(ConfigDict(extra="forbid", use_attribute_docstrings=True))
class _Strict(TypedDict):
    pass


class Limits(_Strict):
    """What is said of a printed interval of 95%."""

    verdict: Literal["reversed", "outside", "beyond", "formula", "too narrow", "narrow", "too wide",
                     "other", "unchecked"]  # fmt: skip
    methods: list[str]
    """Those that give both limits."""
    note: str


class InReading(_Strict):
    """The verdict under one reading of the matrix."""

    verdict: VerdictWord
    equals: str | None


class Average(_Strict):
    """What is said of an average over folds of known sizes."""

    verdict: Literal["attainable", "unattainable", "uneven", "unchecked"]
    nearest: list[float]
    note: str


class Deviation(_Strict):
    """What is said of a standard deviation."""

    verdict: Literal["possible", "too large", "too small", "standard error", "uneven"]
    limits: Ends
    note: str


class Row(_Strict):
    """A printed value."""

    printed: str
    verdict: VerdictWord
    computed: float | None
    """The score by the matrix."""
    equals: str | None
    """The score whose value was printed, where it is another one."""
    note: str
    readings: dict[Reading, InReading]
    limits: NotRequired[Limits]
    """Where an interval is printed."""
    average: NotRequired[Average]
    deviation: NotRequired[Deviation]
    """Where one is printed."""


class Fits(_Strict):
    """Test sets that have the scores, where no sizes are stated."""

    fit: int
    largest: int
    """Images of a class up to which they were searched."""
    smallest: list[Sizes]


class Together(_Strict):
    """The verdict on all scores of a table together."""

    verdict: Literal["consistent", "contradictory", "impossible", "averages"]
    note: str
    sizes: Fits | None


class Cells(_Strict):
    """A confusion matrix."""

    tp: int
    fn: int
    fp: int
    tn: int


class Interval(_Strict):
    """Limits of 95%."""

    n: int
    successes: NotRequired[int]
    wilson: NotRequired[Ends]
    clopper_pearson: NotRequired[Ends]
    bootstrap: NotRequired[Ends]


class Corroboration(_Strict):
    """The answer of mlscorecheck."""

    test_set: Sizes
    impossible_alone: list[list[str]]
    """Name and print of each value that no matrix has."""
    as_labelled: bool | None
    """Whether one matrix has all the others."""
    impossible_relabelled: list[list[str]]
    relabelled: bool | None
    """The same with sensitivity and PPV, specificity and NPV exchanged."""


class FoldsCorroboration(_Strict):
    """The answer of mlscorecheck on averages."""

    folds: int
    scores: list[str]
    as_labelled: bool


class Area(_Strict):
    """Bounds of the AUROC of any curve through the operating point."""

    low: float | None
    low_concave: float | None
    """Of a concave curve."""
    high: float | None


class PredictiveValues(_Strict):
    """PPV and NPV at a prevalence."""

    prevalence: float
    ppv: float | None
    npv: float | None


class Paired(_Strict):
    """McNemar's exact test on the same images."""

    better: int
    worse: int
    p: float


class Baseline(_Strict):
    """The answer that is the majority class every time."""

    class_: Annotated[Literal["positive", "negative"], Field(alias="class")]
    accuracy: float
    binomial_p: float
    """One-sided, with this accuracy taken as known."""
    paired: Paired


class Table(_Strict):
    """A table of the paper."""

    name: str
    matrix: list[list[int]] | None
    rows: Literal["predicted", "true"]
    together: Together | None
    """None beside a printed matrix."""
    matrix_from: Literal["print", "scores"] | None
    """Whether the matrix is printed, or found from the scores."""
    reading: Reading
    test_set: Sizes | None
    cells: dict[Reading, Cells]
    scores: dict[Reading, dict[str, float | None]]
    intervals: dict[Reading, dict[str, Interval]]
    reported: dict[str, Row | list[Row]]
    """By the paper's name of the score; a list where the file gives several values."""
    corroboration: Corroboration | FoldsCorroboration | None
    auroc: NotRequired[Area]
    predictive_values: NotRequired[list[PredictiveValues]]
    baseline: NotRequired[Baseline]


class ScoresOfClasses(_Strict):
    """Scores of each class against the rest, and of the whole table."""

    by_class: dict[str, dict[str, float | None]]
    overall: dict[str, float | None]


class ClassTable(_Strict):
    """A table of several classes."""

    name: str
    classes: list[str]
    matrix: list[list[int]] | list[list[str]] | None
    """Counts, or shares as printed."""
    rows: Literal["predicted", "true"]
    together: Together | None
    """None beside a printed matrix of counts."""
    matrix_from: Literal["print"] | None
    reading: Reading
    test_set: dict[str, int] | None
    """Images of each class."""
    cells: dict[Reading, Cells]
    """Empty; those of each class are in one_vs_rest, where they are certain."""
    one_vs_rest: dict[Reading, dict[str, Cells]]
    scores: dict[Reading, ScoresOfClasses]
    intervals: dict[Reading, dict[str, Interval]]
    reported: dict[str, Row | list[Row]]
    """By class and score, or by the paper's name of the score of the whole table."""
    corroboration: None


class Independent(_Strict):
    """To expect if the errors of two models were independent given the class."""

    discordant: int
    p: float


class Discordance(_Strict):
    """Bounds of McNemar's exact p of two models."""

    discordant: Sizes
    """Fewest and most discordant images."""
    feasible: int
    p: Ends
    significant_up_to: int | None
    """The most discordant images with p below 0.05."""
    independent: Independent


class Pair(_Strict):
    """Two models on one test set."""

    a: str
    b: str
    comparable: bool
    all: NotRequired[Discordance]
    positive: NotRequired[Discordance]
    negative: NotRequired[Discordance]


class Comparison(_Strict):
    """A printed p value."""

    a: str
    b: str
    score: str
    test: str | None
    p: str
    verdict: Literal["agrees", "possible", "other test", "contradictory", "impossible", "unchecked"]
    tests: list[str]
    """Those that give it."""
    computed: dict[str, Ends]
    """Least and largest p by test."""
    note: str


class Report(_Strict):
    """The audit of a paper."""

    title: str
    source: str
    headline: str
    """The faults, counted in one sentence."""
    verdicts: dict[VerdictWord, int]
    """Number of values by verdict."""
    orientation: Literal["as_printed", "transposed", "mixed", "undecidable"]
    reason: str
    reading: Reading
    """On which the verdicts rest."""
    test_set: Sizes | dict[str, int] | None
    """Stated or decided; of several classes, by name."""
    remarks: list[str]
    """What is special about single tables."""
    tables: list[Table | ClassTable]
    """Those of several classes come last."""
    pairs: list[Pair]
    comparisons: NotRequired[list[Comparison]]
    other_faults: NotRequired[dict[str, int]]
    """Numbers of intervals, standard deviations and p values at fault, where there are any."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``covidcxr audit --json``."""
    content = TypeAdapter(Report).json_schema()
    head = {"$schema": {"type": "string"}, "version": {"const": VERSION}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:covidcxr:audit:output:{VERSION}",
        **content,
        "properties": head | content["properties"],
        "required": ["version", *content["required"]],
    }
