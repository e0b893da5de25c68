"""Records are whole, true to their inputs, or refused."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from covidcxr import figures
from covidcxr.core import records, studies
from covidcxr.core.errors import Problem

STUDY = studies.load("config/demo.yaml")
PARAMETERS = records.parameters(STUDY, ["epochs"], model="resnet50")
DATA = "d" * 64
INPUTS = {"data": DATA, "split": "s", "explained": "50", "external adults": "e"}
TABLE = pd.DataFrame({"epoch": [1, 2], "loss": [0.123456789012, 0.5]})


def write(folder: Path, **changes: object) -> records.Record:
    options: dict[str, Any] = {
        "study": STUDY,
        "parameters": PARAMETERS,
        "fingerprints": INPUTS,
        "method": 1,
        "commit": {"id": "abc", "changed": False},
        "tables": {"history": TABLE},
    }
    return records.write(folder, **(options | changes))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "run", wall_seconds=1.5)
    record = records.read(tmp_path / "run")
    assert record["wall_seconds"] == 1.5
    assert record["study"] == "demo"
    assert record.is_synthetic
    pd.testing.assert_frame_equal(record.table("history"), TABLE, rtol=1e-8)
    assert {"python", "keras", "numpy"} <= set(record["packages"])
    assert record["hardware"]["cores"] >= 1
    assert record.created.tzinfo is not None


def test_a_record_is_found_by_what_it_answers_to(tmp_path: Path) -> None:
    write(tmp_path / "run")
    assert records.find(tmp_path / "run", PARAMETERS, INPUTS, 1)
    assert records.find(tmp_path / "run", PARAMETERS, None, 1)
    assert not records.find(tmp_path / "missing", PARAMETERS, None, 1)


def altered(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "record.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


MUTATIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "parameter": (lambda c: c["parameters"].update(epochs=9), r"\(epochs is 9, not 20\)"),
    "nested": (
        lambda c: c["parameters"]["cohort"].update(covid19=7),
        r"\(cohort.covid19 is 7, not \d+\)",
    ),
    "gone": (lambda c: c["parameters"].pop("model"), r"\(model is not set, not resnet50\)"),
    "data": (
        lambda c: c["fingerprints"].update(data="0" * 64),
        r"\(the input data is 00000000, not dddddddd\)",
    ),
    "split": (lambda c: c["fingerprints"].pop("split"), r"\(the input split is not set, not s\)"),
    "external": (
        lambda c: c["fingerprints"].update({"external adults": "other"}),
        r"\(the input external adults is other, not e\)",
    ),
    "method": (lambda c: c.update(method=0), r"\(method is 0, not 1\)"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_record_of_something_else_is_refused_and_stays(
    tmp_path: Path, mutation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, difference = MUTATIONS[mutation]
    folder = tmp_path / "run"
    write(folder)
    altered(folder, change)
    before = state(folder)

    def run() -> records.Record:
        return records.load_or_run(
            folder, STUDY, PARAMETERS, INPUTS, 1, lambda: {"tables": {"history": TABLE}}
        )

    with pytest.raises(Problem, match=difference) as caught:
        run()
    text = str(caught.value)
    assert text.startswith(f"{folder}: ")
    assert "RERUN=1" in text
    assert "\n" not in text
    assert state(folder) == before

    monkeypatch.setenv("RERUN", "1")
    made = run()
    assert records.find(folder, PARAMETERS, INPUTS, 1) == made
    (aside,) = tmp_path.glob("run.replaced-20*")
    assert state(aside) == before
    # nobody takes what was moved aside for a record
    assert records.paths(tmp_path) == [folder / "record.json"]


def test_what_is_moved_aside_twice_a_day_is_kept_twice(tmp_path: Path) -> None:
    for seconds in (1.0, 2.0, 3.0):
        write(tmp_path / "run", wall_seconds=seconds)
    kept = [records.read(path)["wall_seconds"] for path in sorted(tmp_path.glob("run.replaced-*"))]
    assert kept == [1.0, 2.0]
    assert records.read(tmp_path / "run")["wall_seconds"] == 3.0


def test_an_older_record_without_newer_fields_answers(tmp_path: Path) -> None:
    """It names no method, was trained before others' cohorts were scored, and knows a code."""
    folder = tmp_path / "run"
    write(folder)

    def older(content: dict[str, Any]) -> None:
        del content["method"]
        content["fingerprints"] = {"data": DATA, "split": "s", "code": "c" * 64}

    altered(folder, older)
    assert records.find(folder, PARAMETERS, INPUTS, 1)
    with pytest.raises(Problem, match=r"method is 1, not 2"):
        records.find(folder, PARAMETERS, INPUTS, 2)


def test_without_the_images_an_outdated_record_is_shown_and_says_so(tmp_path: Path) -> None:
    write(tmp_path / "run", images={"train": {"COVID19": 1, "NORMAL": 1}})
    found = records.find(tmp_path / "run", PARAMETERS, None, 2)
    assert found
    assert found.is_outdated
    assert "changes these numbers" in figures.badge(STUDY, found).text
    with pytest.raises(Problem, match=r"epochs is 20, not 9.* name a data folder"):
        records.find(tmp_path / "run", PARAMETERS | {"epochs": 9}, None, 2)


def test_where_the_images_lie_decides_nothing() -> None:
    one = studies.load("config/paper.yaml", ["cohort.path=/here"])
    other = studies.load("config/paper.yaml", ["cohort.path=/there", "cohort.publish_images=true"])
    assert records.parameters(one, []) == records.parameters(other, [])


@pytest.mark.parametrize("damage", ["table changed", "table gone", "json cut", "newer schema"])
def test_a_damaged_record_is_refused_in_one_sentence(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    write(folder)
    match damage:
        case "table changed":
            (folder / "history.csv").write_text("epoch,loss\n1,0\n")
        case "table gone":
            (folder / "history.csv").unlink()
        case "json cut":
            text = (folder / "record.json").read_text()
            (folder / "record.json").write_text(text[: len(text) // 2])
        case "newer schema":
            content = json.loads((folder / "record.json").read_text()) | {"schema": 99}
            (folder / "record.json").write_text(json.dumps(content))
    with pytest.raises(Problem, match=str(folder)) as caught:
        records.read(folder)
    assert "\n" not in str(caught.value)
    before = state(folder)
    with pytest.raises(Problem, match="update" if damage == "newer schema" else "RERUN=1"):
        records.find(folder, PARAMETERS, INPUTS, 1)
    assert state(folder) == before
    if damage != "newer schema":  # worth keeping: another version can read it
        monkeypatch.setenv("RERUN", "1")
        assert records.find(folder, PARAMETERS, INPUTS, 1) is None


def test_a_number_that_is_none_never_enters_a_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "run", metrics={"ppv": float("nan")})
    assert not (tmp_path / "run").exists()
    assert list(tmp_path.iterdir()) == []


def test_weights_in_a_folder_are_known_by_their_content(tmp_path: Path) -> None:
    study = studies.load("config/demo.yaml", [f"weights={tmp_path}"])
    (tmp_path / "one.h5").write_bytes(b"1")
    one = records.parameters(study, ["weights"])
    (tmp_path / "one.h5").write_bytes(b"2")
    other = records.parameters(study, ["weights"])
    assert one["weights"] != other["weights"]
    assert str(tmp_path) not in one["weights"] + study.name


def test_names_of_groups_stay_text(tmp_path: Path) -> None:
    table = pd.DataFrame({"group_id": ["001", "NA"], "score": [0.5, 0.25]})
    record = write(tmp_path / "run", tables={"predictions": table})
    assert list(record.table("predictions")["group_id"]) == ["001", "NA"]


def test_a_record_that_is_being_written_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path / "study/run")
    write(tmp_path / "study/.run.1234.part")
    assert records.paths(tmp_path / "study") == [tmp_path / "study/run/record.json"]


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "results").touch()
    with pytest.raises(Problem, match="is no folder; move it away"):
        records.load_or_run(tmp_path / "results/run", STUDY, PARAMETERS, INPUTS, 1, pytest.fail)


def test_a_reader_sees_a_whole_record_while_it_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def write_often() -> None:
        for i in range(15):
            write(folder, tables={"history": TABLE.assign(loss=float(i))}, wall_seconds=float(i))

    write_often()
    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write_often) for _ in range(2)]
        looks = 0
        while not all(writer.done() for writer in writers):
            records.read(folder)
            looks += 1
        for writer in writers:
            writer.result()
    assert looks > 5
    assert len(list(tmp_path.iterdir())) == 45  # those that were moved aside, and the last


def test_a_record_that_a_killed_process_was_replacing_is_found(tmp_path: Path) -> None:
    write(tmp_path / "run").folder.rename(tmp_path / ".run.old")
    assert records.find(tmp_path / "run", PARAMETERS, INPUTS, 1)
    assert not (tmp_path / ".run.old").exists()


def test_every_committed_record_is_whole_and_of_real_images() -> None:
    files = [file for study in Path("results").iterdir() for file in records.paths(study)]
    every = [records.read(file.parent) for file in files]
    committed = [record for record in every if not record["study"].startswith("demo")]
    assert len(committed) >= 4  # three networks and their cohort
    for record in committed:
        assert not record.is_synthetic
        assert record["commit"]["id"]
        assert record["commit"]["changed"] is False, f"{record.folder}: made by uncommitted code"
        assert record["images"]
