"""Copies among the image files of folders."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from covidcxr.validity.duplicates.hashing import HASH_SIZE
from covidcxr.validity.duplicates.search import EXACT, NEAR, exact_copies, judge_near_pairs


@dataclass(frozen=True)
class Scan:
    """What folders hold: images read, groups of copies, and files that were left out.

    Of a group: ``members``, paths; ``kind``; ``distance``, the most bits between two linked.
    """

    images: int
    groups: list[dict[str, Any]]
    faults: list[Unreadable]
    left_out: list[LeftOut]

    @property
    def as_json(self) -> dict[str, Any]:
        """The groups, the number of images, and every file that was left out and why."""
        others = [*((f.path, f.reason) for f in self.faults), *self.left_out]
        return {
            "images": self.images,
            "groups": self.groups,
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


def scan(folders: Sequence[Path]) -> Scan:
    """Find the groups of copies among the images of folders.

    An `Unusable` is raised for a folder that does not exist, and if no image can be read.
    """
    paths, left_out = list_files(folders)
    with decoded(paths) as (pictures, faults):
        readable = [path for path, fault in zip(paths, faults, strict=True) if fault is None]
        unreadable = [fault for fault in faults if fault is not None]
        if not readable:
            more = f" (and {len(paths) - 1} more like it)" if len(paths) > 1 else ""
            first = unreadable[0]
            raise Unusable(f"No image can be read: {first.path} {first.reason}{more}.")
        sizes = [(facts["width"], facts["height"]) for facts in map(describe, readable)]
        original = exact_copies(pictures, [sha256(path) for path in readable], sizes)
        judged = judge_near_pairs(pictures, np.unique(original))
    groups = _groups(readable, original, judged[judged["kind"] == NEAR])
    return Scan(len(readable), groups, unreadable, left_out)


def _groups(
    paths: list[Path], original: NDArray[np.int64], near: pd.DataFrame
) -> list[dict[str, Any]]:
    """Describe the groups of files that are linked by exact or near copies."""
    exact = pd.DataFrame({"first": original, "second": np.arange(len(paths)), "distance": 0})
    links = pd.concat([exact, near[["first", "second", "distance"]]])
    label = pd.Series(connected_rows(len(paths), links))
    widest = links.groupby(label[links["first"]].to_numpy())["distance"].max()
    groups = [
        {
            "members": [str(paths[row]) for row in rows.index],
            "kind": EXACT if len(set(original[rows.index])) == 1 else NEAR,
            "distance": int(widest[number]),
        }
        for number, rows in label.groupby(label)
        if len(rows) > 1
    ]
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


def as_text(result: Scan) -> str:
    """Write out the groups of copies for a terminal."""
    number = plural(len(result.groups), "group") if result.groups else "No groups"
    lines = [f"{number} of copies among {result.images:,} image{'s' * (result.images != 1)}."]
    for place, group in enumerate(result.groups, 1):
        how = f"near, hashes at most {group['distance']} of {HASH_SIZE**2} bits apart"
        title = EXACT if group["kind"] == EXACT else how
        lines += ["", f"{place}. {title}", *(f"   {member}" for member in group["members"])]
    if result.faults:
        lines += ["", "Left out, since they cannot be read:"]
        lines += [f"   {fault.path} {fault.reason}" for fault in result.faults]
    if result.left_out:
        lines += ["", f"Left out: {image_files.summary(result.left_out)}."]
    return "\n".join(lines) + "\n"
