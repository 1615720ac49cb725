"""Every block of every tutorial, and of the README, runs as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .tutorial import PAGES, ROOT, blocks, run_page

TUTORIALS = sorted((PAGES / "tutorials").glob("*.md"))
# Smaller searches and trainings in place of those of the page: the same commands, in less time.
INSTEAD: dict[str, Mapping[str, str]] = {
    "README": {
        "--budget 40 --seed 1 --name": "--budget 6 --seed 1 --name",
        "--budget 60": "--budget 7",
        "report first": "report first --no-predictor",
        "budget=40": "budget=6",
        "--dataset ./photos ": "--dataset digits --budget 2 --hyperparameter epochs=1 ",
        "'macs<=3e8'": "'macs<=3e8' --budget 6",
        "-params   ": "-params --budget 6   ",
        "--transfer earlier": "--transfer first --budget 6",
        "--name phone": "--name phone --samples 10 --image-size 32",
        "--space nb201 --task": "--space mbv3 --name after --task",
        "cifar100": "imagenet192",
        "--where 'params<=1e6'": "--where 'params<=1e6' -n 5 --labels 60",
        "trial.epochs(3)": "trial.epochs(1)",
        "--budget 20 --workers 4": "--budget 3 --workers 2",
    },
    "first-search": {
        "--budget 40": "--budget 8",
        "--budget 45": "--budget 9",
        "report first": "report first --no-predictor",
    },
    "own-data": {
        "--budget 12": "--budget 2 --hyperparameter epochs=1",
        "--budget 6": "--budget 2 --hyperparameter cells=1",
        "epochs=10": "epochs=1",
        "--budget 8": "--budget 2 --hyperparameter epochs=3",
        "--epochs 40": "--epochs 2",
    },
    "own-training": {
        "trial.epochs(10)": "trial.epochs(2)",
        "budget=50, workers=4": "budget=3, workers=2",
        "--budget 8": "--budget 3",
        "--budget 6": "--budget 3",
    },
    "own-space": {"epochs=5 --budget 10": "epochs=1 --budget 3", "budget=25": "budget=9", "--steps 200": "--steps 20"},
    # What stands for the checkpoint and for ImageNet is in `imagenet` below.
    "imagenet": {
        "/data/imagenet": "imagenet --task imagenet32",
        "--images 5000": "--images 12",
        "'macs<=3e8' --workers 4 --budget 100": "'macs<=3e8' --workers 2 --budget 3",
        "--width 0.35": "--width 0.05 --hyperparameter epochs=1 --hyperparameter subnets=1 --hyperparameter images=200",
        "--dataset fashion-mnist": "--dataset digits",
        "--constraint 'macs<=1.4e6' --budget 60": "--images 50 --constraint 'macs<=1.4e6' --budget 3",
        "test small --epochs 30": "test small --epochs 1",
    },
    "latency": {
        "--name phone --samples 200": "--name phone --samples 12 --image-size 32",
        'name="phone", samples=200': 'name="phone", samples=12, image_size=32',
        "--budget 30": "--budget 6",
        "budget=15": "budget=6",
        "--budget 12": "--budget 6",
        "latency_phone<=9": "latency_phone<=9000",
    },
    "transfer": {
        "--budget 12": "--budget 3",
        "--budget 20": "--budget 4",
        "--budget 40": "--budget 40 --strategy random",
    },
    "inside-ax": {"range(12)": "range(7)", "--budget 12": "--budget 6"},
    "many-machines": {"epochs=3": "epochs=1", "--budget 8": "--budget 3", "--budget 4": "--budget 2"},
}


def imagenet(folder: Path, make_supernet: Callable[..., Any]) -> None:
    """A checkpoint of few channels and classes, and as many folders of images."""
    import torch
    from PIL import Image

    torch.save({"state_dict": make_supernet(0.1, 3)}, folder / "ofa_mbv3_d234_e346_k357_w1.0")
    rng = np.random.default_rng(5)
    for part, number in (("train", 8), ("val", 6)):
        for label in range(3):
            place = folder / "imagenet" / part / f"n{label:02d}"
            place.mkdir(parents=True)
            for name in range(number):
                Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(place / f"{name}.JPEG")


def test_every_tutorial_is_run_and_every_block_of_it() -> None:
    assert {page.stem for page in TUTORIALS} | {"README"} == set(INSTEAD)
    for page in TUTORIALS:
        kinds = set(re.findall(r"^ *```(.*)$", page.read_text(), re.MULTILINE)) - {""}
        # Output, and what takes a cluster or a database server, is not run.
        assert kinds <= {"python", "bash", "text", "sh"}, page.name
        assert len(list(blocks(page))) >= 3


@pytest.mark.slow
@pytest.mark.numeric
@pytest.mark.parametrize("page", [*TUTORIALS, ROOT / "README.md"], ids=lambda page: page.stem)
def test_it_runs_as_it_stands_there(page: Path, tmp_path: Path, make_supernet: Callable[..., Any]) -> None:
    if page.stem == "imagenet":
        imagenet(tmp_path, make_supernet)
    run_page(page, tmp_path, INSTEAD[page.stem])
