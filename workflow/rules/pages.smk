"""The computed pages of the book: one rule, and a table of what each page is given and rests on."""

import hashlib

from covidcxr.cohorts import gallery
from covidcxr.core import records, strict_yaml
from covidcxr.paper import checklists, forensics, reproduction
from covidcxr.scores import variance
from covidcxr.validity import epoch_selection

PAGES = strict_yaml.parse(Path("workflow/pages.yaml").read_text(), "workflow/pages.yaml: is")


def template(page):
    return f"notebooks/{PAGES[page]['folder']}/{page}.ipynb"


def page_file(page):
    """Return where an executed page lies; a shared one says the same in the book of any study."""
    place = BUILD_ROOT / "shared" if PAGES[page].get("shared") else BUILD
    return str(place / "pages" / f"{page}.ipynb")


def record_files(folder, *names):
    return [str(folder / name / "record.json") for name in names]


def records_in(folder):
    return [str(path) for path in records.paths(folder)]


def records_of(pages):
    """Return the records of trainings by their pages."""
    return record_files(RESULTS, *(Path(page).stem for page in pages))


RECORDS = {name: page.get("records", []) for name, page in PAGES.items()}
ANALYSES = ("leakage", "shortcuts", "saliency", "external")

# Where a study has no replicates of its own, the page on variance shows the committed ones.
REPLICATED = variance.replicated(STUDY.splits, STUDY.seeds)
REPLICATES = RESULTS if REPLICATED else RESULTS_ROOT / "replicates"
# What is discussed are the records of one study on real images, whichever book shows them.
DISCUSSED = RESULTS_ROOT / edition.edition().discussed
ADDED = TRAINED if STUDY.name in edition.edition().studies else []

try:
    PATIENTS = [str(path) for path in forensics.listing()]
    PATIENTS_HASH = "".join(hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in PATIENTS)
    REAL = [run.folder / "record.json" for run in reproduction.real_trainings(RESULTS_ROOT)]
    if not DATA:
        own = [epoch_selection.NAME] if REPLICATED else []
        for path in [*record_files(RESULTS, *sum(RECORDS.values(), own)), *records_of(TRAINED)]:
            if not Path(path).is_file():
                raise Problem(
                    f"{path}: no such record and no data to make it; name a data folder in "
                    f"{studies.DATA_VARIABLE}, set cohort.source=kaggle to download one, or run "
                    "STUDY=demo, which needs none."
                )
except Problem as problem:
    sys.exit(f"covidcxr: {problem}")

COHORT = str(cohort_folder(STUDY.name)) if DATA else ""
SPLIT = split_file(STUDY.name, *SHOWN)

# What `parameters` may name.
PARAMETER_VALUES = {
    "study": study_file(STUDY.name),
    "paper_study": "config/paper.yaml",
    "sensitivity_study": f"config/{sensitivity.NAME}.yaml",
    "discussed_study": f"config/{DISCUSSED.name}.yaml",
    "replicated_study": study_file(STUDY.name) if REPLICATED else "config/replicates.yaml",
    "results": RESULTS,
    "all_results": RESULTS_ROOT,
    "replicates": REPLICATES,
    "cohort": COHORT,
    "replicated_cohort": COHORT if REPLICATED else "",
    "split": "".join(SPLIT),
    "samples": "".join(SAMPLES),
    "patients": "".join(PATIENTS[:1]),
}

analysis_pages = [page_file(page) for page in ANALYSES]
analysis_records = record_files(DISCUSSED, *sum((RECORDS[page] for page in ANALYSES), []))
evidence = [Path(path) for path in checklists.values()]
renewed = [path for path in evidence if path.is_relative_to(RESULTS)]

# What `needs` may name, besides pages.
INPUTS = {
    "trainings": TRAINED,
    "pixels": cohort_file(STUDY.name, "pixels.npy"),
    "split": SPLIT,
    "samples": SAMPLES,
    "added": ADDED,
    "other_trainings": sorted({str(path) for path in REAL} - set(records_of(ADDED))),
    "discussed_leakage": [page_file("leakage")]
    if RESULTS == DISCUSSED
    else record_files(DISCUSSED, "leakage"),
    "discussed": [*TRAINED, *analysis_pages] if RESULTS == DISCUSSED else analysis_records,
    "patients_or_record": [] if PATIENTS else record_files(RESULTS_ROOT, forensics.NAME),
    "gallery": [str(path) for path in (gallery.FOLDER / gallery.TABLE,) if path.is_file()],
    "controls_record": record_files(RESULTS_ROOT, "controls/record"),
    "arms": [path for arm in sorted((RESULTS_ROOT / sensitivity.NAME).glob("*")) for path in records_in(arm)],
    "replicated": [*TRAINED, page_file("metrics")] if REPLICATED else records_in(REPLICATES),
    "other_replicates": [] if REPLICATED else records_in(REPLICATES),
    # values of records: those that this build may renew, and those that were there
    "evidence": [
        *(str(path) for path in evidence if path not in renewed),
        *([page_file("exploration"), page_file("metrics"), *TRAINED, *analysis_pages] if renewed else []),
        "_toc.yml",
    ],
}

# A page whose record was deleted shows nothing any more: it is made anew.
shown = [(page_file(page), path) for page in PAGES for path in record_files(RESULTS, *RECORDS[page])]
for page, path in [*shown, *zip(TRAINED, records_of(TRAINED))]:
    if not Path(path).is_file():
        Path(page).unlink(missing_ok=True)


def parameters_of(page):
    return {key: str(PARAMETER_VALUES[value]) for key, value in PAGES[page].get("parameters", {}).items()}


def inputs_of(page):
    """Return what a page rests on; without the images also the records that it shows."""
    needs = PAGES[page].get("needs", [])
    files = [file for need in needs for file in (INPUTS[need] if need in INPUTS else [page_file(need)])]
    own = [] if DATA else record_files(RESULTS, *RECORDS[page])
    return [*files, *own, *(value for value in parameters_of(page).values() if value.endswith(".yaml"))]


rule page:
    """Execute a notebook."""
    input:
        lambda w: code(template(w.page)),
        lambda w: inputs_of(w.page),
        template=lambda w: template(w.page),
    output:
        page="{place}/pages/{page}.ipynb",
    params:
        # Snakemake would take braces and brackets in a path of the data for its own.
        patients=lambda w: PATIENTS_HASH if "patients" in PAGES[w.page].get("parameters", {}).values() else "",
        parameters=lambda w: [part for item in parameters_of(w.page).items() for part in ("-r", "=".join(item))],
    wildcard_constraints:
        place=f"{re.escape(str(BUILD))}|{re.escape(str(BUILD_ROOT / 'shared'))}",
        page="|".join(PAGES),
    log:
        "{place}/logs/{page}.log",
    shell:
        "{COVIDCXR} page {input.template:q} {output.page:q} {params.parameters:q} 2> {log:q}"
