"""Tables of several classes, read from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from covidcxr.core.errors import Unusable
from covidcxr.core.words import quoted, shown
from covidcxr.paper.audit import checks, printed
from covidcxr.paper.audit.classes import names
from covidcxr.paper.audit.printed import Entry, Printed

FEWEST, MOST = 3, 20

Counts = tuple[tuple[int, ...], ...]
Entries = dict[str, tuple[Entry, ...]]


@dataclass(frozen=True)
class ClassTable:
    """One table of a paper on three to twenty classes, in the order of its rows.

    It has a ``matrix`` of counts, (k, k), with a further decision for images that got none, or one
    of ``shares``, ``normalised`` by ``rows``, ``columns`` or ``all`` where that is stated, or tp,
    fn, fp, tn of each class, (k, 4), ``one_vs_rest``. Values are those of a class and of the
    ``overall`` table, by the paper's name of the score; ``test_set`` is the images of each class.
    """

    name: str
    classes: tuple[str, ...]
    rows: str = "true"
    matrix: Counts | None = None
    shares: tuple[tuple[Printed, ...], ...] | None = None
    normalised: str | None = None
    one_vs_rest: Counts | None = None
    by_class: Mapping[str, Entries] = field(default_factory=dict)
    overall: Entries = field(default_factory=dict)
    test_set: tuple[int, ...] | None = None
    group: str = ""
    folds: int = 1


def applies(content: Any, classes: Any) -> bool:
    """Say whether a table is of several classes: it names them, or its paper does."""
    several = classes is not None or (
        isinstance(content, Mapping) and ("classes" in content or "one_vs_rest" in content)
    )
    return isinstance(content, Mapping) and several


def by_class(sizes: Any) -> bool:
    """Say whether a test set is stated by class, not as positive and negative images."""
    return isinstance(sizes, Mapping) and not {"positive", "negative"} & set(sizes)


def parse(
    content: Mapping[str, Any], where: str, paper: Mapping[str, Any], folds: int
) -> ClassTable:
    """Check one table of several classes; its ``paper`` may state classes and sizes for all."""
    optional = {"classes", "matrix", "normalised", "one_vs_rest", "rows", "reported", "test_set",
                "folds"}  # fmt: skip
    checks.keys(content, where, {"name"}, optional)
    name = checks.text(content["name"], f"{where}, name")
    where = f"{where} ({shown(name)})"
    rest = content.get("one_vs_rest")
    listed = content.get("classes", paper.get("classes"))
    if listed is None and isinstance(rest, Mapping):
        listed = list(rest)
    classes = _classes(listed, f"{where}, classes")
    rows = checks.choice(content.get("rows", "true"), f"{where}, rows", ("predicted", "true"))
    matrix, shares, cells = None, None, None
    if content.get("matrix") is not None:
        matrix, shares = _matrix(content["matrix"], classes, rows, f"{where}, matrix")
        if "rows" not in content:
            raise Unusable(
                f"{where}: key 'rows' is missing; say what the paper says its rows are, "
                "predicted or true."
            )
    elif rest is not None:
        at = f"{where}, one_vs_rest"
        checks.keys(rest, at, set(classes))
        cells = tuple(checks.cells(rest[one], f"{at}, {shown(one)}") for one in classes)
    normalised = content.get("normalised")
    if normalised is not None:
        choices = ("rows", "columns", "all")
        normalised = checks.choice(normalised, f"{where}, normalised", choices)
    of_classes, overall = _reported(content.get("reported"), classes, f"{where}, reported")
    if not (matrix or shares or cells or of_classes or overall):
        raise Unusable(f"{where}: has neither a matrix nor reported scores; give one of them.")
    if not any(map(sum, matrix or cells or ((1,),))):
        raise Unusable(f"{where}: counts no image at all; correct it.")
    group, sizes = _test_set(content.get("test_set"), f"{where}, test_set", classes, paper)
    return ClassTable(
        name, classes, rows, matrix, shares, normalised, cells, of_classes, overall, sizes, group,
        checks.folds(content.get("folds", folds), f"{where}, folds"),
    )  # fmt: skip


def _classes(content: Any, where: str) -> tuple[str, ...]:
    if not isinstance(content, list):
        raise Unusable(f"{where}: should be a list of names such as [covid, normal, pneumonia].")
    if not FEWEST <= len(content) <= MOST:
        raise Unusable(
            f"{where}: are {len(content):,}; give {FEWEST} to {MOST}, or leave the key out for a "
            "matrix of a positive and a negative class."
        )
    classes = tuple(checks.text(one, f"{where}, item {i}") for i, one in enumerate(content, 1))
    if repeated := next((one for one in classes if classes.count(one) > 1), None):
        raise Unusable(f"{where}: two are named '{shown(repeated)}'; name each differently.")
    if average := next((one for one in classes if one.lower() in names.RESERVED), None):
        raise Unusable(f"{where}: '{average}' is the name of an average; name the class otherwise.")
    return classes


def _matrix(
    content: Any, classes: tuple[str, ...], rows: str, where: str
) -> tuple[Counts | None, tuple[tuple[Printed, ...], ...] | None]:
    """Read a matrix of counts, or one of shares."""
    k = len(classes)
    table = isinstance(content, list) and all(isinstance(row, list) for row in content)
    shape = (len(content), {len(row) for row in content}) if table else None
    further = (k, {k + 1}) if rows == "true" else (k + 1, {k})
    if shape not in ((k, {k}), further):
        has = f"{shape[0]} rows of {_numbers(shape[1])}" if shape else "no rows of counts"
        kind = "column" if rows == "true" else "row"
        raise Unusable(
            f"{where}: has {has}; for {k} classes give {k} rows of {k} counts, and a further "
            f"{kind} of images without a decision if there is one."
        )
    cells = [
        (f"{where}, row {i}, column {j}", cell)
        for i, row in enumerate(content, 1)
        for j, cell in enumerate(row, 1)
    ]
    loose = next((at for at, cell in cells if isinstance(cell, float)), None)
    if loose:
        raise Unusable(f"{loose}: is no count; write shares in quotes as printed, such as '95.1%'.")
    if not any(isinstance(cell, str) for _, cell in cells):
        counts = [checks.count(cell, at) for at, cell in cells]
        width = len(content[0])
        return tuple(tuple(counts[i : i + width]) for i in range(0, len(counts), width)), None
    if shape != (k, {k}):
        raise Unusable(f"{where}: shares are read of {k} rows of {k}; give counts, or those alone.")
    prints = _shares(cells)
    return None, tuple(tuple(prints[i : i + k]) for i in range(0, k * k, k))


def _numbers(lengths: set[int]) -> str:
    return ", ".join(map(str, sorted(lengths)))


def _shares(cells: list[tuple[str, Any]]) -> list[Printed]:
    """Read shares; whole numbers among decimals, such as 0, are as exact as the least exact."""
    prints = []
    for at, cell in cells:
        if not isinstance(cell, str):
            raise Unusable(f"{at}: {checks.quote(cell)} stands among shares; put all in quotes.")
        try:
            prints.append(printed.parse(cell))
        except ValueError as error:
            raise Unusable(f"{at}: '{shown(cell)}' {error}; write it as printed.") from error
    if max(one.value for one in prints) > 1 and not any("%" in one.text for one in prints):
        prints = [printed.parse(f"{one.text}%") for one in prints]
    for (at, _), one in zip(cells, prints, strict=True):
        if not 0 <= one.value <= 1:
            raise Unusable(f"{at}: '{shown(one.text)}' is no share from 0 to 100%; correct it.")
    decimals = [one.unit for one in prints if one.text.strip(" %").strip("0123456789")]
    return [
        one if one.unit in decimals or not decimals else
        Printed(one.text, one.value, max(decimals))
        for one in prints
    ]  # fmt: skip


def _reported(
    content: Any, classes: tuple[str, ...], where: str
) -> tuple[dict[str, Entries], Entries]:
    """Read printed values: of the table, and under the name of a class or of an average."""
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        raise Unusable(
            f"{where}: should hold lines such as accuracy: '0.93' or {shown(classes[0])}: "
            "{sensitivity: '0.93'}."
        )
    of_classes: dict[str, Entries] = {}
    overall: Entries = {}
    for key, values in content.items():
        at = f"{where}, {shown(key)}"
        group = key in classes or key in names.AVERAGES
        if group and not isinstance(values, Mapping):
            raise Unusable(f"{at}: should hold lines such as sensitivity: '0.93'.")
        for score, value in values.items() if group else [(key, values)]:
            here = f"{at}, {shown(score)}" if group else at
            label = f"{key} {score}" if group and key not in classes else score
            known = names.of_class if key in classes else names.of_table
            name = known(label) if isinstance(score, str) else None
            if name is None:
                raise Unusable(
                    f"{here}: is an unknown score, class or average; scores are accuracy, "
                    "sensitivity, ppv, f1, kappa and others (covidcxr audit --help), averages "
                    f"{', '.join(names.AVERAGES)}, classes {quoted(classes)}."
                )
            of = of_classes.setdefault(key, {}) if key in classes else overall
            if label in of:
                raise Unusable(f"{here}: stands there twice; keep one, with a list of its values.")
            of[label] = checks.entries(value, here, names.parts(name)[1])
    return of_classes, overall


def _test_set(
    content: Any, where: str, classes: tuple[str, ...], paper: Mapping[str, Any]
) -> tuple[str, tuple[int, ...] | None]:
    """Return name and sizes of a test set: the table's own, a named one, or the paper's."""
    group = ""
    if content is None:
        content = paper.get("test_set")
        if not by_class(content):
            return "", None
    elif isinstance(content, str):
        named = paper.get("test_sets") or {}
        if content not in named:
            raise Unusable(
                f"{where}: '{shown(content)}' is not among test_sets ({quoted(named)}); add it."
            )
        group, content = content, named[content]
    checks.keys(content, where, set(classes))
    sizes = tuple(checks.count(content[one], f"{where}, {shown(one)}") for one in classes)
    if 0 in sizes:
        raise Unusable(f"{where}: has a class without images; leave it out or correct it.")
    return group or " + ".join(map(str, sizes)), sizes
