"""A record is read as it was written, or refused in one sentence."""

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from covidcxr.core import records
from covidcxr.core.errors import Problem
from covidcxr.paper import claims

RESULTS = Path("results")
COMMITTED = sorted(RESULTS.glob("**/record.json"))
TRAINING = RESULTS / "paper-scratch/resnet50-keras-s0"
VALUES: list[Any] = [None, True, -1, 0.5, 10**30, "", "x", "é\n\0", [], {}, [1], {"a": 1}, [[]]]


def places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return where every value of some JSON stands."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from places(value, (*above, key))


def mutant(text: str, rng: random.Random) -> str:
    """Damage a record's JSON at one place: a key goes, a value is another's, or text is cut."""
    content = json.loads(text)
    *above, last = rng.choice(list(places(content)))
    section = content
    for key in above:
        section = section[key]
    match rng.randrange(8):
        case 0 | 1:
            del section[last]
        case 2 | 3 | 4:
            section[last] = rng.choice(VALUES)
        case 5:
            deep: Any = 0
            for _ in range(rng.choice([30, 900])):
                deep = {"a": deep}
            section[last] = deep
        case 6:
            section[last] = "MARK"
            word = rng.choice(
                ["NaN", "-Infinity", "1e999", "9" * 5000, "[" * 100_000, '{"a":1,"a":2}']
            )
            return json.dumps(content).replace('"MARK"', word, 1)
        case 7:
            cut = rng.randrange(len(text))
            return text[:cut] + text[cut + rng.randrange(1, 40) :]
    return json.dumps(content)


def refusal(call: Any, *arguments: Any) -> str | None:
    """Return the sentence in which a call refuses, None where it does not."""
    try:
        call(*arguments)
    except Problem as problem:
        assert "\n" not in str(problem)
        assert len(str(problem)) < 600
        return str(problem)
    return None


@pytest.mark.parametrize("seed", range(120))
def test_a_damaged_record_is_read_as_it_stands_or_refused(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    original = rng.choice(COMMITTED)
    folder = shutil.copytree(original.parent, tmp_path / original.parent.name)
    text = mutant(original.read_text(), rng)
    (folder / "record.json").write_text(text)
    said = refusal(records.read, folder)
    if said is None:
        assert json.loads(json.dumps(records.read(folder).content)) == json.loads(text)
    else:
        assert str(folder) in said


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ("forensics/patients", "held_out"),
        ("paper-scratch/resnet50-keras-s0", "parameters.weights"),
        ("paper-scratch/resnet50-keras-s0", "parameters.split"),
    ],
)
def test_the_ledger_names_the_file_and_the_key_that_is_missing(
    record: str, key: str, tmp_path: Path
) -> None:
    results = shutil.copytree(RESULTS, tmp_path / "results")
    file = results / record / "record.json"
    content = json.loads(file.read_text())
    *above, last = key.split(".")
    section = content
    for name in above:
        section = section[name]
    del section[last]
    file.write_text(json.dumps(content))
    said = refusal(claims.ledger, results)
    assert said is not None
    assert said.startswith(f"{file}: key '{key}' is missing; ")


def test_a_table_without_a_hash_is_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(TRAINING, tmp_path / "run")
    content = json.loads((folder / "record.json").read_text())
    (folder / "record.json").write_text(json.dumps(content | {"tables": {}}))
    said = refusal(records.read, folder)
    assert said is not None
    assert said.startswith(f"{folder / min(content['tables'])}: ")
    for table in folder.glob("*.csv"):
        table.unlink()
    # Without any table the record is whole, and what is asked of it says what it lacks.
    said = refusal(records.read(folder).table, "predictions")
    assert said is not None
    assert said.startswith(f"{folder / 'predictions.csv'}: is missing; ")


def test_a_table_lies_beside_its_record(tmp_path: Path) -> None:
    folder = shutil.copytree(TRAINING, tmp_path / "run")
    content = json.loads((folder / "record.json").read_text())
    content["tables"]["../elsewhere.csv"] = "0" * 64
    (folder / "record.json").write_text(json.dumps(content))
    assert "elsewhere" in (refusal(records.read, folder) or "")


@pytest.mark.parametrize("text", ["[]", "null", "3", '"x"', "", "{}", "[" * 100_000])
def test_what_is_no_record_at_all_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(text)
    assert str(tmp_path / "record.json") in (refusal(records.read, tmp_path) or "")
