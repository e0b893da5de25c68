"""Images in a folder, listed by its CSV or by its class folders."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from covidcxr.cohorts import dicom, image_files, images, manifest
from covidcxr.core import csv_tables, identifiers
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.studies import DATA_VARIABLE, LABELS, FolderCohort, Label
from covidcxr.core.text_files import is_file
from covidcxr.core.words import shown

log = logging.getLogger(__name__)

_ORIGINAL = ["width", "height", "mode", "format", "bytes"]


def gather(cohort: FolderCohort) -> tuple[Path, pd.DataFrame]:
    """List the images of a folder, by its CSV or by its class folders, and look into them.

    Returns what the manifest's paths are relative to, and the manifest. A `Problem` is raised for
    a missing folder, file or column, an unknown label, a file that changed since the CSV was
    written, or an empty class.
    """
    root, rows = listed(cohort)
    csv = csv_of(cohort)
    rows = thin(rows, cohort.images_per_class)
    where = str(csv if csv.is_file() else root)
    return root, finish(root, rows, where, plain_ids=cohort.patient_ids == "plain")


def listed(cohort: FolderCohort) -> tuple[Path, pd.DataFrame]:
    """List the images of a folder as `gather` does, without opening any.

    A `Problem` is raised for a missing folder or CSV, and for a CSV that cannot be used.
    """
    root, csv = root_of(cohort), csv_of(cohort)
    if csv.is_file():
        return root, _from_csv(csv)
    if cohort.manifest:
        raise Problem(f"{csv}: no such file; correct the study's key manifest or leave it out.")
    return root, class_folders(root, cohort.classes)


def root_of(cohort: FolderCohort) -> Path:
    """Return the folder that holds the class folders or the CSV."""
    named = cohort.path or os.environ.get(DATA_VARIABLE)
    if not named:
        raise Problem(
            f"No data folder is named: set {DATA_VARIABLE} or cohort.path to a folder with class "
            "folders COVID19 and NORMAL, set cohort.source=kaggle to download one, "
            "or run STUDY=demo, which needs none."
        )
    root = Path(named).expanduser()
    if any("\ud800" <= c <= "\udfff" for c in named):  # bytes that UTF-8 does not have
        raise Problem(f"{root}: the name of this folder is not UTF-8 text; rename it.")
    if not root.is_dir():
        raise Problem(
            f"{root}: no such folder; correct {DATA_VARIABLE} or the key path of the study."
        )
    return root


def csv_of(cohort: FolderCohort) -> Path:
    """Return where the CSV lies, if there is one."""
    return root_of(cohort) / (cohort.manifest or "cohort.csv")


def _from_csv(csv: Path) -> pd.DataFrame:
    try:
        table = csv_tables.read(csv)
    except Unusable as error:
        raise Problem(str(error)) from error
    for column in ("file", "label"):
        if column not in table:
            raise Problem(
                f"{csv}: column '{column}' is missing (there are: "
                f"{csv_tables.columns_of(table)}); add it."
            )
        if table[column].isna().any():
            raise Problem(
                f"{csv}: {_first(table, table[column].isna())} has no {column}; fill it in."
            )
    wrong = ~table["label"].isin(LABELS)
    if wrong.any():
        label = shown(table["label"][wrong].iloc[0])
        raise Problem(
            f"{csv}: {_first(table, wrong)} has label '{label}'; write {' or '.join(LABELS)}."
        )
    # A CSV may say more about its images than a manifest holds.
    used = (set(manifest.MANIFEST.columns) | {"file"}) - manifest.COMPUTED
    ignored = [str(column) for column in table if column not in used]
    if ignored:
        log.info("%s: columns that are not used: %s", csv, ", ".join(map(shown, ignored)))
    table = _readable(table.drop(columns=ignored).rename(columns={"file": "path"}), csv)
    if "source" not in table:
        table["source"] = csv.stem
    return table.reset_index(drop=True)


def _first(table: pd.DataFrame, wrong: pd.Series[bool]) -> str:
    """Name the first row that is wrong."""
    return f"row {csv_tables.row_of(table, int(wrong.to_numpy(dtype=bool).argmax()))}"


def _readable(table: pd.DataFrame, csv: Path) -> pd.DataFrame:
    """Take ids, ages and sexes that say nothing as unknown, equal ids as equal, and say so."""
    for column, noun in (("patient_id", "patient"), ("group_id", "group")):
        if column in table:
            ids, remarks = identifiers.resolve(table[column], noun)
            table = table.assign(**{column: ids})
            for remark in remarks:
                log.warning("%s: %s", csv, remark)
    remedies = {"age": "write a number of years", "sex": "write F or M"}
    for column, remedy in remedies.items():
        if column not in table:
            continue
        text = table[column]
        if column == "age":
            values = pd.to_numeric(text, errors="coerce")
        else:
            values = text.where(text.isin(["F", "M"]))
        unread = values.isna() & text.notna()
        if unread.any():
            log.warning(
                "%s: %d of %d values of column '%s' are taken as unknown, '%s' in %s for one; %s.",
                *(csv, unread.sum(), text.notna().sum(), column, shown(text[unread].iloc[0])),
                *(_first(table, unread), remedy),
            )
        table = table.assign(**{column: values})
    return table


def class_folders(root: Path, classes: Mapping[Label, list[str]] | None = None) -> pd.DataFrame:
    """List the images below the class folders in a root, sorted by path within a class.

    ``classes`` are their names by class; where it names none, the usual spellings are looked for.
    A `Problem` is raised for a class without a folder, or with several where none is named.
    """
    rows, left_out = [], []
    for label in LABELS:
        for place in class_places(root, label, (classes or {}).get(label)):
            paths, others = image_files.list_images(place)
            left_out += others
            rows += [
                {"path": path.relative_to(root).as_posix(), "label": label, "source": root.name}
                for path in paths
            ]
    if left_out:
        log.warning("%s: left out: %s.", root, image_files.summary(left_out))
    return pd.DataFrame(rows, columns=["path", "label", "source"], dtype="string")


_SPELLINGS: dict[Label, set[str]] = {"COVID19": {"covid19", "covid"}, "NORMAL": {"normal"}}
"""What a class folder may be called, in lower case and without signs."""


def class_places(root: Path, label: Label, names: list[str] | None) -> list[Path]:
    """Return the folders of a class: those that are named, else the one spelled as usual."""
    subfolders = _subfolders(root)
    if names:
        wrong = [n for n in names if Path(n).is_absolute() or not (root / n).is_dir()]
        if wrong:
            raise Problem(
                f"{root}: has no folder '{wrong[0]}', which cohort.classes names; "
                f"{_held(subfolders)}."
            )
        return [root / name for name in names]
    places = [path for path in subfolders if _is_spelled(path, label)]
    if len(places) > 1:
        raise Problem(
            f"{root}: has several folders for class {label} "
            f"({', '.join(path.name for path in places)}); name those you mean in cohort.classes, "
            f"as in cohort.classes={{{label}: [{places[0].name}]}}."
        )
    if places:
        return places
    deeper = [path for path in subfolders if holds_classes(path)]
    if deeper:
        remedy = f"name one of them: cohort.path={' or '.join(map(str, deeper))}"
    else:
        remedy = "rename one, or name it in cohort.classes"
    raise Problem(f"{root}: has no folder for class {label}; {_held(subfolders)}; {remedy}.")


def holds_classes(folder: Path) -> bool:
    """Return whether a folder holds one for each class, however spelled."""
    try:
        subfolders = _subfolders(folder)
    except Problem:  # no place of ours, such as a disk's lost+found
        return False
    return all(any(_is_spelled(path, label) for path in subfolders) for label in LABELS)


def _is_spelled(folder: Path, label: Label) -> bool:
    return re.sub(r"[^a-z0-9]", "", folder.name.lower()) in _SPELLINGS[label]


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    except OSError as error:
        raise Problem(
            f"{folder}: cannot be listed ({error.strerror}); change its permissions."
        ) from error


def _held(folders: Sequence[Path]) -> str:
    names = ", ".join(image_files.printable(Path(path.name)) for path in folders[:8])
    more = f" and {len(folders) - 8} more" if len(folders) > 8 else ""
    return f"it holds {names or 'no folder'}{more}"


def thin(rows: pd.DataFrame, images_per_class: int | None) -> pd.DataFrame:
    """Keep this many images of each class, evenly spaced over the sorted names."""
    if images_per_class is None:
        return rows
    kept: list[int] = []
    for _, group in rows.sort_values("path").groupby("label"):
        places = np.linspace(0, len(group) - 1, min(images_per_class, len(group)))
        kept.extend(group.index[places.round().astype(int)])
    return rows.loc[sorted(kept)]


def finish(root: Path, rows: pd.DataFrame, where: str, *, plain_ids: bool = False) -> pd.DataFrame:
    """Fill in what the files themselves tell, and validate."""
    for label in LABELS:
        if not (rows["label"] == label).any():
            raise Problem(f"{where}: class {label} has no image; both classes are needed.")
    rows = rows.reset_index(drop=True)
    paths = [root / path for path in rows["path"]]
    missing = [str(path) for path in paths if not is_file(path)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise Problem(f"{missing[0]}{more}: no such file; restore it or correct {where}.")

    if (twice := rows.loc[rows["path"].duplicated(), "path"]).size:
        raise Problem(f"{where}: lists {twice.iloc[0]} twice; remove one of the two.")
    rows["image_id"] = image_ids(rows["label"], rows["path"])
    hashes = pd.Series([images.sha256(path) for path in paths], dtype="string")
    if "sha256" in rows:
        changed = rows.loc[rows["sha256"].notna() & (rows["sha256"] != hashes), "path"]
        if len(changed):
            raise Problem(
                f"{root / changed.iloc[0]}: is not the file that {where} lists (its sha256 "
                "differs); restore it or correct the list."
            )
    rows["sha256"] = hashes
    depths = images.depths(paths)
    if deep := [one.bits for one in depths if one]:
        facts = pd.DataFrame([one or (pd.NA,) * 3 for one in depths], dtype="Int64")
        rows[["grey_bits", "grey_lowest", "grey_highest"]] = facts.to_numpy()
        used = ", ".join(f"{deep.count(b):,} by {b} bits" for b in sorted(set(deep)))
        log.warning(
            "%s: %d of %d files have more than 8 bits and are scaled by those in use: %s; where "
            "that is wrong, export them with 8 bits.",
            *(where, len(deep), len(depths), used),
        )
    if not any(f"original_{name}" in rows for name in _ORIGINAL):
        described = pd.DataFrame([images.describe(path) for path in paths])
        for name in _ORIGINAL:
            rows[f"original_{name}"] = described[name]
    return manifest.validate(
        _defaults(dicom.add_headers(rows, paths, where, plain_ids=plain_ids)), where
    )


def image_ids(label: pd.Series[str], path: pd.Series[str]) -> pd.Series[str]:
    """Return the class and the name of each file, or its path where two share these."""
    ids = label + "/" + path.str.rsplit("/", n=1).str[-1]
    return ids.where(~ids.duplicated(keep=False), path)


def _defaults(rows: pd.DataFrame) -> pd.DataFrame:
    for column, schema in manifest.MANIFEST.columns.items():
        if schema.required and column not in rows:
            rows[column] = pd.NA
    rows["group_id"] = rows["group_id"].fillna(rows["patient_id"]).fillna(rows["image_id"])
    return rows
