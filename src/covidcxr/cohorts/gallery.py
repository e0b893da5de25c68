"""Gallery: the radiographs of real patients that may be shown, each with its author and licence.

No other image of a patient lies in the repository or on a page. A study's own images stay with
whoever has them.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from PIL import Image

from covidcxr.cohorts import folders, images
from covidcxr.core import atomic, csv_tables
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS

FOLDER = Path("book/gallery")
TABLE = "gallery.csv"

MOST, PER_CLASS = 24, 6
SIDE, QUALITY = 256, 85

LICENCES = {
    "CC0 1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "CC BY 3.0": "https://creativecommons.org/licenses/by/3.0/",
    "CC BY 4.0": "https://creativecommons.org/licenses/by/4.0/",
}
"""Licences under which an image may be shown and a small copy of it passed on."""

AUTHORS = {
    "https://github.com/ml-workgroup/covid-19-image-repository": (
        "Institute for Diagnostic and Interventional Radiology, Hannover Medical School"
    ),
    "https://data.mendeley.com/datasets/rscbjbr9sj/2": (
        "D. Kermany, K. Zhang, M. Goldbaum; Guangzhou Women and Children's Medical Center"
    ),
}
"""Authors by the address of a source whose own statement of its licence was read."""

KERMANY = {
    "source": "https://data.mendeley.com/datasets/rscbjbr9sj/2",
    "licence": "CC BY 4.0",
}

COLUMNS = [
    "file", "label", "cohort", "image_id", "author", "source", "licence", "licence_address",
    "changes", "sha256",
]  # fmt: skip

CHANGES = f"scaled to {SIDE} x {SIDE} pixels, whatever its proportions; grey; JPEG"


def read(folder: Path = FOLDER) -> pd.DataFrame:
    """Read and check the gallery's table, a row an image; empty where there is no gallery.

    A `Problem` is raised for an image without a row or whose bytes, size, licence or attribution
    are not as the table must have them.
    """
    if not (folder / TABLE).is_file():
        return pd.DataFrame(columns=COLUMNS, dtype="string")
    rows = csv_tables.read(folder / TABLE)
    if list(rows.columns) != COLUMNS:
        raise Problem(f"{folder / TABLE}: its columns must be {', '.join(COLUMNS)}; make it anew.")
    if len(rows) > MOST:
        raise Problem(f"{folder / TABLE}: has {len(rows)} images; keep at most {MOST}.")
    for number, row in rows.iterrows():
        if fault := _fault(folder, row):
            raise Problem(f"{folder / TABLE}, row {number}: {fault}; correct or remove it.")
    listed = {TABLE, *rows["file"]}
    for path in sorted(folder.iterdir()):
        if path.name not in listed:
            raise Problem(f"{path}: is not in {TABLE}; list it with its licence or remove it.")
    return rows.reset_index(drop=True)


def make(data: Path, folder: Path = FOLDER) -> pd.DataFrame:
    """Choose and write the gallery from a data folder, and return its table.

    The rule takes no look at the images: of those whose licence is known and allows it, in the
    order of their files' sha256, the first image of a group, until a class has `PER_CLASS`.
    ``data`` holds ``cohort.csv``, the images that it lists, and ``covid19_metadata.csv``, which
    names the licence and the source of each COVID-19 image; ``folder`` is replaced as a whole. A
    `Problem` is raised for a missing table, and for a class with too few images to be shown.
    """
    rows = candidates(data).sort_values("sha256").drop_duplicates(["label", "group_id"])
    rows = rows.groupby("label").head(PER_CLASS).sort_values(["label", "sha256"])
    for label in LABELS:
        if (count := int((rows["label"] == label).sum())) < PER_CLASS:
            raise Problem(
                f"{data}: has {count} groups of {label} whose images may be shown, "
                f"{PER_CLASS} are needed; complete cohort.csv and covid19_metadata.csv."
            )
    with atomic.folder(folder) as aside:
        table = rows.assign(
            file=[_write(data / row["path"], row["label"], aside) for _, row in rows.iterrows()],
            cohort="cohort",
            author=rows["source"].map(AUTHORS),
            licence_address=rows["licence"].map(LICENCES),
            changes=CHANGES,
        )
        table["sha256"] = [images.sha256(aside / name) for name in table["file"]]
        table[COLUMNS].to_csv(aside / TABLE, index=False, lineterminator="\n")
        read(aside)
    return read(folder)


def candidates(data: Path) -> pd.DataFrame:
    """List the images that may be shown: path, label, image_id, group_id, source, licence, sha256.

    Of COVID-19 those whose file is the one that ``covid19_metadata.csv`` describes, byte by byte,
    and for which it names a licence of `LICENCES` and a source of `AUTHORS`; of the normals those
    of Kermany's collection. All others are refused, whatever they are.
    """
    cohort = csv_tables.read(data / "cohort.csv").rename(columns={"file": "path"})
    cohort["image_id"] = folders.image_ids(cohort["label"], cohort["path"])
    cohort = cohort[cohort["resized_from"] == "original"]
    known = csv_tables.read(data / "covid19_metadata.csv")
    known = known[(known["kaggle_split"] == "train") & (known["pixels"] == "byte-identical")]
    known = known[["kaggle_name", "licence", "url"]].rename(columns={"url": "address"})
    covid = cohort[cohort["label"] == LABELS[0]].merge(known, on="kaggle_name")
    normal = cohort[(cohort["label"] == LABELS[1]) & (cohort["source"] == "kermany")]
    normal = normal.assign(licence=KERMANY["licence"], address=KERMANY["source"])
    rows = pd.concat([covid, normal], ignore_index=True)
    rows = rows[rows["licence"].isin(LICENCES) & rows["address"].isin(AUTHORS)]
    rows = rows.assign(source=rows["address"])
    return rows[["path", "label", "image_id", "group_id", "source", "licence", "sha256"]]


def _write(path: Path, label: str, folder: Path) -> str:
    """Write a small grey copy under a name that holds the first digits of its sha256."""
    aside = folder / f"{label}.jpg"
    with Image.open(path) as image:
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    small.save(aside, quality=QUALITY, optimize=True)
    name = f"{label.lower()}-{images.sha256(aside)[:8]}.jpg"
    aside.rename(folder / name)
    return name


def _fault(folder: Path, row: pd.Series) -> str:
    """Return what is wrong with a row of the table or its image, or nothing."""
    if empty := [name for name in COLUMNS if pd.isna(row[name])]:
        return f"no {empty[0].replace('_', ' ')}"
    if row["licence"] not in LICENCES:
        return f"licence '{row['licence']}' is none of {', '.join(LICENCES)}"
    if row["licence_address"] != LICENCES[row["licence"]]:
        return "the licence has another address"
    name = row["file"]
    if Path(name).name != name or not (folder / name).is_file():
        return f"{name} is no file of this folder"
    if images.sha256(folder / name) != row["sha256"]:
        return f"{name} has another sha256"
    with Image.open(folder / name) as image:
        if image.mode != "L" or max(image.size) > SIDE:
            return f"{name} is no grey image of at most {SIDE} pixels a side"
    return ""
