"""Schemas of the audit's input and output: they accept what it accepts, and nothing else."""

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from typer.testing import CliRunner

from covidcxr.cli.commands import app
from covidcxr.core.errors import Unusable
from covidcxr.paper import audit
from covidcxr.paper.audit import input_schema, names, result, text, verdicts
from tests.paper.audit.test_input import GOOD

INPUT = input_schema.schema()
OUTPUT = result.schema()
DIGESTS = {1: "040ed296ac0dc478"}
"""Of the output's schema, by version: programs read it, so that a change raises the version."""

PLACES: dict[str, list[str | int]] = {
    "": [],
    "table": ["tables", 0],
    "sizes": ["test_set"],
    "comparison": ["comparisons", 0],
}
"""Each object of the input schema and where the parser meets one."""


def errors(content: Any, schema: Any) -> list[str]:
    found = jsonschema.Draft202012Validator(schema).iter_errors(content)
    return [f"{error.json_path}: {error.message}" for error in found]


def accepted(place: list[str | int]) -> set[str]:
    """Return the keys that the parser names where an unknown one stands."""
    content = copy.deepcopy(GOOD) | {"comparisons": [{"a": "ResNet50", "b": "86/92", "p": "0.03"}]}
    at: Any = content
    for step in place:
        at = at[step]
    at["unknown"] = 1
    with pytest.raises(Unusable) as raised:
        audit.parse(content, "paper.yaml")
    listed = re.search(r"known are (.*)\.$", str(raised.value))
    assert listed
    return set(listed[1].split(", "))


def differences(schema: Any) -> Iterator[tuple[str, str]]:
    """List the keys that the parser or a schema has alone."""
    for name, place in PLACES.items():
        has = set((schema["$defs"][name] if name else schema)["properties"])
        yield from ((name, key) for key in has ^ accepted(place))
    scores = schema["$defs"]["table"]["properties"]["reported"]["properties"]
    yield from (("reported", score) for score in set(scores) ^ set(names.NAMES))


@pytest.mark.parametrize("name", audit.examples())
def test_every_example_and_its_audit_are_valid(name: str) -> None:
    content = audit.example(name)
    assert errors(content, INPUT) == []
    report = audit.audit(audit.parse(content, name))
    assert errors(json.loads(audit.as_json(report)), OUTPUT) == []


def test_averages_and_p_values_are_valid() -> None:
    content = copy.deepcopy(GOOD) | {
        "stratified": True,
        "runs": 2,
        "comparisons": [
            {"a": "ResNet50", "b": "86/92", "p": "<0.001", "score": "sensitivity", "test": "z"},
            {"a": "80/92", "b": "86/92", "p": "0.03", "discordant": [3, 9]},
        ],
    }
    content["tables"][1] |= {"folds": [{"positive": 46, "negative": 134}] * 2, "per_image": False}
    assert errors(content, INPUT) == []
    report = audit.audit(audit.parse(content, "paper.yaml"))
    assert errors(json.loads(audit.as_json(report)), OUTPUT) == []


def test_the_schemas_are_schemas() -> None:
    for schema in (INPUT, OUTPUT):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_keys_of_the_input_are_those_of_the_parser() -> None:
    assert list(differences(INPUT)) == []


@pytest.mark.parametrize(
    "difference",
    [("", "source"), ("table", "first"), ("sizes", "negative"), ("reported", "recall")],
)
def test_a_planted_difference_is_seen(difference: tuple[str, str]) -> None:
    schema = copy.deepcopy(INPUT)
    name, key = difference
    table = schema["$defs"]["table"]
    at = {"": schema, "reported": table["properties"]["reported"]} | schema["$defs"]
    del at[name]["properties"][key]
    assert list(differences(schema)) == [difference]


def test_the_schema_of_the_output_is_that_of_its_version() -> None:
    content = json.dumps(OUTPUT, sort_keys=True).encode()
    assert hashlib.sha256(content).hexdigest()[:16] == DIGESTS[text.VERSION]
    assert get_args(result.VerdictWord) == verdicts.VERDICTS


@pytest.mark.parametrize(
    "place", [["headline"], ["tables", 0, "reading"], ["tables", 0, "reported", "accuracy", 0]]
)
def test_an_output_without_a_key_or_with_another_is_invalid(place: list[str | int]) -> None:
    report = json.loads(audit.as_json(audit.audit(audit.parse(GOOD, "x"), corroborate=False)))
    assert errors(report, OUTPUT) == []
    at: Any = report
    for step in place[:-1]:
        at = at[step]
    value = at[place[-1]]
    at[place[-1]] = {"verdict": "perfect"}
    assert errors(report, OUTPUT)
    at[place[-1]] = value
    report["tables"][0]["planted"] = 1
    assert errors(report, OUTPUT)


@pytest.mark.parametrize(
    "content",
    [
        {"title": "x"},
        GOOD | {"year": 2020},
        GOOD | {"test_set": {"positive": 0, "negative": 1}},
        {"title": "x", "tables": [{"name": "a"}]},
        {"title": "x", "tables": [{"name": "a", "matrix": [[1, 2], [3, 4]]}]},
        {"title": "x", "tables": [{"name": "a", "reported": {"accuracy": 0.5}}]},
        {"title": "x", "tables": [{"name": "a", "counts": {"TP": 1, "FN": 2, "FP": 3}}]},
    ],
)
def test_what_the_parser_refuses_is_invalid(content: Any) -> None:
    assert errors(GOOD, INPUT) == []
    assert errors(content, INPUT)
    with pytest.raises(Unusable):
        audit.parse(content, "x")


def test_the_command_prints_the_schemas(tmp_path: Path) -> None:
    for kind, schema in (("input", INPUT), ("output", OUTPUT)):
        done = CliRunner().invoke(app, ["audit", "--schema", kind])
        assert done.exit_code == 0
        assert json.loads(done.stdout) == schema
    report = json.loads(CliRunner().invoke(app, ["audit", "panwar", "--json"]).stdout)
    assert (report["$schema"], report["version"]) == (OUTPUT["$id"], text.VERSION)
