"""What users install: the wheel that the image is made of has all of the packages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bonag

ROOT = Path(__file__).parents[2]
PACKAGES = ("bonag", "loops", "search_spaces")


@pytest.mark.slow
def test_the_wheel_of_the_image_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    files = {
        str(path.relative_to(source)) for name in PACKAGES for path in (source / name).rglob("*") if path.is_file()
    }
    [command] = re.findall(r"^RUN (pip wheel .+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    subprocess.run([sys.executable, "-m", *command.split()], cwd=source, check=True, capture_output=True)
    [wheel] = (source / "dist").iterdir()
    assert wheel.name == f"bonag-{bonag.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert files - names == set()
    assert {name.partition("/")[0] for name in names - files} == {f"bonag-{bonag.__version__}.dist-info"}
