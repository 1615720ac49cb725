"""The split: a tenth of every space that no generator sees, the same one everywhere and for good."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from bonag.generators.split import HELD_OUT, held_out, kept, training_pool
from search_spaces import get_space

SPACES = ("nb201", "mbv3", "nb101", "darts", "nbgraph", "nbgraph-proteins")

# What the split said when the first generators were trained on it.
KNOWN = {
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": False,
    "|avg_pool_3x3~0|+|avg_pool_3x3~0|avg_pool_3x3~1|+|avg_pool_3x3~0|avg_pool_3x3~1|avg_pool_3x3~2|": False,
    "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_1x1~2|": False,
    "|none~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|": True,
    "|skip_connect~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|nor_conv_3x3~1|none~2|": True,
    "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|": True,
}


def test_a_tenth_of_all_cells_is_held_out() -> None:
    cells = get_space("nb201").all()
    out = sum(map(held_out, cells))
    # A standard deviation is 37.5.
    assert out == pytest.approx(HELD_OUT * len(cells), abs=113)
    assert len(kept(cells)) == len(cells) - out


@pytest.mark.parametrize("name", SPACES)
def test_a_tenth_of_every_space_is_held_out(name: str) -> None:
    found = [held_out(architecture) for architecture in get_space(name).sample(3000, np.random.default_rng(0))]
    # A standard deviation is 0.0055.
    assert np.mean(found) == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("text", KNOWN)
def test_the_split_never_changes(text: str) -> None:
    assert held_out(get_space("nb201").parse(text)) is KNOWN[text]


def test_the_split_is_the_same_in_every_process() -> None:
    # Python's own hashes of strings differ from process to process.
    code = (
        "import numpy as np\n"
        "from bonag.generators.split import held_out\n"
        "from search_spaces import get_space\n"
        "print(''.join('01'[held_out(a)] for a in get_space('mbv3').sample(200, np.random.default_rng(0))))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    here = "".join("01"[held_out(a)] for a in get_space("mbv3").sample(200, np.random.default_rng(0)))
    assert outputs == {here + "\n"}


def test_no_operation_is_held_out_more_than_others() -> None:
    space = get_space("nb201")
    cells = space.all()
    shares = np.eye(7)[space.codes([cell for cell in cells if held_out(cell)])].mean(axis=0)
    # Of 5 operations a fifth each, with a standard error of 0.01.
    assert np.abs(shares[1:-1, 2:] - 0.2).max() < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_no_generator_sees_what_is_held_out(name: str) -> None:
    space = get_space(name)
    pool = training_pool(space, seed=3, size=2000)
    assert pool.shape[1] == space.num_sites
    assert len(pool) == pytest.approx(1800, abs=60)
    assert not any(held_out(space.decode(space.graph(code))) for code in pool)


def test_the_pool_follows_from_the_seed() -> None:
    space = get_space("nb201")
    assert np.array_equal(training_pool(space, 1, 500), training_pool(space, 1, 500))
    assert not np.array_equal(training_pool(space, 1, 500)[:400], training_pool(space, 2, 500)[:400])


def test_what_is_kept_keeps_its_order() -> None:
    cells = get_space("nb201").sample(200, np.random.default_rng(0))
    assert kept(cells) == [cell for cell in cells if not held_out(cell)]
    assert kept([]) == []
