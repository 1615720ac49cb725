"""The generators' benchmark measures what it says: figures agree with brute force, and no block is measured twice."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from bonag.bench.figures import guidance_figure
from bonag.bench.generator import ROWS_FILE, Plan, blocks_of, measure
from bonag.bench.generator_candidates import (
    EVERY,
    PARTICLES,
    RANDOM,
    UNSTARTED,
    Scored,
    candidates_blocks,
    search,
)
from bonag.bench.generator_distribution import Moments, joined_pairs, noise_floor, reference
from bonag.bench.generator_guided import ACCURACY, BOTH, Census, census_of, conditions_blocks, guided_blocks
from bonag.bench.generator_lab import Lab, Source
from bonag.bench.generator_plan import Sizes
from bonag.bench.generator_rows import COLUMNS, Block, meets_bar, read_rows, run_blocks, stream
from bonag.bench.generator_speed import seconds_each
from bonag.generators.artifact import generator_path, load_generator, training_record
from bonag.generators.denoiser import Denoiser
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.fitting import Schedule
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import VE
from bonag.on_demand.guidance import STRENGTHS, Guidance, make_guidance
from bonag.on_demand.labels import draw_labels
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError

Call = Callable[..., Any]
SMALL = Sizes(
    batch=32, labels=40, pair_labels=120, unguided=64, distribution=200, full=64, reference=2000, draws=3,
    history=30, scored=120, schedule=Schedule(steps=4, batch_size=64),
)  # fmt: skip
PLAN = Plan(("nb201",), ("discrete",), seeds=1, sizes=SMALL)


@pytest.fixture(scope="module")
def nb201() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="module")
def generator(nb201: SearchSpace) -> DiscreteGenerator:
    loaded = load_generator(nb201)
    assert isinstance(loaded, DiscreteGenerator)
    return loaded


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="module")
def tables(data_dir: Path) -> Lab:
    return Lab(data_dir)


def figures(rows: pd.DataFrame, **which: str) -> dict[str, float]:
    for column, value in which.items():
        rows = rows[rows[column] == value]
    return dict(zip(rows["figure"], rows["value"], strict=True))


# Distances of distributions.


def variation(a: np.ndarray, b: np.ndarray) -> float:
    """Total variation of two samples of rows, by counting."""
    every = {tuple(row) for row in a.tolist()} | {tuple(row) for row in b.tolist()}
    shares = [{row: 0.0 for row in every} for _ in range(2)]
    for share, sample in zip(shares, (a, b), strict=True):
        for row in sample.tolist():
            share[tuple(row)] += 1 / len(sample)
    return sum(abs(shares[0][row] - shares[1][row]) for row in every) / 2


@pytest.mark.parametrize("name", ["nb201", "nb101", "nbgraph"])
def test_distances_are_the_largest_total_variations(name: str) -> None:
    space = get_space(name)
    rng = np.random.default_rng(0)
    a, b = (space.codes(space.sample(n, rng)) for n in (150, 90))
    a[:, 1] = a[0, 1]
    pairs = joined_pairs(space)
    sites = [variation(a[:, [s]], b[:, [s]]) for s in range(space.num_sites)]
    joints = [variation(a[:, [i, j]], b[:, [i, j]]) for i, j in pairs]
    found = Moments.of(space, [a[:70], a[70:]]).distances(Moments.of(space, [b]), pairs)
    assert found == pytest.approx([max(sites), max(joints)], abs=1e-12)
    assert {tuple(pair) for pair in pairs.tolist()} == {
        (i, j)
        for i, j in itertools.combinations(range(space.num_nodes), 2)
        if space.adjacency[i, j] or [i, j] in space.free_edges.tolist()
    }


def test_the_distance_of_a_known_distribution_from_the_space(nb201: SearchSpace) -> None:
    # One edge of the cell is always a 3x3 convolution, a fifth in the space: 0.8 in the site and in its joints.
    codes = nb201.codes(nb201.all())
    some = codes[codes[:, 3] == nb201.op_names.index("nor_conv_3x3")]
    exact = reference(nb201, 0, np.random.default_rng(0))
    assert Moments.of(nb201, [some]).distances(exact, joined_pairs(nb201)) == pytest.approx([0.8, 0.8])
    assert Moments.of(nb201, [codes]).distances(exact, joined_pairs(nb201)) == pytest.approx([0, 0], abs=1e-12)


def test_the_noise_floor_is_that_of_independent_draws(nb201: SearchSpace) -> None:
    # Sites of nb201 are independent: six multinomials of five equal classes.
    n, rng = 300, np.random.default_rng(1)
    counts = rng.multinomial(n, [0.2] * 5, size=(4000, 6))
    largest = (np.abs(counts / n - 0.2).sum(axis=2) / 2).max(axis=1)
    exact = reference(nb201, 0, rng)
    found = noise_floor(nb201, exact, n, 100, np.random.default_rng(2))
    assert abs(found[0] - largest.mean()) < 4 * largest.std() / 10
    # Pairs have 25 classes, so they are noisier; against a sample of the same size, noise is sqrt(2) of that.
    assert found[1] > 1.5 * found[0]
    both = noise_floor(nb201, n, n, 100, np.random.default_rng(3))
    assert both / found == pytest.approx([2**0.5] * 2, rel=0.1)


def test_a_reference_is_of_as_many_samples_as_asked_where_the_space_is_too_large() -> None:
    space = get_space("mbv3")
    moments = reference(space, 20_500, np.random.default_rng(4))
    sampled = np.random.default_rng(4)
    codes = np.concatenate([space.codes(space.sample(count, sampled)) for count in (20_000, 500)])
    assert np.array_equal(moments.shares, Moments.of(space, [codes]).shares)
    marginal = np.bincount(codes[:, 5], minlength=int(space.site_classes.max())) / len(codes)
    assert np.diagonal(moments.shares[5, :, 5]) == pytest.approx(marginal)


# What is known of every cell.


@pytest.fixture(scope="module")
def census() -> Census:
    codes = np.array(list(itertools.product(range(3), range(2), range(4))))
    return Census(codes, {"accuracy": np.arange(24.0)})


def test_drawn_figures_are_what_one_counts(census: Census) -> None:
    rows = np.array([0, 5, 5, 23, 7])
    found = census.drawn(rows, {"accuracy": census.values["accuracy"], "high": census.values["accuracy"] > 6})
    pairs = list(itertools.combinations(census.codes[rows], 2))
    assert found == {
        "accuracy": 8.0,
        "high": pytest.approx(0.4),
        "distinct": 4.0,
        "diversity": pytest.approx(np.mean([(a != b).sum() for a, b in pairs])),
    }
    assert census.rows(census.codes[rows]).tolist() == rows.tolist()


def test_expected_figures_are_the_means_of_many_draws(census: Census) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=24) * 2 - 500
    p = np.exp(weights + 500) / np.exp(weights + 500).sum()
    marks = {"accuracy": census.values["accuracy"]}
    expected = census.expected(weights, 12, marks)
    drawn = pd.DataFrame([census.drawn(rng.choice(24, 12, p=p), marks) for _ in range(2000)])
    for name, value in expected.items():
        assert abs(drawn[name].mean() - value) < 4 * drawn[name].std() / 2000**0.5, name


@pytest.mark.slow
def test_what_is_asked_of_the_table_is_what_the_table_holds(tables: Lab, nb201: SearchSpace) -> None:
    lab = tables
    every = census_of(lab, ACCURACY)
    accuracy = every.values["accuracy"]
    own = STRENGTHS["resampling"][0]
    blocks = {block.key[3:]: block for block in guided_blocks(PLAN, lab, "nb201")}
    assert set(blocks) == {
        *(
            (method, f"strength={strength:g}")
            for method, default in (("resampling", own), ("first-order", STRENGTHS["first-order"][0]), ("exact", own))
            for strength in {0.5, 1, 2, 4, 8, default}
        ),
        ("argmax", "top=32"),
    }
    by_default = blocks["resampling", f"strength={own:g}"]
    assert set(by_default.bars) == {"accuracy", "top5_share", "distinct"}
    assert not blocks["resampling", "strength=8"].bars
    found = by_default.measure(0, stream("test", seed=0))
    wishes = lab.wishes(ACCURACY, SMALL.labels, 0, ["accuracy>=top5%"])
    beliefs = lab.beliefs(ACCURACY, SMALL.labels, 0, {"accuracy": 1.0})
    guidance = make_guidance(lab.generator("nb201", "discrete"), "resampling", wishes, {}, beliefs)
    cells = nb201.project(np.eye(7)[guidance.raw_sample(32, stream("test", seed=0))])
    values = np.array([lab.evaluator(ACCURACY).evaluate(cell, 0)["accuracy"] for cell in cells])
    assert found["accuracy"] == pytest.approx(values.mean())
    assert found["top5_share"] == pytest.approx((values >= np.sort(accuracy)[-782]).mean())
    assert found["distinct"] == len(set(cells))
    # The exact one tilts the uniform distribution by the predictor's probabilities.
    weights = np.exp(beliefs.log_probability(every.codes, beliefs.bounds(wishes), np.array([4.0])))
    exact = blocks["exact", "strength=4"].measure(0, stream("test", seed=0))
    assert exact["accuracy"] == pytest.approx((weights * accuracy).sum() / weights.sum())
    best = np.argsort(-beliefs.posterior(every.codes)[0][:, 0], kind="stable")[:32]
    argmax = blocks["argmax", "top=32"].measure(0, stream("test", seed=0))
    assert argmax["accuracy"] == pytest.approx(accuracy[best].mean())
    assert argmax["distinct"] == 32


@pytest.mark.slow
def test_two_conditions_are_judged_by_the_table(tables: Lab) -> None:
    lab = tables
    blocks = list(conditions_blocks(PLAN, lab, "nb201"))
    # Without a conditional generator there is a line instead.
    assert [part for part in blocks if isinstance(part, str)] == [
        "conditions nb201 classifier-free is left out: give --train or --model"
    ]
    by_key = {block.key[3:]: block for block in blocks if isinstance(block, Block)}
    assert {setting for _, setting in by_key} == {"device=pixel3", "device=raspi4", "device=fpga"}
    every = census_of(lab, BOTH)
    latency, accuracy = every.values["latency_fpga"], every.values["accuracy"]
    quick = latency <= np.quantile(latency, 0.25)
    both = quick & (accuracy >= np.quantile(accuracy[quick], 0.95))
    assert 0.24 < quick.mean() < 0.3
    assert both.sum() == pytest.approx(0.05 * quick.sum(), rel=0.05)
    found = by_key["exact", "device=fpga"].measure(0, stream("test", seed=0))
    texts = [f"latency_fpga<={np.quantile(latency, 0.25)}", "accuracy>=top5%"]
    wishes = lab.wishes(BOTH, SMALL.pair_labels, 0, texts)
    beliefs = lab.beliefs(BOTH, SMALL.pair_labels, 0, {"latency_fpga": -1.0, "accuracy": 1.0})
    guidance = make_guidance(lab.generator("nb201", "discrete"), "resampling", wishes, {}, beliefs)
    weights = np.exp(beliefs.log_probability(every.codes, guidance.bounds, guidance.strengths))
    for name, mark in (("feasible", quick), ("meets_both", both)):
        assert found[name] == pytest.approx((weights * mark).sum() / weights.sum())
    drawn = by_key["resampling", "device=fpga"].measure(0, stream("test", seed=0))
    assert drawn["feasible"] > 0.5
    assert drawn["meets_both"] <= drawn["feasible"]


# Candidates for the search.


def score_of(codes: np.ndarray) -> np.ndarray:
    """Distinct for every cell of nb201."""
    return (codes[:, 1:-1] * 7.0 ** np.arange(6)).sum(axis=1)


def test_graphs_are_scored_once_and_evaluated_ones_are_no_candidates(nb201: SearchSpace) -> None:
    asked = []

    def counting(codes: np.ndarray) -> np.ndarray:
        asked.extend(code.tobytes() for code in codes)
        return score_of(codes)

    codes = nb201.codes(nb201.sample(40, np.random.default_rng(0)))
    order = np.argsort(-score_of(codes), kind="stable")
    scored = Scored(nb201, counting, known=codes[order[:2]])
    assert scored(codes[[3, 4, 3]]).tolist() == score_of(codes[[3, 4, 3]]).tolist()
    scored(codes)
    assert len(asked) == len(set(asked)) == len(scored) == len({code.tobytes() for code in codes})
    # What is no cell stands for the nearest.
    broken = codes[:1].copy()
    broken[0, 0] = 5
    assert scored(broken).tolist() == score_of(codes[:1]).tolist()
    assert scored.best(len(scored)) == score_of(codes)[order[2]]
    assert scored.best(1) == score_of(codes)[3]


@pytest.mark.parametrize("method", [PARTICLES, UNSTARTED, "resampling", RANDOM])
def test_a_search_scores_as_many_graphs_as_it_may(
    nb201: SearchSpace, generator: DiscreteGenerator, method: str
) -> None:
    starts = nb201.codes(nb201.sample(10, np.random.default_rng(0)))
    found = []
    for _ in range(2):
        scored = Scored(nb201, score_of, starts)
        search(method, scored, generator, 5.0, starts, 300, np.random.default_rng(1))
        assert len(scored) >= 300
        found.append(scored.best(300))
    assert found[0] == found[1]
    # Better than as many random cells are by far most often.
    values = np.sort(score_of(nb201.codes(nb201.all())))
    assert found[0] > np.quantile(values, 0.99)


@pytest.mark.slow
def test_candidates_are_compared_at_one_history_and_one_number_of_graphs(tables: Lab, data_dir: Path) -> None:
    blocks = {block.key[3:]: block for block in candidates_blocks(PLAN, tables, "nb201")}
    particles, every, tilted = (
        blocks[key].measure(0, stream(*blocks[key].key, seed=0))
        for key in ((PARTICLES, ""), (EVERY, ""), ("resampling", "strength=5"))
    )
    assert particles["above_particle_search"] == 0
    assert tilted["scored"] == particles["scored"] > 500
    assert every["scored"] == 15_625
    assert every["best_log_ei"] >= max(particles["best_log_ei"], tilted["best_log_ei"]) - 1e-6
    assert tilted["above_particle_search"] == pytest.approx(tilted["best_log_ei"] - particles["best_log_ei"])
    # Alone, in another process, the block says the same.
    alone = {b.key[3:]: b for b in candidates_blocks(PLAN, Lab(data_dir), "nb201")}
    again = alone["resampling", "strength=5"].measure(0, stream(*alone["resampling", "strength=5"].key, seed=0))
    assert {**again, "seconds": 0} == {**tilted, "seconds": 0}


# Blocks, rows and files.


def counted(name: str, calls: list[tuple[str, int]], seeds: int = 3, fail: bool = False) -> Block:
    def measure(seed: int, rng: np.random.Generator) -> dict[str, float]:
        calls.append((name, seed))
        if fail:
            raise KeyboardInterrupt
        return {"draw": rng.random(), "seed": float(seed**2)}

    return Block("table", "space", "generator", name, "", measure, seeds, {"seed": "<=2"})


def test_rows_are_medians_and_quartiles_over_seeds(tmp_path: Path) -> None:
    block = counted("a", [], seeds=5)
    rows = run_blocks([block], tmp_path / "rows.csv", read_rows(tmp_path / "rows.csv"))
    row = rows[rows["figure"] == "seed"].iloc[0]
    assert (row["value"], row["low"], row["high"], row["seeds"], row["bar"]) == (4.0, 1.0, 9.0, 5, "<=2")
    draws = [stream("table", "space", "generator", "a", "", seed=seed).random() for seed in range(5)]
    assert rows[rows["figure"] == "draw"].iloc[0]["value"] == pytest.approx(np.median(draws))
    written = read_rows(tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(written, rows, check_dtype=False, rtol=1e-5)
    assert tuple(written) == COLUMNS


def test_what_was_measured_is_kept_and_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    calls: list[tuple[str, int]] = []
    with pytest.raises(KeyboardInterrupt):
        run_blocks([counted("a", calls), counted("b", calls, fail=True)], path, read_rows(path))
    first = read_rows(path)
    assert set(first["method"]) == {"a"}
    calls.clear()
    rows = run_blocks([counted("a", calls), counted("b", calls)], path, first)
    assert {name for name, _ in calls} == {"b"}
    # Another number of seeds is another measurement, which takes the place of the first.
    calls.clear()
    more = run_blocks([counted("a", calls, seeds=4)], path, rows)
    assert calls == [("a", seed) for seed in range(4)]
    assert list(more[more["method"] == "a"]["seeds"]) == [4, 4]
    assert figures(more, method="b") == figures(rows, method="b")
    # Bars are those of today.
    stricter = replace(counted("b", calls), bars={"draw": ">=0.5"})
    again = run_blocks([stricter], path, more)
    assert figures(again, method="b") == figures(rows, method="b")
    bars = again[["method", "figure", "bar"]].to_numpy().tolist()
    assert sorted(bars) == [["a", "draw", ""], ["a", "seed", "<=2"], ["b", "draw", ">=0.5"], ["b", "seed", ""]]
    pd.testing.assert_frame_equal(read_rows(path), again, check_dtype=False, rtol=1e-5)
    # A block's numbers do not depend on which others were measured.
    alone = run_blocks([counted("b", calls)], tmp_path / "other.csv", read_rows(tmp_path / "other.csv"))
    assert figures(alone, method="b") == figures(rows, method="b")


@pytest.mark.parametrize(
    ("bar", "value", "said"), [("<=2", 2.0, "yes"), ("<=2", 2.1, "no"), (">=0.9", 0.9, "yes"), (">=0.9", 0.8, "no")]
)
def test_a_bar_is_cleared_or_not(bar: str, value: float, said: str) -> None:
    assert meets_bar(bar, value) == said
    assert meets_bar(bar, float("nan")) == "no"
    assert meets_bar("", value) == ""


def test_time_is_per_architecture(nb201: SearchSpace, generator: DiscreteGenerator) -> None:
    @dataclass(frozen=True)
    class Slow(Guidance):
        def raw_sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
            time.sleep(0.2)
            return super().raw_sample(n, rng)

    plain = make_guidance(generator, "unguided", (), {})
    slow = Slow(generator, "unguided", (), plain.bounds, plain.strengths)
    assert 0.2 / 32 <= seconds_each(nb201, slow, 32, np.random.default_rng(0)) < 60 / 32


def test_labels_are_the_same_for_all_who_ask(nb201: SearchSpace, lab: Lab) -> None:
    source = Source("nb201")
    assert lab.labels(source, 40, 1) is lab.labels(source, 40, 1)
    again = draw_labels(nb201, lab.evaluator(source), ["accuracy"], stream("labels", "nb201", "", "", seed=1), 40)
    assert np.array_equal(lab.labels(source, 40, 1).codes, again.codes)
    assert not np.array_equal(lab.labels(source, 40, 1).codes, lab.labels(source, 40, 2).codes)


def guided_rows() -> pd.DataFrame:
    rows = [
        ("guided", "nb201", generator, method, f"strength={s}", figure, value + s, value, value + 2 * s, 5, "")
        for generator, method in (("discrete", "resampling"), ("predictor", "exact"))
        for s in (0.5, 2, 8)
        for figure, value in (("accuracy", 93.0), ("distinct", 100.0))
    ]
    rows.append(("guided", "nb201", "predictor", "argmax", "top=256", "accuracy", 1.0, 1.0, 1.0, 5, ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.slow
def test_the_figure_shows_every_method_and_is_the_same_for_the_same_rows(tmp_path: Path) -> None:
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        assert guidance_figure(guided_rows(), path)
    drawn = paths[0].read_text()
    assert drawn == paths[1].read_text()
    for comment in ("discrete: resampling", "predictor: exact", "guidance strength", "distinct cells"):
        assert f"<!-- {comment} -->" in drawn
    assert "argmax" not in drawn
    assert not guidance_figure(guided_rows().iloc[:0], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()


# The command.

COMMAND = ("bench", "generator", "--spaces", "nb201", "--generators", "discrete", "-o", "out")


@pytest.mark.slow
def test_the_command_measures_writes_and_goes_on(call: Call, tmp_path: Path, nb201: SearchSpace) -> None:
    said = call(*COMMAND, "--tables", "training")
    assert said.status == 0, said.err
    assert "1 of 1 blocks: training nb201 discrete unconditional as recorded" in said.err
    path = generator_path(nb201)
    assert path is not None
    record = training_record(path)
    rows = read_rows(tmp_path / "out" / ROWS_FILE)
    found = figures(rows, table="training")
    assert {name: found[name] for name in ("seconds", "steps", "labels")} == {
        name: float(record[name]) for name in ("seconds", "steps", "labels")
    }
    assert said.out.splitlines()[0] == "training"
    assert "<=300" in said.out
    refused = call(*COMMAND, "--tables", "training")
    assert refused.status == 2
    assert refused.err.count("\n") == 1
    assert "--resume" in refused.err
    more = call(*COMMAND, "--tables", "training,validity", "--seeds", "1", "--resume")
    assert more.status == 0, more.err
    assert "1 of 3 blocks are in out/generator.csv" in more.err
    rows = read_rows(tmp_path / "out" / ROWS_FILE)
    assert figures(rows, table="training") == found
    valid = figures(rows, table="validity", generator="discrete")
    assert valid["raw_validity"] >= 0.995
    assert valid["validity"] == 1.0
    assert 0.9 < figures(rows, table="validity", generator="uniform")["uniqueness"] < 1


def test_missing_data_is_one_line(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BONAG_DATA", raising=False)
    said = call(*COMMAND, "--tables", "training,guided")
    assert said.status == 0, said.err
    [line] = [line for line in said.err.splitlines() if "left out" in line]
    assert line.startswith("guided nb201 is left out: ")
    assert "nb201_accuracy.parquet" in line
    for arguments in (("--tables", "guided"), ("--tables", "training,guided", "--data", "nowhere")):
        said = call(*COMMAND, *arguments, "-o", "other")
        assert said.status == 2
        assert said.err.startswith("error: ")
        assert said.err.count("\n") == 1
        assert "nb201_accuracy.parquet" in said.err
        assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--spaces", "nb20"), "unknown space 'nb20': did you mean 'nb201'?"),
        (("--generators", "discret"), "unknown generator 'discret': did you mean 'discrete'?"),
        (("--tables", "guidd"), "unknown table 'guidd': did you mean 'guided'?"),
        (("--spaces", "mbv3", "--tables", "guided"), "nothing to measure"),
        (("--spaces", "darts", "--generators", "score"), "no trained score generator comes with space 'darts'"),
        (("--model", "nowhere.safetensors"), "nowhere.safetensors is not a readable generator"),
        (("--model", "x", "--tables", "validity"), "x is for table 'conditions' of space 'nb201'"),
        (("-o", "nowhere/out"), "there is no folder"),
        (("--seeds", "0"), "Invalid value for '--seeds'"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    said = call(*COMMAND, *arguments)
    assert said.status == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert message in said.err
    assert said.out == ""
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path) -> None:
    for text in ("a,b\n1,2\n", "\x00"):
        (tmp_path / ROWS_FILE).write_text(text)
        with pytest.raises(UserError, match="is not a table of this benchmark"):
            measure(replace(PLAN, tables=("training",)), tmp_path, resume=True)


def test_a_generator_that_learnt_no_conditions_is_refused(nb201: SearchSpace) -> None:
    with pytest.raises(UserError, match="learnt its conditions from 'None', not from the table of cifar10"):
        blocks_of(replace(PLAN, model=generator_path(nb201)), Lab())


@pytest.mark.slow
def test_every_kind_of_block_is_measured(
    data_dir: Path, nb201: SearchSpace, generator: DiscreteGenerator, tmp_path: Path, one_thread: None
) -> None:
    torch.manual_seed(0)
    score = ScoreGenerator(nb201, Denoiser(nb201), generator.marginals, VE())
    plan = replace(PLAN, families=("discrete", "score"), data=data_dir, train=True)
    lab = Lab(data_dir, {("nb201", "score"): score})
    blocks, left_out = blocks_of(plan, lab)
    assert left_out == []
    # One of a kind, without those that take long and whose parts others show to work; novelty asks for a file.
    kinds = {(block.table, block.generator, block.method): block for block in blocks}
    for left in (
        ("novelty", "score", "unguided"), ("distribution", "score", "unguided"), ("sampling", "score", "gradient"),
        *((table, "discrete", "first-order") for table in ("guided", "conditions", "candidates")),
        ("conditions", "score", "gradient"),
    ):  # fmt: skip
        del kinds[left]
    rows = run_blocks(list(kinds.values()), tmp_path / ROWS_FILE, read_rows(tmp_path / ROWS_FILE))
    assert np.isfinite(rows["value"]).all()
    assert {"classifier-free", "gradient", "first-order", "resampling", "exact"} <= set(rows["method"])
    # An untrained network knows no condition; the share is that of the space or so.
    assert figures(rows, table="conditions", method="classifier-free")["feasible"] < 0.6
    assert figures(rows, table="training", generator="score")["steps"] == 4
