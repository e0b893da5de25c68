"""Check of a machine for what a study needs, with remedies for what is missing."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from covidcxr.cohorts import folders
from covidcxr.cohorts.manifest import class_counts
from covidcxr.core import studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import BackboneName, Cohort, FolderCohort, KaggleCohort, Study
from covidcxr.core.words import plural
from covidcxr.networks import architecture, devices, gpus

OK, NOTE, MISSING = "ok", "note", "missing"

_GIB = 2**30
_CHECKPOINT = 12
"""Bytes of a checkpoint for each parameter: the weight and the optimizer's two averages."""

_CUDA = "nvidia-cudnn-cu12"
"""Of the packages in requirements-gpu.lock, one that nothing else brings."""

_UPDATES = Path("benchmarks/results/updates.json")

_KERAS_FILES = "https://storage.googleapis.com/tensorflow/keras-applications/"


class Finding(NamedTuple):
    """One thing that a study needs: ``ok``, ``note`` (worth knowing) or ``missing``."""

    name: str
    status: str
    state: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the finding as the command prints it."""
        return dict(zip(("name", "status", "found", "remedy"), self, strict=True))


def examine(study: Study, place: Path) -> list[Finding]:
    """Examine everything that a study needs which is to be built in a place."""
    return [
        *_backends(),
        *_cuda(),
        *_memory(study),
        *_data(study),
        *_weights(study),
        *_disk(study, place),
    ]


def as_text(findings: list[Finding]) -> str:
    """Lay findings out for a terminal, remedies below what they mend."""
    lines = [
        f"Python {platform.python_version()}, Keras {importlib.metadata.version('keras')}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processor cores"
    ]
    for finding in findings:
        lines.append(f"{finding.status:8} {finding.name}: {finding.state}")
        if finding.remedy:
            lines.append(f"{'':8} -> {finding.remedy}")
    missing = sum(finding.status == MISSING for finding in findings)
    lines.append(f"{plural(missing, 'thing')} missing." if missing else "Nothing is missing.")
    return "\n".join(lines)


def _backends() -> Iterator[Finding]:
    here = devices.installed()
    if not here:
        yield Finding("backend", MISSING, "none of TensorFlow, JAX and PyTorch", "run make setup")
        return
    gpu = gpus.name()
    seen = {}
    for name in here:
        count, complaint = devices.probe(name)
        seen[name] = count
        version = importlib.metadata.version(name)
        title = devices.BACKENDS[name]
        if complaint:
            yield Finding(title, NOTE, f"{version}, does not start ({complaint})")
        else:
            state = f"{version}, {count or 'no'} accelerator{'s' if count > 1 else ''}"
            yield Finding(title, OK, state)
    asked = os.environ.get("KERAS_BACKEND")
    if asked and asked not in here:
        yield Finding(
            "KERAS_BACKEND", MISSING, f"{asked} is not installed", f"unset it, or install {asked}"
        )
        return
    chosen = asked or next((name for name in here if gpu and seen[name]), here[0])
    why = "as KERAS_BACKEND says" if asked else "the first that sees an accelerator"
    if seen[chosen]:
        yield Finding("trainings use", OK, f"{devices.BACKENDS[chosen]} on {gpu}, {why}")
    elif gpu:
        yield Finding(
            "trainings use", NOTE,
            f"{devices.BACKENDS[chosen]} on the processor, although the machine has {gpu}",
            "make setup GPU=1 brings TensorFlow what it needs of CUDA; other GPUs need a backend "
            "of their own",
        )  # fmt: skip
    else:
        yield Finding(
            "trainings use", NOTE, f"{devices.BACKENDS[chosen]} on the processor: no accelerator",
            f"{_measured()}use a machine with a GPU, or lower image_size and epochs",
        )  # fmt: skip


def _measured() -> str:
    """Say what an update of the largest network took where the benchmarks were run."""
    try:
        result = json.loads(_UPDATES.read_text("utf-8"))
        row = max(result["rows"], key=lambda row: (row["size"], row["seconds"]))
        hardware = result["hardware"]
    except (OSError, ValueError, KeyError):
        return ""
    return (
        f"at {row['size']} pixels an update of the largest network took {row['seconds']:.1f} s on "
        f"{hardware['cores']} cores ({hardware['processor']}, {row['precision']}): "
    )


def _cuda() -> Iterator[Finding]:
    """Look for both things that TensorFlow needs of NVIDIA: the driver and CUDA's libraries."""
    driver = gpus.driver()
    if driver:
        yield Finding("NVIDIA driver", OK, driver)
        try:
            version = importlib.metadata.version(_CUDA)
            yield Finding("CUDA libraries", OK, f"cuDNN {version}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding(
                "CUDA libraries", NOTE, "not installed: TensorFlow sees no GPU", "make setup GPU=1"
            )
    elif "NVIDIA" in (gpu := gpus.name()):
        yield Finding(
            "NVIDIA driver", NOTE, f"the machine has {gpu}, but nvidia-smi does not answer",
            "install NVIDIA's driver, then make setup",
        )  # fmt: skip


def _memory(study: Study) -> Iterator[Finding]:
    total = psutil.virtual_memory().total
    # Weights, gradients, the optimizer's averages, what it computes on the way, and the maps
    # of a batch: measured at 64 pixels, 70 bytes for each weight of the fusion.
    needed = _parameters(study) * 70
    enough = total >= needed
    yield Finding(
        "memory",
        OK if enough else MISSING,
        f"{total / _GIB:.0f} GiB; the largest network needs about {needed / _GIB:.0f} GiB",
        "" if enough else "train fewer models with models=[resnet50], or use a larger machine",
    )


def _data(study: Study) -> Iterator[Finding]:
    yield _cohort("cohort", study.cohort)
    for name, source in study.external.items():
        yield _cohort(name, source)


def _cohort(name: str, source: Cohort) -> Finding:
    """Examine the images of one cohort; without its own, called ``cohort``, a study cannot run."""
    lacking = MISSING if name == "cohort" else NOTE
    if isinstance(source, KaggleCohort):
        return Finding(name, NOTE, f"Kaggle's {source.handle}, downloaded when needed")
    if not isinstance(source, FolderCohort):
        return Finding(name, OK, "synthetic, made when needed")
    place = source.path or os.environ.get(studies.DATA_VARIABLE)
    if not place and lacking == NOTE:
        return Finding(name, NOTE, "as the cohort; without it, no external testing")
    if not place:
        return Finding(
            name, MISSING, f"a folder, and {studies.DATA_VARIABLE} names none",
            f"set {studies.DATA_VARIABLE} to a folder with class folders COVID19 and "
            "NORMAL, set cohort.source=kaggle, or use STUDY=demo; the book of "
            "committed records needs no images",
        )  # fmt: skip
    try:
        _, rows = folders.listed(source)
    except Problem as problem:
        return Finding(name, lacking, str(problem))
    counts = class_counts(rows)
    usable = ", ".join(f"{n:,} {label}" for label, n in counts.items())
    if all(counts.values()):
        return Finding(name, OK, f"{usable} in {place}")
    remedy = "put images of both classes there, as PNG or JPEG"
    return Finding(name, lacking, f"{usable} in {place}", remedy)


def _weights(study: Study) -> Iterator[Finding]:
    if study.weights == "none":
        yield Finding("weights", OK, "random, as the study says")
        return
    files = [architecture.weight_file(name, study.weights) for name in _used(study)]
    folder = files[0].parent
    missing = [file.name for file in files if not file.is_file()]
    if not missing:
        yield Finding("weights", OK, f"ImageNet, in {folder}")
    elif study.weights == "imagenet" and _reachable(_KERAS_FILES):
        yield Finding("weights", OK, "ImageNet, downloaded when needed")
    else:
        yield Finding(
            "weights", MISSING, f"{', '.join(missing)}: not in {folder}"
            + (", and no network to download them" if study.weights == "imagenet" else ""),
            f"put the files there, from {_KERAS_FILES} on a machine with network, "
            "or set weights=none for random ones (STUDY=paper-scratch)",
        )  # fmt: skip


def _disk(study: Study, place: Path) -> Iterator[Finding]:
    there = next(p for p in (place, *place.resolve().parents) if p.exists())
    free = shutil.disk_usage(there).free
    # One checkpoint is written beside the one before it.
    needed = 2 * _parameters(study) * _CHECKPOINT + 2 * _GIB
    enough = free >= needed
    yield Finding(
        "disk",
        OK if enough else MISSING,
        f"{free / _GIB:.0f} GiB free; checkpoints need about {needed / _GIB:.0f} GiB",
        "" if enough else f"make room on the disk that holds {there}",
    )


def _used(study: Study) -> list[BackboneName]:
    return sorted({name for model in study.models for name in architecture.backbones(model, study)})


_PARAMETERS: dict[BackboneName, int] = {
    "resnet50": 23_587_712,
    "resnet50v2": 23_564_800,
    "resnet152v2": 58_331_648,
}
"""Of each backbone without its top; the tests count them."""


def _parameters(study: Study) -> int:
    """Return the weights of the largest network's backbones."""
    return max(
        sum(_PARAMETERS[name] for name in architecture.backbones(model, study))
        for model in study.models
    )


def _reachable(address: str) -> bool:
    try:
        request = urllib.request.Request(address, method="HEAD")
        with urllib.request.urlopen(request, timeout=3):
            return True
    except urllib.error.HTTPError:
        return True  # it answers
    except (OSError, ValueError):
        return False
