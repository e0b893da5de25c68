"""Checkpoints: where a training stands after an epoch, so that a killed one goes on.

A checkpoint is one file: every variable of the network and its optimizer, the seeds of
its random layers among them, and what has been told so far. It is written aside and put
in place whole; a training that goes on from it ends as if it had never been stopped.
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
from covidcxr.networks import devices

if TYPE_CHECKING:
    import keras

METHOD = 1
"""Raised when the content of a checkpoint changes, so that older ones do not fit."""

_TOLD = "told"


def path(folder: Path, name: str, key: Mapping[str, Any]) -> Path:
    """Return where the checkpoint of a training lies, by all of its key but the ``method``."""
    decisive = {name: value for name, value in key.items() if name != "method"}
    digest = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    return folder / f"{name}-{digest[:16]}.npz"


def save(path: Path, network: keras.Model, key: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Write where a training stands.

    Parameters
    ----------
    path
        A file that ends in ``.npz``.
    network
        Compiled, its optimizer built.
    key
        What the training is, JSON by nature; see `restore`.
    told
        What else must survive, JSON by nature; ``epoch``, the last that is done, among it.

    Raises
    ------
    Problem
        Where the disk is full; the checkpoint that was there stays.
    """
    devices.sync_jax_state(network)
    held = {f"v{i:05d}": np.asarray(v) for i, v in enumerate(_variables(network))}
    text = json.dumps({"key": _whole(key), "told": dict(told)})
    with atomic.file(path) as aside:
        np.savez(aside, allow_pickle=False, **held, **{_TOLD: np.array(text)})


def restore(
    path: Path, network: keras.Model, key: Mapping[str, Any], epochs: int
) -> dict[str, Any] | None:
    """Bring a network to where a training stood; return what it told.

    Parameters
    ----------
    path
        The file, which need not be there.
    network
        Compiled, its optimizer built, as when the checkpoint was written.
    key
        What the training is, its ``method`` among it.
    epochs
        How long the training will be. A checkpoint that stands behind its end is moved aside.

    Returns
    -------
    dict or None
        None where there is no checkpoint of this training; the network is then untouched.

    Raises
    ------
    Problem
        For a damaged file, and for a checkpoint that another method made: it stays, and is
        moved aside where `covidcxr.core.records.rerun` is asked for.
    """
    if not path.is_file():
        return None
    variables = _variables(network)
    try:
        with np.load(path, allow_pickle=False) as file:
            content = json.loads(str(file[_TOLD]))
            told: dict[str, Any] = content["told"]
            same = content["key"] == json.loads(json.dumps(_whole(key)))
            # All is read, and with it checked, before anything is changed.
            held = [file[f"v{i:05d}"] for i in range(len(variables))] if same else []
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())
        raise Problem(
            f"{path}: this checkpoint is damaged ({reason}); delete it and run again, which "
            "starts this training anew."
        ) from error
    if not same and not records.rerun():
        raise Problem(
            f"{path}: this checkpoint was written by another method of training; go on with the "
            f"code that wrote it, or start anew with {records.RERUN}=1, which moves it aside."
        )
    if not same or told["epoch"] > epochs:
        path.rename(records.replaced(path))
        return None
    for variable, value in zip(variables, held, strict=True):
        variable.assign(value)
    return told


def _whole(key: Mapping[str, Any]) -> dict[str, Any]:
    return {**key, "checkpoints": METHOD}


def _variables(network: keras.Model) -> list[Any]:
    return [*network.variables, *network.optimizer.variables]
