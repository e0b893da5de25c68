"""Image files to pixels, samples and splits. Without images, nothing here is asked for."""

SAMPLES = [str(BUILD / "samples")] if DATA else []


def modules(*names):
    return [f"src/covidcxr/{name.replace('.', '/')}.py" for name in names]


# What reads or draws images.
READING = modules(
    *(f"core.{name}" for name in ("atomic", "csv_tables", "identifiers")),
    *(f"cohorts.{name}" for name in ("cohort", "dicom", "folders", "image_files", "images", "kaggle", "manifest")),
    *(f"cohorts.{name}" for name in ("anatomy", "phantom", "radiograph", "structures")),
)


def decoded(study):
    return repr((study.cohort, study.image_size, study.resize))


def cohort_folder(name):
    """Return where a study's pixels lie: arms of one size share them."""
    same = (other for other in STUDIES if decoded(STUDIES[other]) == decoded(STUDIES[name]))
    return BUILD_ROOT / next(same) / "cohort"


def cohort_file(name, file):
    return [str(cohort_folder(name) / file)] if DATA else []


def split_file(name, split, seed):
    return [str(BUILD_ROOT / name / "splits" / f"{split}-s{seed}.csv")] if DATA else []


wildcard_constraints:
    study="|".join(re.escape(name) for name in STUDIES),
    model="|".join(studies.TITLES),
    split=r"keras|(random|grouped)(-\d+)?",
    seed=r"\d+",


rule cohort:
    """Gather and decode the images once."""
    input:
        READING,
    output:
        f"{BUILD_ROOT}/{{study}}/cohort/manifest.csv",
        f"{BUILD_ROOT}/{{study}}/cohort/pixels.npy",
    params:
        decisive=lambda w: decoded(STUDIES[w.study]),
        images=IMAGES,
        study=lambda w: study_file(w.study),
        folder=lambda w: cohort_folder(w.study),
    shell:
        "{COVIDCXR} cohort {params.study:q} {params.folder:q}"


rule samples:
    """Gather the cohort and the external ones at the size that the analyses see."""
    input:
        READING,
        modules("cohorts.samples"),
    output:
        directory(BUILD / "samples"),
    params:
        decisive=repr((STUDY.cohort, STUDY.external, STUDY.image_size, STUDY.resize)),
        images=IMAGES,
        study=study_file(STUDY.name),
    shell:
        "{COVIDCXR} samples {params.study:q} {output:q}"


rule split:
    """Decide which image trains and which tests."""
    input:
        modules("cohorts.splits"),
        manifest=lambda w: cohort_file(w.study, "manifest.csv"),
    output:
        f"{BUILD_ROOT}/{{study}}/splits/{{split}}-s{{seed}}.csv",
    params:
        decisive=lambda w: repr((STUDIES[w.study].test_fraction, STUDIES[w.study].validation_fraction)),
        study=lambda w: study_file(w.study),
    shell:
        "{COVIDCXR} split {params.study:q} {input.manifest:q} {wildcards.split} {wildcards.seed} {output:q}"
