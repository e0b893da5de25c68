"""Records are whole, true to their inputs, or refused."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from covidcxr import config, records
from covidcxr.problems import Problem

STUDY = config.load("config/demo.yaml")
PARAMETERS = records.parameters(STUDY, ["epochs"], model="resnet50")
FINGERPRINTS = {"data": "d", "split": "s", "code": "c"}
TABLE = pd.DataFrame({"epoch": [1, 2], "loss": [0.123456789012, 0.5]})


def write(folder: Path, **changes: object) -> records.Record:
    options: dict[str, Any] = {
        "study": STUDY,
        "parameters": PARAMETERS,
        "fingerprints": FINGERPRINTS,
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


def test_a_record_is_found_by_its_inputs_alone(tmp_path: Path) -> None:
    write(tmp_path / "run")
    assert records.find(tmp_path / "run", PARAMETERS, FINGERPRINTS)
    assert records.find(tmp_path / "run", PARAMETERS, None)
    assert not records.find(tmp_path / "run", PARAMETERS | {"epochs": 9}, None)
    for key in FINGERPRINTS:
        assert not records.find(tmp_path / "run", PARAMETERS, FINGERPRINTS | {key: "other"})
    assert not records.find(tmp_path / "missing", PARAMETERS, None)


def test_where_the_images_lie_decides_nothing() -> None:
    one = config.load("config/paper.yaml", ["cohort.path=/here"])
    other = config.load("config/paper.yaml", ["cohort.path=/there", "cohort.publish_images=true"])
    assert records.parameters(one, []) == records.parameters(other, [])


@pytest.mark.parametrize("damage", ["table changed", "table gone", "json cut", "newer schema"])
def test_a_damaged_record_is_refused_in_one_sentence(tmp_path: Path, damage: str) -> None:
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
    if damage == "newer schema":  # worth keeping: another version can read it
        with pytest.raises(Problem, match="update"):
            records.find(folder, PARAMETERS, None)
    else:
        assert records.find(folder, PARAMETERS, None) is None


def test_a_number_that_is_none_never_enters_a_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "run", metrics={"ppv": float("nan")})
    assert not (tmp_path / "run").exists()
    assert list(tmp_path.iterdir()) == []


def test_code_fingerprint_follows_the_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("images", "networks"):
        source = Path(records.__file__).with_name(f"{name}.py")
        (tmp_path / f"{name}.py").write_bytes(source.read_bytes())
    original = records.code_fingerprint("images", "networks")
    monkeypatch.setattr(records, "__file__", str(tmp_path / "records.py"))
    assert records.code_fingerprint("networks", "images") == original
    (tmp_path / "images.py").write_bytes((tmp_path / "images.py").read_bytes() + b"#")
    assert records.code_fingerprint("images", "networks") != original


def test_weights_in_a_folder_are_known_by_their_content(tmp_path: Path) -> None:
    study = config.load("config/demo.yaml", [f"weights={tmp_path}"])
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
    assert [r.folder.name for r in records.every(tmp_path)] == ["run"]


def test_every_committed_record_is_whole_and_of_real_images() -> None:
    found = records.every(Path("results"))
    committed = [r for r in found if not r["study"].startswith("demo")]
    assert len(committed) >= 4  # three networks and their cohort
    for record in committed:
        assert not record.is_synthetic
        assert record["commit"]["id"]
        assert record["commit"]["changed"] is False, f"{record.folder}: made by uncommitted code"
        assert record["images"]
