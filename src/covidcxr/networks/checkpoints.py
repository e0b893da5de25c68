"""Checkpoints: save and resume the state of a training.

A checkpoint is one file: every variable of the network and its optimizer, the seeds of
its random layers among them, and the state of the epoch log. It is written aside and put
in place whole; a training that resumes from it ends as if it had never been stopped.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from covidcxr.core import atomic, records
from covidcxr.core.errors import Problem
from covidcxr.core.words import one_line
from covidcxr.networks import devices

if TYPE_CHECKING:
    import keras

METHOD = 1
"""Raised when the content of a checkpoint changes, so that older ones do not fit."""

_TEXT = "told"  # as in the checkpoints that were written before
"""The entry of the file with key and state, and the name of the state in it."""


def path(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    """Path of a training's checkpoint, by all of its key but the ``method``."""
    decisive = {name: value for name, value in key.items() if name != "method"}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return folder / f"{name}-{digest[:16]}.npz"


def save(
    path: Path, network: keras.Model, key: Mapping[str, Any], state: Mapping[str, Any]
) -> None:
    """Save a compiled network, its optimizer, and the state of its epoch log (JSON).

    Where the disk is full, the previous checkpoint stays.
    """
    devices.sync_jax_state(network)
    values = {f"v{i:05d}": np.asarray(v) for i, v in enumerate(_variables(network))}
    text = json.dumps({"key": {**key, "checkpoints": METHOD}, _TEXT: dict(state)})
    with atomic.file(path) as aside:
        np.savez(aside, allow_pickle=False, **values, **{_TEXT: np.array(text)})


def restore(
    path: Path, network: keras.Model, key: Mapping[str, Any], epochs: int
) -> dict[str, Any] | None:
    """Restore the variables of a compiled network; return the state of the epoch log.

    Returns None, and leaves the network as it is, where there is no checkpoint, or where it
    is of a later epoch than the training's last: it is then moved aside. A checkpoint of another
    method is moved aside only where `covidcxr.core.records.rerun` is set, else refused.
    """
    atomic.sweep(path)
    if not path.is_file():
        return None
    variables = _variables(network)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = json.loads(str(file[_TEXT]))
            state: dict[str, Any] = content[_TEXT]
            same = content["key"] == json.loads(json.dumps({**key, "checkpoints": METHOD}))
            # All is read, and with it checked, before anything is changed.
            values = [file[f"v{i:05d}"] for i in range(len(variables))] if same else []
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise Problem(
            f"{path}: this checkpoint is damaged ({one_line(error)}); delete it and run again, "
            "which starts this training anew."
        ) from error
    if not same and not records.rerun():
        raise Problem(
            f"{path}: this checkpoint was written by another method of training; go on with the "
            f"code that wrote it, or start anew with {records.RERUN}=1, which moves it aside."
        )
    if not same or state["epoch"] > epochs:
        path.rename(records.replaced(path))
        return None
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return state


def _variables(network: keras.Model) -> list[Any]:
    """Variables of a network and its optimizer."""
    return [*network.variables, *network.optimizer.variables]
