"""What a paper reports, read from YAML; what is malformed is named with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from covidcxr.core import strict_yaml
from covidcxr.core.errors import Unusable
from covidcxr.core.words import quoted, shown
from covidcxr.paper.audit import checks, reading_comparisons, reading_folds
from covidcxr.paper.audit.checks import Sizes
from covidcxr.paper.audit.classes import reading as classes
from covidcxr.paper.audit.classes.reading import ClassTable
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.printed import Entry, Printed

AVERAGES = ("folds", "runs", "stratified", "per_image")
"""Keys that say of what printed scores are averages."""

_TABLES = 500
"""Tables of a paper that are read; more are no paper's."""

PREVALENCES = ("1%", "5%", "10%", "50%")
"""Shares of positives to which predictive values are carried over where a file names none."""


@dataclass(frozen=True)
class ReportedTable:
    """One table of a paper on two classes.

    Attributes
    ----------
    name
        The model or table that it reports.
    matrix
        Shape (2, 2), as printed; None where the paper prints scores alone.
    rows
        What the paper says its rows are: ``predicted`` or ``true``.
    first
        Which class stands first, in rows and columns: ``positive`` or ``negative``.
    reported
        Printed values by the paper's name of the score.
    test_set
        Positive and negative images, where the table or the paper states them.
    group
        Name of its test set; tables of one name were tested on the same images.
    unclassified
        Positive and negative images that got no answer, which the matrix leaves out.
    merged
        True classes that were added up to the negative one.
    folds
        Number of folds, or runs, of which printed scores are averages; 1 for a single test set.
    parts
        Positive and negative images of each fold or run, where they are known.
    assumed
        The parts are those of stratified folds as even as can be, which the paper does not say.
    per_image
        Whether printed scores are averages of a score of each image.
    """

    name: str
    matrix: tuple[tuple[int, int], tuple[int, int]] | None
    rows: str
    first: str
    reported: dict[str, tuple[Entry, ...]]
    test_set: Sizes | None = None
    group: str = ""
    unclassified: tuple[int, ...] = ()
    folds: int = 1
    merged: int = 1
    parts: tuple[Sizes, ...] = ()
    assumed: bool = False
    per_image: bool = False

    @property
    def averaged(self) -> bool:
        """Whether no one matrix need have the printed scores."""
        return self.folds > 1 or self.per_image


@dataclass(frozen=True)
class Paper:
    """What a paper reports.

    Attributes
    ----------
    title
        Its name.
    test_set
        Positive and negative images, where it states them for all tables.
    prevalences
        Shares of positives to which predictive values are carried over.
    stated_prevalences
        Those of them that the paper states, as printed.
    tables
        Its tables of two classes.
    source
        Where the numbers stand in print: citation and address.
    several
        Its tables of more classes.
    comparisons
        Its p values of two proportions.
    """

    title: str
    test_set: Sizes | None
    prevalences: tuple[float, ...]
    tables: tuple[ReportedTable, ...]
    stated_prevalences: tuple[Printed, ...] = ()
    source: str = ""
    several: tuple[ClassTable, ...] = ()
    comparisons: tuple[reading_comparisons.Comparison, ...] = ()


def read(path: Path) -> Paper:
    """Read a paper's report from a YAML file.

    Raises
    ------
    Unusable
        For a file that cannot be read, and for the first thing in it that is malformed.
    """
    if not path.is_file():
        known = ", ".join(examples())
        raise Unusable(f"{path}: is no file; give a YAML file or one of the examples: {known}.")
    return parse(strict_yaml.read(path), str(path))


def examples() -> list[str]:
    """Return the names of the examples that come with the package."""
    folder = files("covidcxr").joinpath("data/audits")
    return ["seedpaper", *sorted(item.name.removesuffix(".yaml") for item in folder.iterdir())]


def example(name: str) -> Any:
    """Return the content of an example, as `parse` takes it."""
    if name == "seedpaper":
        from covidcxr.paper import publication  # its schema takes long to import

        return publication.reported()
    path = files("covidcxr").joinpath(f"data/audits/{name}.yaml")
    return strict_yaml.parse(path.read_text("utf-8"), f"{name}: is")


def parse(content: Any, where: str) -> Paper:
    """Check what a paper reports.

    Parameters
    ----------
    content
        The parsed YAML.
    where
        The file to name in an error.

    Raises
    ------
    Unusable
        For the first thing that is malformed, with its place.
    """
    optional = {"classes", "test_set", "test_sets", "prevalences", "source", "comparisons",
                *AVERAGES}  # fmt: skip
    checks.keys(content, where, {"title", "tables"}, optional)
    title = checks.text(content["title"], f"{where}: title")
    tables = content["tables"]
    if not isinstance(tables, list) or not tables:
        raise Unusable(f"{where}: tables: should be a list of at least one table.")
    of_classes = [classes.applies(table, content.get("classes")) for table in tables]

    def sizes(stated: Any, at: str) -> Sizes | None:
        return None if any(of_classes) and classes.by_class(stated) else checks.sizes(stated, at)

    common = sizes(content.get("test_set"), f"{where}: test_set")
    named = content.get("test_sets") or {}
    if not isinstance(named, Mapping):
        raise Unusable(f"{where}: test_sets: should hold lines such as internal: {{positive: 92, "
                      "negative: 268}.")  # fmt: skip
    sets = {str(k): sizes(v, f"{where}: test_sets, {shown(k)}") for k, v in named.items()}
    averages = {key: content[key] for key in AVERAGES if key in content}
    number, *_ = reading_folds.parts(averages, f"{where}: tables", None)
    if len(tables) > _TABLES:
        raise Unusable(
            f"{where}: tables: are {len(tables):,}; at most {_TABLES} are read, so divide the file."
        )
    places = [f"{where}: tables, item {i}" for i in range(1, len(tables) + 1)]
    read_ = [
        classes.parse(table, at, content, number)
        if several
        else _table(table, at, common, sets, averages)
        for table, at, several in zip(tables, places, of_classes, strict=True)
    ]
    names = [table.name for table in read_]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise Unusable(
            f"{where}: tables: two are named '{shown(repeated)}'; name each differently."
        )
    stated = content.get("prevalences")
    shares = list(PREVALENCES) if stated is None else stated
    if not isinstance(shares, list) or not shares:
        raise Unusable(f"{where}: prevalences: should be a list such as ['1%', '10%'].")
    prevalences = tuple(
        checks.entry(share, f"{where}: prevalences, item {i}", "prevalence").value
        for i, share in enumerate(shares, 1)
    )
    return Paper(
        title,
        common,
        tuple(one.value for one in prevalences),
        tuple(table for table in read_ if isinstance(table, ReportedTable)),
        () if stated is None else prevalences,
        str(content.get("source") or ""),
        tuple(table for table in read_ if isinstance(table, ClassTable)),
        reading_comparisons.read(
            content.get("comparisons"),
            f"{where}: comparisons",
            [table.name for table in read_ if isinstance(table, ReportedTable)],
        ),
    )


def _table(
    content: Any,
    where: str,
    common: Sizes | None,
    sets: Mapping[str, Sizes | None],
    averages: Mapping[str, Any],
) -> ReportedTable:
    optional = {"matrix", "counts", "rows", "first", "reported", "test_set", "unclassified",
                *AVERAGES}  # fmt: skip
    checks.keys(content, where, {"name"}, optional)
    name = checks.text(content["name"], f"{where}, name")
    where = f"{where} ({shown(name)})"
    rows = checks.choice(content.get("rows", "true"), f"{where}, rows", ("predicted", "true"))
    first = checks.choice(
        content.get("first", "positive"), f"{where}, first", ("positive", "negative")
    )
    matrix = None
    if content.get("matrix") is not None:
        matrix = _matrix(content["matrix"], rows, f"{where}, matrix")
        if "rows" not in content:
            raise Unusable(
                f"{where}: key 'rows' is missing; say what the paper says its rows are, "
                "predicted or true."
            )
    elif content.get("counts") is not None:
        at = f"{where}, counts"
        checks.keys(content["counts"], at, {"TP", "FN", "FP", "TN"})
        tp, fn, fp, tn = (
            checks.count(content["counts"][cell], f"{at}, {cell}")
            for cell in ("TP", "FN", "FP", "TN")
        )
        matrix, rows, first = ((tp, fn), (fp, tn)), "true", "positive"
    reported = _reported(content.get("reported"), where)
    if matrix is None and not reported:
        raise Unusable(f"{where}: has neither a matrix nor reported scores; give one of them.")
    if matrix is not None and not sum(map(sum, matrix)):
        raise Unusable(f"{where}: counts no image at all; correct it.")
    group, test_set = _test_set(content.get("test_set"), f"{where}, test_set", common, sets)
    how = {**averages, **content}
    number, parts, assumed = reading_folds.parts(how, where, test_set)
    if isinstance(how.get("folds"), list):
        test_set = reading_folds.total(parts)
    missing = content.get("unclassified", [])
    return ReportedTable(
        name,
        matrix,
        rows,
        first,
        reported,
        test_set,
        group,
        tuple(
            checks.count(one, f"{where}, unclassified")
            for one in (missing if isinstance(missing, list) else [missing])
        ),
        number,
        1
        if content.get("matrix") is None
        else max(map(len, (content["matrix"], content["matrix"][0]))) - 1,
        parts,
        assumed,
        checks.yes(how, "per_image", where),
    )


def _test_set(
    content: Any, where: str, common: Sizes | None, sets: Mapping[str, Sizes | None]
) -> tuple[str, Sizes | None]:
    """Return name and sizes of a test set: the table's own, a named one, or the paper's."""
    if content is None:
        return "", common
    if isinstance(content, str):
        if content not in sets:
            raise Unusable(
                f"{where}: '{shown(content)}' is not among test_sets ({quoted(sets)}); add it."
            )
        return content, sets[content]
    sizes = checks.sizes(content, where)
    return str(sizes), sizes


def _reported(content: Any, where: str) -> dict[str, tuple[Entry, ...]]:
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        raise Unusable(f"{where}, reported: should hold lines such as accuracy: '77.22%'.")
    reported = {}
    for score, values in content.items():
        at = f"{where}, reported, {shown(score)}"
        name = canonical(score) if isinstance(score, str) else None
        if name is None:
            raise Unusable(
                f"{at}: is an unknown score; known are accuracy, sensitivity, specificity, ppv, "
                "npv, f1, mcc, kappa, auroc and others (covidcxr audit --help)."
            )
        reported[score] = checks.entries(values, at, name)
    return reported


def check_score(text: str, where: str, score: str) -> None:
    """Refuse a text that is no print of a score, by the auditor's name of it."""
    checks.entry(text, where, score)


def _matrix(content: Any, rows: str, where: str) -> tuple[tuple[int, int], tuple[int, int]]:
    """Read a matrix; of more than two true classes, those after the first are added up."""
    shaped = isinstance(content, list) and len(content) >= 2
    if not shaped or any(not isinstance(row, list) or len(row) < 2 for row in content):
        raise Unusable(f"{where}: should have two rows of two counts, as in [[70, 22], [60, 208]].")
    lengths = {len(row) for row in content}
    tall = rows == "true" and lengths == {2}
    wide = rows == "predicted" and len(content) == 2 and len(lengths) == 1
    if not tall and not wide and (len(content), lengths) != (2, {2}):
        raise Unusable(
            f"{where}: has {len(content)} rows of {', '.join(map(str, sorted(lengths)))} counts; "
            "give two rows of two, or name the classes under 'classes'."
        )
    counts = [
        [checks.count(cell, f"{where}, row {i}, column {j}") for j, cell in enumerate(row, 1)]
        for i, row in enumerate(content, 1)
    ]
    if tall and len(counts) > 2:
        counts = [counts[0], [sum(column) for column in zip(*counts[1:], strict=True)]]
    (a, *b), (c, *d) = counts
    return (a, sum(b)), (c, sum(d))
