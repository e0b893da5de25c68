"""No image of a patient is shown or committed without a licence that allows it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from covidcxr.cohorts import gallery, image_files, images
from covidcxr.core.errors import Problem

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / gallery.FOLDER

MAGIC = {
    b"\x89PNG": 0, b"\xff\xd8\xff": 0, b"GIF8": 0, b"II*\0": 0, b"MM\0*": 0, b"\x93NUMPY": 0,
    b"PK\x03\x04": 0, b"\x1f\x8b": 0, b"%PDF": 0, b"WEBP": 8, b"DICM": 128,
}  # fmt: skip
"""Marks of pictures, and of arrays, archives and documents that can hold some; and their place."""

EMBEDDED = re.compile(rb"(image/(png|jpe?g|gif|webp|bmp)\W.{0,20}|;base64,)[A-Za-z0-9+/]{200}")


def pictures(folder: Path, names: list[str]) -> set[str]:
    """Return the names of files that are a picture, or hold one."""
    found = set()
    for name in names:
        content = (folder / name).read_bytes()
        if (
            Path(name).suffix.lower() in image_files.SUFFIXES
            or any(content[place:].startswith(mark) for mark, place in MAGIC.items())
            or EMBEDDED.search(content)
        ):
            found.add(name)
    return found


def test_no_picture_lies_in_the_repository_but_those_of_the_gallery() -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    listed = {(gallery.FOLDER / name).as_posix() for name in gallery.read(COMMITTED)["file"]}
    assert len(listed) == 2 * gallery.PER_CLASS
    assert pictures(ROOT, names) == listed


@pytest.mark.parametrize(
    "plant",
    [
        lambda path: Image.new("L", (8, 8)).save(path / "a.png"),
        lambda path: Image.new("L", (8, 8)).save(path / "a.csv", format="JPEG"),
        lambda path: np.save(path / "a.npy", np.zeros(4)),
        lambda path: (path / "a.dcm").write_bytes(bytes(128) + b"DICM"),
        lambda path: (path / "a.svg").write_text(
            '<image href="data:image/png;base64,' + 300 * "A" + '"/>'
        ),
        lambda path: (path / "a.ipynb").write_text('{"image/png": "' + 300 * "A" + '"}'),
    ],
)
def test_a_picture_is_found_whatever_it_is_called(
    plant: Callable[[Path], object], tmp_path: Path
) -> None:
    (tmp_path / "plain.svg").write_text("<svg><path d='M0 0'/></svg>")
    plant(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    (planted,) = set(names) - {"plain.svg"}
    assert pictures(tmp_path, names) == {planted}


def test_every_image_of_the_gallery_has_a_row_that_says_whose_it_is() -> None:
    rows = gallery.read(COMMITTED)
    assert set(rows["licence"]) == {"CC BY 3.0", "CC BY 4.0"}
    assert rows["label"].value_counts().to_dict() == {"COVID19": 6, "NORMAL": 6}
    assert not rows.isna().any().any()
    assert sum((COMMITTED / name).stat().st_size for name in rows["file"]) < 200_000
    # the name is that of its content, so that a record's maps are those of this very image
    for name, sha in zip(rows["file"], rows["sha256"], strict=True):
        assert Path(name).stem.split("-")[1] == sha[:8]


def change(column: str, value: str) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        rows = pd.read_csv(folder / gallery.TABLE)
        rows.loc[1, column] = value
        rows.to_csv(folder / gallery.TABLE, index=False)

    return changed


def add_image(folder: Path) -> None:
    Image.new("L", (8, 8)).save(folder / "patient.jpg")


def redraw_first(folder: Path) -> None:
    Image.new("L", (8, 8)).save(next(folder.glob("covid19-*.jpg")))


def enlarge_first(folder: Path) -> None:
    path = next(folder.glob("covid19-*.jpg"))
    Image.new("L", (300, 300)).save(path)
    rows = pd.read_csv(folder / gallery.TABLE)
    rows.loc[rows["file"] == path.name, "sha256"] = images.sha256(path)
    rows.to_csv(folder / gallery.TABLE, index=False)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change("licence", "CC BY-NC-SA 4.0"), "row 3: licence 'CC BY-NC-SA 4.0' is none of"),
        (change("licence_address", "https://example.org"), "the licence has another address"),
        (change("author", ""), "row 3: no author"),
        (change("source", ""), "row 3: no source"),
        (change("sha256", 64 * "0"), "has another sha256"),
        (change("file", "../gallery.py"), "is no file of this folder"),
        (add_image, "patient.jpg: is not in gallery.csv"),
        (redraw_first, "has another sha256"),
        (enlarge_first, "is no grey image of at most 256 pixels a side"),
    ],
)
def test_a_gallery_that_breaks_the_rules_is_refused(
    spoil: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(COMMITTED, tmp_path / "gallery")
    assert len(gallery.read(folder)) == 12
    spoil(folder)
    with pytest.raises(Problem, match=re.escape(message)):
        gallery.read(folder)


def test_no_gallery_is_an_empty_one(tmp_path: Path) -> None:
    assert gallery.read(tmp_path).empty


FREE, ADDRESS = "CC BY 3.0", next(iter(gallery.AUTHORS))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with images of every licence; each file's grey level names it."""
    root = tmp_path / "data"
    root.mkdir()
    listing: list[tuple[str, ...]] = []
    licences: list[tuple[str, ...]] = []

    def put(label: str, name: str, group: str, source: str, way: str = "original") -> None:
        path = root / f"{name}.png"
        Image.new("L", (300, 280), len(listing) * 5).save(path)
        row = (path.name, label, f"{name}.jpg", source, group, way, images.sha256(path))
        listing.append(row)

    for number in range(7):
        put("COVID19", f"free{number}", f"p{number}", "cohen")
        licences.append(("train", f"free{number}.jpg", FREE, ADDRESS, "byte-identical"))
        put("NORMAL", f"child{number}", f"c{number}", "kermany")
    put("COVID19", "twin", "p0", "cohen")
    licences.append(("train", "twin.jpg", FREE, ADDRESS, "byte-identical"))
    for name, licence, address, pixels in [
        ("nc", "CC BY-NC-SA 4.0", ADDRESS, "byte-identical"),
        ("unknown", "", ADDRESS, "byte-identical"),
        ("anonymous", FREE, "https://example.org/case", "byte-identical"),
        ("other", FREE, ADDRESS, "same original name, other bytes"),
    ]:
        put("COVID19", name, name, "cohen")
        licences.append(("train", f"{name}.jpg", licence, address, pixels))
    put("COVID19", "unlisted", "u", "actmed")
    put("NORMAL", "adult", "a", "rsna")
    put("NORMAL", "taken", "t", "kermany", way="radiography-db-299")
    names = ["file", "label", "kaggle_name", "source", "group_id", "resized_from", "sha256"]
    pd.DataFrame(listing, columns=names).to_csv(root / "cohort.csv", index=False)
    names = ["kaggle_split", "kaggle_name", "licence", "url", "pixels"]
    pd.DataFrame(licences, columns=names).to_csv(root / "covid19_metadata.csv", index=False)
    return root


def test_images_of_every_other_licence_are_refused(data: Path, tmp_path: Path) -> None:
    allowed = {path.split(".")[0] for path in gallery.candidates(data)["path"]}
    free = {f"{name}{number}" for name in ("free", "child") for number in range(7)}
    assert allowed == {*free, "twin"}


def test_the_choice_follows_the_rule_and_is_the_same_again(data: Path, tmp_path: Path) -> None:
    rows = gallery.make(data, tmp_path / "one")
    again = gallery.make(data, tmp_path / "two")
    pd.testing.assert_frame_equal(rows, again)
    listed = pd.read_csv(data / "cohort.csv").sort_values("sha256")
    for label, names in (("COVID19", ("free", "twin")), ("NORMAL", ("child",))):
        may = listed[listed["file"].str.startswith(names)].drop_duplicates("group_id")
        assert rows.loc[rows["label"] == label, "image_id"].tolist() == [
            f"{label}/{name}" for name in may["file"].head(gallery.PER_CLASS)
        ]
    with Image.open(tmp_path / "one" / rows["file"].iloc[0]) as image:
        assert (image.mode, image.size) == ("L", (256, 256))


def test_too_few_images_that_may_be_shown_leave_the_old_gallery(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gallery"
    before = gallery.make(data, folder)
    listing = pd.read_csv(data / "cohort.csv")
    listing[~listing["file"].str.startswith(("free1", "free2"))].to_csv(
        data / "cohort.csv", index=False
    )
    with pytest.raises(Problem, match="has 5 groups of COVID19 whose images may be shown, 6 are"):
        gallery.make(data, folder)
    pd.testing.assert_frame_equal(gallery.read(folder), before)
