"""Make the record of the controls: ``python -m tests.validity.controls``, some minutes."""

from pathlib import Path

from tests.validity.controls.experiments import make

print(make(Path("results")).folder)
