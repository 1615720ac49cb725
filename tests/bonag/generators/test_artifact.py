"""Generators on disk: what is read back samples the same, and what is no generator is refused in one line."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from bonag.generators.artifact import FORMAT, generator_path, load_generator, save_generator, training_record
from bonag.generators.conditions import quantiles_of
from bonag.generators.denoiser import Denoiser, site_relations
from bonag.generators.diffusion import Transition
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import SDE, VE, VP, SubVP
from search_spaces import ProductSpace, SearchSpace, Site, get_space
from search_spaces.errors import UserError

both_spaces = pytest.mark.parametrize("name", ["nb201", "mbv3"])


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def refusal(*arguments: object) -> str:
    with pytest.raises(UserError) as error:
        load_generator(*arguments)  # type: ignore[arg-type]
    text = str(error.value)
    assert "\n" not in text
    return text


@both_spaces
def test_what_is_read_back_samples_the_same(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, name: str
) -> None:
    generator, path = generators[name], tmp_path / "generator.safetensors"
    save_generator(generator, {"steps": 1}, path)
    again = load_generator(generator.space, path)
    assert again.sample(30, np.random.default_rng(0), 5) == generator.sample(30, np.random.default_rng(0), 5)
    assert torch.equal(again.transition.marginals, generator.transition.marginals)
    assert not again.denoiser.training
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@both_spaces
def test_the_record_of_the_training_stays_with_the_weights(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, name: str
) -> None:
    path = tmp_path / "generator.safetensors"
    save_generator(generators[name], {"steps": 17, "labels": 0}, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert (metadata["format"], metadata["space"]) == (FORMAT, name)
    assert json.loads(metadata["training"]) == {"steps": 17, "labels": 0}


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph", "nbgraph-proteins", "nlp"])
def test_a_shipped_generator_is_small_and_saw_no_label(name: str) -> None:
    path = Path(str(resources.files("bonag.generators") / "artifacts" / f"{name}.safetensors"))
    assert path.stat().st_size <= 3e6
    with safe_open(path, framework="pt") as file:
        record = json.loads(file.metadata()["training"])
    assert record["labels"] == 0
    assert record["conditions"] == []
    # A tenth of the pool is held out, as far as a hash of 2,021 architectures, of the smallest space, comes to a tenth.
    assert record["samples"] == pytest.approx(0.9 * record["pool"], rel=0.02)
    assert {"family", "steps", "seed", "seconds", "loss", "learning_rate", "batch_size"} <= record.keys()
    assert training_record(path) == record


def test_a_generator_of_another_space_is_refused(generators: dict[str, DiscreteGenerator], tmp_path: Path) -> None:
    path = tmp_path / "cells.safetensors"
    save_generator(generators["nb201"], {}, path)
    text = refusal(get_space("mbv3"), path)
    assert text == f"{path} generates architectures of space 'nb201', not of 'mbv3'"


def test_other_operations_under_the_same_name_are_another_space(
    generators: dict[str, DiscreteGenerator], tmp_path: Path
) -> None:
    class Renamed(ProductSpace):
        name = "nb201"
        sites = (Site("input", ("input",)), Site("first", ("none", "nor_conv_5x5")), Site("output", ("output",)))

    path = tmp_path / "cells.safetensors"
    save_generator(generators["nb201"], {}, path)
    ours, theirs = (", ".join(space.op_names) for space in (get_space("nb201"), Renamed()))
    assert refusal(Renamed(), path) == (
        f"{path} generates architectures of space 'nb201' with the operations {ours}; this one has {theirs}"
    )


def nothing(path: Path) -> None:
    pass


def text_file(path: Path) -> None:
    path.write_text("accuracy,94.37\n" * 40)


def empty_file(path: Path) -> None:
    path.touch()


def folder(path: Path) -> None:
    path.mkdir()


def other_tensors(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def other_format(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": "bonag-generator-1", "space": "nb201"})


def format_only(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, metadata={"format": FORMAT})


def truncated(path: Path) -> None:
    shipped = resources.files("bonag.generators") / "artifacts" / "nb201.safetensors"
    path.write_bytes(shipped.read_bytes()[:-1000])


@pytest.mark.parametrize("make", [nothing, text_file, empty_file, folder, truncated])
def test_an_unreadable_file_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "generator.safetensors"
    make(path)  # type: ignore[operator]
    assert refusal(get_space("nb201"), path).startswith(f"{path} is not a readable generator: ")


@pytest.mark.parametrize("make", [other_tensors, other_format, format_only])
def test_a_file_of_something_else_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "generator.safetensors"
    make(path)  # type: ignore[operator]
    assert refusal(get_space("nb201"), path) == f"{path} is not a generator of format {FORMAT}"


@pytest.mark.parametrize(
    "part", ["marginals", "denoiser.readout.weight", "denoiser.blocks.0.bias.weight", "denoiser.blocks"]
)
@pytest.mark.parametrize("cut", [True, False])
def test_a_generator_that_lacks_a_part_is_refused(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, part: str, cut: bool
) -> None:
    path = tmp_path / "cells.safetensors"
    save_generator(generators["nb201"], {}, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name in [name for name in tensors if name.startswith(part)]:
        tensors[name] = tensors[name][:1].clone()
        if not cut:
            del tensors[name]
    save_file(tensors, path, metadata)
    assert refusal(get_space("nb201"), path).startswith(f"{path} does not hold a generator of graphs like those of ")


@pytest.mark.parametrize("family", ["discrete", "score"])
def test_a_space_without_a_generator_says_how_to_train_one(family: str) -> None:
    class Unheard(type(get_space("nb201"))):  # type: ignore[misc]
        name = "unheard"

    assert generator_path(Unheard(), family) is None
    assert refusal(Unheard(), None, "cpu", family) == (
        f"no trained {family} generator comes with space 'unheard': train one by "
        f"`bonag train-generator --space unheard{'' if family == 'discrete' else ' --generator score'} -o FILE`, "
        "then give it by --generator FILE"
    )


def test_a_space_may_bring_its_own_generator(generators: dict[str, DiscreteGenerator], tmp_path: Path) -> None:
    class Own(type(get_space("nb201"))):  # type: ignore[misc]
        name = "own"
        generator = tmp_path / "own.safetensors"

    space: SearchSpace = Own()
    cells = generators["nb201"]
    save_generator(DiscreteGenerator(space, cells.denoiser, cells.marginals), {}, Own.generator)
    samples = load_generator(space).sample(20, np.random.default_rng(0), 4)
    assert samples == cells.sample(20, np.random.default_rng(0), 4)


@pytest.mark.parametrize("path", ["missing/generator.safetensors", "."])
def test_a_place_that_cannot_be_written_is_refused(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, path: str
) -> None:
    with pytest.raises(UserError, match="cannot write"):
        save_generator(generators["nb201"], {}, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_a_space_with_other_edges_needs_a_generator_of_its_own(
    tmp_path: Path, generators: dict[str, DiscreteGenerator]
) -> None:
    class Learned(type(get_space("nb201"))):  # type: ignore[misc]
        free_edges = np.array([[0, 2]])

    path = tmp_path / "cells.safetensors"
    save_generator(generators["nb201"], {}, path)
    text = refusal(Learned(), path)
    assert text.startswith(f"{path} does not hold a generator of graphs like those of 'nb201': ")
    assert "marginals" in text


def test_learned_edges_are_kept(tmp_path: Path) -> None:
    space, path = get_space("nb101"), tmp_path / "edges.safetensors"
    codes = space.codes(space.sample(300, np.random.default_rng(0)))
    torch.manual_seed(0)
    cells = DiscreteGenerator(
        space, Denoiser(space, width=16, heads=2, layers=1), Transition.of_sample(space, codes).marginals
    )
    save_generator(cells, {}, path)
    again = load_generator(space, path)
    assert np.array_equal(again.raw_sample(20, rng(), 4), cells.raw_sample(20, rng(), 4))


@pytest.mark.slow
def test_files_of_before_edges_to_siblings_were_told_apart_are_read(tmp_path: Path) -> None:
    space, path = get_space("darts"), tmp_path / "old.safetensors"
    marginals = load_generator(space).marginals
    old = DiscreteGenerator(space, Denoiser(space, siblings=False).eval(), marginals)
    save_generator(old, {}, path)
    again = load_generator(space, path)
    assert np.array_equal(again.raw_sample(4, rng(), 3), old.raw_sample(4, rng(), 3))
    assert not np.array_equal(site_relations(space), site_relations(space, siblings=False))


def test_the_scales_of_conditions_are_kept(tmp_path: Path) -> None:
    space, path = get_space("nb201"), tmp_path / "conditional.safetensors"
    codes = space.codes(space.sample(300, np.random.default_rng(0)))
    quantiles = {name: quantiles_of(rng().gamma(2, size=900)) for name in ("latency_b", "accuracy")}
    torch.manual_seed(0)
    denoiser = Denoiser(space, conditions=2, width=16, heads=2, layers=1)
    cells = DiscreteGenerator(space, denoiser, Transition.of_sample(space, codes).marginals, quantiles=quantiles)
    save_generator(cells, {"labels": 30}, path)
    again = load_generator(space, path)
    assert isinstance(again, DiscreteGenerator)
    assert list(again.quantiles) == ["latency_b", "accuracy"]
    assert all(np.array_equal(again.quantiles[name], quantiles[name]) for name in quantiles)
    bounds, strengths = np.array([[-np.inf, 0.4], [0.9, np.inf]]), np.array([2.0, 3.0])
    for steps in (1, 4):
        samples = [each.raw_sample(30, rng(), steps, bounds, strengths) for each in (again, cells)]
        assert np.array_equal(*samples)
    assert training_record(path) == {"labels": 30}


@pytest.mark.parametrize("sde", [VE(), VP(), SubVP(last_level=0.07)], ids=["ve", "vp", "subvp"])
def test_a_file_knows_its_family(tmp_path: Path, sde: SDE) -> None:
    space, path = get_space("nb201"), tmp_path / "score.safetensors"
    codes = space.codes(space.sample(300, np.random.default_rng(0)))
    torch.manual_seed(0)
    marginals = Transition.of_sample(space, codes).marginals
    cells = ScoreGenerator(space, Denoiser(space, width=16, heads=2, layers=1), marginals, sde)
    save_generator(cells, {"family": "score"}, path)
    # Whatever family is asked for, a file holds what it holds.
    for family in ("discrete", "score"):
        again = load_generator(space, path, family=family)
        assert isinstance(again, ScoreGenerator)
        assert again.sde == sde
        assert np.array_equal(again.raw_sample(20, rng(), 4), cells.raw_sample(20, rng(), 4))


@pytest.mark.parametrize("training", ["null", "[]", "{", '{"labels": "many"}', '{"labels": -1}', '"text"'])
def test_a_record_that_makes_no_sense_is_refused(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, training: str
) -> None:
    path = tmp_path / "generator.safetensors"
    save_generator(generators["nb201"], {}, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata | {"training": training})
    with pytest.raises(UserError, match=r"^cannot read [^\n]*generator.safetensors: [^\n]*$"):
        training_record(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("marginals", np.nan, "'marginals' holds numbers that are not finite"),
        ("marginals", -0.5, "marginals that are no probabilities"),
        ("marginals", 0.9, "marginals that are no probabilities"),
        ("denoiser.position", np.inf, "'denoiser.position' holds numbers that are not finite"),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, name: str, value: float, message: str
) -> None:
    path = tmp_path / "generator.safetensors"
    save_generator(generators["nb201"], {}, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    tensors[name][1, 1] = value
    save_file(tensors, path, metadata)
    text = refusal(get_space("nb201"), path)
    assert message in text
    assert str(path) in text


@pytest.mark.parametrize(
    ("key", "value"),
    [("scales", "null"), ("scales", '["absent"]'), ("scales", "3"), ("op_names", "null"), ("family", "other")],
)
def test_metadata_that_makes_no_sense_is_refused(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, key: str, value: str
) -> None:
    path = tmp_path / "generator.safetensors"
    save_generator(generators["nb201"], {}, path)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata | {key: value})
    assert str(path) in refusal(get_space("nb201"), path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "it is a pipe" in refusal(get_space("nb201"), tmp_path / "pipe")
