"""Synthetic cohort: radiographs with planted, known defects.

Everything random is drawn from a stream of its own, one row a patient or an image: changing one
planted defect leaves all the others as they were.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from covidcxr.cohorts import manifest
from covidcxr.cohorts.anatomy import BLOBS, FOCI, GRAIN, SEGMENTS, TRAITS, Anatomy
from covidcxr.cohorts.radiograph import render
from covidcxr.core import atomic
from covidcxr.core.errors import Problem
from covidcxr.core.studies import LABELS, POSITIVE, Label, PhantomCohort

ALTERATIONS = ("resized", "recompressed", "cropped", "brightened", "mirrored")
MOST_IMAGES = 7  # of one patient


def _stream(cohort: PhantomCohort, *name: str) -> np.random.Generator:
    """Independent random stream of a name; a new name changes no other."""
    key = tuple("/".join(name).encode())
    return np.random.default_rng(np.random.SeedSequence(cohort.seed, spawn_key=key))


def draw(cohort: PhantomCohort) -> tuple[pd.DataFrame, Anatomy]:
    """Draw a cohort without rendering it: the frame of `generate`, and anatomy in its order."""
    total = {"COVID19": cohort.covid19, "NORMAL": cohort.normal}
    parts = [_draw_class(cohort, k, total[k], copies) for k, copies in _share_copies(cohort)]
    # Files are numbered across the classes, so that a number tells nothing.
    files = [frame["file"].max() + 1 for frame, _ in parts]
    order = _stream(cohort, "files").permutation(sum(files))
    digits = max(4, len(str(sum(files))))
    stems = np.array([f"phantom-{n + 1:0{digits}d}" for n in order])
    parts[1][0][["patient", "file"]] += files[0]
    parts[1][0]["original"] += cohort.covid19

    frame = pd.concat([part for part, _ in parts], ignore_index=True)
    stem = pd.Series(stems[frame["file"]])
    frame["image_id"] = frame["label"] + "/" + stem + "-" + frame["image"].astype(str) + ".png"
    frame["patient_id"] = frame["group_id"] = stems[frame["patient"]]
    copy = frame["original"] != frame.index
    near = np.resize(ALTERATIONS, cohort.near_duplicates)
    kinds = np.append(["exact"] * cohort.exact_duplicates, near)
    kinds = _stream(cohort, "alterations").permutation(kinds)
    frame["planted_duplicate_of"] = frame["image_id"][frame["original"]].array
    frame["planted_duplicate_of"] = frame["planted_duplicate_of"].where(copy).astype("string")
    frame["planted_alteration"] = pd.Series(kinds, frame.index[copy], dtype="string")

    anatomy = Anatomy(
        *(np.concatenate([getattr(a, f.name) for _, a in parts]) for f in fields(Anatomy))
    )
    rows = np.argsort(frame["image_id"].to_numpy())
    known = [name for name in manifest.MANIFEST.columns if name in frame.columns]
    return frame.loc[rows, known].reset_index(drop=True), anatomy.take(rows)


def _share_copies(cohort: PhantomCohort) -> list[tuple[Label, int]]:
    """Share copies out over the classes, none with more copies than originals."""
    copies = cohort.exact_duplicates + cohort.near_duplicates
    share = round(copies * cohort.covid19 / (cohort.covid19 + cohort.normal))
    least, most = copies - cohort.normal // 2, cohort.covid19 // 2
    if least > most:
        raise Problem(
            "cohort: exact_duplicates + near_duplicates exceed half of a class; lower one of them."
        )
    positive = min(max(share, least), most)
    return [("COVID19", positive), ("NORMAL", copies - positive)]


def _draw_class(
    cohort: PhantomCohort, label: Label, total: int, copies: int
) -> tuple[pd.DataFrame, Anatomy]:
    count = total - copies

    def rng(name: str) -> np.random.Generator:
        return _stream(cohort, label, name)

    # The chance of one more image for which min(geometric, MOST_IMAGES) has the mean asked.
    chances = np.linspace(0, 1, 1001)[:-1]
    means = (chances[:, None] ** np.arange(MOST_IMAGES)).sum(axis=1)
    more = np.interp(cohort.images_per_patient, means, chances)
    sizes = np.minimum(rng("sizes").geometric(1 - more, count), MOST_IMAGES)
    patient = np.repeat(np.arange(count), sizes)[:count]
    patients = patient[-1] + 1

    usual = (1 + cohort.confounder) / 2  # the chance of the style that goes with the class
    chance = 1 - usual if label == POSITIVE else usual
    paediatric = (rng("styles").random(patients) < chance)[patient]

    adult, child, between, within = np.array(list(TRAITS.values())).T
    own = rng("traits").standard_normal((patients, len(TRAITS))).clip(-2.5, 2.5)[patient]
    pose = rng("poses").standard_normal((count, len(TRAITS))).clip(-2.5, 2.5)
    traits = np.where(paediatric[:, None], child, adult) + between * own + within * pose

    # Symmetric about the mean, as wide as 0 and 1 allow; a patient's images differ a little.
    mean = cohort.severity if label == POSITIVE else 0.0
    spread = 0.85 * rng("severities").uniform(-1, 1, patients)[patient]
    spread += 0.15 * rng("courses").uniform(-1, 1, count)
    severity = np.clip(mean + min(mean, 1 - mean) * spread, 0, 1)

    anatomy = Anatomy(
        traits=traits,
        severity=severity,
        paediatric=paediatric,
        vessels=rng("vessels").standard_normal((patients, 2, SEGMENTS, 2))[patient],
        opacities=rng("opacities").random((patients, 2, FOCI, BLOBS + 1, 4))[patient],
        texture=rng("textures").standard_normal((patients, GRAIN, GRAIN))[patient],
        haze=rng("hazes").standard_normal((count, GRAIN, GRAIN)),
    )
    age, sex = rng("persons").random((patients, 2))[patient].T
    frame = pd.DataFrame(
        {
            "patient": patient,
            "file": patient,
            "image": np.arange(count) - np.searchsorted(patient, patient) + 1,
            "original": np.arange(count),
            "label": label,
            "source": np.where(paediatric, "phantom-children", "phantom-adults"),
            "view": np.where(paediatric | (rng("views").random(count) < 0.4), "AP", "PA"),
            "sex": np.where(sex < 0.5, "F", "M"),
            "age": np.where(paediatric, 1 + np.floor(5 * age), 20 + np.floor(66 * age)),
            "planted_severity": severity,
            "planted_acquisition": np.where(paediatric, "paediatric", "adult"),
        }
    )
    # A copy is filed under a number of its own, as one picture in two public sets is.
    rows = np.append(np.arange(count), rng("copies").permutation(count)[:copies])
    frame = frame.iloc[rows].reset_index(drop=True)
    frame.loc[count:, "file"] = patients + np.arange(copies)
    frame.loc[count:, "image"] = 1
    return frame, anatomy.take(rows)


def generate(cohort: PhantomCohort) -> tuple[pd.DataFrame, NDArray[np.uint8]]:
    """Draw and render a synthetic cohort; the same configuration gives the same bytes.

    The frame has one row an image, sorted by ``image_id``, with the manifest's columns except
    those that describe a file. A copy has the patient of its original, but a file number of its
    own. The pixels have shape (n, image_size, image_size), grey, 0 black to 255 white, in the
    frame's order. A `Problem` is raised if a class is too small for its duplicates.
    """
    frame, anatomy = draw(cohort)
    copy = frame["planted_duplicate_of"].notna().to_numpy()
    pixels = np.empty((len(frame), cohort.image_size, cohort.image_size), np.uint8)
    pixels[~copy] = render(anatomy.take(~copy), cohort.image_size, _stream(cohort, "noise"))
    originals = pd.Index(frame["image_id"]).get_indexer(frame["planted_duplicate_of"])
    for i in np.flatnonzero(copy):
        pixels[i] = _alter(pixels[originals[i]], frame["planted_alteration"][i])
    return frame, pixels


def _alter(pixels: NDArray[np.uint8], kind: str) -> NDArray[np.uint8]:
    """Alter a picture as happens on its way from one public set into another."""
    image, size = Image.fromarray(pixels), pixels.shape[0]
    match kind:
        case "resized":
            small = round(0.7 * size)
            image = image.resize((small, small)).resize((size, size))
        case "recompressed":
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=40)
            image = Image.open(buffer)
        case "cropped":
            near, far = 0.02 * size, 0.98 * size
            image = image.resize((size, size), box=(near, near, far, far))
        case "brightened":
            image = image.point([min(255, round(1.08 * grey + 8)) for grey in range(256)])
        case "mirrored":
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(image)


def write(cohort: PhantomCohort, folder: Path) -> Path:
    """Generate a cohort, write class folders of PNG files and return the manifest's path."""
    frame, pixels = generate(cohort)
    with atomic.folder(folder) as aside:
        for label in LABELS:
            (aside / label).mkdir()
        contents = [_png(image) for image in pixels]
        for name, content in zip(frame["image_id"], contents, strict=True):
            (aside / name).write_bytes(content)
        whole = frame.assign(
            path=frame["image_id"],
            original_width=pixels.shape[2],
            original_height=pixels.shape[1],
            original_mode="L",
            original_format="PNG",
            original_bytes=[len(content) for content in contents],
            sha256=[hashlib.sha256(content).hexdigest() for content in contents],
        )
        path = folder / "manifest.csv"
        manifest.write(manifest.validate(whole, str(path)), aside / path.name)
    return path


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
