"""Planted defects: synthetic cohorts, strengths and numbers of seeds."""

from __future__ import annotations

from covidcxr.core.studies import PhantomCohort
from covidcxr.validity import controls

SEEDS = 5
"""Cohorts of each kind, with seeds from 0."""

NULL_SEEDS = 20
"""Cohorts in which nothing is planted."""

COPIED_SEEDS = 3
DISEASE_SEEDS = 10
LABEL_DRAWS = 4
"""Draws of random labels and splits for each cohort."""

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of what tells the classes apart although it is no sign of the disease."""

SEVERITY = 0.6

SHARED = (0.0, 0.05, 0.25)
"""Shares of the test part's patients, or images, that are trained on as well."""

PER_PATIENT = (1.0, 1.5, 2.0, 3.0)
"""Mean images a patient."""

PATCH = 64
"""Pixels a side of the pictures for networks and probes, which see less than that."""

COPIED = PhantomCohort(
    source="phantom", covid19=150, normal=150, image_size=256, images_per_patient=1.5,
    exact_duplicates=16, near_duplicates=80,
)  # fmt: skip
PROBED = PhantomCohort(
    source="phantom", covid19=100, normal=100, image_size=PATCH, images_per_patient=1.4,
    severity=0.0, confounder=0.0, exact_duplicates=0, near_duplicates=0,
)  # fmt: skip
LABELLED = PROBED.model_copy(update={"covid19": 60, "normal": 60})
SINGLE = PROBED.model_copy(
    update={"covid19": 300, "normal": 300, "images_per_patient": 1.0, "severity": SEVERITY}
)

SHORTCUT, DISEASE, FILES, MISSING = "acquisition", controls.DISEASE, "files", "missing fields"
"""What is planted for probes."""

CORNER, LUNG, NOTHING, PLACE = "mark in a corner", "mark in a lung", "no mark", "weighted place"
"""What is planted for maps."""
