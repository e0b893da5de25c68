"""Run records: parameters, inputs, results and provenance of a run.

A record is a folder with ``record.json`` and small tidy CSV tables. The JSON holds the sha256 of
every table, so a record is either whole or refused.

A record answers to its parameters, the fingerprints of its inputs and its method: a number,
``METHOD`` in the module that makes it, raised by hand when its results change. Commit, package
versions and machine are provenance and decide nothing.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import re
import textwrap
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from covidcxr.core import atomic, machine, overrides, record_content
from covidcxr.core.errors import Problem
from covidcxr.core.record_content import Damaged
from covidcxr.core.studies import Study

TRACE = "COVIDCXR_TRACE"  # names a file that receives the paths of results that are read or made

RERUN = "RERUN"
"""Environment variable: where it is 1, a record of something else is moved aside and made anew."""

REPLACED = ".replaced-"  # stands in the name of a record that was moved aside, before the date
SCHEMA = 1  # raised whenever the meaning of a field changes
FIRST_METHOD = 1  # the method of records that were written before they named one

_OPTIONAL = ("explained", "external ")
"""How the names of inputs begin that older trainings did without: they answer all the same."""

log = logging.getLogger(__name__)


class Outdated(Problem):
    """A record that answers to something else than is asked for."""


@dataclass(frozen=True)
class Record:
    """A record on disk: its folder, its parsed ``record.json``, and whether its method is old."""

    folder: Path
    content: dict[str, Any]
    is_outdated: bool = False

    def __getitem__(self, key: str) -> Any:
        return self.content[key]

    def table(self, name: str) -> pd.DataFrame:
        """Return one of the record's tables, ``history`` say."""
        # A group may be called 001 or NA and stays text.
        text: dict[Hashable, str] = dict.fromkeys(
            ("image_id", "group_id", "label", "part"), "string"
        )
        path = self.folder / f"{name}.csv"
        if not path.is_file():
            raise Damaged(path, "is missing")
        return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])

    @cached_property
    def created(self) -> datetime:
        """When the record was made."""
        return datetime.fromisoformat(self.content["created"])

    @property
    def study(self) -> str:
        """The study that it belongs to, by the folder it lies in."""
        return self.folder.parent.name

    @property
    def method(self) -> int:
        """The method that made it."""
        return int(self.content.get("method", FIRST_METHOD))

    @property
    def is_synthetic(self) -> bool:
        """Whether its images are synthetic."""
        return bool(self.content["parameters"]["cohort"]["source"] == "phantom")


def parameters(study: Study, keys: Iterable[str], **more: Any) -> dict[str, Any]:
    """Return what of a study decides a result: the cohort, the named keys and more.

    Where the images lie, whether they may be shown and how patients are called decides nothing.
    """
    content = study.model_dump(mode="json")
    if content["weights"] not in ("none", "imagenet"):
        # Files are what they hold, not where they lie.
        content["weights"] = f"files {_contents(Path(study.weights))}"
    free = ("path", "publish_images", "patient_ids")
    cohort = {k: v for k, v in content["cohort"].items() if k not in free}
    if cohort.get("classes", ...) is None:
        del cohort["classes"]  # as in records that were made before there was a choice
    return {"cohort": cohort, **{key: content[key] for key in keys}, **more}


def write(
    folder: Path,
    *,
    study: Study,
    parameters: Mapping[str, Any],
    fingerprints: Mapping[str, str],
    method: int,
    commit: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    **content: Any,
) -> Record:
    """Write a record, whole or not at all, and return it.

    A record that is there already is moved aside, to ``<name>.replaced-<date>``. ``fingerprints``
    are the sha256 of each input (``data``, ``split``), ``method`` is that of the module that
    computed it, and ``commit`` as `covidcxr.core.machine.commit` returned it before the run.
    Further fields of the JSON may follow.
    """
    with atomic.folder(folder, keep_as=replaced) as aside:
        hashes = {}
        for name, table in tables.items():
            path = aside / f"{name}.csv"
            table.to_csv(path, index=False, float_format="%.9g", lineterminator="\n")
            hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        record = {
            "schema": SCHEMA,
            "study": study.name,
            "title": study.title,
            "name": folder.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "parameters": dict(parameters),
            "fingerprints": dict(fingerprints),
            "method": method,
            "commit": dict(commit),
            "packages": machine.packages(),
            "hardware": machine.hardware(),
            **content,
            "tables": hashes,
        }
        text = json.dumps(record, indent=1, allow_nan=False)
        (aside / "record.json").write_text(text + "\n", encoding="utf-8")
    used(folder / "record.json")
    return Record(folder, record)


def replaced(path: Path) -> Path:
    """Return a free name beside a path for what is moved aside today."""
    first = path.with_name(f"{path.name}{REPLACED}{datetime.now(UTC):%Y-%m-%d}")
    later = (first.with_name(f"{first.name}-{i}") for i in itertools.count(2))
    return next(name for name in itertools.chain([first], later) if not name.exists())


def rerun() -> bool:
    """Return whether records of something else are to be made anew."""
    return os.environ.get(RERUN, "") not in ("", "0")


def read(folder: Path, method: int | None = None) -> Record:
    """Read a record, check that its tables are the ones it was written with, and note it as used.

    With a ``method``, that of such a record today, a record of another one is outdated. A
    `Problem` is raised for a missing, damaged or newer record.
    """
    atomic.recover(folder)
    while True:
        before = _identity(folder)
        try:
            content = _whole(folder)
            break
        except Problem:
            # Another process may have replaced the record between two of its files.
            if _identity(folder) == before:
                raise
    used(folder / "record.json")
    record = Record(folder, content)
    return replace(record, is_outdated=method is not None and record.method != method)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what tells a record from another one in its place."""
    try:
        status = (folder / "record.json").stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _whole(folder: Path) -> dict[str, Any]:
    """Return the content of a record, whose tables are checked."""
    content = record_content.read(folder / "record.json", SCHEMA)
    for name, expected in content["tables"].items():
        table = folder / name
        if not table.is_file() or hashlib.sha256(table.read_bytes()).hexdigest() != expected:
            raise Damaged(table, "is missing or was changed after the record was written")
    for table in sorted(folder.glob("*.csv")):
        if table.name not in content["tables"]:
            raise Damaged(table, "is no table of the record beside it, which has no hash of it")
    return content


def used(path: Path) -> None:
    """Note that a page rests on a file, where `covidcxr.book.pages` listens."""
    if os.environ.get(TRACE):
        with Path(os.environ[TRACE]).open("a", encoding="utf-8") as notes:
            notes.write(f"{path.resolve()}\n")


def differences(
    record: Record, parameters: Mapping[str, Any], inputs: Mapping[str, str], method: int
) -> list[str]:
    """Differences between what a record answers to and what is asked for, as for `find`.

    An input that older trainings did without is compared where the record has it.
    """
    recorded = overrides.flatten(record["parameters"])
    asked = overrides.flatten(parameters)
    named = [
        f"{key} is {_brief(recorded.get(key))}, not {_brief(asked.get(key))}"
        for key in dict.fromkeys([*asked, *recorded])
        if recorded.get(key) != asked.get(key)
    ]
    of = record["fingerprints"]
    named += [
        f"the input {key} is {_brief(of.get(key))}, not {_brief(value)}"
        for key, value in inputs.items()
        if of.get(key) != value and (key in of or not key.startswith(_OPTIONAL))
    ]
    if record.method != method:
        named.append(f"method is {record.method}, not {method}")
    return named


def _brief(value: Any) -> str:
    """Write a setting or the beginning of a fingerprint."""
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:8]
    return "not set" if value is None else textwrap.shorten(str(value), 60, placeholder=" ...")


def find(
    folder: Path, parameters: Mapping[str, Any], inputs: Mapping[str, str] | None, method: int
) -> Record | None:
    """Return the record of a folder; None where there is none, or where it is to be made anew.

    ``inputs`` are the fingerprints that its inputs must have had; None where they are not at hand,
    so that a record of these parameters is shown for what it says it is. A `Problem` is raised for
    a record that is damaged, of another version of this package, or answers to something else: it
    is left as it is, unless `rerun` is asked for.
    """
    atomic.recover(folder)
    if not (folder / "record.json").is_file():
        return None
    try:
        record = read(folder, method)
        asked = (inputs, method) if inputs is not None else ({}, record.method)
        differing = differences(record, parameters, *asked)
        if not differing:
            return record
        data = "" if inputs is not None else "name a data folder in COVIDCXR_DATA and "
        raise Outdated(
            f"{folder}: this record answers to something else ({'; '.join(differing)}); set that "
            f"back, or {data}make the record anew with RERUN=1, which moves this one aside."
        )
    except (Damaged, Outdated) as problem:
        if inputs is None or not rerun():
            raise
        log.warning("%s Made anew now.", problem)
        return None


def load_or_run(
    folder: Path,
    study: Study,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, str] | None,
    method: int,
    make: Callable[[], Mapping[str, Any]],
) -> Record:
    """Return the record of a folder, made where there is none.

    Parameters
    ----------
    folder, study, parameters, method
        As for `write`.
    inputs
        The fingerprints of its inputs; None where the images are not at hand, so that nothing
        can be made.
    make
        Computes the record; returns ``tables``, frames by name, and any further fields
        of its JSON. Wall time and peak memory are added; ``earlier_seconds`` of a run that
        was interrupted count to the time.

    Raises
    ------
    Problem
        Where there is neither a record nor data, where the folder cannot be written, and as for
        `find`.
    """
    record = find(folder, parameters, inputs, method)
    if record is not None:
        log.info("%s: the record answers to what decides it; not made again", folder)
        return record
    if inputs is None:
        raise Problem(
            f"{folder}: no such record and no images to make it from; name a data folder in "
            "COVIDCXR_DATA, or run STUDY=demo, which needs none."
        )
    atomic.check_place(folder)
    started, commit = time.monotonic(), machine.commit()
    content = dict(make())
    earlier = content.pop("earlier_seconds", 0.0)
    return write(
        folder,
        study=study,
        parameters=parameters,
        fingerprints=inputs,
        method=method,
        commit=commit,
        **content,
        wall_seconds=round(time.monotonic() - started + earlier, 1),
        peak_memory_bytes=machine.peak_memory(),
    )


def paths(study: Path) -> list[Path]:
    """Return the records' files in the folder of a study, without those that were moved aside."""
    files = sorted(study.glob("*/record.json"))
    # A folder whose name begins with a dot is still being written.
    return [p for p in files if p.parent.name[0] != "." and REPLACED not in p.parent.name]


def _contents(folder: Path) -> str:
    """Return the sha256 of the weight files in a folder, by name and content."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.h5")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
