"""One training a network, split and seed of each study."""

TRAINING = "notebooks/reproduction/train.ipynb"


def record_file(w):
    """Without the images a page is as old as the record that it shows."""
    record = RESULTS_ROOT / w.study / training.name(w.model, w.split, w.seed) / "record.json"
    return [] if DATA else [str(record)]


rule training:
    """Train one network, or take its record where that answers to the same inputs."""
    input:
        code(TRAINING),
        record_file,
        study=lambda w: study_file(w.study),
        template=TRAINING,
        pixels=lambda w: cohort_file(w.study, "pixels.npy"),
        samples=SAMPLES if STUDY.name in STUDIES else [],
        split=lambda w: split_file(w.study, w.split, w.seed),
    output:
        page=f"{BUILD_ROOT}/{{study}}/pages/{{model}}-{{split}}-s{{seed}}.ipynb",
    params:
        title=lambda w: studies.TITLES[w.model],
        section=lambda w: {m: f"4.{i}" for i, m in enumerate(studies.TITLES, 1)}[w.model],
        cohort=lambda w: cohort_folder(w.study) if DATA else "",
        results=lambda w: RESULTS_ROOT / w.study,
        keep=bool(config.get("keep")),
        # What trains has its own number of threads, and a fork has loaded its libraries with another.
        apart=f"unset {fork_server.ADDRESS}; " if DATA else "",
    # Trainings side by side get more out of a processor than one after the other.
    threads: max(1, (workflow.resource_settings.cores or 1) // len(TRAINED))
    resources:
        gpu=int(config.get("gpu", 0)),
    log:
        f"{BUILD_ROOT}/{{study}}/logs/{{model}}-{{split}}-s{{seed}}.log",
    shell:
        "{params.apart}export OMP_NUM_THREADS={threads}"
        " TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS={threads}; "
        "{COVIDCXR} page {input.template:q} {output.page:q}"
        " -r study={input.study:q} -r model={wildcards.model} -r split={wildcards.split}"
        " -p seed={wildcards.seed} -r cohort={params.cohort:q}"
        " -r split_file={input.split:q} -r samples={input.samples:q} -r results={params.results:q}"
        " -r scratch={SCRATCH:q} -p keep={params.keep}"
        " -r title={params.title:q} -r section={params.section}"
        # Epochs are shown as they end; the kernel's own remarks stay in the log.
        " 2> >(tee {log:q} | grep --line-buffered -v IPKernelApp >&2)"
