"""Every committed record answers to this code, with the images at hand and without them."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from covidcxr.cohorts import cohort, composition, mean_images, splits
from covidcxr.cohorts.cohort import Cohort
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.core import machine, records, studies
from covidcxr.core.studies import DATA_VARIABLE, Study
from covidcxr.networks import baselines, sensitivity, training
from covidcxr.paper import forensics
from covidcxr.validity import (
    controls,
    duplicates,
    epoch_selection,
    external,
    leakage,
    overlap,
    shortcuts,
)

ROOT = Path(__file__).parents[2]
RESULTS = Path("results")
STUDIES = sorted(
    path.name for path in RESULTS.glob("*") if (path / "cohort" / "record.json").is_file()
)
COMMITTED = [name for name in STUDIES if not name.startswith("demo")]


def load(name: str) -> Study:
    """Return the study of a folder, with those of its splits that were trained."""
    study = studies.load(name.partition("+")[0], name.split("+")[1:])
    assert study.name == name
    names = [path.parent.name for path in records.paths(RESULTS / name)]
    kept = [split for split in study.splits if any(f"-{split}-s" in name for name in names)]
    return study.model_copy(update={"splits": kept})


class Images:
    """What records know of a study's images: all but the pixels."""

    def __init__(self, study: Study, folder: Path) -> None:
        self.samples = {}
        for name, source in {OWN: study.cohort, **cohort.externals(study)}.items():
            changed = study.model_copy(update={"cohort": source})
            _, rows = cohort._gather(changed, folder)
            self.samples[name] = Sample(name, rows, np.empty((len(rows), 0), dtype=np.uint8))
        cohorts = {k: Cohort(s.manifest, s.grey) for k, s in self.samples.items()}
        self.own = cohorts.pop(OWN)
        self.external = cohorts


def trained(study: Study, run: str, results: Path, images: Images | None) -> records.Record:
    key, seed = run.rsplit("-s", 1)
    model, name = key.split("-", 1)
    split = None
    if images:
        split = splits.make(
            images.own.manifest, studies.split_kind(name), study.test_fraction,
            study.validation_fraction, studies.split_draw(name, int(seed)),
        )  # fmt: skip
    return training.record(
        study, model, name, int(seed), results=results,  # type: ignore[arg-type]
        cohort=images.own if images else None, split=split,
        external=images.external if images else None,
    )  # fmt: skip


def found(study: Study, name: str, results: Path, images: Images | None) -> records.Record:
    """Open a record as its page does."""
    own, samples = (images.own, images.samples) if images else (None, None)
    split = None
    if own:
        split = splits.make(
            own.manifest, studies.split_kind(study.splits[0]), study.test_fraction,
            study.validation_fraction, studies.split_draw(study.splits[0], study.seeds[0]),
        )  # fmt: skip
    kinds: dict[str, Callable[[], records.Record]] = {
        "cohort": lambda: composition.record(study, results=results, cohort=own, split=split),
        "means": lambda: mean_images.record(study, results=results, samples=samples),
        "baselines": lambda: baselines.record(study, results=results, cohort=own),
        "selection": lambda: epoch_selection.record(study, results=results, cohort=own),
        "duplicates": lambda: duplicates.record(study, results=results, samples=samples),
        "leakage": lambda: leakage.record(study, results=results, samples=samples),
        "shortcuts": lambda: shortcuts.record(study, results=results, samples=samples),
        "external": lambda: external.record(study, results=results, samples=samples),
        "overlap": lambda: overlap.record(
            study, results=results, samples=samples,
            copies=duplicates.record(study, results=results, samples=samples),
        ),
    }  # fmt: skip
    return kinds[name]() if name in kinds else trained(study, name, results, images)


@pytest.fixture(autouse=True)
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RERUN", raising=False)
    monkeypatch.setattr(machine, "commit", lambda: pytest.fail("a record would be made anew"))


needs_images = pytest.param(
    True,
    id="with images",
    marks=pytest.mark.skipif(
        not os.environ.get(config_variable := DATA_VARIABLE),
        reason=f"{config_variable} is not set",
    ),
)


@pytest.mark.parametrize("with_images", [pytest.param(False, id="without images"), needs_images])
@pytest.mark.parametrize("name", COMMITTED)
def test_every_record_of_a_study_is_found(name: str, with_images: bool, tmp_path: Path) -> None:
    study = load(name)
    images = Images(study, tmp_path) if with_images else None
    folders = [path.parent for path in records.paths(RESULTS / name)]
    assert folders
    for folder in folders:
        record = found(study, folder.name, RESULTS / name, images)
        assert record.folder == folder
        assert not record.is_outdated


@pytest.mark.parametrize("with_images", [pytest.param(False, id="without images"), needs_images])
def test_every_arm_and_what_belongs_to_no_study_is_found(with_images: bool, tmp_path: Path) -> None:
    shared = (
        Images(sensitivity.arm_study(sensitivity.arms()["resnet50"]), tmp_path)
        if with_images
        else None
    )
    arms = {p.parent.parent.name: p.parent for p in RESULTS.glob("sensitivity/*/*/record.json")}
    assert len(arms) == len(sensitivity.arms())
    for key, folder in arms.items():
        study = sensitivity.arm_study(sensitivity.arms()[key])
        record = trained(study, folder.name, folder.parent, shared)
        assert record.folder == folder
    listing = forensics.listing() if with_images else []
    assert not forensics.record(listing[0] if listing else None, RESULTS).is_outdated
    assert not controls.record(RESULTS).is_outdated


def test_editing_moving_and_renaming_code_makes_no_record_older(tmp_path: Path) -> None:
    """All of it happens to a copy of the package, which then looks for the same records."""
    package = shutil.copytree(ROOT / "src", tmp_path / "src") / "covidcxr"
    (package / "networks/simple_models.py").rename(package / "networks/fits.py")
    for path in package.rglob("*.py"):
        text = re.sub(r"\bsimple_models\b", "fits", path.read_text("utf-8"))
        path.write_text(text + "\n# a comment\n", "utf-8")
    for name in (
        "scores/intervals",
        "networks/training",
        "validity/duplicates/study",
        "cohorts/splits",
    ):
        reorder(package / f"{name}.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", __file__, "-k", "is_found"],
        env=os.environ | {"PYTHONPATH": str(package.parent), "COPY": str(package)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "a comment" not in (ROOT / "src/covidcxr/networks/training.py").read_text()


def reorder(module: Path) -> None:
    """Put the last function of a module before the last but one."""
    lines = module.read_text("utf-8").splitlines(keepends=True)
    body = ast.parse("".join(lines)).body
    *_, first, last = [node for node in body if isinstance(node, ast.FunctionDef)]
    start = min([first.lineno, *(d.lineno for d in first.decorator_list)]) - 1
    begin = min([last.lineno, *(d.lineno for d in last.decorator_list)]) - 1
    moved = lines[begin : last.end_lineno]
    rest = lines[:begin] + lines[last.end_lineno :]
    module.write_text("".join(rest[:start] + moved + ["\n\n"] + rest[start:]), "utf-8")


@pytest.mark.skipif("COPY" not in os.environ, reason="asked for by the test above alone")
def test_the_copy_is_what_is_found() -> None:
    assert Path(records.__file__).parents[1] == Path(os.environ["COPY"])
