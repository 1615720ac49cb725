"""Another package can add a space, by an entry point alone."""

from __future__ import annotations

import numpy as np
import pytest

from search_spaces import UserError, get_space, space_names

SPACE = '''
"""A perceptron with two hidden layers, each of one of three widths."""

from torch import nn

from search_spaces import ProductSpace, Site


class Perceptrons(ProductSpace):
    sites = [Site("first", (8, 16, 32)), Site("second", (8, 16, 32))]
    num_classes = 4
    image_size = 8

    def build(self, architecture, num_classes=None):
        a, b = architecture["first"], architecture["second"]
        layers = [nn.Flatten(), nn.Linear(192, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(b, num_classes or self.num_classes))
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


@pytest.mark.slow
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
    with pytest.raises(UserError, match=r"choose from nb101, nb201, mbv3, darts, nbgraph, nbgraph-proteins"):
        get_space("zzz")
