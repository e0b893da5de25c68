"""External testing: models that were trained on one cohort, tested on the others.

Images leave the external test if they are copies of trained ones, or of a group (a patient)
that was trained on. Internal scores are cross-validated with whole groups held out, so that
neither internal nor external images share a group with the images that were trained on.
"""

from covidcxr.validity.external.experiment import METHOD, MODELS, NAME, REASONS, SIDES, record
from covidcxr.validity.external.predictions import (
    ExternalTest,
    cohorts,
    network_tests,
    reverse_tests,
    simple_tests,
    trainings,
)
from covidcxr.validity.external.summaries import (
    SENSITIVITY,
    evaluate,
    gaps,
    summary,
    threshold_of,
    transfer_threshold,
)

__all__ = [
    "METHOD", "MODELS", "NAME", "REASONS", "SENSITIVITY", "SIDES", "ExternalTest", "cohorts",
    "evaluate", "gaps", "network_tests", "record", "reverse_tests", "simple_tests", "summary",
    "threshold_of", "trainings", "transfer_threshold",
]  # fmt: skip
