"""Strategies by name: each is put together from real parts and proposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from torch import nn

import bonag
from bonag import generators
from bonag.evaluators import make_evaluator
from bonag.generators.artifact import save_generator
from bonag.generators.fitting import Schedule
from bonag.generators.training import train_generator
from bonag.roles import ACQUISITIONS, PREDICTORS, STRATEGIES
from bonag.strategies.making import make_strategy
from loops.history import History, Trial, TrialStatus
from loops.objective import Objective
from loops.protocols import Proposal
from loops.seeding import rng_for
from search_spaces import ArchGraph, Architecture, Costs, InvalidArchitectureError, Parameter, SearchSpace, get_space
from search_spaces.errors import UserError

ACCURACY = Objective.parse("accuracy")
TRIALS = 20
NAMES = tuple(STRATEGIES.built_in)
GUIDED = ("bonag", "bonag:alone")
PROCESSES = tuple(name for name in NAMES if name.split(":")[0] in ("gp", "gp-wl"))
MUTATION_BO = tuple(name for name in NAMES if name.startswith("mutation-bo"))


def variants(process: str) -> tuple[str, str]:
    """The baseline with one part of the default strategy, and with two."""
    return f"{process}:design", f"{process}:scores"


@pytest.fixture(scope="module")
def nb201() -> SearchSpace:
    return get_space("nb201")


@pytest.fixture(scope="module")
def history(nb201: SearchSpace) -> History:
    """Twenty random cells with what the surrogate says of them."""
    evaluator = make_evaluator(nb201)
    cells = list(dict.fromkeys(nb201.sample(2 * TRIALS, np.random.default_rng(0))))[:TRIALS]
    return History(
        Trial(index, cell, TrialStatus.COMPLETED, evaluator.evaluate(cell, 0)) for index, cell in enumerate(cells)
    )


def proposed(space: SearchSpace, history: History, n: int, **choice: str) -> list[Proposal]:
    """Proposals, which are what the protocol asks for: n distinct and valid ones that the history does not hold."""
    strategy = make_strategy(choice.pop("name", "bonag"), space, ACCURACY, **choice)
    proposals = strategy.propose(history, n, rng_for(0, len(history)))
    architectures = {proposal.architecture for proposal in proposals}
    assert len(architectures) == len(proposals) == n
    assert not architectures & history.seen
    for architecture in architectures:
        assert space.parse(str(architecture)) == architecture
        assert space.is_valid(space.encode(architecture))
    return proposals


def test_the_default_comes_first() -> None:
    assert NAMES[:3] == ("bonag", "random", "evolution")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("space_name", ["nb201", "mbv3"])
def test_every_name_makes_a_strategy_that_proposes_from_nothing(space_name: str, name: str) -> None:
    space = get_space(space_name)
    assert make_strategy(name, space, ACCURACY).name == name
    proposed(space, History(), 3, name=name)


@pytest.mark.slow
def test_every_name_has_a_way_of_its_own(nb201: SearchSpace, history: History) -> None:
    expected = {"random": "random", "evolution": "mutation", "local-search": "neighbour"}
    expected |= dict.fromkeys([*GUIDED, *MUTATION_BO, *PROCESSES], "guided") | {"bananas": "model"}
    expected |= {"evolution:naszilla": "mutation", "nsga2": "crossover", "linas": "random"}
    expected |= dict.fromkeys(
        ("optuna-tpe", "optuna-gp", "smac", "nevergrad", "hyperopt", "syne-tune-bore"), "optimiser"
    )
    assert {*expected, "ax"} == set(NAMES)
    # The first fifty of linas are random.
    origins = {name: {p.provenance["origin"] for p in proposed(nb201, history, 2, name=name)} for name in expected}
    assert origins == {name: {origin} for name, origin in expected.items()}


@pytest.mark.parametrize("process", ["gp", "gp-wl"])
def test_processes_get_the_first_design_and_the_scores_of_the_default_one_by_one(
    process: str, nb201: SearchSpace, history: History
) -> None:
    begun = {name: proposed(nb201, History(), 5, name=name) for name in ("bonag", process, *variants(process))}
    assert begun[f"{process}:design"] == begun[f"{process}:scores"] == begun["bonag"] != begun[process]
    both = Objective.parse(["accuracy", "-params"])
    fronts = [make_strategy(n, nb201, both).propose(History(), 5, rng_for(0, 0)) for n in ("bonag", *variants(process))]
    assert fronts[0] == fronts[1] == fronts[2] != begun["bonag"]
    # In the same order, but farther apart at the top.
    stretched = History(replace(t, metrics={"accuracy": 2 ** (t.metrics["accuracy"] - 50)}) for t in history)
    for name, sees_values in zip((process, *variants(process)), (False, False, True), strict=True):
        same = [p.provenance["acquisition"] for p in proposed(nb201, history, 2, name=name)] == [
            p.provenance["acquisition"] for p in proposed(nb201, stretched, 2, name=name)
        ]
        assert same is not sees_values


@pytest.mark.slow
def test_every_acquisition_decides_by_itself(nb201: SearchSpace, history: History) -> None:
    proposals = {name: proposed(nb201, history, 4, acquisition=name) for name in ACQUISITIONS.built_in}
    firsts = {name: found[0].provenance["acquisition"] for name, found in proposals.items()}
    assert len(set(firsts.values())) == len(ACQUISITIONS.built_in)
    # The logarithm of a probability.
    assert firsts["pi"] < 0
    assert len({tuple(str(p.architecture) for p in found) for found in proposals.values()}) >= 2


@pytest.mark.slow
def test_every_predictor_decides_by_itself(nb201: SearchSpace, history: History) -> None:
    proposals = {name: proposed(nb201, history, 4, predictor=name) for name in PREDICTORS.built_in}
    weights = {name: found[0].provenance.get("ensemble_weight") for name, found in proposals.items()}
    assert (weights["gp"], weights["ensemble"]) == (None, 1)
    assert 0 <= weights["mixture"] <= 1
    chosen = {name: tuple(str(p.architecture) for p in found) for name, found in proposals.items()}
    assert chosen["gp"] != chosen["ensemble"]
    assert chosen["ensemble"] != chosen["mixture"]


@pytest.mark.slow
def test_the_defaults_are_log_ei_and_the_gaussian_process(nb201: SearchSpace, history: History) -> None:
    assert proposed(nb201, history, 2) == proposed(nb201, history, 2, acquisition="log-ei", predictor="gp")


@pytest.mark.parametrize("name", ["bonag", *MUTATION_BO])
def test_what_decides_by_a_model_takes_any_acquisition_and_predictor(nb201: SearchSpace, name: str) -> None:
    assert make_strategy(name, nb201, ACCURACY, acquisition="ucb", predictor="mixture").name == name


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"name": "mutation-bo:evoluton"},
            "unknown strategy 'mutation-bo:evoluton': no module named 'mutation-bo'; did you mean "
            "'mutation-bo:evolution'?",
        ),
        ({"name": "evolutoin"}, "unknown strategy 'evolutoin': did you mean 'evolution'?"),
        ({"name": "zzz"}, f"unknown strategy 'zzz': choose from {', '.join(NAMES)}"),
        ({"acquisition": "logei"}, "unknown acquisition 'logei': did you mean 'log-ei'?"),
        ({"acquisition": "z"}, "unknown acquisition 'z': choose from log-ei, ucb, pi, thompson"),
        ({"predictor": "ensembel"}, "unknown predictor 'ensembel': did you mean 'ensemble'?"),
        (
            {"name": "random", "predictor": "ensembel"},
            "strategy 'random' takes no predictor: leave it out, or take 'bonag'",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    nb201: SearchSpace, choice: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError) as refused:
        make_strategy(choice.pop("name", "bonag"), nb201, ACCURACY, **choice)
    assert str(refused.value) == message


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*GUIDED, *MUTATION_BO)])
@pytest.mark.parametrize("choice", [{"acquisition": "ucb"}, {"predictor": "mixture"}])
def test_a_baseline_refuses_what_it_would_not_use(nb201: SearchSpace, name: str, choice: dict[str, str]) -> None:
    with pytest.raises(UserError, match=f"strategy '{name}' takes no {next(iter(choice))}") as refused:
        make_strategy(name, nb201, ACCURACY, **choice)
    assert "\n" not in str(refused.value)


LETTERS, SLOTS = "abcd", 4
DIAMOND = np.array([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool)


@dataclass(frozen=True)
class Word(Architecture):
    """Four letters."""

    text: str

    def __str__(self) -> str:
        return self.text


class Words(SearchSpace):
    """A space of another package: 256 words, one letter on each corner of a diamond."""

    name = "words"
    size = len(LETTERS) ** SLOTS
    op_names = tuple(LETTERS)
    num_nodes = SLOTS
    num_classes = 2
    image_size = 4

    def __init__(self, generator: Path | None = None) -> None:
        self.adjacency = DIAMOND
        self.fixed_ops = np.full(SLOTS, -1)
        self.op_attributes = np.empty((len(LETTERS), 0))
        self.generator = generator

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        return [_word(row) for row in rng.integers(len(LETTERS), size=(n, SLOTS)).tolist()]

    def parse(self, text: str) -> Architecture:
        if len(text) != SLOTS or set(text) - set(LETTERS):
            raise InvalidArchitectureError(f"'{text}' is not {SLOTS} letters of {LETTERS}")
        return Word(text)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        text = str(architecture)
        return [
            Word(text[:slot] + letter + text[slot + 1 :])
            for slot, letter in product(range(SLOTS), LETTERS)
            if text[slot] != letter
        ]

    def encode(self, architecture: Architecture) -> ArchGraph:
        return ArchGraph(np.array([LETTERS.index(letter) for letter in str(architecture)]), DIAMOND)

    def decode(self, graph: ArchGraph) -> Architecture:
        return _word(graph.ops.tolist())

    def project(self, scores: np.ndarray) -> list[Architecture]:
        return [_word(row) for row in scores.argmax(axis=2).tolist()]

    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"slot_{slot}", self.op_names, is_ordered=False) for slot in range(SLOTS))

    def to_parameters(self, architecture: Architecture) -> dict[str, int | str]:
        return {f"slot_{slot}": letter for slot, letter in enumerate(str(architecture))}

    def from_parameters(self, values: Mapping[str, int | str]) -> Architecture:
        return self.parse("".join(str(values[f"slot_{slot}"]) for slot in range(SLOTS)))

    def build(self, architecture: Architecture, num_classes: int | None = None) -> nn.Module:
        channels = [1 + LETTERS.index(letter) for letter in str(architecture)]
        layers = [nn.Conv2d(before, after, 1) for before, after in zip([3, *channels], channels, strict=False)]
        head = nn.Linear(channels[-1], num_classes or self.num_classes)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        params = sum(parameter.numel() for parameter in self.build(architecture, num_classes).parameters())
        return Costs(params, macs=params * (image_size or self.image_size) ** 2)


class Ties(Words):
    """Words whose first and last corner may be tied: 512 of them, the tied ones with a bow."""

    name = "ties"
    size = 2 * Words.size
    free_edges = np.array([[0, 3]])

    def sample(self, n: int, rng: np.random.Generator) -> list[Architecture]:
        tied = rng.integers(2, size=n)
        return [Word(str(word) + "~" * bow) for word, bow in zip(super().sample(n, rng), tied, strict=True)]

    def parse(self, text: str) -> Architecture:
        super().parse(text.removesuffix("~"))
        return Word(text)

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        word, bow = str(architecture)[:SLOTS], str(architecture)[SLOTS:]
        return [Word(word + "~"[len(bow) :]), *(Word(str(other) + bow) for other in super().neighbours(Word(word)))]

    def encode(self, architecture: Architecture) -> ArchGraph:
        edges = DIAMOND.copy()
        edges[0, 3] = str(architecture).endswith("~")
        return ArchGraph(super().encode(Word(str(architecture)[:SLOTS])).ops, edges)

    def decode(self, graph: ArchGraph) -> Architecture:
        return Word(str(super().decode(graph)) + "~" * int(graph.adjacency[0, 3]))

    def project(self, scores: np.ndarray) -> list[Architecture]:
        words = super().project(scores[:, :SLOTS])
        return [
            Word(str(word) + "~" * bow) for word, bow in zip(words, scores[:, SLOTS, :2].argmax(axis=1), strict=True)
        ]

    def costs(self, architecture: Architecture, num_classes: int | None = None, image_size: int | None = None) -> Costs:
        return super().costs(Word(str(architecture)[:SLOTS]), num_classes, image_size)


def _word(row: list[int]) -> Architecture:
    return Word("".join(LETTERS[op] for op in row))


def likeness(architecture: Architecture) -> float:
    """How like ``dbba`` a word is: 30 for the word itself, and for no other.

    The two middle letters count alike, as two branches of a network do that compute the same.
    """
    return float(sum(weight * (a == b) for weight, a, b in zip((4, 7, 7, 12), str(architecture), "dbba", strict=True)))


@pytest.mark.slow
def test_a_space_without_a_generator_is_told_how_to_get_one() -> None:
    for space in (Words(), Ties()):
        with pytest.raises(
            UserError, match=rf"no trained .*generator.* '{space.name}': .*--space {space.name}"
        ) as refused:
            make_strategy("bonag", space, ACCURACY)
        assert "\n" not in str(refused.value)
        for name in [name for name in NAMES if name not in GUIDED]:
            proposed(space, History(), 2, name=name)


def test_the_generator_of_another_space_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(UserError, match=r"missing\.safetensors is not a readable generator"):
        make_strategy("bonag", Words(missing), ACCURACY)
    nb201s = Path(generators.__path__[0]) / "artifacts" / "nb201.safetensors"
    with pytest.raises(UserError, match="of space 'nb201', not of 'words'"):
        make_strategy("bonag", Words(nb201s), ACCURACY)


@pytest.mark.slow
def test_a_space_of_another_package_is_searched_with_the_generator_that_it_brings(tmp_path: Path) -> None:
    file = tmp_path / "words.safetensors"
    save_generator(*train_generator(Words(), schedule=Schedule(steps=60)), file)
    space = Words(file)
    result = bonag.search(
        space=space, evaluator=likeness, budget=30, seed=0, device="cpu", threads=1, out=tmp_path, name="words"
    )
    trials = result.trials
    assert trials.architecture.is_unique
    assert list(trials.origin) == ["initial"] * 5 + ["guided"] * 25
    assert list(trials.accuracy) == [likeness(space.parse(text)) for text in trials.architecture]
    # One word in 256 is found by 25 informed guesses; blind ones would find it in one run of thirteen.
    assert result.best is not None
    assert (str(result.best.architecture), result.best.metrics["accuracy"]) == ("dbba", 30.0)
    again = bonag.load(tmp_path / "words", space=space)
    assert again.trials.equals(trials)


@pytest.mark.slow
def test_learned_edges_are_searched_as_operations_are(tmp_path: Path) -> None:
    file = tmp_path / "ties.safetensors"
    save_generator(*train_generator(Ties(), schedule=Schedule(steps=60)), file)

    def tied(architecture: Architecture) -> float:
        return likeness(Word(str(architecture)[:SLOTS])) + 9 * str(architecture).endswith("~")

    result = bonag.search(
        space=Ties(file), evaluator=tied, budget=30, seed=0, device="cpu", threads=1, out=tmp_path, name="ties"
    )
    assert result.trials.architecture.is_unique
    assert set(result.trials.origin[5:]) == {"guided"}
    # One in 512, found by 25 informed guesses.
    assert result.best is not None
    assert (str(result.best.architecture), result.best.metrics["accuracy"]) == ("dbba~", 39.0)
    assert result.trials.architecture.str.endswith("~").iloc[10:].mean() > 0.6
