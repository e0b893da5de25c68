"""The content of ``record.json``: strict JSON, whose fields have the types that readers rely on."""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from covidcxr.core.errors import Problem
from covidcxr.core.studies import Count, ModelName, Split
from covidcxr.core.words import shown

_DEEPEST = 20
_REMEDY = "restore it, or make it anew with RERUN=1, which moves it aside"


class Damaged(Problem):
    """A record that is not what was written."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path}: {fault}; {_REMEDY}.")


class Section(dict[str, Any]):
    """An object of a record's JSON; a key that it lacks is named with its file."""

    path: Path
    above: str

    def __missing__(self, key: str) -> Any:
        raise Damaged(self.path, f"key '{shown(f'{self.above}{key}')}' is missing")


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.csv$")]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(ge=0)]


class _Fields(BaseModel):
    """What is named here has this type; what is not may be anything."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Cohort(_Fields):
    source: str


class _Parameters(_Fields):
    cohort: _Cohort
    split: Split = "keras"
    seed: Natural = 0


class _Training(_Parameters):
    model: ModelName
    image_size: Count = 1
    epochs: Count = 1
    batch_size: Count = 1
    batch_norm_momentum: float = 0
    weights: str = ""
    precision: str = ""


class _Commit(_Fields):
    id: str | None
    changed: bool | None = None


class _Hardware(_Fields):
    processor: str


class _Backend(_Fields):
    name: str = ""
    accelerators: list[str] = []


class _Shared(_Fields):
    keras: Natural
    random: dict[str, float]


class _Content(_Fields):
    study: str
    title: str
    name: str
    created: Annotated[str, AfterValidator(_moment)]
    parameters: _Parameters
    fingerprints: dict[str, str]
    method: Natural = 0
    commit: _Commit
    packages: dict[str, str]
    hardware: _Hardware
    tables: dict[TableName, Hash]
    wall_seconds: Positive = 0
    peak_memory_bytes: Natural = 0
    metrics: dict[str, float | str | dict[str, float | None] | None] = {}
    training: dict[str, float | str | None] = {}
    backend: _Backend = _Backend()
    images: dict[str, Any] = {}
    shared: _Shared | None = None
    held_out: Count = 1
    resamples: Count = 1
    patients: dict[str, Natural | dict[str, Natural]] = {}
    elsewhere: dict[str, Natural] = {}


class _TrainingContent(_Content):
    parameters: _Training
    images: dict[str, dict[str, Natural]] = {}


def read(path: Path, schema: int) -> Section:
    """Read a ``record.json`` of a schema, whole.

    It is `Damaged` if it is no strict JSON, nests too deep, lacks a field or has one of another
    type; a `Problem` is raised for a missing record, and for one of another schema.
    """
    hooks: Any = {"parse_constant": _finite, "parse_float": _finite, "object_pairs_hook": _section}
    try:
        content = json.loads(path.read_text(encoding="utf-8"), **hooks)
    except FileNotFoundError as error:
        raise Problem(f"{path}: no such record; run the study that makes it.") from error
    except (ValueError, RecursionError, OSError) as error:
        raise Damaged(path, f"is damaged ({shown(error)})") from error
    if not isinstance(content, Section):
        raise Damaged(path, "is damaged (it holds no object)")
    _name(content, path)
    if type(content["schema"]) is not int:
        raise Damaged(path, f"key 'schema' is no number, but {shown(repr(content['schema']))}")
    if content["schema"] != schema:
        raise Problem(
            f"{path}: has schema {content['schema']}, this version reads {schema}; update or rerun."
        )
    parameters = content["parameters"]
    is_training = isinstance(parameters, dict) and "model" in parameters
    try:
        (_TrainingContent if is_training else _Content).model_validate(content)
    except ValidationError as error:
        raise Damaged(path, _fault(error)) from error
    return content


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{shown(text)} is no number")
    return value


def _section(pairs: list[tuple[str, Any]]) -> Section:
    section = Section(pairs)
    if len(section) < len(pairs):
        raise ValueError("a key stands twice")
    return section


def _name(value: Any, path: Path, above: str = "", depth: int = 0) -> None:
    """Let every section know where it stands."""
    if depth > _DEEPEST:
        raise Damaged(path, f"key '{shown(above)}' is nested more than {_DEEPEST} levels deep")
    if isinstance(value, Section):
        value.path, value.above = path, above
    below = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in below:
        if isinstance(inner, dict | list):
            _name(inner, path, f"{above}{key}.", depth + 1)


def _fault(error: ValidationError) -> str:
    first = error.errors()[0]
    key = shown(".".join(str(part) for part in first["loc"] if part != "[key]"), 80)
    if first["type"] == "missing":
        return f"key '{key}' is missing"
    return f"key '{key}' is {shown(repr(first['input']))} ({shown(first['msg'], 80)})"
