"""GPUs of the machine: names, NVIDIA's driver, and one GPU for each process."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ALL_VARIABLE = "COVIDCXR_GPUS"
"""Set to ``all``, it spreads each training over every GPU instead of giving it one."""

_DEVICE_FILES = {
    "/dev/nvidiactl": "an NVIDIA GPU",
    "/dev/kfd": "an AMD GPU",
    "/dev/dxg": "a GPU",
}
_locks: list[Any] = []


def name() -> str:
    """Return what GPU the machine has, whether or not a backend sees it; empty for none."""
    present = [kind for place, kind in _DEVICE_FILES.items() if Path(place).exists()]
    return _query("name") or (present[0] if present else "")


def driver() -> str:
    """Return the version of NVIDIA's driver; empty where ``nvidia-smi`` does not answer."""
    return _query("driver_version")


def claim_one() -> None:
    """Take one GPU of several, so that trainings side by side have one each.

    A lock on a file lasts as long as the process; where all are taken, they are shared.
    """
    if os.environ.get(ALL_VARIABLE) == "all" or "CUDA_VISIBLE_DEVICES" in os.environ:
        return
    cards = sorted(Path("/dev").glob("nvidia[0-9]*"))
    if len(cards) < 2:
        return
    for number in range(len(cards)):
        lock = (Path(tempfile.gettempdir()) / f"covidcxr-gpu-{number}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        _locks.append(lock)  # open, and with it locked, until the process ends
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
        return


def _query(fact: str) -> str:
    """Ask NVIDIA's driver about its first GPU."""
    try:
        command = ["nvidia-smi", f"--query-gpu={fact}", "--format=csv,noheader,nounits"]
        reply = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""
    return reply.splitlines()[0].strip() if reply.strip() else ""
