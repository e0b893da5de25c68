"""What packages say of their licences, however they say it."""

from importlib import metadata
from pathlib import Path

import pytest

from covidcxr.core import licences


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("License-Expression: MIT\nLicense: other", "MIT"),
        (
            "Classifier: License :: OSI Approved :: BSD License\n"
            "Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)\n"
            "License: long text",
            "BSD License, GNU General Public License v3 (GPLv3)",
        ),
        ("Classifier: License :: OSI Approved\nLicense: " + "x" * 199, "x" * 120 + "..."),
        ("Summary: nothing", "not stated"),
    ],
)
def test_each_way_of_saying_a_licence_is_read(tmp_path: Path, lines: str, expected: str) -> None:
    folder = tmp_path / "some-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: some\nVersion: 1\n{lines}\n")
    assert licences.licence(metadata.Distribution.at(folder)) == expected


def test_the_table_names_each_installed_package_once_and_a_gpl_one_as_such() -> None:
    rows = {name.lower(): said for name, _, said in licences.table()}
    assert len(rows) == len(licences.table()) > 100
    assert "BSD" in rows["numpy"]
    if "pylibjpeg-libjpeg" in rows:
        assert "GPL" in rows["pylibjpeg-libjpeg"] or "General Public" in rows["pylibjpeg-libjpeg"]
