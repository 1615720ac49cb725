"""Whether to trust an estimate: it is compared with networks that were measured, and no more is said than they show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, spearmanr

import bonag
import bonag.cli
from bonag import UserError
from bonag.evaluators import make_evaluator
from bonag.evaluators.latencies import latency_model
from bonag.insight.calibration import compare
from search_spaces import Architecture, get_space
from search_spaces.mbv3 import from_ofa

MBV3 = get_space("mbv3")
NAMES = {"source": "x.csv", "space": "mbv3", "evaluator": "surrogate", "task": None, "metric": "accuracy"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and tables go to a folder of the test."""
    monkeypatch.chdir(tmp_path)


def write_table(architectures: list[Architecture], **columns: np.ndarray) -> str:
    """A CSV table of architectures and what was measured of them."""
    pd.DataFrame({"architecture": list(map(str, architectures)), **columns}).to_csv("table.csv", index=False)
    return "table.csv"


def estimates(networks: list[Architecture], task: str) -> np.ndarray:
    """What the surrogate says of them."""
    return make_evaluator(MBV3, "surrogate", task).evaluate_many(networks)["accuracy"]  # type: ignore[attr-defined,no-any-return]


def test_real_measurements_at_192_px_say_what_the_surrogate_is_worth(data_dir: Path) -> None:
    frame = pd.read_parquet(data_dir / "mbv3_imagenet_measured.parquet")
    frame = frame[frame["image_size"] == 192]
    measured = 100 * frame["top1"].to_numpy()
    networks = [from_ofa(*one) for one in zip(frame["ks"], frame["e"], frame["d"], strict=True)]
    found = bonag.calibrate(write_table(networks, accuracy=measured), "mbv3", task="imagenet192")
    assert (found.n, found.without, found.best) == (len(set(networks)), 0, round(len(set(networks)) / 10))
    estimated = estimates(networks, "imagenet192")
    assert found.tau == pytest.approx(kendalltau(estimated, measured).statistic)
    assert found.spearman == pytest.approx(spearmanr(estimated, measured).statistic)
    assert found.offset == pytest.approx((estimated - measured).mean())
    assert found.rmse == pytest.approx((estimated - measured).std())
    assert found.tau_interval[0] < found.tau < found.tau_interval[1]
    assert found.tau_interval[1] - found.tau_interval[0] < 0.12
    assert found.best_found > 3 * found.best**2 / found.n
    assert found.z_sd is not None
    assert 0.8 < found.z_sd < 1.2


def test_real_measurements_at_224_px_of_good_networks_alone_are_harder(data_dir: Path) -> None:
    frame = pd.read_parquet(data_dir / "mbv3_imagenet224_measured.parquet").sample(200, random_state=0)
    networks = [from_ofa(*one) for one in zip(frame["ks"], frame["e"], frame["d"], strict=True)]
    [accuracy] = [name for name in frame if name in ("accuracy", "top1")]
    found = bonag.calibrate(write_table(networks, accuracy=frame[accuracy].to_numpy()), "mbv3", task="imagenet192")
    assert found.tau > 0.8
    # They were measured on larger images than the surrogate is asked for.
    assert found.offset < -0.3


@pytest.mark.slow
def test_a_run_that_a_table_measured_calibrates_the_surrogate_of_its_task(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BONAG_DATA", str(data_dir))
    bonag.search(space="nb201", evaluator="table", task="cifar100", strategy="random", budget=40, name="measured")
    found = bonag.calibrate("measured")
    assert (found.space, found.evaluator, found.task) == ("nb201", "surrogate", "cifar100")
    assert (found.metric, found.n) == ("accuracy", 40)
    assert found.tau > 0.8
    assert abs(found.offset) < 2
    with pytest.raises(UserError, match="was evaluated by 'table' itself"):
        bonag.calibrate("measured", evaluator="table")


@pytest.mark.slow
def test_a_run_of_the_users_own_evaluator_calibrates_another_function() -> None:
    def macs(architecture: Architecture) -> float:
        return float(MBV3.costs(architecture).macs)

    bonag.search(space="mbv3", evaluator=macs, strategy="random", budget=12, name="own", executor="in-process")
    alike = bonag.calibrate("own", evaluator=lambda architecture: 2 * macs(architecture))
    assert alike.tau == pytest.approx(1)
    assert (alike.best_found, alike.z_sd) == (alike.best, None)
    opposite = bonag.calibrate("own", evaluator=lambda architecture: -macs(architecture))
    assert opposite.tau == pytest.approx(-1)
    assert "the wrong way round" in opposite.verdict


@pytest.mark.parametrize(
    ("noise", "n", "said"),
    [
        (0.1, 200, "ranks these networks well"),
        (0.6, 400, "not the best from the good"),
        (1.5, 400, "better than chance and not well"),
        (100.0, 200, "nothing shows"),
        (0.1, 8, "8 networks are few"),
    ],
)
def test_the_verdict_says_no_more_than_the_networks_show(noise: float, n: int, said: str) -> None:
    rng = np.random.default_rng(0)
    measured = rng.normal(size=n)
    found = compare(measured, 5 + measured + noise * rng.normal(size=n), None, 1.0, 0, **NAMES)
    assert said in found.verdict
    assert "\n" not in found.verdict
    assert found.offset == pytest.approx(5, abs=4 * noise / n**0.5)


@pytest.mark.slow
def test_the_interval_holds_the_true_correlation_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    # Of two normal variables with correlation r, Kendall's tau is 2/pi asin r.
    true, r, held = 2 / np.pi * np.arcsin(0.8), 0.8, 0
    for _ in range(12):
        x = rng.normal(size=60)
        y = r * x + np.sqrt(1 - r**2) * rng.normal(size=60)
        low, high = compare(x, y, None, 1.0, 0, **NAMES).tau_interval
        held += low <= true <= high
    assert held >= 10


@pytest.mark.slow
def test_z_scores_and_missing_estimates() -> None:
    rng = np.random.default_rng(0)
    measured = rng.normal(size=500)
    estimated, sd = measured + 0.5 * rng.normal(size=500), np.full(500, 0.25)
    estimated[:3] = np.nan
    found = compare(measured, estimated, sd, 1.0, 0, **NAMES)
    assert (found.n, found.without) == (497, 3)
    assert found.z_sd == pytest.approx(2, rel=0.1)
    # What an evaluator takes for certain has no z-score.
    sd[:250] = 0
    some = compare(measured, estimated, sd, 1.0, 0, **NAMES)
    assert some.z_sd == pytest.approx(2, rel=0.2)
    assert compare(measured, estimated, 0 * sd, 1.0, 0, **NAMES).z_sd is None


def test_the_best_are_the_least_where_less_is_better() -> None:
    measured = np.arange(1.0, 21.0)
    estimated = measured.copy()
    estimated[[0, 1]] = [4.5, 5.5]
    estimated[[18, 19]] = [20.0, 19.0]
    assert compare(measured, estimated, None, 1.0, 0, **NAMES).best_found == 2
    assert compare(measured, estimated, None, -1.0, 0, **NAMES).best_found == 0


def test_a_latency_is_calibrated_as_any_metric() -> None:
    networks = MBV3.sample(30, np.random.default_rng(0))
    mine = 0.9 * latency_model(MBV3, "latency_v100_64", 160).predict(networks)
    found = bonag.calibrate(
        write_table(networks, latency_v100_64=mine), "mbv3", task="imagenet160", metric="-latency_v100_64"
    )
    assert found.tau == pytest.approx(1)
    assert found.best_found == found.best == 3


@pytest.mark.slow
def test_less_of_a_cost_is_better_with_a_minus_or_without() -> None:
    networks = MBV3.sample(30, np.random.default_rng(0))
    estimated = make_evaluator(MBV3, "surrogate").evaluate_many(networks)  # type: ignore[attr-defined]
    table = write_table(networks, latency_note10=estimated["latency_note10"] + np.arange(30.0))
    plain, minus, plus = (bonag.calibrate(table, "mbv3", metric=f"{sign}latency_note10") for sign in ("", "-", "+"))
    assert plain == minus
    assert plain.tau == plus.tau
    assert (plain.metric, plain.best) == ("latency_note10", 3)


@pytest.mark.slow
def test_what_cannot_be_compared_is_one_line() -> None:
    networks = MBV3.sample(6, np.random.default_rng(0))
    values = np.arange(6.0) + 70
    table = write_table(networks, accuracy=values)
    bonag.search(space="mbv3", strategy="random", budget=6, name="estimated")
    for arguments, said in (
        ({"source": table}, "add --space"),
        ({"source": table, "space": "mbv3", "metric": "loss"}, "measures no 'loss'"),
        ({"source": table, "space": "mbv3", "metric": "latency_note10"}, "has no 'latency_note10'"),
        ({"source": table, "space": "mbv3", "metric": "a b"}, "not the name of a metric"),
        ({"source": table, "space": "mbv3", "evaluator": "train"}, "calibrate one that looks up or estimates"),
        ({"source": "estimated"}, "was evaluated by 'surrogate' itself"),
        ({"source": "nowhere"}, "no run 'nowhere'"),
        ({"source": "estimated", "space": "nb201"}, "of the space 'mbv3' and not of 'nb201'"),
    ):
        with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
            bonag.calibrate(**arguments)  # type: ignore[arg-type]
        assert said in str(refused.value)
    for architectures, accuracy, said in (
        (networks[:4], values[:4], "has 4 measured networks: measure at least 5"),
        (networks, np.full(6, 70.0), "there is nothing to rank"),
        (networks, values / 100, "multiply it by 100"),
    ):
        with pytest.raises(UserError, match=r"^[^\n]*$") as refused:
            bonag.calibrate(write_table(architectures, accuracy=accuracy), "mbv3")
        assert said in str(refused.value)


def test_the_command_says_it_in_lines_and_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    networks = MBV3.sample(40, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    table = write_table(networks, accuracy=estimates(networks, "imagenet160") + rng.normal(0, 0.2, size=40))
    words = ["calibrate", table, "--space", "mbv3", "--task", "imagenet160"]
    for extra in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            bonag.cli.main([*words, *extra])
        assert not ended.value.code
        said = capsys.readouterr().out
        if extra:
            values = json.loads(said)
            assert values == {**values, "n": 40, "space": "mbv3", "evaluator": "surrogate", "task": "imagenet160"}
            assert values["tau"] > 0.6
        else:
            assert (
                "accuracy of 40 networks of table.csv, as measured and as mbv3's surrogate on imagenet160 says" in said
            )
            assert "Kendall tau  0." in said
            assert "of its best 4 are among the measured best; by chance 0.4" in said
            assert "accuracy_sd is right" in said
