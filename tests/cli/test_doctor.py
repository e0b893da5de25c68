"""The doctor finds what is there and names a remedy for what is not."""

import importlib.metadata
import json
import shutil
from pathlib import Path
from typing import Any, get_args

import psutil
import pytest

from covidcxr.cli import doctor
from covidcxr.core import studies
from covidcxr.networks import architecture, devices, gpus
from tests.cli.test_commands import covidcxr


def named(study: studies.Study, place: Path) -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(study, place)}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_reachable", lambda address: False)
    monkeypatch.setattr(devices, "probe", lambda backend: (0, ""))
    monkeypatch.setattr(gpus, "name", lambda: "")
    monkeypatch.setattr(gpus, "driver", lambda: "")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)


def test_the_demo_lacks_nothing(tmp_path: Path) -> None:
    found = doctor.examine(studies.load("config/demo.yaml"), tmp_path)
    assert not [f for f in found if f.status == doctor.MISSING]
    assert doctor.as_text(found).endswith("Nothing is missing.")


def test_the_paper_without_data_weights_and_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COVIDCXR_DATA", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    found = named(studies.load("config/paper.yaml"), tmp_path)
    assert found["cohort"].status == found["weights"].status == doctor.MISSING
    assert "COVIDCXR_DATA" in found["cohort"].remedy
    assert architecture.WEIGHT_FILES["resnet152v2"] in found["weights"].state
    assert "weights=none" in found["weights"].remedy


def test_images_and_weights_that_are_there_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label, n in (("COVID19", 2), ("NORMAL", 3)):
        (tmp_path / label).mkdir()
        for i in range(n):
            (tmp_path / label / f"{i}.png").touch()
    for file in architecture.WEIGHT_FILES.values():
        (tmp_path / file).touch()
    monkeypatch.setenv("COVIDCXR_DATA", str(tmp_path))
    study = studies.load("config/paper.yaml", [f"weights={tmp_path}"])
    found = named(study, tmp_path)
    assert found["cohort"].status == found["weights"].status == doctor.OK
    assert "3 NORMAL" in found["cohort"].state
    assert found["holdout"].status == doctor.NOTE  # without its listing


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["COVID19/a.webp", "NORMAL/b.jp2"], "1 COVID19, 0 NORMAL in "),
        (["train/COVID19/a.png", "train/NORMAL/b.png"], "has no folder for class COVID19"),
        (["sick/a.png", "NORMAL/b.png"], "it holds NORMAL, sick; rename one"),
    ],
)
def test_a_folder_without_a_usable_image_of_each_class_is_missing(
    names: list[str], said: str, tmp_path: Path
) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"0")
    study = studies.load("small", [f"cohort.path={tmp_path}", "weights=none"])
    (finding,) = (f for f in doctor.examine(study, tmp_path) if f.name == "cohort")
    assert finding.status == doctor.MISSING
    assert said in finding.state


def test_a_gpu_that_no_backend_sees_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "name", lambda: "NVIDIA T4")
    found = named(studies.load("config/demo.yaml"), tmp_path)["trainings use"]
    assert found.status == doctor.NOTE
    assert "although the machine has NVIDIA T4" in found.state
    assert "make setup GPU=1" in found.remedy
    monkeypatch.setattr(devices, "probe", lambda backend: (1, ""))
    assert named(studies.load("config/demo.yaml"), tmp_path)["trainings use"].status == doctor.OK


@pytest.mark.parametrize(
    ("driver", "libraries", "expected"),
    [
        ("", "", {"NVIDIA driver": doctor.NOTE}),
        ("580.95", "", {"NVIDIA driver": doctor.OK, "CUDA libraries": doctor.NOTE}),
        ("580.95", "9.28.0.42", {"NVIDIA driver": doctor.OK, "CUDA libraries": doctor.OK}),
    ],
)
def test_what_of_nvidia_is_missing_is_named(
    driver: str,
    libraries: str,
    expected: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name == doctor._CUDA and not libraries:
            raise importlib.metadata.PackageNotFoundError(name)
        return libraries

    monkeypatch.setattr(gpus, "name", lambda: "NVIDIA T4")
    monkeypatch.setattr(gpus, "driver", lambda: driver)
    monkeypatch.setattr(importlib.metadata, "version", version)
    found = named(studies.load("config/demo.yaml"), tmp_path)
    names = ("NVIDIA driver", "CUDA libraries")
    assert {name: found[name].status for name in names if name in found} == expected
    for name, status in expected.items():
        assert ("make setup" in found[name].remedy) == (status == doctor.NOTE)


def test_what_an_update_took_is_read_from_the_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"size": 32, "seconds": 99.0, "precision": "float32"},
        {"size": 256, "seconds": 3.14, "precision": "float32"},
    ]
    result = {"hardware": {"cores": 3, "processor": "a processor"}, "rows": rows}
    monkeypatch.setattr(doctor, "_UPDATES", tmp_path / "updates.json")
    demo = studies.load("config/demo.yaml")
    assert "pixels" not in named(demo, tmp_path)["trainings use"].remedy
    (tmp_path / "updates.json").write_text(json.dumps(result))
    assert "3.1 s on 3 cores (a processor" in named(demo, tmp_path)["trainings use"].remedy


def test_a_backend_that_fails_to_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "probe", lambda backend: (0, "libcudnn.so: not found"))
    found = named(studies.load("config/demo.yaml"), tmp_path)["TensorFlow"]
    assert "libcudnn.so: not found" in found.state


def test_a_backend_that_is_asked_for_and_absent_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert named(studies.load("config/demo.yaml"), tmp_path)["KERAS_BACKEND"].status == "missing"


def test_a_full_disk_and_little_memory_are_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    little: Any = type("", (), {"free": 10, "total": 10})
    monkeypatch.setattr(shutil, "disk_usage", lambda place: little)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
    found = named(studies.load("config/demo.yaml"), tmp_path / "not" / "there")
    assert found["disk"].status == found["memory"].status == doctor.MISSING


def test_the_parameters_are_those_of_the_backbones() -> None:
    study = studies.load("config/demo.yaml", ["image_size=32"])
    for name in get_args(studies.BackboneName):
        assert architecture.backbone(name, study).count_params() == doctor._PARAMETERS[name]


def test_the_command_ends_with_status_1_where_something_is_missing(tmp_path: Path) -> None:
    done = covidcxr("doctor", "demo", "--json", "--build", str(tmp_path))
    assert done.returncode == 0
    assert {"trainings use", "disk", "weights"} <= {f["name"] for f in json.loads(done.stdout)}
    lacking = covidcxr("doctor", "demo", f"weights={tmp_path}", "--build", str(tmp_path))
    assert lacking.returncode == 1
    assert architecture.WEIGHT_FILES["resnet50"] in lacking.stdout
