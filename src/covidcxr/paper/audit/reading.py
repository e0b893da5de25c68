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
from covidcxr.paper.audit import checks, reading_comparisons
from covidcxr.paper.audit.checks import Sizes
from covidcxr.paper.audit.classes import reading as classes
from covidcxr.paper.audit.classes.reading import ClassTable
from covidcxr.paper.audit.names import canonical
from covidcxr.paper.audit.printed import Entry, Printed

AVERAGES = ("folds", "runs", "stratified", "per_image")
"""Keys that say of what printed scores are averages."""

TABLES = 500
"""Tables of a paper that are read; more are no paper's."""

PREVALENCES = ("1%", "5%", "10%", "50%")
"""Shares of positives to which predictive values are carried over where a file names none."""


@dataclass(frozen=True)
class ReportedTable:
    """One table of a paper on two classes.

    Its ``matrix``, (2, 2), is as printed, None where the paper prints scores alone; ``rows`` are
    what the paper says they are, ``predicted`` or ``true``, and of rows and columns the ``first``
    is the ``positive`` or ``negative`` class. ``merged`` true classes are added up to the negative
    one. Values are ``reported`` by the paper's name of the score. Tables of one ``group`` were
    tested on the same images; ``unclassified`` got no answer and are not in the matrix. Scores may
    be averages over ``folds`` or runs, of the sizes ``parts`` where they are known or ``assumed``,
    or ``per_image``.
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
    """What a paper reports in tables of two and of ``several`` classes, and its p values.

    ``test_set`` is stated for all tables; predictive values are carried over to ``prevalences``, of
    which the paper states ``stated_prevalences``; ``source`` is a citation and an address.
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
    """Read a paper's report from a YAML file."""
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
        For the first thing that is malformed.
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
    number, *_ = _folds(averages, f"{where}: tables", None)
    if len(tables) > TABLES:
        raise Unusable(
            f"{where}: tables: are {len(tables):,}; at most {TABLES} are read, so divide the file."
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
        tp, fn, fp, tn = checks.cells(content["counts"], at)
        matrix, rows, first = ((tp, fn), (fp, tn)), "true", "positive"
    reported = _reported(content.get("reported"), where)
    if matrix is None and not reported:
        raise Unusable(f"{where}: has neither a matrix nor reported scores; give one of them.")
    if matrix is not None and not sum(map(sum, matrix)):
        raise Unusable(f"{where}: counts no image at all; correct it.")
    group, test_set = _test_set(content.get("test_set"), f"{where}, test_set", common, sets)
    how = {**averages, **content}
    number, parts, assumed = _folds(how, where, test_set)
    if isinstance(how.get("folds"), list):
        test_set = sum(p for p, _ in parts), sum(n for _, n in parts)
    missing = content.get("unclassified", [])
    listed = missing if isinstance(missing, list) else [missing]
    unclassified = tuple(checks.count(one, f"{where}, unclassified") for one in listed)
    printed = content.get("matrix")
    merged = 1 if printed is None else max(len(printed), len(printed[0])) - 1
    return ReportedTable(
        name, matrix, rows, first, reported, test_set, group, unclassified, number, merged, parts,
        assumed, checks.yes(how, "per_image", where),
    )  # fmt: skip


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


def _folds(
    content: Mapping[str, Any], where: str, total: Sizes | None
) -> tuple[int, tuple[Sizes, ...], bool]:
    """Return the number of test sets that are averaged, their sizes, and whether we assume them."""
    stated = content.get("folds", 1)
    runs = checks.folds(content.get("runs", 1), f"{where}, runs")
    stratified = checks.yes(content, "stratified", where)
    number = checks.folds(len(stated) if isinstance(stated, list) else stated, f"{where}, folds")
    checks.folds(number * runs, f"{where}, folds times runs")
    if isinstance(stated, list):
        each = [checks.sizes(one, f"{where}, folds, item {i}") for i, one in enumerate(stated, 1)]
        sizes = tuple(one for one in each if one is not None)
        if len(sizes) < max(number, 2):
            raise Unusable(f"{where}, folds: should list the sizes of two folds or more.")
        return number * runs, sizes * runs, False
    if total is None:
        return number * runs, (), False
    if number == 1:
        return runs, (total,) * runs if runs > 1 else (), False
    return number * runs, split(total, number) * runs, not stratified


def split(sizes: Sizes, folds: int) -> tuple[Sizes, ...]:
    """Divide a test set into stratified folds that are as even as can be, as scikit-learn does.

    Empty where a fold would have no image of a class.
    """
    positive, negative = sizes
    if folds > min(sizes):
        return ()
    extra = positive % folds
    return tuple(
        (
            positive // folds + (i < extra),
            negative // folds + ((i - extra) % folds < negative % folds),
        )
        for i in range(folds)
    )


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
