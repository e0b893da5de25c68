"""Studies: cohort, split, networks and protocol, typed and strict.

A study is one YAML file in ``config/``. Keys left out take the defaults below, the faithful
reading of the paper wherever the paper says nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from covidcxr.core import overrides as changes
from covidcxr.core import strict_yaml
from covidcxr.core.errors import Problem
from covidcxr.core.words import one_line, shown

DATA_VARIABLE = "COVIDCXR_DATA"  # the environment variable that names the folder of images

Label = Literal["COVID19", "NORMAL"]
LABELS: tuple[Label, ...] = get_args(Label)
POSITIVE: Label = "COVID19"  # the positive class of every score in this package

ModelName = Literal["resnet50", "resnet152v2", "resnet252v2"]
SplitName = Literal["keras", "random", "grouped"]
Preprocessing = Literal["shared", "own"]

BackboneName = Literal["resnet50", "resnet50v2", "resnet152v2"]

TITLES: dict[ModelName, str] = {
    "resnet50": "ResNet50",
    "resnet152v2": "ResNet152V2",
    "resnet252v2": "ResNet252V2",
}
"""The networks' names as the paper prints them."""

BACKBONES: dict[BackboneName, str] = {
    "resnet50": TITLES["resnet50"],
    "resnet50v2": "ResNet50V2",
    "resnet152v2": TITLES["resnet152v2"],
}
"""What a network can be built on; the second is for controls of capacity alone."""


def _checked_split(name: str) -> str:
    if not _SPLIT.fullmatch(name):
        raise ValueError(
            f"split '{name}' is unknown; choose keras, random or grouped, the last two with the "
            "number of a fixed draw where it should not follow the seed, as in random-1"
        )
    return name


_SPLIT = re.compile(r"keras|(?P<drawn>random|grouped)(-(?P<draw>0|[1-9][0-9]{0,8}))?")

Split = Annotated[str, AfterValidator(_checked_split)]
"""A kind of split; ``random-1`` is one fixed draw, ``random`` another one for each seed."""

Fraction = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """No unknown key, no silent conversion, no later change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PhantomCohort(Strict):
    """Synthetic radiographs with planted defects; see `covidcxr.cohorts.phantom`."""

    source: Literal["phantom"]
    covid19: Count = Field(default=92, description="COVID19 images, duplicates included")
    normal: Count = Field(default=268, description="NORMAL images, duplicates included")
    seed: Annotated[int, Field(ge=0)] = 0
    image_size: Annotated[int, Field(ge=32, le=1024)] = 128
    images_per_patient: Annotated[float, Field(ge=1, le=5)] = Field(
        default=1.4, description="mean number of images of one patient"
    )
    severity: Probability = Field(default=0.6, description="mean strength of the findings")
    confounder: Probability = Field(
        default=0.5, description="how tightly the acquisition follows the class: 0 not, 1 wholly"
    )
    exact_duplicates: Annotated[int, Field(ge=0)] = 4
    near_duplicates: Annotated[int, Field(ge=0)] = 8
    publish_images: bool = True

    @model_validator(mode="after")
    def _duplicates_need_originals(self) -> PhantomCohort:
        copies = self.exact_duplicates + self.near_duplicates
        if copies * 2 > self.covid19 + self.normal:
            raise ValueError(
                "cohort.exact_duplicates + cohort.near_duplicates exceed half of the images; "
                "lower one of them"
            )
        return self


class FolderCohort(Strict):
    """Class folders on disk, described by a CSV where there is one."""

    source: Literal["folder"]
    path: str | None = Field(default=None, description="left out: $COVIDCXR_DATA")
    manifest: str | None = Field(
        default=None, description="left out: cohort.csv where the folder has one"
    )
    classes: dict[Label, list[str]] | None = Field(
        default=None, description="folders of each class; left out: COVID19, covid, Normal, ..."
    )
    images_per_class: Count | None = Field(default=None, description="left out: all")
    patient_ids: Literal["hashed", "plain"] = Field(
        default="hashed", description="how the manifest writes patients of DICOM headers"
    )
    publish_images: bool = False


class KaggleCohort(Strict):
    """The Kaggle set that the paper's counts point to, downloaded and checked."""

    source: Literal["kaggle"]
    handle: str = "jtiptj/chest-xray-pneumoniacovid19tuberculosis"
    folder: str = "train"
    covid19: Count = 460
    normal: Count = 1341
    images_per_class: Count | None = Field(default=None, description="left out: all")
    publish_images: bool = False


Cohort = Annotated[PhantomCohort | FolderCohort | KaggleCohort, Field(discriminator="source")]
ExternalName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Agreement(Strict):
    """When a study agrees with the paper.

    For each score the interval of the difference between the study and the paper's
    corrected matrix is set against the margin: wholly inside, the two agree; wholly
    outside, they differ; otherwise the data do not decide.
    """

    stated: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] = Field(
        default="2026-11-23", description="the day; a run made earlier is judged in hindsight"
    )
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.05
    scores: Annotated[
        list[Literal["accuracy", "sensitivity", "specificity", "ppv", "npv", "f1"]],
        Field(min_length=1),
    ] = ["accuracy", "sensitivity", "specificity", "ppv", "npv", "f1"]


class Study(Strict):
    """Everything that decides a result."""

    name: Annotated[str, Field(max_length=240, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+=,-]*$")]
    title: str
    cohort: Cohort
    external: dict[ExternalName, Cohort] = Field(
        default={}, description="cohorts that no model is trained on, by name, for external testing"
    )

    splits: Annotated[list[Split], Field(min_length=1)] = ["keras"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    validation_fraction: Fraction = Field(
        default=0.0, description="0: curves are drawn on the test part, as the paper's must be"
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [0]

    models: Annotated[list[ModelName], Field(min_length=1)] = list(get_args(ModelName))
    image_size: Annotated[int, Field(ge=32, le=1024)] = 256
    resize: Literal["nearest", "bilinear", "lanczos"] = "nearest"
    preprocessing: Preprocessing = "shared"
    weights: str = Field(
        default="imagenet", description="imagenet, none, or a folder with Keras' weight files"
    )
    trainable: bool = True
    fused: Annotated[list[BackboneName], Field(min_length=2, max_length=2)] = Field(
        default=["resnet50", "resnet152v2"], description="the backbones that ResNet252V2 joins"
    )
    pointwise: Literal["linear", "relu", "none"] = Field(
        default="linear", description="the 1x1 convolution behind the backbones"
    )
    head: Literal["flatten", "gap"] = "flatten"
    dropout: Fraction = 0.5
    batch_norm_momentum: Annotated[float, Field(gt=0, lt=1)] = 0.99

    epochs: Count = 35
    batch_size: Count = 16
    optimizer: Literal["nadam", "adam", "sgd"] = "nadam"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    class_weights: Literal["none", "balanced"] = Field(
        default="none", description="balanced: both classes weigh the same in the loss"
    )
    augmentation: Literal["none", "flip", "full"] = "none"
    precision: Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"] = Field(
        default="auto", description="auto: mixed on an accelerator that has it, else float32"
    )

    explained_per_class: Annotated[int, Field(ge=0)] = Field(
        default=50, description="test images of each class in which a network's evidence is sought"
    )

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    bootstrap_resamples: Annotated[int, Field(ge=100)] = 10_000
    agreement: Agreement = Agreement()
    equivalence_margin: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.05, description="two networks nearer than this are as good as each other"
    )

    @model_validator(mode="after")
    def _possible(self) -> Study:
        if self.test_fraction + self.validation_fraction >= 1:
            raise ValueError(
                "test_fraction + validation_fraction leave nothing to train on; lower one of them"
            )
        if self.pointwise == "relu" and self.explained_per_class:
            raise ValueError(
                "the evidence of a network is found exactly only where its head is linear; with "
                "pointwise=relu set explained_per_class=0"
            )
        if "cohort" in self.external:
            raise ValueError("key 'external.cohort' names the study's own cohort; rename it")
        for key in ("splits", "seeds", "models"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"key '{key}' names something twice; remove one of them")
        return self


def network(name: str) -> ModelName:
    """Return the name of a network, checked."""
    for known in TITLES:
        if known == name:
            return known
    raise Problem(f"{name}: no such network; choose {', '.join(TITLES)}.")


def split_kind(name: str) -> SplitName:
    """Return the kind of a split, ``random`` of ``random-1``, checked."""
    try:
        _checked_split(name)
    except ValueError as error:
        raise Problem(f"{error}.") from error
    return next(kind for kind in get_args(SplitName) if name.startswith(kind))


def split_draw(name: str, seed: int) -> int:
    """Return what decides the draw of a split: its own number, or else the seed of the run."""
    match = _SPLIT.fullmatch(name)
    return int(match["draw"]) if match and match["draw"] else seed


def follows_seed(name: str) -> bool:
    """Return whether a split is drawn anew for each seed: ``random``, but not ``random-1``."""
    return split_kind(name) != "keras" and split_draw(name, 0) != split_draw(name, 1)


def load(path: str | Path, overrides: str | Sequence[str] = ()) -> Study:
    """Read a study and apply overrides to it.

    Its name is the file's name, followed by every override that changes something, so that
    results of a changed study never stand in the folder of the unchanged one.

    Parameters
    ----------
    path
        A YAML file, or the bare name of one in ``config/``.
    overrides
        ``key=value`` items, as a sequence or as one blank-separated text; a dot reaches into a
        section (``cohort.confounder=1``). Values are YAML.

    Raises
    ------
    Problem
        For an unreadable file, an unknown key, a wrong type or an impossible value.
    """
    path = _find(str(path))
    content = strict_yaml.read(path)
    if not isinstance(content, dict):
        raise Problem(f"{path}: holds no 'key: value' lines; see config/demo.yaml for a study.")
    content.setdefault("name", path.stem)
    study = _validate(content, str(path))

    items = changes.split(overrides)
    changed = content
    for item in items:
        changed = changes.apply(changed, item)
    where = f"{path} with {one_line(' '.join(items))}" if items else str(path)
    result = _validate(changed, where)
    if result.name != study.name:
        return result
    chosen = result.model_dump(exclude_defaults=True)
    name = changes.name(study.name, study.model_dump(), result.model_dump(), chosen)
    return result.model_copy(update={"name": name})


def dump(study: Study) -> str:
    """Return a study as YAML that `load` reads back to an equal study."""
    return strict_yaml.dump(study.model_dump(mode="json"))


def _find(name: str) -> Path:
    for path in (Path(name), Path("config", f"{name}.yaml")):
        with contextlib.suppress(OSError):  # a name may be too long for any file
            if path.is_file():
                return path
    known = ", ".join(sorted(p.stem for p in Path("config").glob("*.yaml"))) or "none here"
    shown_name = shown(name, 80) or "The name is empty"
    raise Problem(f"{shown_name}: no such study; give a YAML file or one of config/: {known}.")


def _validate(content: dict[str, Any], where: str) -> Study:
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise Problem(f"{where}: {'; '.join(_explain(e) for e in error.errors())}.") from error


def _explain(error: Any) -> str:
    sources = ("phantom", "folder", "kaggle")
    parts = [str(part) for part in error["loc"]]
    if parts[0:1] == ["cohort"]:
        del parts[1:2]  # pydantic puts the source there
    elif parts[0:1] == ["external"]:
        del parts[2:3]
    key, value = shown(".".join(parts), 80), shown(repr(error["input"]), 80)
    match error["type"]:
        case "extra_forbidden" | "invalid_key":
            return f"key '{key}' is unknown; remove it or correct its spelling"
        case "missing":
            return f"key '{key}' is missing; add it"
        case "union_tag_not_found" | "union_tag_invalid":
            return f"key '{key}.source' must be one of {', '.join(sources)}"
        case "value_error":
            return str(error["ctx"]["error"])
        case "model_attributes_type":
            return f"key '{key}' should hold 'key: value' lines, not {value}"
        case "too_short":
            return f"key '{key}' should name at least one"
    message = re.sub(r"^\w+ should", "should", error["msg"])
    return f"key '{key}' {message}, not {value}"
