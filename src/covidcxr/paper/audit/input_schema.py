"""The JSON Schema of what an audit reads, made where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from covidcxr.paper.audit import checks, names, reading, reading_comparisons
from covidcxr.paper.audit.classes.reading import FEWEST, MOST

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1}
_YES: Schema = {"type": "boolean"}
_IMAGES: Schema = {"type": "integer", "minimum": 1, "maximum": checks.LARGEST}


def schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of the YAML that ``covidcxr audit`` reads."""
    test_set = _any(_of("sizes"), _of("class_sizes"))
    prevalences = "Shares of positives to which the paper adjusts PPV and NPV: ['26%']."
    keys = {
        "title": _said("Of the paper.", _NAME),
        "source": _said("Citation and address of what is printed.", _TEXT),
        "classes": _of("classes"),
        "test_set": test_set,
        "test_sets": _said("Several test sets, by name.", _by_name(test_set)),
        "prevalences": _said(prevalences, _list(_of("value"), 1)),
        **_averages(),
        "tables": {"type": "array", "minItems": 1, "maxItems": reading.TABLES},
        "comparisons": _list(_of("comparison"), most=reading_comparisons.MOST),
    }
    several = {"anyOf": [{"required": ["classes"]}, {"required": ["one_vs_rest"]}]}
    items = {"if": several, "then": _of("class_table"), "else": _of("table")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:covidcxr:audit:input:1",
        "title": "What a paper reports, for covidcxr audit",
        **_object(keys, ["title", "tables"]),
        "if": {"required": ["classes"]},
        "then": {"properties": {"tables": {"items": _of("class_table")}}},
        "else": {"properties": {"tables": {"items": items}}},
        "$defs": _definitions(),
    }


def _definitions() -> Schema:
    value = "As printed, in quotes: '77.22%', '0.93 (0.90-0.96)', '93.0 ± 1.2', '86/92'."
    classes = "Names of three to twenty classes, in the order of the rows."
    folds = "Folds of which the scores are averages, or the sizes of each."
    sizes = dict.fromkeys(("positive", "negative"), _IMAGES)
    number = {"type": "integer", "minimum": 1, "maximum": checks.FOLDS}
    return {
        "count": _IMAGES | {"minimum": 0},
        "sizes": _said("Images of each class.", _object(sizes, sizes)),
        "value": _said(value, _TEXT),
        "values": _any(_of("value"), _list(_of("value"), 1)),
        "table": _said("One model, or one table.", _table()),
        "classes": _said(classes, _list(_NAME, FEWEST, MOST)) | {"uniqueItems": True},
        "class_sizes": _said(
            "Images of each class, by its name.", _by_name(_IMAGES) | {"minProperties": FEWEST}
        ),
        "class_table": _said("One model, or one table, of several classes.", _class_table()),
        "number": _said("Folds or runs.", number),
        "folds": _said(folds, _any(_of("number"), _list(_of("sizes"), 2, checks.FOLDS))),
        "comparison": _said("A p value of two tables, or of two fractions.", _comparison()),
    }


def _table() -> Schema:
    matrix = "As printed: two rows of two counts; further true classes are added up as negatives."
    first = "The class that stands first in rows and columns."
    reported = dict.fromkeys(names.NAMES, _of("values"))
    return _one_of_three("counts") | _object(
        {
            **_of_both_tables(),
            "matrix": _said(matrix, _list(_list(_of("count"), 2), 2)),
            "counts": _counts(),
            "first": _said(first, {"enum": ["positive", "negative"], "default": "positive"}),
            "reported": _said(
                "Printed values by score.", _by_name(_of("values")) | {"properties": reported}
            ),
            "test_set": _said(
                "Its own images, or the name of one of test_sets.", _any(_of("sizes"), _TEXT)
            ),
            "unclassified": _said(
                "Images without an answer, beside the matrix.",
                _any(_of("count"), _list(_of("count"))),
            ),
            **_averages(),
        },
        ["name"],
    )


def _class_table() -> Schema:
    matrix = (
        "As printed: k rows of k counts, or of shares in quotes; a further column, or row, of "
        "images without a decision."
    )
    reported = (
        "Printed values by score; those of a class, or of an average (macro, weighted, micro), "
        "under its name."
    )
    cell = _any(_of("count"), _TEXT)
    return _one_of_three("one_vs_rest") | _object(
        {
            **_of_both_tables(),
            "classes": _of("classes"),
            "matrix": _said(matrix, _list(_list(cell, FEWEST), FEWEST)),
            "normalised": _said(
                "Which shares add up to 100%.", {"enum": ["rows", "columns", "all"]}
            ),
            "one_vs_rest": _said(
                "TP, FN, FP and TN of each class against the rest.",
                _by_name(_counts()) | {"minProperties": FEWEST},
            ),
            "reported": _said(reported, _by_name(_any(_of("values"), _by_name(_of("values"))))),
            "test_set": _said(
                "Its own sizes, or the name of one of test_sets.", _any(_TEXT, _of("class_sizes"))
            ),
            "folds": _of("folds"),
        },
        ["name"],
    )


def _of_both_tables() -> Schema:
    rows = "What the paper says the rows of its matrix are."
    return {
        "name": _said("Of the model.", _NAME),
        "rows": _said(rows, {"enum": ["predicted", "true", True]}),
    }


def _one_of_three(counts: str) -> Schema:
    """Ask for a matrix with the meaning of its rows, for counts or for scores."""
    return {
        "anyOf": [{"required": [key]} for key in ("matrix", counts, "reported")],
        "dependentRequired": {"matrix": ["rows"]},
    }


def _counts() -> Schema:
    return _said(
        "The matrix, cell by cell.",
        _object(dict.fromkeys(checks.CELLS, _of("count")), checks.CELLS),
    )


def _averages() -> Schema:
    return {
        "folds": _of("folds"),
        "runs": _of("number"),
        "stratified": _said("Whether each fold has the classes' shares.", _YES),
        "per_image": _said("Whether each score is an average over images.", _YES),
    }


def _comparison() -> Schema:
    discordant = "Images that only the first, and only the second gets right."
    keys = {
        "a": _said("A table's name, or a fraction such as 86/92.", _NAME),
        "b": _NAME,
        "p": _said("As printed: '0.03', '<0.001'.", _TEXT),
        "score": _said("The proportion compared; accuracy unless stated.", _TEXT),
        "test": {"enum": list(reading_comparisons.TESTS)},
        "discordant": _said(discordant, _list(_of("count"), 2, 2)),
    }
    return _object(keys, ["a", "b", "p"])


def _of(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _said(description: str, content: Schema) -> Schema:
    return {"description": description, **content}


def _any(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def _list(items: Schema, least: int | None = None, most: int | None = None) -> Schema:
    limits = {"minItems": least, "maxItems": most}
    known = {key: limit for key, limit in limits.items() if limit is not None}
    return {"type": "array", **known, "items": items}


def _by_name(content: Schema) -> Schema:
    return {"type": "object", "additionalProperties": content}


def _object(keys: Schema, required: Iterable[str]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": keys,
    }
