"""The latency model: its rates, its stated errors, and what it says of whole networks."""

from __future__ import annotations

from pathlib import Path

import note10_latency as fitting
import numpy as np
import pytest

from bonag.evaluators.artifact import artifact_path, load_artifact
from bonag.evaluators.mbv3_work import taps
from bonag.evaluators.note10_latency import NAME, Note10Latency
from search_spaces import get_space
from search_spaces.mbv3 import from_ofa

SPACE = get_space("mbv3")


def uniform(kernel: int, expand: int, depth: int) -> np.ndarray:
    return SPACE.codes([from_ofa([kernel] * 20, [expand] * 20, [depth] * 5)])


def test_taps_count_the_kernel_positions_inside_the_map() -> None:
    for side, kernel, stride in [(7, 3, 1), (7, 7, 1), (8, 5, 2), (7, 3, 2), (5, 7, 2)]:
        out = (side + stride - 1) // stride
        inside = sum(
            0 <= output * stride - kernel // 2 + offset < side for output in range(out) for offset in range(kernel)
        )
        assert taps(side, out, kernel, stride) == inside


@pytest.mark.slow
def test_the_shipped_rates_are_the_fit(data_dir: Path) -> None:
    again, shipped = fitting.fit(data_dir, load_artifact(NAME).facts["command"]), load_artifact(NAME)
    np.testing.assert_allclose(again.arrays["nanoseconds"], shipped.arrays["nanoseconds"], rtol=1e-6)
    assert again.facts["errors"] == {
        name: pytest.approx(errors, rel=1e-4) for name, errors in shipped.facts["errors"].items()
    }
    assert {**again.facts, "errors": None} == {**shipped.facts, "errors": None}
    assert artifact_path(NAME).with_suffix(".md").read_text() == fitting.card(shipped)


def test_stated_errors() -> None:
    errors = load_artifact(NAME).facts["errors"]
    assert errors["fitted on all"]["mean"] < 0.025
    assert errors["image size left out"]["mean"] < 0.025
    assert errors["expand ratio 3 left out"]["mean"] < 0.03
    assert errors["kind of layer left out"]["mean"] < 0.06
    assert errors["kind of layer left out"]["networks_mean"] < 0.02
    rates = load_artifact(NAME).arrays["nanoseconds"]
    assert len(rates) <= 30
    assert (rates >= 0).all()


def test_more_work_takes_longer() -> None:
    latency = Note10Latency(SPACE, 192)
    for kernel, expand, depth in [(3, 3, 2), (5, 4, 3)]:
        base = latency.of_ops(uniform(kernel, expand, depth))
        assert latency.of_ops(uniform(kernel + 2, expand, depth)) > base
        assert latency.of_ops(uniform(kernel, 6, depth)) > base
        assert latency.of_ops(uniform(kernel, expand, depth + 1)) > base
        assert Note10Latency(SPACE, 224).of_ops(uniform(kernel, expand, depth)) > base


def test_width_one_is_somewhat_faster_than_the_tables_width(data_dir: Path) -> None:
    rows = fitting.read_rows(data_dir / fitting.FILE)
    widest = sum(
        row.milliseconds * (1 if block is None or not block.expands or block.in_width != block.out_width else 3)
        for row in rows
        if row.image_size == 192
        and (
            (block := row.block) is None
            or not block.expands
            or (block.kernel, block.mid_width) == (7, 6 * block.in_width)
        )
    )
    ours = float(Note10Latency(SPACE, 192).of_ops(uniform(7, 6, 4))[0])
    # A sixth fewer channels: between linear and quadratic savings, but for the layers whose width stays.
    assert 0.65 * widest < ours < 0.95 * widest


def test_it_says_that_it_is_extrapolated() -> None:
    assert "width-1.2" in Note10Latency(SPACE, 192).description()
    assert "128 px is outside" in Note10Latency(SPACE, 128).description()
    assert "outside" not in Note10Latency(SPACE, 160).description()
