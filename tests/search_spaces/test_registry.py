"""Another package can add a space, by an entry point alone."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces import UserError, get_space, space_names

SPACE = '''
"""A perceptron with two hidden layers, each of one of three widths."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from search_spaces import Architecture, ArchGraph, Costs, InvalidArchitectureError, Parameter, SearchSpace

WIDTHS = (8, 16, 32)


@dataclass(frozen=True)
class Widths(Architecture):
    first: int
    second: int

    def __str__(self):
        return f"{self.first}-{self.second}"


class Perceptrons(SearchSpace):
    name = "perceptrons"
    size = 9
    op_names = tuple(f"width_{width}" for width in WIDTHS)
    num_nodes = 2
    adjacency = np.eye(2, k=1, dtype=bool)
    fixed_ops = np.full(2, -1)
    num_classes = 4
    image_size = 8

    def sample(self, n, rng):
        return [Widths(*(int(width) for width in rng.choice(WIDTHS, 2))) for _ in range(n)]

    def parse(self, text):
        for widths in product(WIDTHS, repeat=2):
            if str(Widths(*widths)) == text:
                return Widths(*widths)
        raise InvalidArchitectureError(f"'{text}' is not two widths of {WIDTHS} with a dash between")

    def neighbours(self, architecture):
        others = [Widths(*widths) for widths in product(WIDTHS, repeat=2)]
        return [o for o in others if (o.first == architecture.first) != (o.second == architecture.second)]

    def encode(self, architecture):
        ops = [WIDTHS.index(architecture.first), WIDTHS.index(architecture.second)]
        return ArchGraph(np.array(ops), self.adjacency)

    def decode(self, graph):
        if graph.ops.shape != (2,) or not set(graph.ops.tolist()) <= {0, 1, 2}:
            raise InvalidArchitectureError("not a graph of two widths")
        return Widths(*(WIDTHS[op] for op in graph.ops))

    def project(self, scores):
        return [Widths(*(WIDTHS[op] for op in row)) for row in scores.argmax(2)]

    def parameters(self):
        return tuple(Parameter(name, WIDTHS, is_ordered=True) for name in ("first", "second"))

    def to_parameters(self, architecture):
        return {"first": architecture.first, "second": architecture.second}

    def from_parameters(self, values):
        return Widths(values["first"], values["second"])

    def build(self, architecture, num_classes=None):
        from torch import nn

        a, b = architecture.first, architecture.second
        layers = [nn.Flatten(), nn.Linear(192, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(b, num_classes or self.num_classes))

    def costs(self, architecture, num_classes=None, image_size=None):
        a, b, c = architecture.first, architecture.second, num_classes or self.num_classes
        macs = 3 * (image_size or self.image_size) ** 2 * a + a * b + b * c
        return Costs(params=macs + a + b + c, macs=macs)
'''


def install(folder, name, module, source, entry_point):
    """What a package installer leaves behind: a module, and its metadata with the entry point."""
    (folder / f"{module}.py").write_text(source)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[bonag.search_spaces]\n{name} = {module}:{entry_point}\n")


def test_own_spaces_are_found():
    assert {"nb201", "mbv3"} <= set(space_names())
    assert get_space("nb201") is get_space("nb201")


def test_space_of_another_package_is_found_and_works(tmp_path, monkeypatch):
    install(tmp_path, "perceptrons", "perceptron_space", SPACE, "Perceptrons")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "perceptrons" in space_names()
    space = get_space("perceptrons")
    (architecture,) = space.sample(1, np.random.default_rng(0))
    assert space.parse(str(architecture)) == architecture
    assert space.decode(space.encode(architecture)) == architecture
    assert space.mutate(architecture, np.random.default_rng(0)) in space.neighbours(architecture)
    assert space.codes([architecture] * 3).shape == (3, 2)
    network = space.build(architecture)
    assert sum(p.numel() for p in network.parameters()) == space.costs(architecture).params


def test_what_is_not_a_space_is_refused(tmp_path, monkeypatch):
    install(tmp_path, "impostor", "impostor_space", "class Impostor: ...\n", "Impostor")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="'impostor' is no space: it has no 'name'"):
        get_space("impostor")


def test_unknown_space_gets_a_suggestion():
    with pytest.raises(UserError, match="unknown space 'mbv2': did you mean 'mbv3'"):
        get_space("mbv2")
    with pytest.raises(UserError, match=r"choose from nb101, nb201, mbv3, darts"):
        get_space("zzz")
