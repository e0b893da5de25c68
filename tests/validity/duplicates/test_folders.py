"""Folders are searched whole, once, and whatever cannot be read is named."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from covidcxr.cohorts import image_files
from covidcxr.core.errors import Problem, Unusable
from covidcxr.validity import duplicates
from tests.validity.planted import Pictures, cut, run


def test_blank_pictures_of_different_size_are_different(tmp_path: Path) -> None:
    for name, side in (("a", 100), ("b", 200), ("c", 100)):
        Image.new("L", (side, side), 7).save(tmp_path / f"{name}.png")
    (group,) = duplicates.scan([tmp_path]).groups
    assert group["members"] == [str(tmp_path / "a.png"), str(tmp_path / "c.png")]


@pytest.fixture
def folder(tmp_path: Path, chests: Pictures) -> Path:
    root = tmp_path / "set"
    (root / "below").mkdir(parents=True)
    for name, row in (("a.png", 0), ("b.png", 1), ("below/c.PNG", 0), ("below/d.png", 2)):
        Image.fromarray(chests[row]).save(root / name)
    cut_off = cut(Image.fromarray(chests[1]), 0.03, 0, 0, 0.02)
    cut_off.save(root / "e.jpg", quality=80)
    (root / "notes.txt").write_text("no image")
    (root / "._a.png").write_bytes(b"a system's own")
    return root


def listed(*arguments: object) -> list[dict[str, object]]:
    status, out, _ = run("duplicates", *arguments, "--json")
    assert status == 0
    parsed = json.loads(out)
    assert list(parsed) == ["images", "threshold", "groups", "links", "left_out"]
    groups: list[dict[str, object]] = parsed["groups"]
    return groups


def test_a_folder_is_listed(folder: Path) -> None:
    exact, near = listed(folder)
    assert exact == {
        "members": [f"{folder}/a.png", f"{folder}/below/c.PNG"],
        "kind": "exact",
        "distance": 0,
        "changes": [],
    }
    assert near["members"] == [f"{folder}/b.png", f"{folder}/e.jpg"]
    assert near["kind"] == "near"
    assert 0 <= near["distance"] <= duplicates.DISTANCE  # type: ignore[operator]


def test_what_is_no_image_is_left_out_and_named(folder: Path) -> None:
    (folder / "x.jp2").write_bytes(b"0")
    _, out, _ = run("duplicates", folder, "--json")
    assert json.loads(out)["left_out"] == [
        {"path": f"{folder}/._a.png", "reason": "a system's own file"},
        {"path": f"{folder}/notes.txt", "reason": ".txt is no ending of an image"},
        {"path": f"{folder}/x.jp2", "reason": "JPEG 2000; export it as PNG"},
    ]
    _, out, _ = run("duplicates", folder)
    assert f"1 (JPEG 2000; export it as PNG), {folder}/x.jp2 for one" in out


def test_dark_files_of_sixteen_bits_are_no_copies_of_one_another(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 121, (5, 64, 64), dtype=np.uint16)
    for number, values in enumerate(noise):
        Image.fromarray(values).save(tmp_path / f"{number}.png")
    assert not duplicates.scan([tmp_path]).groups


def test_names_start_as_the_folder_was_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert listed("set")[0]["members"] == ["set/a.png", "set/below/c.PNG"]


def test_text_is_for_people(folder: Path) -> None:
    status, out, _ = run("duplicates", folder)
    assert status == 0
    assert out.startswith("2 groups of copies among 5 images.\n\n1. exact\n")
    assert f"   {folder}/below/c.PNG\n" in out


def test_a_group_of_exact_and_near_copies_is_near(folder: Path) -> None:
    Image.open(folder / "a.png").resize((200, 200)).save(folder / "z.png")
    first = listed(folder)[0]
    assert len(first["members"]) == 3  # type: ignore[arg-type]
    assert first["kind"] == "near"


def test_twin_folders_are_exact_copies_throughout(folder: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin"
    twin.mkdir()
    for name in ("a.png", "b.png", "below/d.png"):
        (twin / Path(name).name).write_bytes((folder / name).read_bytes())
    for name in ("below/c.PNG", "e.jpg"):
        (folder / name).unlink()
    groups = listed(folder, twin)
    assert [group["kind"] for group in groups] == ["exact"] * 3
    assert all(len(group["members"]) == 2 for group in groups)  # type: ignore[arg-type]


def test_the_same_folder_twice_is_one_folder(folder: Path) -> None:
    once = listed(folder)
    assert listed(folder, folder) == once
    assert listed(folder, folder / "below") == once
    assert listed(folder, f"{folder}/../set") == once


def test_loops_of_links_end(folder: Path) -> None:
    once = listed(folder)
    (folder / "below" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "again").symlink_to(folder / "below", target_is_directory=True)
    again = listed(folder)
    assert [len(group["members"]) for group in again] == [2, 2]  # type: ignore[arg-type]
    assert len(again) == len(once)


def test_links_to_a_file_are_no_copies_of_it(folder: Path) -> None:
    before = listed(folder)
    (folder / "link.png").symlink_to(folder / "below" / "d.png")
    (folder / "twin.png").hardlink_to(folder / "b.png")
    (folder / "broken.png").symlink_to(folder / "nowhere.png")
    _, out, _ = run("duplicates", folder, "--json")
    parsed = json.loads(out)
    assert parsed["groups"] == before
    assert parsed["images"] == 5
    assert parsed["links"] == [
        {"path": f"{folder}/link.png", "of": f"{folder}/below/d.png"},
        {"path": f"{folder}/twin.png", "of": f"{folder}/b.png"},
    ]
    assert "Other names of one file, no copies: 2" in run("duplicates", folder)[1]


def test_the_default_threshold_is_that_of_studies(folder: Path) -> None:
    _, out, _ = run("duplicates", folder, "--json")
    assert json.loads(out)["threshold"] == duplicates.DISTANCE


def test_a_threshold_of_nothing_leaves_exact_copies(folder: Path) -> None:
    assert [group["kind"] for group in listed(folder, "--threshold", 0)] == ["exact"]
    assert run("duplicates", folder, "--threshold", 65)[0] == 2


CHANGED: dict[str, Any] = {
    "turned by 90 degrees": lambda p: np.rot90(p),
    "turned by 180 degrees": lambda p: np.rot90(p, 2),
    "turned by 270 degrees": lambda p: np.rot90(p, 3),
    "mirrored": np.fliplr,
    "upside down, mirrored": np.flipud,
    "mirrored, turned by 90 degrees": lambda p: np.rot90(np.fliplr(p)),
    "mirrored, turned by 270 degrees": lambda p: np.rot90(np.fliplr(p), 3),
    "negative": lambda p: 255 - p,
    "turned by 90 degrees, negative": lambda p: 255 - np.rot90(p),
}


@pytest.mark.parametrize("change", CHANGED)
def test_turned_and_negative_copies_are_found_and_named(
    tmp_path: Path, chests: Pictures, change: str
) -> None:
    for name, row in (("a.png", 0), ("b.png", 1), ("c.png", 2)):
        Image.fromarray(chests[row]).save(tmp_path / name)
    altered = np.ascontiguousarray(CHANGED[change](chests[1]))
    Image.fromarray(altered).resize((300, 300)).save(tmp_path / "z.jpg", quality=85)
    (group,) = listed(tmp_path)
    assert group["members"] == [f"{tmp_path}/b.png", f"{tmp_path}/z.jpg"]
    assert group["changes"] == [
        {"path": f"{tmp_path}/z.jpg", "of": f"{tmp_path}/b.png", "change": change}
    ]
    assert f"z.jpg is {tmp_path}/b.png, {change}" in run("duplicates", tmp_path)[1]


def test_a_removal_list_keeps_one_of_each_group(folder: Path) -> None:
    large = Image.open(folder / "b.png").resize((600, 600))
    large.save(folder / "z.png")
    first = listed(folder, "--keep", "first")
    largest = listed(folder, "--keep", "largest")
    assert [group["keep"] for group in first] == [f"{folder}/a.png", f"{folder}/b.png"]
    # Of equal size the first by name stays.
    assert [group["keep"] for group in largest] == [f"{folder}/a.png", f"{folder}/z.png"]
    assert largest[1]["remove"] == [f"{folder}/b.png", f"{folder}/e.jpg"]
    text = run("duplicates", folder, "--keep", "largest")[1]
    assert f"keep: {folder}/z.png" in text and f"remove: {folder}/b.png" in text
    assert (folder / "b.png").is_file()


def test_csv_has_a_row_a_file(folder: Path) -> None:
    status, out, _ = run("duplicates", folder, "--csv", "--keep", "first")
    assert status == 0
    assert out.splitlines() == [
        "group,file,kind,change,decision",
        f"1,{folder}/a.png,exact,,keep",
        f"1,{folder}/below/c.PNG,exact,,remove",
        f"2,{folder}/b.png,near,,keep",
        f"2,{folder}/e.jpg,near,,remove",
    ]
    status, _, err = run("duplicates", folder, "--csv", "--json")
    assert (status, err) == (2, "--json and --csv exclude each other; choose one.")


def test_a_damaged_file_is_named_and_left_out(folder: Path) -> None:
    before = listed(folder)
    (folder / "damaged.png").write_bytes((folder / "a.png").read_bytes()[:900])
    status, out, err = run("duplicates", folder, "--json")
    assert status == 0
    assert json.loads(out)["groups"] == before
    assert err.count("damaged.png") == 1
    assert len(err.strip().splitlines()) == 1
    assert "damaged.png" in run("duplicates", folder)[1]


def test_one_image_alone_has_no_copy(tmp_path: Path, chests: Pictures) -> None:
    Image.fromarray(chests[0]).save(tmp_path / "one.png")
    assert listed(tmp_path) == []
    assert run("duplicates", tmp_path)[1] == "No groups of copies among 1 image.\n"


def test_a_folder_that_cannot_be_used_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"no image")
    for name, words in (
        ("none", "no such folder"),
        ("empty", "no image there"),
        ("bad", "No image can be read"),
    ):
        status, _, said = run("duplicates", tmp_path / name)
        assert status == 2
        assert words in said
        assert "\n" not in said
        assert said.endswith(".")
    with pytest.raises(Unusable):
        duplicates.scan([tmp_path / "empty"])


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        for k in range(2):
            Image.new("L", (40, 40), 9).save(tmp_path / name / f"{k}.png")
    scandir = os.scandir

    def guarded(path: Any) -> Any:
        if not isinstance(path, int) and Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    status, out, _ = run("duplicates", tmp_path, "--json")
    assert status == 0
    report = json.loads(out)
    assert report["images"] == 2
    (left_out,) = report["left_out"]
    assert left_out["path"] == str(tmp_path / "closed")
    assert "cannot be listed (Permission denied)" in left_out["reason"]
    with pytest.raises(Problem, match="closed: cannot be listed"):
        image_files.list_images(tmp_path)
