"""Change what the paper leaves open, one thing at a time: each arm is one training.

    snakemake --snakefile workflow/sensitivity.smk --cores 2

Settings: base (the study that the arms change), set (overrides of all of them), arms (some
of them, by comma), build and results (folders), keep (last checkpoints stay), gpu (how many each
training asks a cluster for).
"""

import shlex
import sys
from pathlib import Path

from covidcxr.book import imports
from covidcxr.cohorts import cohort
from covidcxr.core import atomic, studies
from covidcxr.networks import sensitivity
from covidcxr.core.studies import TITLES
from covidcxr.core.errors import Problem

COVIDCXR = f"{shlex.quote(sys.executable)} -m covidcxr"
BUILD = Path(config.get("build", "build")) / sensitivity.NAME
SCRATCH = Path(config.get("build", "build")) / "scratch"
RESULTS = Path(config.get("results", "results")) / sensitivity.NAME
CODE = [str(path) for path in imports.of_template(Path("notebooks/training.ipynb"), Path("."))]

ARMS = sensitivity.arms()
try:
    chosen = [key for key in str(config.get("arms") or ",".join(ARMS)).split(",")]
    if unknown := [key for key in chosen if key not in ARMS]:
        raise Problem(f"arm '{unknown[0]}' is unknown; choose {', '.join(ARMS)}.")
    base = config.get("base", f"config/{sensitivity.NAME}.yaml")
    STUDIES = {
        key: sensitivity.study(ARMS[key], base, str(config.get("set") or "")) for key in chosen
    }
    RUNS = {key: sensitivity.run(study) for key, study in STUDIES.items()}
    for study in STUDIES.values():
        if not cohort.at_hand(study):
            raise Problem(
                f"{study.name}: no images; name a data folder in {studies.DATA_VARIABLE}. What was "
                "trained before is shown by make book."
            )
except Problem as problem:
    sys.exit(f"covidcxr: {problem}")


def study_file(key):
    return BUILD / key / "study.yaml"


for key, study in STUDIES.items():
    path = study_file(key)
    if not path.is_file() or path.read_text() != studies.dump(study):
        with atomic.file(path) as aside:
            aside.write_text(studies.dump(study))


def images(study):
    """Name the folder of the decoded images, which arms share where they can."""
    return BUILD / f"cohort-{study.image_size}-{study.resize}"


FOLDERS = {images(study).name: key for key, study in reversed(STUDIES.items())}


wildcard_constraints:
    key="|".join(STUDIES),
    images="|".join(FOLDERS),


localrules:
    all,
    cohort,
    split,


rule all:
    input:
        [BUILD / key / f"{run}.ipynb" for key, run in RUNS.items()],


rule cohort:
    """Gather and decode the images once for all arms that see the same ones."""
    input:
        listing=lambda w: cohort.listing(STUDIES[FOLDERS[w.images]]),
        study=lambda w: study_file(FOLDERS[w.images]),
    output:
        BUILD / "{images}/manifest.csv",
        BUILD / "{images}/pixels.npy",
    params:
        state=cohort.state(STUDIES[chosen[0]]),
        folder=lambda w: BUILD / w.images,
    shell:
        "{COVIDCXR} cohort {input.study:q} {params.folder:q}"


rule split:
    """Decide which image trains and which tests."""
    input:
        study=lambda w: study_file(w.key),
        manifest=lambda w: images(STUDIES[w.key]) / "manifest.csv",
    output:
        BUILD / "{key}/split.csv",
    params:
        kind=lambda w: STUDIES[w.key].splits[0],
        seed=lambda w: STUDIES[w.key].seeds[0],
    shell:
        "{COVIDCXR} split {input.study:q} {input.manifest:q} {params.kind} {params.seed} {output:q}"


rule arm:
    """Train an arm, or take its record where that answers to the same inputs."""
    input:
        CODE,
        study=lambda w: study_file(w.key),
        template="notebooks/training.ipynb",
        pixels=lambda w: images(STUDIES[w.key]) / "pixels.npy",
        split=BUILD / "{key}/split.csv",
    output:
        page=BUILD / "{key}/{run}.ipynb",
    params:
        study=lambda w: STUDIES[w.key],
        cohort=lambda w: images(STUDIES[w.key]),
        results=lambda w: RESULTS / w.key,
        title=lambda w: TITLES[STUDIES[w.key].models[0]],
        keep=bool(config.get("keep")),
    threads: max(1, (workflow.resource_settings.cores or 1) // len(RUNS))
    resources:
        gpu=int(config.get("gpu", 0)),
    log:
        BUILD / "logs/{key}-{run}.log",
    shell:
        "export OMP_NUM_THREADS={threads}"
        " TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS={threads}; "
        "{COVIDCXR} page {input.template:q} {output.page:q}"
        " -p study={input.study:q} -p model={params.study.models[0]}"
        " -p split={params.study.splits[0]} -p seed={params.study.seeds[0]}"
        " -p cohort={params.cohort:q} -p split_file={input.split:q} -p results={params.results:q}"
        " -p scratch={SCRATCH:q} -p keep={params.keep} -p title={params.title:q}"
        " -p section=\"'4'\""
        " 2> >(tee {log:q} >&2)"
