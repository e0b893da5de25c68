"""Held-out images whose patient is also trained on, counted from a listing of files.

Nothing here looks at an image. The record holds counts alone: no file, no patient, no address.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.core import csv_tables, identifiers, records, studies
from covidcxr.core.errors import Problem, Unusable
from covidcxr.core.studies import DATA_VARIABLE, KaggleCohort
from covidcxr.paper.split_functions import FRACTION, held_out

NAME = "forensics/patients"
"""The place of this record among all records: it belongs to no study's folder."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

LISTING = "covid19_metadata.csv"
"""The name of the listing of COVID19 files in a data folder."""

RESAMPLES = 2000
SEED = 0

COLUMNS = ("kaggle_split", "kaggle_name", "source", "patient_id", "age")
"""The columns of a listing that decide the record."""


# --- the listing


def listing() -> list[Path]:
    """Return the listing in the data folder, if one is named and has it."""
    root = os.environ.get(DATA_VARIABLE)
    path = Path(root or "") / LISTING
    return [path] if root and path.is_file() else []


def read_listing(path: Path) -> pd.DataFrame:
    """Read a CSV of COVID19 files: ``folder``, ``name``, ``source``, ``patient``, ``age`` (years).

    Patients count within their source. Rows are sorted by folder and name.
    """
    try:
        return _checked(csv_tables.read(path))
    except Unusable as error:
        why = csv_tables.reason(path, error)
    except ValueError as error:
        why = str(error)
    raise Problem(
        f"{path}: cannot be read as a listing of COVID19 files ({why}); "
        "correct the file or leave the parameter 'listing' empty."
    )


def _checked(rows: pd.DataFrame) -> pd.DataFrame:
    for column in COLUMNS:
        if column not in rows:
            raise ValueError(f"column '{column}' is missing")
    rows = rows[list(COLUMNS)].fillna("")
    for column in ("kaggle_split", "kaggle_name", "source"):
        if (rows[column] == "").any():
            raise ValueError(f"column '{column}' is not filled in everywhere")
    again = rows[rows.duplicated(["kaggle_split", "kaggle_name"])]
    if len(again):
        raise ValueError(f"'{again['kaggle_name'].iloc[0]}' is listed twice")
    if not (rows["kaggle_split"] == "train").any():
        raise ValueError("no row has the kaggle_split 'train'")
    age = pd.to_numeric(rows["age"].where(rows["age"] != ""), errors="coerce").astype("Float64")
    wrong = rows.loc[(rows["age"] != "") & age.isna(), "age"]
    if len(wrong):
        raise ValueError(f"age '{wrong.iloc[0]}' is no number")
    known = ~identifiers.is_unknown(rows["patient_id"])
    patient = (rows["source"] + "/" + identifiers.canonical(rows["patient_id"])).where(known)
    columns = {"folder": rows["kaggle_split"], "name": rows["kaggle_name"],
               "source": rows["source"], "patient": patient, "age": age}  # fmt: skip
    return pd.DataFrame(columns).sort_values(["folder", "name"], ignore_index=True)


# --- patients on both sides


def first_by_name(names: Iterable[str]) -> list[str]:
    """Names that Keras' generator holds out: the first, sorted as text."""
    ordered = sorted(names)
    return ordered[: held_out(len(ordered))]


def with_sharing(listing: pd.DataFrame, held_out_names: Collection[str]) -> pd.DataFrame:
    """Mark images ``held`` out, and those that ``shared`` a known patient with the rest."""
    held = listing["name"].isin(list(held_out_names))
    rest = listing.loc[~held, "patient"].dropna()
    return listing.assign(held=held, shared=held & listing["patient"].isin(rest))


def random_splits(patients: pd.Series, size: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Held-out images that share a patient with the rest, in random splits of one size."""
    order = np.random.default_rng(seed).random((resamples, len(patients))).argsort(axis=1)
    held = order < size  # of a random order, the places that hold small numbers
    codes, known = pd.factorize(patients)
    named = codes >= 0
    member = np.eye(len(known), dtype=np.float32)[codes[named]]
    inside = held[:, named].astype(np.float32) @ member
    return np.where(inside < member.sum(axis=0), inside, 0).sum(axis=1).astype(np.int64)


# --- the record


def record(
    listing: Path | None, results: Path, *, resamples: int = RESAMPLES, seed: int = SEED
) -> records.Record:
    """Load or compute the record of patients on both sides of the split.

    Parameters
    ----------
    listing
        As `read_listing` reads it, or None without one.
    results
        The folder of all records.
    resamples, seed
        Of the random splits that the split by name is compared with.

    Raises
    ------
    Problem
        Without a record and a listing, and for an unusable listing.
    """
    kaggle = KaggleCohort(source="kaggle")
    parameters = {
        "cohort": {"source": kaggle.source, "handle": kaggle.handle, "folder": kaggle.folder},
        "fraction": FRACTION,
        "resamples": resamples,
        "seed": seed,
    }
    rows = None if listing is None else read_listing(listing)
    return records.load_or_run(
        results / NAME,
        studies.load("paper"),
        parameters,
        None if rows is None else {"data": _fingerprint(rows)},
        METHOD,
        lambda: {} if rows is None else _content(rows, kaggle.folder, resamples, seed),
    )


def _content(rows: pd.DataFrame, folder: str, resamples: int, seed: int) -> dict[str, Any]:
    """Tables and counts of the record."""
    train, other = rows[rows["folder"] == folder], rows[rows["folder"] != folder]
    images = with_sharing(train, first_by_name(train["name"]))
    held, split_by_name = int(images["held"].sum()), int(images["shared"].sum())
    draws = random_splits(train["patient"], held, resamples, seed)
    return {
        "tables": {
            "draws": _histogram(draws),
            "patients": _group_sizes(train),
            "sources": _by_source(images),
        },
        "images": {"COVID19": len(train)},
        "held_out": held,
        "resamples": resamples,
        "shared": {"keras": split_by_name, "random": _summary(draws, split_by_name)},
        "patients": _patients(images),
        "elsewhere": _other_folders(images, other),
        "ages": _ages(train["age"].dropna()),
    }


def _summary(draws: NDArray[np.int64], split_by_name: int) -> dict[str, Any]:
    """Distribution of random splits; ``as_few``: the share at or below the split by name."""
    # Of the counts that were drawn: there is no fraction of an image.
    low, median, high = np.percentile(draws, [2.5, 50, 97.5], method="inverted_cdf")
    return {
        "median": float(median),
        "low": float(low),
        "high": float(high),
        "mean": float(draws.mean()),
        "smallest": int(draws.min()),
        "largest": int(draws.max()),
        "as_few": float((draws <= split_by_name).mean()),
    }


def _histogram(shared: NDArray[np.int64]) -> pd.DataFrame:
    """Count random splits, ``n``, by images that share a patient, gaps included."""
    low, high = int(shared.min()), int(shared.max())
    counts = np.bincount(shared - low, minlength=high - low + 1)
    return pd.DataFrame({"shared": np.arange(low, high + 1), "n": counts})


def _group_sizes(images: pd.DataFrame) -> pd.DataFrame:
    """Count known patients by their number of images."""
    sizes = images["patient"].value_counts().value_counts().sort_index()
    return pd.DataFrame({"images_per_patient": sizes.index.to_numpy(),
                         "patients": sizes.to_numpy()})  # fmt: skip


def _by_source(images: pd.DataFrame) -> pd.DataFrame:
    """Count files by source."""
    counted = images.groupby("source").agg(
        images=("name", "size"),
        known=("patient", "count"),
        patients=("patient", "nunique"),
        held_out=("held", "sum"),
        shared=("shared", "sum"),
    )
    return counted.astype(int).reset_index()


def _patients(images: pd.DataFrame) -> dict[str, int]:
    """Count patients, images of known and unknown ones, and patients on both sides."""
    sizes = images["patient"].value_counts()
    unknown = images["patient"].isna()
    return {
        "patients": len(sizes),
        "images_known": int((~unknown).sum()),
        "images_unknown": int(unknown.sum()),
        "held_out_unknown": int((unknown & images["held"]).sum()),
        "largest": int(sizes.max()) if len(sizes) else 0,
        "repeated": int((sizes > 1).sum()),
        "images_of_repeated": int(sizes[sizes > 1].sum()),
        "patients_shared": int(images.loc[images["shared"], "patient"].nunique()),
    }


def _other_folders(images: pd.DataFrame, other: pd.DataFrame) -> dict[str, int]:
    """Images of the set's other folders, and those that share a patient with this one."""
    elsewhere = other["patient"].dropna()
    return {
        "images": len(other),
        "unknown": int(other["patient"].isna().sum()),
        "shared": int(elsewhere.isin(images["patient"]).sum()),
        "held_out_shared": int(images.loc[images["held"], "patient"].isin(elsewhere).sum()),
    }


def _ages(known: pd.Series) -> dict[str, float | None]:
    """Count known ages; youngest and median in years."""
    return {
        "known": len(known),
        "youngest": float(known.min()) if len(known) else None,
        "median": float(known.median()) if len(known) else None,
        "under_18": int((known < 18).sum()),
    }


def _fingerprint(rows: pd.DataFrame) -> str:
    """Sha256 of a listing, whatever its order and other columns."""
    return hashlib.sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
