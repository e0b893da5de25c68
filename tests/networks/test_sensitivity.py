"""Arms differ in what they say they differ in, and are compared with what they change."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from covidcxr.core import records, studies
from covidcxr.core.errors import Problem
from covidcxr.figures import sensitivity as plots
from covidcxr.networks import sensitivity, training
from covidcxr.scores import intervals

ARMS = sensitivity.arms()
STUDY = sensitivity.arm_study(ARMS["resnet50"])
PROTOCOL = intervals.Protocol(resamples=200)
SIZES = {"COVID19": 92, "NORMAL": 268}


def write(results: Path, key: str, wrong: int, **changes: Any) -> records.Record:
    """Write the record of an arm that calls the first ``wrong`` images of each class wrongly."""
    study = sensitivity.arm_study(ARMS[key])
    label = np.repeat(list(SIZES), list(SIZES.values()))
    place = np.concatenate([np.arange(n) for n in SIZES.values()])
    right = place >= wrong
    score = np.where((label == "COVID19") == right, 0.9, 0.1)
    ids = [f"image-{i:03d}" for i in range(len(label))]
    predictions = pd.DataFrame(
        {"image_id": ids, "group_id": ids, "part": "test", "label": label, "score": score}
    )
    history = pd.DataFrame(
        {"epoch": [1, 1], "part": ["train", "test"], "loss": 0.5, "accuracy": [0.9, 0.6]}
    )
    model, split, seed = study.models[0], study.splits[0], study.seeds[0]
    parameters = training.parameters(study, model, split, seed)
    return records.write(
        results / sensitivity.NAME / key / sensitivity.training_name(study),
        study=study,
        parameters=parameters | changes,
        fingerprints={},
        method=1,
        commit={"id": None, "changed": None},
        tables={"history": history, "predictions": predictions},
    )


@pytest.mark.parametrize("key", ARMS)
def test_an_arm_differs_from_what_it_is_compared_with_in_its_own_settings_alone(key: str) -> None:
    arm = ARMS[key]
    changed = sensitivity.arm_study(arm).model_dump(exclude={"name"})
    if arm.against is None:
        assert arm.label == "unchanged"
        return
    base = ARMS[arm.against]
    assert base.against is None
    plain = sensitivity.arm_study(base).model_dump(exclude={"name"})
    differing = {key for key in plain if plain[key] != changed[key]}
    named = {item.split("=")[0] for item in arm.settings.split()}
    assert differing == named - {item.split("=")[0] for item in base.settings.split()}
    assert len(differing) == 1


def test_every_arm_is_one_training_and_a_study_of_more_is_refused() -> None:
    for arm in ARMS.values():
        assert sensitivity.training_name(sensitivity.arm_study(arm)).startswith(
            ("resnet50-keras-s", "resnet252v2-")
        )
    with pytest.raises(Problem, match="an arm is one training; leave one model"):
        sensitivity.training_name(sensitivity.arm_study(ARMS["fusion"], also="seeds=[0,1]"))


def test_a_table_holds_what_the_predictions_say_and_marks_what_was_not_run(tmp_path: Path) -> None:
    write(tmp_path, "resnet50", wrong=10)
    write(tmp_path, "head-gap", wrong=10)
    write(tmp_path, "pointwise-none", wrong=40)
    write(tmp_path, "seed-1", wrong=12)
    trained = sensitivity.read(tmp_path)
    compared = sensitivity.table(trained, PROTOCOL, margin=0.05)

    assert list(compared.index) == list(ARMS)
    assert compared.loc["resnet50", "accuracy"] == pytest.approx(1 - 20 / 360)
    assert compared.loc["resnet50", "sensitivity"] == pytest.approx(1 - 10 / 92)
    assert compared.loc["resnet50", "widest"] == pytest.approx(0.3)
    assert pd.isna(compared.loc["resnet50", "difference"])
    assert compared.loc["head-gap", "difference"] == 0
    assert compared.loc["head-gap", "p"] == 1
    assert compared.loc["head-gap", "verdict"] == "equivalent"
    # 60 images more are wrong, none fewer: the exact test gives twice one half to the 60th.
    assert compared.loc["pointwise-none", "difference"] == pytest.approx(-60 / 360)
    assert compared.loc["pointwise-none", "p"] == pytest.approx(2 * 0.5**60)
    # Two changes are corrected for; the seed's is none of them.
    assert compared.loc["pointwise-none", "holm"] == pytest.approx(4 * 0.5**60)
    assert pd.isna(compared.loc["seed-1", "holm"])
    assert compared.loc["pointwise-none", "verdict"] == "different"
    assert pd.isna(compared.loc["fusion", "accuracy"])
    assert sensitivity.chance_difference(compared) == pytest.approx(4 / 360)

    glued = plots.values(compared, trained, STUDY)
    assert (glued["sensitivity_changes"], glued["sensitivity_different"]) == (2, 1)
    assert (glued["sensitivity_chance"], glued["sensitivity_beyond"]) == ("1.1", "left out (-16.7)")
    alone = plots.values(compared.drop(index="seed-1"), trained, STUDY)
    assert (alone["sensitivity_chance"], alone["sensitivity_beyond"]) == (
        "not run", "left out (-16.7)",
    )  # fmt: skip

    drawn = plots.forest(compared, 0.95).alt
    shown = plots.arm_table(compared, "resnet50", 0.95).text
    assert "not run" in shown and "ResNet50 twice" not in shown
    assert "1x1 convolution: left out -16.7" in drawn


def test_without_records_the_page_says_so(tmp_path: Path) -> None:
    compared = sensitivity.table(sensitivity.read(tmp_path), PROTOCOL, margin=0.05)
    assert plots.values(compared, {}, STUDY)["sensitivity_run"] == 0
    assert "No two arms" in plots.forest(compared, 0.95).text  # type: ignore[union-attr]
    assert compared["accuracy"].isna().all()


def test_a_record_of_a_study_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "head-gap", wrong=1, epochs=3)
    with pytest.raises(
        Problem, match=r"head-gap.*is of another study .* 'make train STUDY=sensitivity'"
    ):
        sensitivity.read(tmp_path)


def flow(*settings: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile",
        "--cores", "1", "--dry-run", "--quiet", "all", "--config", *settings,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_workflow_plans_the_arms_that_are_asked_for(tmp_path: Path) -> None:
    place = [f"build={tmp_path}/build", f"results={tmp_path}/r", "set=cohort.source=phantom"]
    planned = flow(*place, "study=sensitivity/head-gap")
    assert planned.returncode == 0, planned.stderr
    (written,) = tmp_path.glob("build/*/*/study.yaml")
    assert written.parent.name == "head-gap"
    changed = studies.load(written)
    assert changed.head == "gap" and changed.cohort.source == "phantom"

    planned = flow(*place, "study=sensitivity")
    assert planned.returncode == 0, planned.stderr
    assert {path.parent.name for path in tmp_path.glob("build/*/*/study.yaml")} == set(ARMS)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ("study=sensitivity/headgap", "covidcxr: arm 'headgap' is unknown; choose resnet50, "),
        ("set=epoch=1", "key 'epoch' is unknown"),
        ("set=cohort.path=/nowhere", "/nowhere"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(settings: str, sentence: str, tmp_path: Path) -> None:
    refused = flow(f"build={tmp_path}", settings)
    assert refused.returncode
    assert sentence in refused.stderr + refused.stdout
    assert "Traceback" not in refused.stderr


def test_the_twin_network_is_compared_with_the_fusion(tmp_path: Path) -> None:
    def twin() -> str:
        trained = sensitivity.read(tmp_path)
        table = sensitivity.table(trained, PROTOCOL, margin=0.05)
        return str(plots.values(table, trained, STUDY)["sensitivity_twin"])

    assert twin() == "not run"
    write(tmp_path, "fusion", wrong=18)
    write(tmp_path, "fused-same", wrong=9)
    # nine images of each class fewer, of 360
    assert twin().startswith("+5.0 (")
