"""What the parts of a split share: patients, groups, and copies of a picture."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import images, splits
from covidcxr.cohorts.samples import OWN, Sample
from covidcxr.cohorts.samples import fingerprint as fingerprint_of
from covidcxr.core import records
from covidcxr.core.errors import Unusable
from covidcxr.core.studies import DATA_VARIABLE, LABELS, Study
from covidcxr.core.words import listing
from covidcxr.validity import duplicates
from covidcxr.validity.duplicates import EXACT, NEAR

NAME = "overlap"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

KINDS = ("patient", "group", EXACT, NEAR)
"""What parts may share."""

MENDED = "grouped-copies"
"""The split whose groups are patients, groups and copies together."""

SPLITS = {
    "keras": "by name",
    "random": "at random",
    "grouped": "by group",
    MENDED: "by group and copies",
}
"""The splits that are looked at, and their names in prose."""

DRAWS = 20
"""How often those that are drawn at random are drawn, with seeds from 0."""

REASONS = {
    "group": "patient or group",
    "copy": "copy of the picture",
    "any": "any of them",
}
"""Why an image of one part is not independent of another part, and in prose."""


def shared(
    split: pd.DataFrame, manifest: pd.DataFrame, pairs: pd.DataFrame | None = None
) -> list[dict[str, Any]]:
    """Name everything that has images in more than one part.

    Parameters
    ----------
    split
        Columns ``image_id`` and ``part``.
    manifest
        Column ``image_id``, and any of ``patient_id``, ``group_id`` and ``sha256``.
    pairs
        Copies: ``image_a``, ``image_b`` and ``kind``, exact or near; None where they
        were not looked for, so that only files of equal ``sha256`` are copies.

    Returns
    -------
    list of dict
        ``kind``, one of `KINDS`; ``name``, of the patient or group, or of the first
        image; ``parts``, the images by part. Copies are named with all copies they hang
        together with, and are exact where all of these are.
    """
    part = split.set_index("image_id")["part"]
    rows = manifest[manifest["image_id"].isin(part.index)].reset_index(drop=True)
    found = []
    for kind, column in (("patient", "patient_id"), ("group", "group_id")):
        if column in rows:
            for name, members in rows.groupby(column)["image_id"]:
                found.append((kind, str(name), members.tolist()))
    alike, equal = copies(rows, pairs)
    for _, members in rows.groupby(alike)["image_id"]:
        kind = EXACT if len(set(equal[members.index])) == 1 else NEAR
        found.append((kind, min(members), members.tolist()))
    by_part = [
        {
            "kind": kind,
            "name": name,
            "parts": {
                p: sorted(image for image in members if part[image] == p)
                for p in splits.PARTS
                if any(part[image] == p for image in members)
            },
        }
        for kind, name, members in found
    ]
    torn = [one for one in by_part if len(one["parts"]) > 1]
    return sorted(torn, key=lambda one: (KINDS.index(one["kind"]), one["name"]))


def copies(
    manifest: pd.DataFrame, pairs: pd.DataFrame | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give one number to images that are copies.

    Parameters
    ----------
    manifest, pairs
        As for `shared`.

    Returns
    -------
    alike, equal : ndarray of shape (n,)
        Equal numbers for images that hang together by any copy, and by exact ones.
    """
    own = np.arange(len(manifest))
    links = [pd.DataFrame({"first": own, "second": own, "kind": EXACT})]
    place = pd.Series(np.arange(len(manifest)), manifest["image_id"])
    if pairs is not None:
        known = pairs[pairs["image_a"].isin(place.index) & pairs["image_b"].isin(place.index)]
        first, second = (place[known[f"image_{x}"]].to_numpy() for x in "ab")
        links.append(pd.DataFrame({"first": first, "second": second, "kind": known["kind"]}))
    if "sha256" in manifest:
        filled = manifest["sha256"].dropna()
        first = place[
            filled.groupby(filled).transform(lambda rows: rows.index[0]).map(manifest["image_id"])
        ].to_numpy()
        links.append(pd.DataFrame({"first": first, "second": filled.index, "kind": EXACT}))
    whole = pd.concat(links, ignore_index=True)
    alike = duplicates.groups(len(manifest), whole)
    return alike, duplicates.groups(len(manifest), whole[whole["kind"] == EXACT])


def affected(found: Iterable[Mapping[str, Any]], part: str = "test") -> list[str]:
    """Return the images of a part that share something with another part, sorted."""
    return sorted({image for one in found for image in one["parts"].get(part, [])})


def joined(manifest: pd.DataFrame, pairs: pd.DataFrame | None) -> NDArray[np.str_]:
    """Name what a split must not tear apart: patients, groups and copies together.

    Parameters
    ----------
    manifest, pairs
        As for `shared`.

    Returns
    -------
    ndarray of shape (n,)
        The name of the first image that each hangs together with.
    """
    alike, _ = copies(manifest, pairs)
    n = len(manifest)
    links = [pd.DataFrame({"first": _first(alike), "second": np.arange(n)})]
    for column in ("patient_id", "group_id"):
        if column in manifest:
            known = manifest[column].reset_index(drop=True).dropna().astype(str)
            links.append(pd.DataFrame({"first": known.index[_first(known)], "second": known.index}))
    label = duplicates.groups(n, pd.concat(links))
    names: NDArray[np.str_] = manifest["image_id"].to_numpy(dtype=str)[_first(label)]
    return names


def _first(keys: Any) -> NDArray[np.int64]:
    """Return for each key the first row that has it."""
    _, first, codes = np.unique(np.asarray(keys), return_index=True, return_inverse=True)
    found: NDArray[np.int64] = first[codes]
    return found


# --- anybody's split


@dataclass(frozen=True)
class Found:
    """What a split's parts share.

    Attributes
    ----------
    split
        Columns ``image_id`` and ``part``.
    manifest
        Of these images, in the split's order.
    pairs
        The copies that were found, None where they were not looked for.
    shared
        As `shared` returns it.
    remark
        What could not be looked for, and why; empty where all could.
    mended
        The split that was written instead, if one was.
    """

    split: pd.DataFrame
    manifest: pd.DataFrame
    pairs: pd.DataFrame | None
    shared: list[dict[str, Any]]
    remark: str
    mended: Path | None = None

    @property
    def test(self) -> int:
        """How many images are in the test part."""
        return int((self.split["part"] == "test").sum())

    @property
    def fix(self) -> str:
        """What to do about it, in one sentence."""
        if self.mended is not None:
            return f"{self.mended} holds a split by groups and copies that shares nothing."
        if not self.shared:
            return "Nothing is shared, so nothing needs mending."
        return (
            "Draw the split by groups, so that whole groups and all copies of a picture fall "
            "into one part: --fix NEW.csv writes such a split."
        )


def examine(split: Path, manifest: Path) -> Found:
    """Look for all that the parts of a split share.

    Parameters
    ----------
    split
        CSV with ``image_id`` and ``part``.
    manifest
        CSV with ``image_id`` or ``file``, and any of ``patient_id``, ``group_id``,
        ``sha256``, ``path`` and ``label``.

    Returns
    -------
    Found

    Raises
    ------
    Unusable
        For a file that cannot be read or lacks a column, an image that stands twice, an
        image of the split that the manifest does not list, a file that is missing while
        others are there, and an image that cannot be read.
    """
    parts = _split(split)
    rows = _manifest(manifest, parts["image_id"])
    paths, remark = _files(manifest, rows)
    if not any(column in rows for column in ("patient_id", "group_id", "sha256")) and not paths:
        raise Unusable(
            f"{manifest}: has neither patient_id, group_id nor sha256, and none of its image "
            "files is there; add such a column."
        )
    pairs = None if paths is None else _copies(rows, paths)
    return Found(parts, rows, pairs, shared(parts, rows, pairs), remark)


def mend(found: Found, path: Path, seed: int = 0) -> Found:
    """Write a split of the same sizes that tears nothing apart.

    Parameters
    ----------
    found
        As `examine` returns it.
    path
        The CSV to write.
    seed
        Decides the draw.

    Returns
    -------
    Found
        The same, with what was written.

    Raises
    ------
    Problem
        Where groups are too large to leave an image of each class in each part.
    """
    rows = found.manifest
    label = rows["label"] if "label" in rows else pd.Series("image", rows.index)
    whole = pd.DataFrame(
        {
            "image_id": rows["image_id"],
            "label": label.fillna("image"),
            "group_id": joined(rows, found.pairs),
        }
    )
    # A count as a fraction and back must not lose an image to rounding.
    share = {p: (found.split["part"] == p).mean() * (1 + 1e-9) for p in splits.PARTS}
    made = splits.make(whole, "grouped", share["test"], share["validation"], seed)
    splits.write(made, path)
    return replace(found, mended=path)


def as_json(found: Found) -> dict[str, Any]:
    """Return what was found as it is printed with ``--json``."""
    return {
        "parts": {p: int((found.split["part"] == p).sum()) for p in splits.PARTS},
        "shared": found.shared,
        "test_images_affected": len(affected(found.shared)),
        "test_images": found.test,
        "fix": found.fix,
    }


def as_text(found: Found, most: int = 20) -> str:
    """Write out what was found for people.

    Parameters
    ----------
    found
        As `examine` returns it.
    most
        How many of each kind are listed by name.
    """
    counts = as_json(found)["parts"]
    hit = len(affected(found.shared))
    lines = [
        ", ".join(f"{n:,} {part}" for part, n in counts.items() if n) + " images.",
        f"{hit:,} of {found.test:,} test images share a patient, a group or a picture with "
        "another part.",
    ]
    told = {"patient": "patient", "group": "group", EXACT: "exact copy", NEAR: "near copy"}
    seen: list[dict[str, Any]] = []
    for kind in KINDS:
        # A group that is a patient already listed tells nothing more.
        new = [o for o in found.shared if o["kind"] == kind and o["parts"] not in seen]
        seen += [one["parts"] for one in new]
        if new:
            lines += ["", f"{_many(len(new), told[kind])} in more than one part:"]
        for one in new[:most]:
            lines.append(f"   {one['name']}")
            for part, members in one["parts"].items():
                more = f" and {len(members) - 3} more" if len(members) > 3 else ""
                lines.append(f"      {part}: {', '.join(members[:3])}{more}")
        if len(new) > most:
            lines.append(f"   and {len(new) - most} more; --json lists all")
    return "\n".join([*lines, "", *([found.remark] if found.remark else []), found.fix]) + "\n"


def _many(n: int, word: str) -> str:
    plural = word if n == 1 else word[:-1] + "ies" if word.endswith("y") else word + "s"
    return f"{n:,} {plural}"


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise Unusable(f"{path}: cannot be read as CSV ({reason}); correct it.") from error


def _split(path: Path) -> pd.DataFrame:
    rows = _read(path)
    for column in ("image_id", "part"):
        if column not in rows:
            raise Unusable(f"{path}: column '{column}' is missing; add it.")
        empty = np.flatnonzero(rows[column].isna())
        if len(empty):
            raise Unusable(f"{path}: line {empty[0] + 2} has no {column}; fill it in.")
    if rows.empty:
        raise Unusable(f"{path}: lists no image; add one line an image.")
    twice = rows.loc[rows["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise Unusable(f"{path}: image '{twice.iloc[0]}' stands twice; remove one of its lines.")
    unknown = rows.loc[~rows["part"].isin(splits.PARTS), "part"]
    if len(unknown):
        raise Unusable(
            f"{path}: part '{unknown.iloc[0]}' is unknown; write one of {', '.join(splits.PARTS)}."
        )
    return rows[["image_id", "part"]]


def _manifest(path: Path, asked: pd.Series[str]) -> pd.DataFrame:
    """Read the rows of the images that are asked for, in that order."""
    rows = _read(path)
    if "image_id" not in rows and "file" not in rows:
        raise Unusable(f"{path}: has neither a column image_id nor file; add one.")
    if "image_id" not in rows:
        rows["image_id"] = _names(rows, asked)
    twice = rows.loc[rows["image_id"].notna() & rows["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise Unusable(f"{path}: image '{twice.iloc[0]}' stands twice; remove one of its lines.")
    unknown = asked[~asked.isin(rows["image_id"])]
    if len(unknown):
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise Unusable(
            f"{path}: does not list image '{unknown.iloc[0]}'{more} of the split; add it or "
            "name the manifest that the split was made from."
        )
    return rows.set_index("image_id").loc[asked.tolist()].reset_index()


def _names(rows: pd.DataFrame, asked: pd.Series[str]) -> pd.Series[str]:
    """Return names of images by their files, as a split writes them."""
    if "label" in rows and not rows["file"].isin(asked).any():
        last = rows["file"].str.rsplit("/", n=1).str[-1]
        return rows["label"] + "/" + last
    return rows["file"]


def _files(manifest: Path, rows: pd.DataFrame) -> tuple[list[Path] | None, str]:
    """Return where the images lie, or None and a remark where none is there."""
    column = next((name for name in ("path", "file", "image_id") if name in rows), "image_id")
    names = rows[column].fillna(rows["image_id"])
    data = os.environ.get(DATA_VARIABLE)
    # A synthetic cohort's manifest lies beside its folder of images.
    roots = [manifest.parent, manifest.parent / "phantoms", *([Path(data)] if data else [])]
    there = {root: [(root / name).is_file() for name in names] for root in roots}
    root = max(roots, key=lambda r: sum(there[r]))
    if not any(there[root]):
        return None, (
            f"None of the images lies where {manifest} says, relative to its folder: near copies "
            "are not looked for."
        )
    if not all(there[root]):
        missing = root / names[there[root].index(False)]
        raise Unusable(f"{missing}: no such file; restore it or correct {manifest}.")
    return [root / name for name in names], ""


def _copies(rows: pd.DataFrame, paths: list[Path]) -> pd.DataFrame:
    with duplicates.opened(paths) as (pictures, faults):
        fault = next((fault for fault in faults if fault is not None), None)
        if fault is not None:
            raise Unusable(str(fault))
        found = duplicates.find(pictures, [images.sha256(path) for path in paths])
    names = rows["image_id"].to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "image_a": names[found["first"]],
            "image_b": names[found["second"]],
            "kind": found["kind"],
        }
    )


# --- the study's record


def record(
    study: Study,
    *,
    results: Path,
    samples: dict[str, Sample] | None,
    made: records.Record,
) -> records.Record:
    """Return the record of what the parts of the study's splits share.

    Parameters
    ----------
    study
        Names the sizes of the parts.
    results
        The folder of its records.
    samples
        Its own cohort and the external ones, or None where they are not at hand.
    made
        As `covidcxr.validity.duplicates.record` returns it.

    Returns
    -------
    Record
        Table ``splits``: for each draw of each of `SPLITS`, each class and reason, how
        many of ``n`` test images are ``affected``. Table ``external``: the same of the
        external cohorts' images, which share something with the study's own cohort.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    inputs = None
    if samples is not None:
        inputs = {"data": fingerprint_of(samples)}
    decisive = ("test_fraction", "validation_fraction")
    return records.load_or_run(
        results / NAME,
        study,
        records.parameters(study, decisive),
        inputs,
        METHOD,
        lambda: _made(study, samples or {}, made),
    )


def _made(study: Study, samples: Mapping[str, Sample], made: records.Record) -> dict[str, Any]:
    label = duplicates.merged(samples, made)
    keys = {
        name: pd.DataFrame(
            {
                "label": sample.manifest["label"],
                "group": duplicates.names(name, sample),
                "copy": copy,
                "any": label[name],
            }
        )
        for (name, sample), copy in zip(
            samples.items(), duplicates.copies(samples, made).values(), strict=True
        )
    }
    tables = [
        _torn(keys[OWN], split["part"]).assign(split=name, seed=seed)
        for name, seed, split in _draws(study, samples[OWN].manifest, label[OWN])
    ]
    outside = [
        _counted(keys[name], {r: keys[name][r].isin(keys[OWN][r]) for r in REASONS}).assign(
            cohort=name
        )
        for name in samples
        if name != OWN
    ]
    external = ["cohort", "label", "reason", "n", "affected"]
    manifest = samples[OWN].manifest
    return {
        "tables": {
            "splits": pd.concat(tables)[["split", "seed", "label", "reason", "n", "affected"]],
            "external": pd.concat(outside)[external] if outside else pd.DataFrame(columns=external),
        },
        "images": {name: int((manifest["label"] == name).sum()) for name in LABELS},
    }


def shares(made: records.Record, reason: str = "any") -> pd.DataFrame:
    """Return what share of the test images is affected, over the draws of each split.

    Parameters
    ----------
    made
        As `record` returns it.
    reason
        One of `REASONS`.

    Returns
    -------
    DataFrame
        A row a split and label: ``draws``, ``n`` test images of a draw, and mean, least
        and largest share over the draws as ``share``, ``low`` and ``high``.
    """
    rows = made.table("splits")
    rows = rows[rows["reason"] == reason]
    rows = rows.assign(share=rows["affected"] / rows["n"].where(rows["n"] > 0))
    found = rows.groupby(["split", "label"]).agg(
        draws=("seed", "size"),
        n=("n", "median"),
        share=("share", "mean"),
        low=("share", "min"),
        high=("share", "max"),
    )
    return found.reindex(list(SPLITS), level="split").reset_index().astype({"n": int})


def as_table(made: records.Record) -> pd.DataFrame:
    """Lay the shares of all reasons out, a row a split and class, for a page."""
    columns = {reason: shares(made, reason) for reason in REASONS}
    base = columns["any"]
    table = pd.DataFrame(
        {
            "split": base["split"].map(SPLITS),
            "class": base["label"],
            "draws": base["draws"],
            "test images": base["n"],
        }
    )
    for reason, title in REASONS.items():
        table[title] = [_range(row) for row in columns[reason].to_dict("records")]
    return table


def _range(row: Mapping[Any, Any]) -> str:
    if row["low"] == row["high"]:
        return f"{100 * row['share']:.1f}%"
    # As many digits as the mean has, which would else lie outside of what it is the mean of.
    return f"{100 * row['share']:.1f}% ({100 * row['low']:.1f} to {100 * row['high']:.1f})"


def answer(made: records.Record) -> str:
    """Say what share of the test images of both classes shares something with another part."""
    told = []
    for name, title in SPLITS.items():
        rows = made.table("splits")
        rows = rows[(rows["split"] == name) & (rows["reason"] == "any")]
        n, hit = rows["n"].sum(), rows["affected"].sum()
        if n:
            told.append(f"{f'{100 * hit / n:.1f}%' if hit else 'none'} when split {title}")
    return f"of the test images, another part has a copy or the same group for {listing(told)}"


def outside_words(made: records.Record) -> str:
    """Say in one sentence how many images of external cohorts are not external."""
    rows = made.table("external")
    rows = rows[rows["reason"] == "any"]
    if rows.empty:
        return "The study has no external cohort."
    told = [
        f"{int(of['affected'].sum())} of {int(of['n'].sum()):,} of '{name}'"
        for name, of in rows.groupby("cohort")
    ]
    return f"Of the external cohorts' images, these share something with its own: {listing(told)}."


def outside(made: records.Record) -> pd.DataFrame:
    """Lay out what the external cohorts share with the study's own, for a page."""
    rows = made.table("external")
    wide = rows.pivot_table(index=["cohort", "label", "n"], columns="reason", values="affected")
    wide = wide.reindex(columns=list(REASONS)).astype(int).rename(columns=REASONS)
    return wide.reset_index().rename(columns={"label": "class", "n": "images"})


def _draws(
    study: Study, manifest: pd.DataFrame, label: NDArray[np.str_]
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    fractions = (study.test_fraction, study.validation_fraction)
    yield "keras", 0, splits.make(manifest, "keras", *fractions)
    whole = manifest.assign(group_id=label)
    for seed in range(DRAWS):
        yield "random", seed, splits.make(manifest, "random", *fractions, seed)
        yield "grouped", seed, splits.make(manifest, "grouped", *fractions, seed)
        yield MENDED, seed, splits.make(whole, "grouped", *fractions, seed)


def _torn(keys: pd.DataFrame, part: pd.Series[str]) -> pd.DataFrame:
    test = (part == "test").to_numpy(dtype=bool)
    shares = {reason: keys.loc[test, reason].isin(keys.loc[~test, reason]) for reason in REASONS}
    return _counted(keys[test], shares)


def _counted(keys: pd.DataFrame, shares: Mapping[str, pd.Series[bool]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "label": label,
                "reason": reason,
                "n": int((keys["label"] == label).sum()),
                "affected": int((hit & (keys["label"] == label)).sum()),
            }
            for label in LABELS
            for reason, hit in shares.items()
        ]
    )
