"""Pictures of patients that several tests look for copies among."""

import pytest

from covidcxr.cohorts import phantom
from tests.validity.planted import Pictures, cohort, large


@pytest.fixture(scope="session")
def chests() -> Pictures:
    """Pictures of 24 patients, none a copy of another."""
    return large(phantom.generate(cohort(covid19=12, normal=12))[1])
