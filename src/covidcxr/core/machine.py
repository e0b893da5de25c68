"""Commit of the code, versions of packages, and hardware, for the provenance of a result."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = (
    "covidcxr", "jax", "keras", "numpy", "pandas", "pillow", "scikit-learn",
    "scipy", "statsmodels", "tensorflow", "torch",
)  # fmt: skip


def commit() -> dict[str, Any]:
    """Return the commit of the code and whether it has uncommitted changes."""
    try:
        root = Path(__file__).parent
        run = {"cwd": root, "capture_output": True, "text": True, "check": True}
        name = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.strip()  # type: ignore[call-overload]
        status = ["git", "status", "--porcelain", "--", ":/src", ":/notebooks", ":/config"]
        changed = bool(subprocess.run(status, **run).stdout.strip())  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        return {"id": None, "changed": None}
    return {"id": name, "changed": changed}


def packages() -> dict[str, str]:
    """Return the versions of the packages that can change a number."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def hardware() -> dict[str, Any]:
    """Return what the machine is, without its name."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
    }


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
