"""The GPU latencies: how well they predict networks that they were not fitted on, and how they behave beyond them."""

from __future__ import annotations

from pathlib import Path

import latency_families as families
import mbv3_gpu_latency as fitting
import numpy as np
import pytest
from latency_families import Rows

from bonag.evaluators.artifact import artifact_path, load_artifact
from bonag.evaluators.mbv3_gpu_latency import METRICS, NAME, PARTS, SIZES, GPULatency, Roofline
from search_spaces import get_space
from search_spaces.mbv3 import MBV3Architecture, from_ofa

SPACE = get_space("mbv3")


def uniform(kernel: int, expand: int, depth: int) -> MBV3Architecture:
    return from_ofa([kernel] * 20, [expand] * 20, [depth] * 5)


def shipped(metric: str) -> Roofline:
    row = list(METRICS).index(metric)
    return Roofline(**{part: load_artifact(NAME).arrays[part][row] for part in PARTS})


@pytest.fixture(scope="module")
def measured(data_dir: Path) -> tuple[Rows, dict[str, np.ndarray]]:
    """The networks, and their latencies by metric."""
    return fitting.read_rows(data_dir / fitting.FILE)


def test_every_column_of_the_table_is_a_metric(data_dir: Path) -> None:
    import pandas as pd

    columns = [name for name in pd.read_parquet(data_dir / fitting.FILE).columns if name.endswith("_ms")]
    assert list(METRICS) == [f"latency_{name.removesuffix('_ms')}" for name in columns]


def test_stated_errors_are_those_on_rows_that_were_not_fitted_on(
    measured: tuple[Rows, dict[str, np.ndarray]],
) -> None:
    rows, ms = measured
    fitted, reported = fitting.split(len(rows.ops))
    facts = load_artifact(NAME).facts
    assert not set(fitted) & set(reported)
    assert (len(fitted), len(reported)) == (facts["fitted"], facts["reported"])
    for metric, times in ms.items():
        predicted = families.predict_roofline(shipped(metric), rows[reported])
        found = fitting.errors(predicted, times[reported], rows.sizes[reported])
        stated = facts["held_out"][metric]
        for key in ("mean", "median", "quantile_95", "bias", "tau"):
            assert found[key] == pytest.approx(stated[key], abs=1e-6), (metric, key)
        assert found["by_size"].keys() == stated["by_size"].keys()


def test_busy_gpus_are_predicted_well_and_the_family_is_the_best_of_those_compared() -> None:
    facts = load_artifact(NAME).facts
    for metric, (_, batch) in METRICS.items():
        assert facts["held_out"][metric]["tau"] > (0.94 if batch == 64 else 0.55)
        assert facts["held_out"][metric]["mean"] < {64: 0.02, 32: 0.075, 1: 0.075}[batch]
        compared = facts["families"][metric]
        assert compared[facts["chosen"][metric]] == min(compared.values())
        assert len(compared) >= 3
    assert artifact_path(NAME).with_suffix(".md").read_text() == fitting.card(load_artifact(NAME))
    assert artifact_path(NAME).stat().st_size < 100_000


def test_one_metric_fitted_again_is_what_is_shipped(measured: tuple[Rows, dict[str, np.ndarray]]) -> None:
    rows, ms = measured
    fitted, _ = fitting.split(len(rows.ops))
    metric = "latency_titan_rtx_32"
    penalty = families.ROOFLINES[load_artifact(NAME).facts["chosen"][metric]]
    again = families.fit_roofline(rows[fitted], ms[metric][fitted], penalty)
    np.testing.assert_allclose(
        families.predict_roofline(again, rows), families.predict_roofline(shipped(metric), rows), rtol=1e-3
    )


@pytest.mark.slow
def test_the_command_makes_what_is_shipped(data_dir: Path) -> None:
    shipped_facts = load_artifact(NAME).facts
    again = fitting.fit(data_dir, shipped_facts["command"]).facts
    assert again["chosen"] == shipped_facts["chosen"]
    for metric, stated in shipped_facts["held_out"].items():
        assert again["held_out"][metric]["mean"] == pytest.approx(stated["mean"], rel=0.01)
        assert again["held_out"][metric]["tau"] == pytest.approx(stated["tau"], abs=0.002)
        assert again["families"][metric] == pytest.approx(shipped_facts["families"][metric], rel=0.01)


@pytest.mark.parametrize("metric", METRICS)
def test_larger_networks_on_larger_images_are_never_much_faster(metric: str) -> None:
    rng = np.random.default_rng(0)
    sizes = [*range(128, 225), 96, 256]
    networks = [uniform(3, 3, 2), *SPACE.sample(50, rng), uniform(7, 6, 4)]
    ms = {size: GPULatency(SPACE, size, metric).predict(networks) for size in sizes}
    assert all(np.isfinite(each).all() and (each > 0).all() for each in ms.values())
    # The smallest and the largest network are no part of what was measured, and still at the ends.
    assert all(each[0] <= 1.01 * each.min() and each[-1] >= 0.99 * each.max() for each in ms.values())
    assert (ms[224] > 0.98 * ms[128]).all()
    between = np.stack([ms[size] for size in range(128, 225)])
    # A map of an odd side is rounded up, so 129 px may cost what 144 px do.
    assert (np.abs(np.diff(np.log(between), axis=0)) < 0.2).all()


def test_one_image_costs_launches_and_a_batch_costs_work() -> None:
    deep_and_narrow, shallow_and_wide = uniform(3, 3, 4), uniform(7, 6, 2)
    assert SPACE.costs(deep_and_narrow).macs < SPACE.costs(shallow_and_wide).macs
    one = GPULatency(SPACE, 224, "latency_v100_1").predict([deep_and_narrow, shallow_and_wide])
    many = GPULatency(SPACE, 224, "latency_v100_64").predict([deep_and_narrow, shallow_and_wide])
    assert one[0] > 1.5 * one[1]
    assert many[0] < many[1]


def test_it_says_what_it_is_and_where_it_is_extrapolated() -> None:
    inside, outside = (
        GPULatency(SPACE, size, "latency_2080ti_64").description("latency_2080ti_64") for size in (160, 240)
    )
    assert "a batch of 64 images of 160 px on a GeForce RTX 2080 Ti" in inside
    assert "of a width (1.0 or 1.2) that their table does not tell" in inside
    assert "outside" not in inside
    assert "240 px is outside" in outside
    assert "one image of 160 px" in GPULatency(SPACE, 160, "latency_v100_1").description("latency_v100_1")
    assert SIZES[0] == 128
    assert SIZES[-1] == 224
