"""What a killed training left of its checkpoint goes when it starts again."""

from pathlib import Path
from typing import Any, cast

from covidcxr.networks import checkpoints


def test_a_training_sweeps_what_it_left_and_no_other(tmp_path: Path) -> None:
    mine = checkpoints.path(tmp_path, "resnet50-keras-s0", {"seed": 0})
    other = checkpoints.path(tmp_path, "resnet50-keras-s1", {"seed": 1})
    left = [path.with_name(f".{path.name}.0123abcd.part.npz") for path in (mine, other)]
    for path in left:
        path.write_bytes(b"half")
    assert checkpoints.restore(mine, cast(Any, None), {"seed": 0}, 1) is None
    assert list(tmp_path.iterdir()) == [left[1]]
