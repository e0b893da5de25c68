"""The command line says what is wrong in one sentence and leaves with status 1."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from covidcxr import __version__


def covidcxr(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "covidcxr", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version_and_help() -> None:
    assert covidcxr("--version").stdout.strip() == __version__
    for command in ("audit", "claims", "study", "cohort", "split", "page", "name"):
        assert command in covidcxr("--help").stdout


def test_a_study_is_printed_with_every_default() -> None:
    printed = yaml.safe_load(covidcxr("study", "demo", "epochs=2").stdout)
    assert printed["epochs"] == 2
    assert printed["name"] == "demo+epochs=2"
    assert printed["threshold"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["study", "nothing"], "nothing: no such study"),
        (["study", "demo", "epoch=2"], "key 'epoch' is unknown"),
        (["page", "notebooks/runs.ipynb", "x.ipynb", "-p", "results"], "written name=value"),
        (["page", "notebooks/runs.ipynb", "x.ipynb", "-p", "results={"], "not valid YAML"),
        (["page", "nothing.ipynb", "x.ipynb"], "nothing.ipynb: no such notebook"),
        (["split", "demo", "m.csv", "sideways", "0", "s.csv"], "m.csv"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    done = covidcxr(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("covidcxr: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_cohort_and_split_by_hand(tmp_path: Path) -> None:
    study = tmp_path / "small.yaml"
    study.write_text(
        "title: small\ncohort: {source: phantom, covid19: 10, normal: 10, exact_duplicates: 0,\n"
        "  near_duplicates: 0, image_size: 32}\nimage_size: 32\nweights: none\n"
    )
    assert covidcxr("cohort", str(study), str(tmp_path / "c")).returncode == 0
    manifest = tmp_path / "c/manifest.csv"
    split = tmp_path / "split.csv"
    assert covidcxr("split", str(study), str(manifest), "grouped", "1", str(split)).returncode == 0
    assert split.read_text().startswith("image_id,label,group_id,part\n")


def test_the_ledger_is_printed_as_csv_and_json() -> None:
    listed = covidcxr("claims", "--json")
    assert listed.returncode == 0, listed.stderr
    ids = [row["id"] for row in json.loads(listed.stdout)]
    header, *lines = covidcxr("claims", "--csv").stdout.splitlines()
    assert header.startswith("id,place,kind,claim,verdict")
    assert [line.split(",")[0] for line in lines] == ids


def test_a_ledger_without_its_record_is_one_sentence(tmp_path: Path) -> None:
    done = covidcxr("claims", "--results", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "COVIDCXR_DATA" in done.stderr
