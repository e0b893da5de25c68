"""Which images the paper can have used, inferred from the counts that it prints.

The paper names neither its data set nor the function that divided it. Two sums
and the row totals of its tables leave few candidates; for the one that fits, a
listing of files and patients tells how many held-out images show a patient who
is also trained on. Nothing here looks at an image.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import TypeAdapter
from scipy import stats
from sklearn.model_selection import StratifiedKFold, train_test_split

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.core.studies import DATA_VARIABLE, Count, KaggleCohort, Label, Strict

NAME = "forensics/patients"

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""
"""The place of this record among all records: it belongs to no study's folder."""

LISTING = "covid19_metadata.csv"
"""The name of the listing of COVID19 files in a data folder."""

FRACTION = 0.2
RESAMPLES = 2000
SEED = 0

COLUMNS = ("kaggle_split", "kaggle_name", "source", "patient_id", "age")
"""The columns of a listing that decide the record."""


# --- what the counts leave open


def held_out(n: int, fraction: float) -> int:
    """Return how many of a class's n images Keras' ImageDataGenerator holds out.

    Its directory iterator takes ``int(fraction * n)`` of each class, the first by
    name, where ``validation_split`` asks for a fraction
    (keras/src/legacy/preprocessing/image.py, ``_list_valid_filenames_in_directory``).
    """
    return int(fraction * n)


def nearest(n: int, fraction: float) -> int:
    """Return how many of a class's n images pandas' ``groupby.sample`` takes: the nearest."""
    return round(fraction * n)


def class_pairs(
    train: int,
    test: int,
    positive_test: int,
    negative_test: int,
    fraction: float,
    take: Callable[[int, float], int] = held_out,
) -> list[tuple[int, int]]:
    """Return all class sizes of which a fraction held out by class gives these counts.

    Parameters
    ----------
    train, test
        Images that train and that test.
    positive_test, negative_test
        Test images of each class.
    fraction
        What is held out of each class.
    take
        How many images of a class that is: `held_out`, rounded down, or `nearest`.

    Returns
    -------
    list of tuple
        COVID19 and NORMAL images, by growing number of the former; empty where
        the counts contradict each other.
    """
    total = train + test
    if positive_test + negative_test != test:
        return []
    return [
        (positive, total - positive)
        for positive in range(total + 1)
        if take(positive, fraction) == positive_test
        and take(total - positive, fraction) == negative_test
    ]


def sizes_by_rule(
    train: int, test: int, positive_test: int, negative_test: int, fraction: float
) -> dict[str, list[tuple[int, int]]]:
    """Return the class sizes that each way of holding out by class leaves open.

    Parameters
    ----------
    train, test, positive_test, negative_test, fraction
        As for `class_pairs`.

    Returns
    -------
    dict
        ``down`` and ``nearest``: how a class's share is rounded; ``fold``: some fold of a
        stratified cross-validation, as scikit-learn makes it, holds these counts.
    """
    counts = train, test, positive_test, negative_test
    folds = round(1 / fraction)
    total = train + test
    return {
        "down": class_pairs(*counts, fraction),
        "nearest": class_pairs(*counts, fraction, nearest),
        "fold": [
            (positive, total - positive)
            # A fold has a class's share, rounded down or up.
            for positive in range(folds * (positive_test - 1) + 1, folds * (positive_test + 1))
            if positive_test + negative_test == test
            and folds <= positive <= total - folds
            and (positive_test, negative_test)
            in _folds(pd.Series(["COVID19"] * positive + ["NORMAL"] * (total - positive)), fraction)
        ],
    }


def prevalences(covid: int, normal: int, covid_test: int, normal_test: int) -> dict[str, float]:
    """Return the share of COVID19 in the test part and in the whole: ``test``, ``all``."""
    return {
        "test": covid_test / (covid_test + normal_test),
        "all": covid / (covid + normal),
    }


# --- which public sets fit


class DataSet(Strict):
    """A public set of radiographs and the number of images in its folders."""

    key: str
    title: str
    url: str
    stated_by: Literal["owner", "users"]
    published: str
    parts: dict[str, dict[str, Count]]

    def count(self, label: str, parts: Iterable[str] | None = None) -> int:
        """Return the images of a class in some of the parts, or in all."""
        names = self.parts if parts is None else parts
        return sum(self.parts[name].get(label, 0) for name in names)


@dataclass(frozen=True)
class Fit:
    """How a data set gives two class sizes.

    Attributes
    ----------
    data
        The data set.
    covid, normal
        Every choice of parts whose images of the class add up to the size sought.
    """

    data: DataSet
    covid: tuple[tuple[str, ...], ...]
    normal: tuple[tuple[str, ...], ...]

    @property
    def both(self) -> bool:
        """Whether it gives both sizes."""
        return bool(self.covid and self.normal)


@cache
def datasets() -> tuple[DataSet, ...]:
    """Return the public sets of ``data/datasets.yaml``."""
    text = files("covidcxr").joinpath("data/datasets.yaml").read_text("utf-8")
    return tuple(TypeAdapter(list[DataSet]).validate_python(yaml.safe_load(text)))


def dataset(key: str) -> DataSet:
    """Return a public set by its key.

    Raises
    ------
    KeyError
        For a key that does not exist.
    """
    return {data.key: data for data in datasets()}[key]


def fits(sets: Iterable[DataSet], covid: int, normal: int) -> list[Fit]:
    """Set every data set against two class sizes, one part or several added."""
    return [
        Fit(data, _choices(data, "COVID19", covid), _choices(data, "NORMAL", normal))
        for data in sets
    ]


def fitting(pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Return the titles of the known data sets that alone give any of these class sizes."""
    found = [fit.data.title for pair in pairs for fit in fits(datasets(), *pair) if fit.both]
    return list(dict.fromkeys(found))


def mixtures(found: Sequence[Fit]) -> list[tuple[str, str]]:
    """Return the keys of every two different sets that give one class size each."""
    return [
        (one.data.key, other.data.key)
        for one in found
        for other in found
        if one is not other and one.covid and other.normal
    ]


def compare(found: Sequence[Fit]) -> pd.DataFrame:
    """Return a row a data set: its counts by part, and which parts fit."""
    rows = [
        {
            "data set": fit.data.title,
            "COVID19": _counts(fit.data, "COVID19"),
            "NORMAL": _counts(fit.data, "NORMAL"),
            "COVID19 fits": _told(fit.covid),
            "NORMAL fits": _told(fit.normal),
            "counts by": fit.data.stated_by,
        }
        for fit in found
    ]
    return pd.DataFrame(rows)


def _choices(data: DataSet, label: Label, size: int) -> tuple[tuple[str, ...], ...]:
    # A part without the class would only repeat a choice made without it.
    parts = [name for name in data.parts if data.count(label, [name])]
    every = (c for k in range(1, len(parts) + 1) for c in combinations(parts, k))
    return tuple(choice for choice in every if data.count(label, choice) == size)


def _counts(data: DataSet, label: Label) -> str:
    parts = data.parts.items()
    return ", ".join(f"{name} {part[label]:,}" for name, part in parts if label in part) or "none"


def _told(choices: Sequence[Sequence[str]]) -> str:
    return " or ".join(" + ".join(choice) for choice in choices) or "no"


# --- which tool divided them


def split_functions(
    covid: int, normal: int, fraction: float, covid_test: int, normal_test: int
) -> pd.DataFrame:
    """Ask what each common tool would hold out of two classes.

    scikit-learn and pandas are asked themselves. Keras and PyTorch, which are slow
    to load, are represented by their rules: Keras' generator by `held_out`; its
    ``image_dataset_from_directory`` by ``int(fraction * n)`` of the shuffled whole
    (keras/src/utils/dataset_utils.py, ``get_training_or_validation_split``);
    PyTorch's ``random_split`` by the same number, since it rounds the fractions of
    the whole down and gives an image that is left over to the first part.

    Parameters
    ----------
    covid, normal
        Images of each class, at least as many as there are folds.
    fraction
        To hold out.
    covid_test, normal_test
        What was held out.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``tool``: ``by_class``; ``kept`` and ``held_out`` images; of the
        latter ``COVID19`` and ``NORMAL``, NA where they vary from draw to draw or
        fold to fold; ``chance`` that exactly the given images of each class are
        held out: hypergeometric for a draw from the whole, the share of folds for
        folds, else 0 or 1.
    """
    labels = pd.Series(["COVID19"] * covid + ["NORMAL"] * normal)
    n, wanted = len(labels), (covid_test, normal_test)
    ask: dict[str, Any] = {"test_size": fraction, "random_state": 0}
    by_class = {
        "Keras ImageDataGenerator": [(held_out(covid, fraction), held_out(normal, fraction))],
        "pandas groupby.sample": [
            _by_label(labels.groupby(labels).sample(frac=fraction, random_state=0))
        ],
        "scikit-learn StratifiedKFold, one fold": _folds(labels, fraction),
        "scikit-learn train_test_split, stratified": [
            _by_label(train_test_split(labels, stratify=labels, **ask)[1])
        ],
    }
    from_all = {
        "Keras image_dataset_from_directory": int(fraction * n),
        "pandas sample": len(labels.sample(frac=fraction, random_state=0)),
        "PyTorch random_split": int(fraction * n),
        "scikit-learn train_test_split": len(train_test_split(labels, **ask)[1]),
    }
    rows = [{"tool": t, "by_class": True} | _of_classes(n, c, wanted) for t, c in by_class.items()]
    rows += [
        {"tool": t, "by_class": False} | _of_all(covid, normal, size, wanted)
        for t, size in from_all.items()
    ]
    return pd.DataFrame(rows).set_index("tool")


def chance(covid: int, normal: int, covid_test: int, normal_test: int) -> float:
    """Return the probability that a draw from the whole holds exactly these images.

    Parameters
    ----------
    covid, normal
        Images of each class.
    covid_test, normal_test
        Images of each class in the draw, without replacement.
    """
    drawn = covid_test + normal_test
    return float(stats.hypergeom.pmf(covid_test, covid + normal, covid, drawn))


def _by_label(labels: pd.Series) -> tuple[int, int]:
    return int((labels == "COVID19").sum()), int((labels == "NORMAL").sum())


def _folds(labels: pd.Series, fraction: float) -> list[tuple[int, int]]:
    folds = StratifiedKFold(round(1 / fraction)).split(labels, labels)
    return [_by_label(labels.iloc[held]) for _, held in folds]


def _of_classes(
    n: int, counts: Sequence[tuple[int, int]], wanted: tuple[int, int]
) -> dict[str, Any]:
    (covid, normal), same = counts[0], len(set(counts)) == 1
    return {
        "kept": n - covid - normal if same else pd.NA,
        "held_out": covid + normal if same else pd.NA,
        "COVID19": covid if same else pd.NA,
        "NORMAL": normal if same else pd.NA,
        "chance": sum(count == wanted for count in counts) / len(counts),
    }


def _of_all(covid: int, normal: int, size: int, wanted: tuple[int, int]) -> dict[str, Any]:
    return {
        "kept": covid + normal - size,
        "held_out": size,
        "COVID19": pd.NA,
        "NORMAL": pd.NA,
        "chance": chance(covid, normal, *wanted) if size == sum(wanted) else 0.0,
    }


# --- whose images they are


@dataclass(frozen=True)
class Overlap:
    """Held-out images that show a patient who is also among the rest.

    Attributes
    ----------
    held_out
        Images held out, in this split and in every draw.
    keras
        Those that share a patient, in the split that sorts by name.
    draws
        The same for random splits, shape (resamples,).
    """

    held_out: int
    keras: int
    draws: NDArray[np.int64]

    def summary(self) -> dict[str, Any]:
        """Return ``keras`` and, of the draws, ``random``: median, 95% range and more.

        ``as_few`` is the share of draws with at most as many as ``keras``.
        """
        # Of the counts that were drawn: there is no fraction of an image.
        low, median, high = np.percentile(self.draws, [2.5, 50, 97.5], method="inverted_cdf")
        return {
            "keras": self.keras,
            "random": {
                "median": float(median),
                "low": float(low),
                "high": float(high),
                "mean": float(self.draws.mean()),
                "smallest": int(self.draws.min()),
                "largest": int(self.draws.max()),
                "as_few": float((self.draws <= self.keras).mean()),
            },
        }


def listing() -> list[Path]:
    """Return the listing in the data folder, where one is named and has it."""
    root = os.environ.get(DATA_VARIABLE)
    path = Path(root or "") / LISTING
    return [path] if root and path.is_file() else []


def read_listing(path: Path) -> pd.DataFrame:
    """Read a listing of COVID19 files and their patients.

    Parameters
    ----------
    path
        A CSV with the columns `COLUMNS`, a row a file. An empty ``patient_id`` means
        that the patient is not known; ids count within their ``source``.

    Returns
    -------
    pandas.DataFrame
        ``folder``, ``name``, ``source``, ``patient`` (NA where unknown) and ``age``
        in years (NA where unknown), sorted by folder and name.

    Raises
    ------
    Problem
        For a file that cannot be read, lacks a column or a name, lists a file
        twice, gives an age that is no number, or lists no training image.
    """
    try:
        # A patient may be called NA.
        rows = pd.read_csv(path, dtype="string", keep_default_na=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise _unusable(path, reason) from error
    for column in COLUMNS:
        if column not in rows:
            raise _unusable(path, f"column '{column}' is missing")
    rows = rows[list(COLUMNS)].fillna("")
    for column in ("kaggle_split", "kaggle_name", "source"):
        if (rows[column] == "").any():
            raise _unusable(path, f"column '{column}' is not filled in everywhere")
    again = rows[rows.duplicated(["kaggle_split", "kaggle_name"])]
    if len(again):
        raise _unusable(path, f"'{again['kaggle_name'].iloc[0]}' is listed twice")
    if not (rows["kaggle_split"] == "train").any():
        raise _unusable(path, "no row has the kaggle_split 'train'")
    known = rows["patient_id"] != ""
    listing = pd.DataFrame(
        {
            "folder": rows["kaggle_split"],
            "name": rows["kaggle_name"],
            "source": rows["source"],
            "patient": (rows["source"] + "/" + rows["patient_id"]).where(known),
            "age": _ages(rows["age"], path),
        }
    )
    return listing.sort_values(["folder", "name"], ignore_index=True)


def first_by_name(names: Iterable[str], fraction: float) -> list[str]:
    """Return the names that Keras' generator holds out: the first of the sorted ones.

    Sorted as text, so that 10 comes before 2.
    """
    ordered = sorted(names)
    return ordered[: held_out(len(ordered), fraction)]


def shared_patients(listing: pd.DataFrame, held_out_names: Collection[str]) -> int:
    """Count held-out images that show a patient who is also among the other images.

    Parameters
    ----------
    listing
        ``name`` and ``patient`` of all images that are divided, as `read_listing`
        returns them. An image of an unknown patient never counts, so that the
        result is a lower bound.
    held_out_names
        The images held out.

    Raises
    ------
    ValueError
        For a name that is not listed.
    """
    held = listing["name"].isin(list(held_out_names))
    if held.sum() != len(set(held_out_names)):
        raise ValueError("some held-out names are not in the listing")
    return int(_shared(listing["patient"], held.to_numpy(dtype=bool)[None])[0])


def overlap(listing: pd.DataFrame, fraction: float, resamples: int, seed: int) -> Overlap:
    """Set the split that sorts by name against random splits of the same size.

    Parameters
    ----------
    listing
        ``name`` and ``patient`` of one class, as for `shared_patients`.
    fraction
        To hold out.
    resamples
        How many random splits, each a draw of as many images without replacement;
        the other class has no patient in common and needs no draw.
    seed
        Decides the draws.
    """
    names = first_by_name(listing["name"], fraction)
    order = np.random.default_rng(seed).random((resamples, len(listing))).argsort(axis=1)
    held = order < len(names)  # of a random order, the places that hold small numbers
    return Overlap(len(names), shared_patients(listing, names), _shared(listing["patient"], held))


def _shared(patients: pd.Series, held: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count, by row of ``held`` (splits, images), held images with a patient among the rest."""
    codes, known = pd.factorize(patients)
    named = codes >= 0
    member = np.eye(len(known), dtype=np.float32)[codes[named]]
    inside = held[:, named].astype(np.float32) @ member
    return np.where(inside < member.sum(axis=0), inside, 0).sum(axis=1).astype(np.int64)


def _ages(text: pd.Series, path: Path) -> pd.Series:
    ages = pd.to_numeric(text.where(text != ""), errors="coerce").astype("Float64")
    wrong = text[(text != "") & ages.isna()]
    if len(wrong):
        raise _unusable(path, f"age '{wrong.iloc[0]}' is no number")
    return ages


def _unusable(path: Path, reason: str) -> Problem:
    return Problem(
        f"{path}: cannot be read as a listing of COVID19 files ({reason}); "
        "correct the file or leave the parameter 'listing' empty."
    )


# --- the record


def record(
    listing: Path | None,
    results: Path,
    *,
    fraction: float = FRACTION,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> records.Record:
    """Return the record of the overlap of patients, made where there is none yet.

    It holds numbers alone: no name of a file, no patient, no address.

    Parameters
    ----------
    listing
        As `read_listing` reads it, or None where it is not at hand.
    results
        The folder of all records.
    fraction, resamples, seed
        As for `overlap`.

    Raises
    ------
    Problem
        Where there is neither a record nor a listing, or the listing is unusable.
    """
    folder = results / NAME
    kaggle = KaggleCohort(source="kaggle")
    parameters = {
        "cohort": {"source": kaggle.source, "handle": kaggle.handle, "folder": kaggle.folder},
        "fraction": fraction,
        "resamples": resamples,
        "seed": seed,
    }
    study = studies.load("paper")
    if listing is None:
        return records.load_or_run(folder, study, parameters, None, METHOD, dict)
    rows = read_listing(listing)

    def make() -> dict[str, Any]:
        train = rows[rows["folder"] == kaggle.folder]
        counted = overlap(train, fraction, resamples, seed)
        names = first_by_name(train["name"], fraction)
        return {
            "tables": {
                "draws": draws(counted.draws),
                "patients": group_sizes(train),
                "sources": sources(train, names),
            },
            "images": {"COVID19": len(train)},
            "held_out": counted.held_out,
            "resamples": resamples,
            "shared": counted.summary(),
            "patients": patients(train, names),
            "elsewhere": elsewhere(rows, names),
            "ages": ages(train),
        }

    inputs = {"data": _fingerprint(rows)}
    return records.load_or_run(folder, study, parameters, inputs, METHOD, make)


def status(made: records.Record, listing: Path | None) -> str:
    """Say where the numbers of a record come from: listing, day, commit, images."""
    commit = made["commit"]["id"]
    code = f"commit {commit[:8]}" if commit else "no commit"
    changed = " with changes" if made["commit"]["changed"] else ""
    what = f"{made['images']['COVID19']:,} files, on {made.created:%Y-%m-%d} at {code}{changed}"
    if listing is None:
        return f"Shown from the record, counted in a listing of {what}; not counted anew."
    return f"Counted in the listing at hand: {what}."


def draws(shared: NDArray[np.int64]) -> pd.DataFrame:
    """Count random splits by images that share a patient: ``shared``, ``n``, gaps included."""
    low, high = int(shared.min()), int(shared.max())
    return pd.DataFrame(
        {
            "shared": np.arange(low, high + 1),
            "n": np.bincount(shared - low, minlength=high - low + 1),
        }
    )


def group_sizes(listing: pd.DataFrame) -> pd.DataFrame:
    """Count known patients by their number of images: ``images_per_patient``, ``patients``."""
    sizes = listing["patient"].value_counts().value_counts().sort_index()
    return pd.DataFrame(
        {"images_per_patient": sizes.index.to_numpy(), "patients": sizes.to_numpy()}
    )


def sources(listing: pd.DataFrame, held_out_names: Collection[str]) -> pd.DataFrame:
    """Count by source: ``images``, ``known``, ``patients``, ``held_out``, ``shared``."""
    table = _marked(listing, held_out_names)
    return (
        table.groupby("source")
        .agg(
            images=("name", "size"),
            known=("patient", "count"),
            patients=("patient", "nunique"),
            held_out=("held", "sum"),
            shared=("shared", "sum"),
        )
        .astype(int)
        .reset_index()
    )


def patients(listing: pd.DataFrame, held_out_names: Collection[str]) -> dict[str, int]:
    """Count patients and their images.

    Returns
    -------
    dict
        ``patients``, ``images_known`` and ``images_unknown`` (patient), of the latter
        ``held_out_unknown``; ``largest``, the most images of one patient;
        ``repeated``, patients with more than one image, and ``images_of_repeated``;
        ``patients_shared``, those on both sides of the split.
    """
    table = _marked(listing, held_out_names)
    sizes = table["patient"].value_counts()
    unknown = table["patient"].isna()
    return {
        "patients": len(sizes),
        "images_known": int((~unknown).sum()),
        "images_unknown": int(unknown.sum()),
        "held_out_unknown": int((unknown & table["held"]).sum()),
        "largest": int(sizes.max()) if len(sizes) else 0,
        "repeated": int((sizes > 1).sum()),
        "images_of_repeated": int(sizes[sizes > 1].sum()),
        "patients_shared": int(table.loc[table["shared"], "patient"].nunique()),
    }


def elsewhere(rows: pd.DataFrame, held_out_names: Collection[str]) -> dict[str, int]:
    """Count images of the set's other folders, and patients that they share with training.

    Parameters
    ----------
    rows
        All folders, as `read_listing` returns them.
    held_out_names
        Of the folder ``train``.

    Returns
    -------
    dict
        ``images`` of the other folders, those ``unknown`` (patient), those ``shared``
        with any image of ``train``, and ``held_out_shared``, held-out images whose
        patient is also in another folder.
    """
    train = rows[rows["folder"] == "train"]
    other = rows[rows["folder"] != "train"]
    held = train["name"].isin(list(held_out_names))
    return {
        "images": len(other),
        "unknown": int(other["patient"].isna().sum()),
        "shared": int(other["patient"].isin(train["patient"].dropna()).sum()),
        "held_out_shared": int(train.loc[held, "patient"].isin(other["patient"].dropna()).sum()),
    }


def ages(listing: pd.DataFrame) -> dict[str, float | None]:
    """Return ``known`` ages and, in years, ``youngest``, ``median``; and how many ``under_18``."""
    known = listing["age"].dropna()
    return {
        "known": len(known),
        "youngest": float(known.min()) if len(known) else None,
        "median": float(known.median()) if len(known) else None,
        "under_18": int((known < 18).sum()),
    }


def _marked(listing: pd.DataFrame, held_out_names: Collection[str]) -> pd.DataFrame:
    """Return a listing with what is ``held`` and which of that is ``shared`` with the rest."""
    held = listing["name"].isin(list(held_out_names))
    rest = listing.loc[~held, "patient"].dropna()
    return listing.assign(held=held, shared=held & listing["patient"].isin(rest))


def _fingerprint(rows: pd.DataFrame) -> str:
    """Return the sha256 of what a listing says, whatever its order and other columns."""
    return hashlib.sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()
