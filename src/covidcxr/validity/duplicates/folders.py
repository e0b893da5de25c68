"""Copies among the image files of folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from covidcxr.cohorts import image_files
from covidcxr.cohorts.image_files import LeftOut, printable
from covidcxr.cohorts.images import bits_in_use, decode, describe, sha256
from covidcxr.cohorts.samples import SIZE, grey
from covidcxr.core.errors import Unreadable, Unusable
from covidcxr.core.words import plural
from covidcxr.validity.duplicates.components import connected_rows
from covidcxr.validity.duplicates.hashing import DISTANCE, HASH_SIZE
from covidcxr.validity.duplicates.search import (
    EXACT,
    NEAR,
    changed_pairs,
    exact_copies,
    judge_near_pairs,
)


@dataclass(frozen=True)
class Scan:
    """What folders hold: images read, groups of copies, and files that were left out.

    Of a group: ``members``, paths; ``kind``; ``distance``, the most bits between two linked;
    ``changes``, what was done to a member (``path``, ``of``, ``change``) beside size, contrast and
    cut; ``keep`` and ``remove``, where a removal list was asked for. ``links`` are other names of
    a file (``path``, ``of``), no copies. ``threshold`` is the most bits that were allowed.
    """

    images: int
    groups: list[dict[str, Any]]
    faults: list[Unreadable]
    left_out: list[LeftOut]
    links: list[dict[str, str]]
    threshold: int = DISTANCE

    @property
    def as_json(self) -> dict[str, Any]:
        """The groups, the number of images, and every file that was left out and why."""
        others = [*((f.path, f.reason) for f in self.faults), *self.left_out]
        return {
            "images": self.images,
            "threshold": self.threshold,
            "groups": self.groups,
            "links": self.links,
            "left_out": [{"path": printable(path), "reason": why} for path, why in others],
        }


def list_files(folders: Sequence[Path]) -> tuple[list[Path], list[LeftOut]]:
    """List the image files of folders, links followed; there must be one."""
    for folder in folders:
        if not folder.is_dir():
            raise Unusable(f"{folder}: no such folder; name one that holds images.")
    paths, left_out = image_files.list_images(*folders, follow_links=True, skip_unreadable=True)
    if not paths:
        named = ", ".join(str(folder) for folder in folders)
        kinds = ", ".join(sorted(image_files.SUFFIXES))
        others = f"; left out: {image_files.summary(left_out)}" if left_out else ""
        raise Unusable(f"{named}: no image there; name a folder that holds {kinds} files{others}.")
    return paths, left_out


def scan(
    folders: Sequence[Path],
    threshold: int = DISTANCE,
    keep: Literal["first", "largest"] | None = None,
) -> Scan:
    """Find the groups of copies among the images of folders and of all below them.

    The hashes of two copies may differ by ``threshold`` bits of `HASH_SIZE` squared. ``keep`` says
    which file of a group stays where the others were to be removed: the first by name, or that of
    most pixels, the first by name among equals. Nothing is removed. An `Unusable` is raised for a
    folder that does not exist, and if no image can be read.
    """
    named, left_out = list_files(folders)
    paths, links = _without_links(named)
    with decoded(paths) as (pictures, faults):
        readable = [path for path, fault in zip(paths, faults, strict=True) if fault is None]
        unreadable = [fault for fault in faults if fault is not None]
        if not readable:
            more = f" (and {len(paths) - 1} more like it)" if len(paths) > 1 else ""
            first = unreadable[0]
            raise Unusable(f"No image can be read: {first.path} {first.reason}{more}.")
        sizes = [(facts["width"], facts["height"]) for facts in map(describe, readable)]
        original = exact_copies(pictures, [sha256(path) for path in readable], sizes)
        rows = np.unique(original)
        judged = judge_near_pairs(pictures, rows, threshold)
        near = judged[judged["kind"] == NEAR]
        near = near.assign(change=np.where(near["mirrored"], "mirrored", ""))
        changed = changed_pairs(pictures, rows, threshold)
    near = pd.concat([near, changed]).drop_duplicates(["first", "second"], ignore_index=True)
    groups = _groups(readable, original, near)
    if keep:
        pixels = {str(p): w * h if keep == "largest" else 0
                  for p, (w, h) in zip(readable, sizes, strict=True)}  # fmt: skip
        for group in groups:
            # The first of the largest: members are sorted, and the sort is stable.
            kept = max(group["members"], key=lambda member: pixels[member])
            group |= {"keep": kept, "remove": [m for m in group["members"] if m != kept]}
    return Scan(len(readable), groups, unreadable, left_out, links, threshold)


def _without_links(paths: Sequence[Path]) -> tuple[list[Path], list[dict[str, str]]]:
    """Name each file once, by its own name where it has one here, and list its other names."""
    names: dict[tuple[int, int], list[Path]] = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            names[-1, len(names)] = [path]  # said where it is read
        else:
            names.setdefault((status.st_dev, status.st_ino), []).append(path)
    own, links = [], []
    for same in names.values():
        first, *others = sorted(same, key=lambda path: (path.is_symlink(), path))
        own.append(first)
        links += [{"path": str(other), "of": str(first)} for other in others]
    return sorted(own), sorted(links, key=lambda link: link["path"])


def _groups(
    paths: list[Path], original: NDArray[np.int64], near: pd.DataFrame
) -> list[dict[str, Any]]:
    """Describe the groups of files that are linked by exact or near copies."""
    exact = pd.DataFrame({"first": original, "second": np.arange(len(paths)), "distance": 0})
    links = pd.concat([exact, near[["first", "second", "distance"]]])
    label = pd.Series(connected_rows(len(paths), links))
    widest = links.groupby(label[links["first"]].to_numpy())["distance"].max()
    columns = (near[name].tolist() for name in ("first", "second", "change"))
    changed = [pair for pair in zip(*columns, strict=True) if pair[2]]
    groups = [
        {
            "members": [str(paths[row]) for row in rows.index],
            "kind": EXACT if len(set(original[rows.index])) == 1 else NEAR,
            "distance": int(widest[number]),
            "changes": [
                {"path": str(paths[second]), "of": str(paths[first]), "change": change}
                for first, second, change in changed
                if label[first] == number
            ],
        }
        for number, rows in label.groupby(label)
        if len(rows) > 1
    ]  # fmt: skip
    return sorted(groups, key=lambda group: group["members"])


@contextmanager
def decoded(
    paths: Sequence[Path],
) -> Iterator[tuple[NDArray[np.uint8], list[Unreadable | None]]]:
    """Decode images to grey at `SIZE`, memory-mapped, whatever their number.

    Yields the pictures of the files that can be read, and for each file its fault or None.
    """
    with tempfile.TemporaryDirectory() as folder:
        shape = (len(paths), SIZE, SIZE)
        pictures = np.lib.format.open_memmap(
            Path(folder) / "grey.npy", mode="w+", dtype=np.uint8, shape=shape
        )
        faults: list[Unreadable | None] = []
        bits = bits_in_use(paths)
        count = 0
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            # In batches, since results wait in memory until they are asked for.
            for top in range(0, len(paths), 256):
                for picture in pool.map(_decode, paths[top : top + 256], bits[top : top + 256]):
                    if isinstance(picture, Unreadable):
                        faults.append(picture)
                        continue
                    faults.append(None)
                    pictures[count] = picture
                    count += 1
        yield pictures[:count], faults


def _decode(path: Path, bits: int | None) -> NDArray[np.uint8] | Unreadable:
    try:
        return grey(decode(path, SIZE, "lanczos", bits)[None])[0]
    except Unreadable as fault:
        return fault


def as_csv(result: Scan) -> str:
    """Write the groups of copies as CSV, a row a file."""
    rows = [
        {
            "group": number,
            "file": member,
            "kind": group["kind"],
            "change": "; ".join(
                f"{c['change']} of {c['of']}" for c in group["changes"] if c["path"] == member
            ),
            "decision": _decision(group, member),
        }
        for number, group in enumerate(result.groups, 1)
        for member in group["members"]
    ]
    columns = ["group", "file", "kind", "change", "decision"]
    text: str = pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n")
    return text


def as_text(result: Scan) -> str:
    """Write out the groups of copies for a terminal."""
    number = plural(len(result.groups), "group") if result.groups else "No groups"
    lines = [f"{number} of copies among {result.images:,} image{'s' * (result.images != 1)}."]
    for place, group in enumerate(result.groups, 1):
        how = f"near, hashes at most {group['distance']} of {HASH_SIZE**2} bits apart"
        title = EXACT if group["kind"] == EXACT else how
        lines += ["", f"{place}. {title}"]
        for member in group["members"]:
            decision = _decision(group, member)
            lines.append(f"   {f'{decision}: ' if decision else ''}{member}")
        lines += [f"   {c['path']} is {c['of']}, {c['change']}" for c in group["changes"]]
    if result.links:
        link = result.links[0]
        lines += ["", f"Other names of one file, no copies: {len(result.links):,}, {link['path']} "
                      f"of {link['of']} for one."]  # fmt: skip
    if result.faults:
        lines += ["", "Left out, since they cannot be read:"]
        lines += [f"   {fault.path} {fault.reason}" for fault in result.faults]
    if result.left_out:
        lines += ["", f"Left out: {image_files.summary(result.left_out)}."]
    return "\n".join(lines) + "\n"


def _decision(group: dict[str, Any], member: str) -> str:
    if "keep" not in group:
        return ""
    return "keep" if member == group["keep"] else "remove"
