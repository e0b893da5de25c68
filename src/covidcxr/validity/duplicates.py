"""Copies of a picture: exact ones, and those that were resized, recompressed, cut or mirrored.

Perceptual hashes name the pairs that may be copies. A comparison of the pixels decides:
the pictures are laid over each other, and their fine structure must agree. Chests look
alike, and hashes hardly see more than a chest; ribs and vessels are a person's own.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from covidcxr.cohorts.image_files import SUFFIXES
from covidcxr.cohorts.images import decode, describe
from covidcxr.cohorts.images import sha256 as sha256_of
from covidcxr.cohorts.samples import OWN, SIZE, Sample, grey
from covidcxr.cohorts.samples import fingerprint as fingerprint_of
from covidcxr.core import records
from covidcxr.core.errors import Unreadable, Unusable
from covidcxr.core.studies import LABELS, Study

NAME = "duplicates"
"""The name of this record among a study's records."""

METHOD = 1
"""Raised when the numbers of such a record change; see `covidcxr.core.records`."""

HASH_SIZE = 16
"""A hash has this many bits squared."""

CUTS = (
    *product((0.0, 0.04), repeat=4),
    (0.02, 0.02, 0.02, 0.02),
)
"""What is cut off left, top, right and bottom before a picture is hashed once more, as
shares of its side, nothing first: a hash alone does not see through a cut of more than
two per cent, and with these it sees through one of five on any of its sides."""

DISTANCE = 44
"""Bits by which the hashes of two copies differ at most, of `HASH_SIZE` squared."""

SIMILARITY = 0.95
"""The least similarity of two copies, as `similar` returns it."""

LEVELS = (32, 64, 128)
"""Pixels a side at which two pictures are laid over each other, one after the other."""

HOPELESS = (0.93, 0.88)
"""The correlation at the coarse levels below which pictures are no copies for certain."""

STEPS, SETTLED, OVERLAP, FARTHEST = 12, 0.002, 0.6, 0.25
"""Of the search for the place: the most steps, the least gain of a step, the least share
of a picture that stays in sight, and how far a picture may be stretched or moved."""

POINTS = 32
"""Points a side at which the search looks, at every level."""

TILE = 16
"""Pixels of the finest level: the side of the tiles whose correlations are judged."""

SMOOTH, COARSE, NEIGHBOURHOOD = 1.0, 3.5, 8.0
"""Pixels of a level: structures finer than the first and coarser than the second are
left out, and contrast is made even within the third."""

NOISE = 2.0
"""Grey levels: less local contrast than that is none."""

FAINT = 0.1
"""The variance of even structure below which a tile shows nothing."""

TEXTURED = 0.1
"""The least share of a picture with local contrast; with less it is blank."""

EXACT, NEAR, REFUSED = "exact", "near", "refused"
"""What a pair of pictures is; refused: the hashes are alike, the pixels are not."""

_PAIR = ["first", "second", "kind", "distance", "similarity", "mirrored"]
_TO_JUDGE = pd.DataFrame(
    {c: pd.Series(dtype=np.int64) for c in ("row", "column", "way", "distance")}
    | {"mirrored": pd.Series(dtype=bool)}
)
_ROWS, _COLUMNS = 64, 4096  # of hashes compared at once, so that they stay in the cache

Words = NDArray[np.uint64]
Structure = tuple[NDArray[np.float32], ...]


def find(pictures: NDArray[np.uint8], sha256: Sequence[str] | None = None) -> pd.DataFrame:
    """Find the pictures that are copies of each other.

    Parameters
    ----------
    pictures
        Shape (n, side, side), grey; 256 pixels a side is what the limits were set on.
    sha256
        The n hashes of the files, so that equal files are equal however they decode.

    Returns
    -------
    DataFrame
        One row a pair: ``first`` < ``second``, row numbers; ``kind``, exact or near;
        ``distance``, bits of the perceptual hashes; ``similarity``, as `similar` returns
        it; ``mirrored``. Sorted by row numbers.

    Notes
    -----
    Blank pictures, black or of one grey, have a hash that says nothing: they are copies
    where file or pixels are exactly equal, never nearly.
    """
    judged = examine(pictures, sha256)
    return judged[judged["kind"] != REFUSED].reset_index(drop=True)


def examine(pictures: NDArray[np.uint8], sha256: Sequence[str] | None = None) -> pd.DataFrame:
    """Judge every pair that might be copies, those of `find` and those that are refused.

    Parameters
    ----------
    pictures, sha256
        As for `find`.

    Returns
    -------
    DataFrame
        As from `find`; ``kind`` is `EXACT`, `NEAR` or `REFUSED`.
    """
    same = exact(pictures, sha256)
    judged = near(pictures, np.unique(same))
    # What holds for a picture holds for its exact copies.
    members = pd.DataFrame({"of": same, "row": np.arange(len(same))})
    spread = judged.merge(members, left_on="first", right_on="of").merge(
        members, left_on="second", right_on="of", suffixes=("_first", "_second")
    )
    spread["first"] = spread[["row_first", "row_second"]].min(axis=1)
    spread["second"] = spread[["row_first", "row_second"]].max(axis=1)
    equal = members.merge(members, on="of", suffixes=("_first", "_second"))
    equal = equal[equal["row_first"] < equal["row_second"]]
    equal = equal.rename(columns={"row_first": "first", "row_second": "second"}).assign(
        kind=EXACT, distance=0, similarity=1.0, mirrored=False
    )
    whole = _typed(pd.concat([spread[_PAIR], equal[_PAIR]]))
    return whole.sort_values(["first", "second"], ignore_index=True)


def groups(n: int, pairs: pd.DataFrame) -> NDArray[np.int64]:
    """Give one number to all that hangs together.

    Parameters
    ----------
    n
        How many things there are.
    pairs
        Columns ``first`` and ``second``: row numbers of what belongs together.

    Returns
    -------
    ndarray of shape (n,)
        Equal for things that are linked, by whatever way.
    """
    first, second = (pairs[c].to_numpy(np.int64) for c in ("first", "second"))
    links = coo_array((np.ones(len(pairs), np.int8), (first, second)), shape=(n, n))
    _, label = connected_components(links, directed=False)
    return label.astype(np.int64)


# --- exact copies


def exact(
    pictures: NDArray[np.uint8],
    sha256: Sequence[str] | None = None,
    sizes: Sequence[object] | None = None,
) -> NDArray[np.int64]:
    """Return for each picture the first that equals it, in its file or in every pixel.

    Parameters
    ----------
    pictures, sha256
        As for `find`.
    sizes
        What else must be equal for equal pixels to count, the size of the n images
        before they were brought to one, say.

    Returns
    -------
    ndarray of shape (n,)
        Row numbers; a picture without an earlier copy has its own.
    """
    n = len(pictures)
    digests = [hashlib.sha256(np.ascontiguousarray(p).tobytes()).hexdigest() for p in pictures]
    drawn = [f"{d} {size}" for d, size in zip(digests, sizes or [""] * n, strict=True)]
    names = [drawn] if sha256 is None else [drawn, [str(name) for name in sha256]]
    links = [pd.DataFrame({"first": _first(keys), "second": np.arange(n)}) for keys in names]
    return _first(groups(n, pd.concat(links)))


def _first(keys: Sequence[str] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each key the first row that has it."""
    _, first, codes = np.unique(np.asarray(keys), return_index=True, return_inverse=True)
    return first[codes].astype(np.int64)


# --- perceptual hashes


def hashes(
    pictures: NDArray[np.uint8], rows: NDArray[np.int64] | None = None
) -> tuple[Words, Words]:
    """Return pHash of every picture, cut in several ways and mirrored.

    Parameters
    ----------
    pictures
        Shape (n, side, side).
    rows
        Which of them; all where that is left out.

    Returns
    -------
    cut : ndarray of uint64, shape (len(CUTS), n, words)
        The first is that of the whole picture.
    mirrored : ndarray of uint64, shape (n, words)
        Of the whole picture seen in a mirror.

    Notes
    -----
    pHash is ImageHash's: the signs, about their median, of the lowest frequencies of a
    cosine transform.
    """
    asked = np.arange(len(pictures)) if rows is None else rows
    words = HASH_SIZE**2 // 64
    cut = np.empty((len(CUTS), len(asked), words), np.uint64)
    mirrored = np.empty((len(asked), words), np.uint64)
    for row, which in enumerate(asked):
        image = Image.fromarray(np.asarray(pictures[which]))
        for way, sides in enumerate(CUTS):
            cut[way, row] = _hash(image, sides)
        mirrored[row] = _hash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), CUTS[0])
    return cut, mirrored


def _hash(image: Image.Image, cut: tuple[float, ...]) -> Words:
    import imagehash

    (width, height), (left, top, right, bottom) = image.size, cut
    side = 4 * HASH_SIZE  # what pHash itself shrinks to
    small = image.resize(
        (side, side),
        Image.Resampling.LANCZOS,
        box=(left * width, top * height, (1 - right) * width, (1 - bottom) * height),
        reducing_gap=2.0,  # thrice as fast, and next to the same
    )
    bits = imagehash.phash(small, hash_size=HASH_SIZE).hash
    packed: Words = np.packbits(bits.ravel()).view(np.uint64)
    return packed


def within(
    first: Words, second: Words | None = None, limit: int = DISTANCE
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]]:
    """Find all pairs of hashes that differ in few bits, in chunks of little memory.

    Parameters
    ----------
    first, second
        Shape (n, words) and (m, words); of one set with itself, each pair is met once.
    limit
        The most bits.

    Yields
    ------
    rows, columns, distances
        Of the pairs, chunk by chunk.

    Notes
    -----
    Every pair is compared, by exclusive or and a count of bits: hashes of radiographs
    crowd together, so that no index would spare much. Time grows with n times m, memory
    with what is found in one chunk.
    """
    other = first if second is None else second
    columns = np.ascontiguousarray(other.T)
    for top in range(0, len(first), _ROWS):
        block = first[top : top + _ROWS]
        start = top if second is None else 0
        for left in range(start, columns.shape[1], _COLUMNS):
            part = columns[:, left : left + _COLUMNS]
            distance = _distances(block, part)
            near = distance <= limit
            if second is None and left < top + _ROWS:
                near &= (
                    np.arange(left, left + part.shape[1])
                    > np.arange(top, top + len(block))[:, None]
                )
            row, column = np.nonzero(near)
            if len(row):
                yield row + top, column + left, distance[row, column]


def _distances(block: Words, part: Words) -> NDArray[np.uint16]:
    """Return Hamming distances of hashes of shape (r, words) and (words, c)."""
    differ = np.empty((len(block), part.shape[1]), np.uint64)
    bits = np.empty(differ.shape, np.uint8)
    total = np.zeros(differ.shape, np.uint16)
    for word in range(block.shape[1]):
        np.bitwise_xor(block[:, word, None], part[word], out=differ)
        np.bitwise_count(differ, out=bits)
        total += bits
    return total


def _candidates(cut: Words, mirrored: Words) -> pd.DataFrame:
    """Return the pairs that some cut brings near: ``row`` once cut is like ``column``."""
    found = []
    for way in range(len(CUTS)):
        for flip, other in ((False, cut[0]), (True, mirrored)):
            # A picture that is not cut meets each other one once.
            once = way == 0 and not flip
            for row, column, distance in within(cut[way], None if once else other):
                apart = row != column
                found.append(
                    pd.DataFrame(
                        {
                            "row": row[apart],
                            "column": column[apart],
                            "mirrored": flip,
                            "way": way,
                            "distance": distance[apart].astype(np.int64),
                        }
                    )
                )
    whole = pd.concat([_TO_JUDGE, *found], ignore_index=True)
    whole["first"] = whole[["row", "column"]].min(axis=1)
    whole["second"] = whole[["row", "column"]].max(axis=1)
    nearest = whole.sort_values(["first", "second", "distance", "way", "mirrored", "row"])
    return nearest.drop_duplicates(["first", "second", "mirrored"]).reset_index(drop=True)


# --- the pixels decide


def near(pictures: NDArray[np.uint8], rows: NDArray[np.int64]) -> pd.DataFrame:
    """Judge the pairs of pictures whose hashes are alike.

    Parameters
    ----------
    pictures
        Shape (n, side, side).
    rows
        Which of them; none is an exact copy of another.

    Returns
    -------
    DataFrame
        As from `examine`, without exact copies.
    """

    @lru_cache(maxsize=1024)
    def seen(row: int) -> Structure:
        return structure(pictures[row])

    kept = np.array([row for row in rows if not blank(pictures[row])], dtype=np.int64)
    cut, mirrored = hashes(pictures, kept)
    found = _candidates(cut, mirrored)
    columns = (found[name].tolist() for name in ("row", "column", "way", "mirrored"))
    found["similarity"] = [
        similar(seen(int(kept[column])), seen(int(kept[row])), CUTS[way], mirrored=flip)
        for row, column, way, flip in zip(*columns, strict=True)
    ]
    found["kind"] = np.where(found["similarity"] >= SIMILARITY, NEAR, REFUSED)
    for side in ("first", "second"):
        found[side] = kept[found[side].to_numpy(np.int64)]
    best = found.sort_values(
        ["first", "second", "similarity", "mirrored"], ascending=[True, True, False, True]
    )
    return _typed(best.drop_duplicates(["first", "second"])[_PAIR]).reset_index(drop=True)


def blank(picture: NDArray[np.uint8]) -> bool:
    """Tell whether a picture, shape (side, side), shows next to nothing."""
    _, contrast = _even(picture, LEVELS[-1])
    return bool((contrast > NOISE / 2).mean() < TEXTURED)


def structure(picture: NDArray[np.uint8]) -> Structure:
    """Return what is fine in a picture at each of `LEVELS`, with even local contrast.

    Parameters
    ----------
    picture
        Shape (side, side).

    Returns
    -------
    tuple of ndarray, shape (level, level)

    Notes
    -----
    Brightness, contrast and any smooth change of them leave it nearly as it is.
    """
    return tuple(_even(picture, side)[0] for side in LEVELS)


def _even(picture: NDArray[np.uint8], side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    shrunk = Image.fromarray(np.asarray(picture)).resize((side, side), Image.Resampling.BOX)
    grey = np.asarray(shrunk, dtype=np.float32)
    fine = gaussian_filter(grey, SMOOTH) - gaussian_filter(grey, COARSE)
    contrast = np.sqrt(gaussian_filter(fine**2, NEIGHBOURHOOD))
    return fine / (contrast + NOISE), contrast


def similar(
    first: Structure,
    second: Structure,
    cut: tuple[float, ...] = CUTS[0],
    *,
    mirrored: bool = False,
) -> float:
    """Lay one picture over another and return how well their structure agrees.

    Parameters
    ----------
    first, second
        As `structure` returns them.
    cut
        What was cut off the second where they seemed alike: where the search begins.
    mirrored
        Whether the first is seen in a mirror.

    Returns
    -------
    float
        The median, over tiles of the finest level, of the correlation of what the two
        show there; where they are clearly different already at a coarse level, their
        correlation there, which is below `SIMILARITY`; -1 where they share nothing.

    Notes
    -----
    An affine map is improved by Gauss and Newton's method, from coarse to fine, as Lucas
    and Kanade register images. The median leaves a letter, an arrow or a frame, which
    spoils few tiles, out of account.
    """
    left, top, right, bottom = cut
    # y' = (1 + a) y + b x + c and x' = d y + (1 + e) x + f, in sides from the centre.
    start = [-(top + bottom), 0.0, (top - bottom) / 2, 0.0, -(left + right), (left - right) / 2]
    place = np.array(start)
    for level, (fixed, moved) in enumerate(zip(first, second, strict=True)):
        seen = np.ascontiguousarray(fixed[:, ::-1]) if mirrored else fixed
        finest = level == len(LEVELS) - 1
        found, place = _align(seen, moved, place, turning=finest)
        if not finest and found < HOPELESS[level]:
            return found
    return min(1.0, _tiles(seen, moved, place))


def _align(
    fixed: NDArray[np.float32],
    moved: NDArray[np.float32],
    place: NDArray[np.float64],
    *,
    turning: bool,
) -> tuple[float, NDArray[np.float64]]:
    """Improve an affine map; return the correlation there and the map."""
    side = len(fixed)
    apart = side // POINTS
    y, x = _grid(side, apart)
    # One lookup finds the value and both slopes.
    slopes = (slope * side for slope in np.gradient(moved))
    layers = np.stack([moved, *slopes], axis=-1).reshape(-1, 3)
    fixed = fixed[::apart, ::apart].ravel()
    free = [0, 1, 2, 3, 4, 5] if turning else [0, 2, 4, 5]
    best, at = -1.0, place
    for _ in range(STEPS):
        down, across, inside = _mapped(place, y, x, side)
        if inside.mean() < OVERLAP:
            break
        there, gy, gx = _sampled(layers, side, down[inside], across[inside])
        yi, xi = y[inside], x[inside]
        slopes_by = np.stack([gy * yi, gy * xi, gy, gx * yi, gx * xi, gx])[free]
        terms = np.vstack([fixed[inside], there, slopes_by])
        terms -= terms.mean(axis=1, keepdims=True)
        products = (terms @ terms.T).astype(np.float64)
        norm = np.sqrt(products[0, 0] * products[1, 1])
        correlation = products[0, 1] / norm if norm else -1.0
        settled = correlation < best + SETTLED
        if correlation > best:
            best, at = float(correlation), place
        if settled:
            break
        # What gain and what step bring the moved picture nearest to the fixed one
        square = products[1:, 1:] + 1e-4 * np.eye(len(terms) - 1)
        gain, *step = np.linalg.solve(square, products[1:, 0])
        change = np.zeros(6)
        change[free] = np.clip(np.array(step) / max(gain, 0.2), -0.03, 0.03)
        place = place + change
        if np.abs(place).max() > FARTHEST:
            break
    return best, at


def _tiles(
    fixed: NDArray[np.float32], moved: NDArray[np.float32], place: NDArray[np.float64]
) -> float:
    """Return the median correlation of tiles that both pictures fill with structure."""
    side = len(fixed)
    y, x = _grid(side, 1)
    down, across, inside = _mapped(place, y, x, side)
    there = np.zeros(side * side, np.float32)
    there[inside] = _sampled(moved.reshape(-1, 1), side, down[inside], across[inside])[0]

    def tiled(values: NDArray[Any]) -> NDArray[Any]:
        number = side // TILE
        return values.reshape(number, TILE, number, TILE).swapaxes(1, 2).reshape(-1, TILE * TILE)

    whole = tiled(inside).all(axis=1)
    if not whole.any():
        return -1.0
    a, b = (tiled(v)[whole].astype(np.float64) for v in (fixed.ravel(), there))
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    of_a, of_b = (a**2).mean(axis=1), (b**2).mean(axis=1)
    structured = np.minimum(of_a, of_b) > FAINT
    if structured.mean() < TEXTURED:
        return -1.0
    correlation = (a * b).mean(axis=1)[structured] / np.sqrt(of_a * of_b)[structured]
    return float(np.median(correlation))


def _mapped(
    place: NDArray[np.float64], y: NDArray[np.float32], x: NDArray[np.float32], side: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Return which pixel of the moved picture lies at each point, and whether one does."""
    a, b, c, d, e, f = (np.float32(number) for number in place)
    centre = np.float32((side - 1) / 2)
    down = ((1 + a) * y + b * x + c) * side + centre
    across = (d * y + (1 + e) * x + f) * side + centre
    # Where nothing was moved, rounding must not push the rim out of sight.
    slack, last = 0.01, side - 1
    inside = (
        (down >= -slack) & (down <= last + slack) & (across >= -slack) & (across <= last + slack)
    )
    return down.clip(0, last), across.clip(0, last), inside


def _sampled(
    layers: NDArray[np.float32], side: int, down: NDArray[np.float32], across: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Interpolate layers, shape (side * side, k), between pixels; shape (k, points)."""
    row = np.minimum(down.astype(np.int64), side - 2)
    column = np.minimum(across.astype(np.int64), side - 2)
    below = (down - row)[:, None].astype(np.float32)
    beside = (across - column)[:, None].astype(np.float32)
    corner = row * side + column
    upper = layers[corner] * (1 - beside) + layers[corner + 1] * beside
    lower = layers[corner + side] * (1 - beside) + layers[corner + side + 1] * beside
    values: NDArray[np.float32] = (upper * (1 - below) + lower * below).T
    return values


@lru_cache(maxsize=2 * len(LEVELS))
def _grid(side: int, apart: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return y and x of every so manieth pixel, in sides from the centre."""
    steps = ((np.arange(0, side, apart) - (side - 1) / 2) / side).astype(np.float32)
    y, x = np.meshgrid(steps, steps, indexing="ij")
    return y.ravel(), x.ravel()


def _typed(pairs: pd.DataFrame) -> pd.DataFrame:
    whole = dict.fromkeys(("first", "second", "distance"), np.int64)
    return pairs.astype(whole | {"similarity": np.float64, "mirrored": bool})


# --- folders of anybody's


@dataclass(frozen=True)
class Scan:
    """What folders hold.

    Attributes
    ----------
    images
        How many were read.
    groups
        Of copies, sorted: ``members``, paths; ``kind``; ``distance``, the most bits
        between two that are linked.
    faults
        The files that could not be read.
    """

    images: int
    groups: list[dict[str, Any]]
    faults: list[Unreadable]


def listed(folders: Sequence[Path]) -> list[Path]:
    """List the image files of folders and of all folders below them.

    Parameters
    ----------
    folders
        Their names start the names of their files. A folder that is met twice, by a
        link or because it was named twice, counts once.

    Returns
    -------
    list of Path
        Sorted; files whose name starts with a dot are left out.

    Raises
    ------
    Unusable
        For a folder that does not exist, and where there is no image at all.
    """
    met: set[str] = set()
    found: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise Unusable(f"{folder}: no such folder; name one that holds images.")
        for place, inside, names in os.walk(folder, followlinks=True):
            real = os.path.realpath(place)
            if real in met:
                inside.clear()
                continue
            met.add(real)
            inside[:] = sorted(name for name in inside if not name.startswith("."))
            found += [
                Path(place, name)
                for name in names
                if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
            ]
    if not found:
        named = ", ".join(str(folder) for folder in folders)
        kinds = ", ".join(sorted(SUFFIXES))
        raise Unusable(f"{named}: no image there; name a folder that holds {kinds} files.")
    return sorted(found)


def scan(folders: Sequence[Path]) -> Scan:
    """Find the groups of copies among the images of folders.

    Parameters
    ----------
    folders
        As for `listed`.

    Returns
    -------
    Scan

    Raises
    ------
    Unusable
        As `listed`, and where no image can be read.
    """
    paths = listed(folders)
    with opened(paths) as (pictures, faults):
        read = [path for path, fault in zip(paths, faults, strict=True) if fault is None]
        if not read:
            first = next(fault for fault in faults if fault is not None)
            more = f" (and {len(paths) - 1} more like it)" if len(paths) > 1 else ""
            raise Unusable(f"No image can be read: {first.path} {first.reason}{more}.")
        sizes = [(facts["width"], facts["height"]) for facts in map(describe, read)]
        same = exact(pictures, [sha256_of(path) for path in read], sizes)
        copies = near(pictures, np.unique(same))
    copies = copies[copies["kind"] != REFUSED]
    links = pd.DataFrame({"first": same, "second": np.arange(len(same)), "distance": 0})
    links = pd.concat([links, copies[["first", "second", "distance"]]])
    label = pd.Series(groups(len(read), links))
    widest = links.groupby(label[links["first"]].to_numpy())["distance"].max()
    found = [
        {
            "members": [str(read[row]) for row in rows.index],
            "kind": EXACT if len(set(same[rows.index])) == 1 else NEAR,
            "distance": int(widest[number]),
        }
        for number, rows in label.groupby(label)
        if len(rows) > 1
    ]
    return Scan(
        images=len(read),
        groups=sorted(found, key=lambda group: group["members"]),
        faults=[fault for fault in faults if fault is not None],
    )


@contextmanager
def opened(
    paths: Sequence[Path],
) -> Iterator[tuple[NDArray[np.uint8], list[Unreadable | None]]]:
    """Decode images to grey at `SIZE`, on disk, so that any number of them can be had.

    Yields
    ------
    pictures : ndarray of shape (n, SIZE, SIZE)
        Of the files that can be read.
    faults : list
        For each file what is wrong with it, or None.
    """
    with tempfile.TemporaryDirectory() as folder:
        shape = (len(paths), SIZE, SIZE)
        pictures = np.lib.format.open_memmap(
            Path(folder) / "grey.npy", mode="w+", dtype=np.uint8, shape=shape
        )
        faults: list[Unreadable | None] = []
        count = 0
        with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            # In batches, since results wait in memory until they are asked for.
            for top in range(0, len(paths), 256):
                for decoded in pool.map(_decoded, paths[top : top + 256]):
                    fault = decoded if isinstance(decoded, Unreadable) else None
                    faults.append(fault)
                    if not isinstance(decoded, Unreadable):
                        pictures[count] = decoded
                        count += 1
        yield pictures[:count], faults


def _decoded(path: Path) -> NDArray[np.uint8] | Unreadable:
    try:
        return grey(decode(path, SIZE, "lanczos")[None])[0]
    except Unreadable as fault:
        return fault


def as_text(found: Scan) -> str:
    """Write out the groups of copies for people."""
    number = len(found.groups)
    lines = [
        f"{number or 'No'} group{'' if number == 1 else 's'} of copies among "
        f"{found.images:,} image{'' if found.images == 1 else 's'}."
    ]
    for place, group in enumerate(found.groups, 1):
        bits = HASH_SIZE**2
        how = (
            "exact"
            if group["kind"] == EXACT
            else f"near, hashes at most {group['distance']} of {bits} bits apart"
        )
        lines += ["", f"{place}. {how}", *(f"   {member}" for member in group["members"])]
    if found.faults:
        lines += ["", "Left out, since they cannot be read:"]
        lines += [f"   {fault.path} {fault.reason}" for fault in found.faults]
    return "\n".join(lines) + "\n"


# --- the study's record


def record(study: Study, *, results: Path, samples: dict[str, Sample] | None) -> records.Record:
    """Return the record of all copies within and across a study's cohorts.

    Parameters
    ----------
    study
        The study.
    results
        The folder of its records.
    samples
        Its own cohort and the external ones, or None where they are not at hand.

    Returns
    -------
    Record
        Tables: ``pairs``, the copies; ``refused``, the most similar pairs that are
        none; ``similarities``, a histogram of both; ``planted``, what a synthetic cohort
        hid and whether it was found.

    Raises
    ------
    Problem
        Where there is neither a record nor data.
    """
    inputs = None
    if samples is not None:
        inputs = {"data": fingerprint_of(samples)}
    return records.load_or_run(
        results / NAME,
        study,
        records.parameters(study, ()),
        inputs,
        METHOD,
        lambda: _made(samples or {}),
    )


def pairs(made: records.Record, table: str = "pairs") -> pd.DataFrame:
    """Return a table of pairs of a record, its names as text whatever they look like."""
    path = made.folder / f"{table}.csv"
    text = {f"{c}_{x}": "string" for c in ("cohort", "image", "label", "group") for x in "ab"}
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={"similarity": [""]})  # type: ignore[arg-type]


def summary(made: records.Record) -> pd.DataFrame:
    """Count the copies of each cohort and class.

    Parameters
    ----------
    made
        As `record` returns it.

    Returns
    -------
    DataFrame
        ``cohort``, ``class``, ``images``; of its groups of copies within the cohort
        ``exact`` and ``near`` ones; ``in them``, images; ``with a copy elsewhere``,
        images that have one in another cohort.
    """
    known = pairs(made)
    inside = known[known["cohort_a"] == known["cohort_b"]]
    across = known[known["cohort_a"] != known["cohort_b"]]
    rows = []
    for name, counts in made["cohorts"].items():
        own = _ends(inside[inside["cohort_a"] == name])
        away = _ends(across)
        for label, n in counts.items():
            members = own[own["label"] == label]
            kinds = members.groupby("group")["exact"].first()
            there = away[(away["cohort"] == name) & (away["label"] == label)]
            rows.append(
                {
                    "cohort": name,
                    "class": label,
                    "images": n,
                    "exact": int(kinds.sum()),
                    "near": int((~kinds).sum()),
                    "in them": len(members),
                    "with a copy elsewhere": len(there),
                }
            )
    return pd.DataFrame(rows)


def _ends(some: pd.DataFrame) -> pd.DataFrame:
    """Return the images of pairs once each, with their group and whether that is exact."""
    sides = [
        some[[f"cohort_{x}", f"image_{x}", f"label_{x}"]].set_axis(
            ["cohort", "image", "label"], axis=1
        )
        for x in "ab"
    ]
    images = pd.concat(sides).drop_duplicates(["cohort", "image"], ignore_index=True)
    place = pd.Series(images.index, pd.MultiIndex.from_frame(images[["cohort", "image"]]))
    links = pd.DataFrame(
        {
            side: place.reindex(pd.MultiIndex.from_frame(ends[["cohort", "image"]])).to_numpy()
            for side, ends in zip(("first", "second"), sides, strict=True)
        }
    )
    label = groups(len(images), links)
    equal = groups(len(images), links[(some["kind"] == EXACT).to_numpy()])
    of_group = pd.Series(equal).groupby(label).nunique()
    return images.assign(group=label, exact=(of_group == 1).reindex(label).to_numpy())


def found_planted(made: records.Record) -> pd.DataFrame:
    """Count the planted copies of a synthetic study by alteration, and those found."""
    rows = made.table("planted")
    counted = rows.groupby("alteration")["found"].agg(["size", "sum"]).reset_index()
    return counted.set_axis(["alteration", "planted", "found"], axis=1).astype(
        {"planted": int, "found": int}
    )


def alarms(made: records.Record) -> dict[str, int]:
    """Count pairs that were found and not planted: of one patient, and of two."""
    known = pairs(made)
    if "planted" not in known:
        return {"one": 0, "two": 0}
    wrong = known[~known["planted"]]
    one = int(wrong["same_group"].sum())
    return {"one": one, "two": len(wrong) - one}


def planted_words(made: records.Record) -> str:
    """Say in a few sentences how the search fared where the truth is known."""
    counted = found_planted(made)
    if counted.empty:
        return "No copies were planted among these images: what was missed is not known."
    wrong = alarms(made)
    return (
        f"Of {counted['planted'].sum()} planted copies {counted['found'].sum()} were found. "
        f"Of the pairs that were found, {wrong['one']} were not planted but are two films of one "
        f"synthetic patient, which differ by little, and {wrong['two']} are of two patients."
    )


def as_table(known: pd.DataFrame, most: int = 30) -> pd.DataFrame:
    """Lay pairs out for a page, those across cohorts and groups first.

    Parameters
    ----------
    known
        As `pairs` returns them.
    most
        Rows.
    """
    across = known["cohort_a"] != known["cohort_b"]
    order = known.assign(across=across).sort_values(
        ["across", "same_group", "kind", "similarity"], ascending=[False, True, True, True]
    )
    shown = order.head(most)
    return pd.DataFrame(
        {
            "first": shown["cohort_a"] + ": " + shown["image_a"].str.rsplit("/", n=1).str[-1],
            "second": shown["cohort_b"] + ": " + shown["image_b"].str.rsplit("/", n=1).str[-1],
            "kind": shown["kind"].where(~shown["mirrored"], shown["kind"] + ", mirrored"),
            "bits": shown["distance"],
            "similarity": shown["similarity"].map("{:.3f}".format),
            "same group": shown["same_group"].map({True: "yes", False: "no"}),
        }
    )


def answer(made: records.Record) -> str:
    """Say how many copies there are and how far they reach."""
    counts = made["counts"]
    total = sum(sum(classes.values()) for classes in made["cohorts"].values())
    if not counts[EXACT] + counts[NEAR]:
        return f"No, none of {total:,} images is a copy of another"
    return (
        f"Yes, {counts[EXACT]} exact and {counts[NEAR]} near pairs of copies among {total:,} "
        f"images, {counts['across_cohorts'] or 'none'} of them across cohorts and "
        f"{counts['across_classes'] or 'none'} across classes"
    )


def merged(samples: Mapping[str, Sample], made: records.Record) -> dict[str, NDArray[np.str_]]:
    """Name what is not independent: images of a group, and copies, across all cohorts.

    Parameters
    ----------
    samples
        Cohorts by name.
    made
        As `record` returns it.

    Returns
    -------
    dict
        By cohort, shape (n,): one name for images that hang together, in the manifest's
        order; the same in every cohort.

    Notes
    -----
    A group of the same name in two cohorts is the same where both have it from the same
    source. Names of synthetic cohorts are drawn anew for each, and an image that is its
    own group has no name but its file's.
    """
    keys = [key for name, sample in samples.items() for key in _keys(name, sample)]
    same = [
        pd.DataFrame({"first": _first(np.array(column)), "second": np.arange(len(keys))})
        for column in zip(*keys, strict=True)
    ]
    first = _first(groups(len(keys), pd.concat([_links(samples, made), *same])))
    return _by_cohort(samples, np.array([own for own, _ in keys], dtype=str)[first])


def copies(samples: Mapping[str, Sample], made: records.Record) -> dict[str, NDArray[np.int64]]:
    """Give one number to images that are copies, across all cohorts, as `merged` does."""
    total = sum(len(sample.manifest) for sample in samples.values())
    return _by_cohort(samples, groups(total, _links(samples, made)))


def names(name: str, sample: Sample) -> list[str]:
    """Return the name of each image's group, equal in two cohorts where it is one group."""
    return [shared for _, shared in _keys(name, sample)]


def _links(samples: Mapping[str, Sample], made: records.Record) -> pd.DataFrame:
    """Return the copies of a record as row numbers of all cohorts' images in turn."""
    images = [(name, row) for name, s in samples.items() for row in s.manifest["image_id"]]
    place = pd.Series(np.arange(len(images)), pd.MultiIndex.from_tuples(images))
    known = pairs(made)
    at = [
        place.reindex(pd.MultiIndex.from_frame(known[[f"cohort_{x}", f"image_{x}"]])).to_numpy()
        for x in "ab"
    ]
    return pd.DataFrame({"first": at[0], "second": at[1]}).dropna().astype(np.int64)


def _by_cohort(samples: Mapping[str, Sample], values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    ends = np.cumsum([len(sample.manifest) for sample in samples.values()])[:-1]
    return dict(zip(samples, np.split(values, ends), strict=True))


def _keys(name: str, sample: Sample) -> list[tuple[str, str]]:
    """Return the group of each image as its cohort knows it, and as others know it."""
    rows = sample.manifest
    own = [f"{name}:{group}" for group in rows["group_id"]]
    nameless = (rows["group_id"] == rows["image_id"]).to_numpy(dtype=bool)
    if "planted_severity" in rows:
        nameless[:] = True
    shared = [
        own_name if alone else f"{source}\t{group}"
        for own_name, alone, source, group in zip(
            own, nameless, rows["source"], rows["group_id"], strict=True
        )
    ]
    return list(zip(own, shared, strict=True))


def _made(samples: Mapping[str, Sample]) -> dict[str, Any]:
    rows = pd.concat(
        [s.manifest.assign(cohort=name) for name, s in samples.items()], ignore_index=True
    )
    judged = examine(np.concatenate([s.grey for s in samples.values()]), rows["sha256"].tolist())
    named = pd.concat([_named(rows, judged), judged.iloc[:, 2:]], axis=1)
    joined = np.concatenate(
        [np.array([shared for _, shared in _keys(n, s)]) for n, s in samples.items()]
    )
    own = np.concatenate([np.array([k for k, _ in _keys(n, s)]) for n, s in samples.items()])
    first, second = judged["first"].to_numpy(), judged["second"].to_numpy()
    named["same_group"] = (joined[first] == joined[second]) | (own[first] == own[second])
    if "planted_duplicate_of" in rows:
        original = rows["cohort"] + "\t" + rows["planted_duplicate_of"].fillna(rows["image_id"])
        named["planted"] = original.to_numpy()[first] == original.to_numpy()[second]
    copies = named[named["kind"] != REFUSED]
    refused = named[named["kind"] == REFUSED]
    manifest = samples[OWN].manifest
    return {
        "tables": {
            "pairs": copies,
            "refused": refused.nlargest(50, "similarity"),
            "similarities": _histogram(named),
            "planted": _planted(rows, judged),
        },
        "images": {label: int((manifest["label"] == label).sum()) for label in LABELS},
        "cohorts": {
            name: {label: int((s.manifest["label"] == label).sum()) for label in LABELS}
            for name, s in samples.items()
        },
        "counts": _counts(copies) | {"refused": len(refused)},
        "limits": {"distance": DISTANCE, "bits": HASH_SIZE**2, "similarity": SIMILARITY},
    }


def _named(rows: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    columns = {"cohort": "cohort", "image": "image_id", "label": "label", "group": "group_id"}
    return pd.DataFrame(
        {
            f"{short}_{x}": rows[column].to_numpy()[judged[side].to_numpy()]
            for x, side in (("a", "first"), ("b", "second"))
            for short, column in columns.items()
        }
    )


def _counts(copies: pd.DataFrame) -> dict[str, int]:
    return {
        **{kind: int((copies["kind"] == kind).sum()) for kind in (EXACT, NEAR)},
        "mirrored": int(copies["mirrored"].sum()),
        "across_classes": int((copies["label_a"] != copies["label_b"]).sum()),
        "across_cohorts": int((copies["cohort_a"] != copies["cohort_b"]).sum()),
        "across_groups": int((~copies["same_group"]).sum()),
    }


def _histogram(named: pd.DataFrame, width: float = 0.01) -> pd.DataFrame:
    """Count the pairs by kind, by whether their group is the same, and by similarity."""
    bins = np.floor((named["similarity"].clip(0, 1 - 1e-6) / width).round(4)).astype(int)
    counts = named.groupby(["kind", "same_group", bins]).size().rename("n").reset_index()
    low = counts.pop("similarity") * width
    return counts.assign(low=low.round(2), high=(low + width).round(2))[
        ["kind", "same_group", "low", "high", "n"]
    ]


def _planted(rows: pd.DataFrame, judged: pd.DataFrame) -> pd.DataFrame:
    """Tell of each planted copy whether it was linked with its original."""
    columns = ["cohort", "image_id", "original", "alteration", "found"]
    if "planted_duplicate_of" not in rows:
        return pd.DataFrame(columns=columns)
    label = groups(len(rows), judged[judged["kind"] != REFUSED])
    place = pd.Series(rows.index, pd.MultiIndex.from_frame(rows[["cohort", "image_id"]]))
    copies = rows[rows["planted_duplicate_of"].notna()]
    original = place.reindex(pd.MultiIndex.from_frame(copies[["cohort", "planted_duplicate_of"]]))
    return pd.DataFrame(
        {
            "cohort": copies["cohort"],
            "image_id": copies["image_id"],
            "original": copies["planted_duplicate_of"],
            "alteration": copies["planted_alteration"],
            "found": label[copies.index] == label[original.to_numpy(dtype=np.int64)],
        }
    )
