"""What the denoiser sees: the noise level, the other sites, the edges, and where a site stands."""

from __future__ import annotations

import math
import platform
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch

from bonag.generators.denoiser import Denoiser, site_relations
from search_spaces import ProductSpace, SearchSpace, Site, get_space

NODES, OPS = 6, 4
CHAIN = np.eye(NODES, k=1, dtype=bool)
NULL, OPEN = -math.inf, math.inf


def chain_of(adjacency: np.ndarray) -> SearchSpace:
    """Six nodes with four operations each, joined as given."""

    class Chain(ProductSpace):
        sites = tuple(Site(f"node{node}", tuple("abcd")) for node in range(NODES))

    made = Chain()
    # A product space takes edges from earlier sites to later ones; a network looks at any.
    made.adjacency = adjacency
    return made


def network(space: SearchSpace, conditions: int = 0) -> Denoiser:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Denoiser(space, conditions, width=16, heads=2, layers=2).eval()


@pytest.fixture(scope="module")
def denoiser() -> Denoiser:
    return network(chain_of(CHAIN))


@pytest.fixture(scope="module")
def z() -> torch.Tensor:
    return torch.randint(OPS, (5, NODES), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def codes_of() -> Callable[[str, int], torch.Tensor]:
    """Random codes of a space, in which each site has any of its classes: (name, n) -> (n, S)."""

    def draw(name: str, n: int) -> torch.Tensor:
        return torch.from_numpy(np.random.default_rng(2).integers(get_space(name).site_classes, size=(n, sites(name))))

    return draw


def sites(name: str) -> int:
    return get_space(name).num_sites


def level(t: float, n: int = 5) -> torch.Tensor:
    return torch.full((n,), t)


def one_hot(space: SearchSpace, z: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.one_hot(z, int(space.site_classes.max())).float()


def test_one_logit_per_operation_of_every_node(denoiser: Denoiser, z: torch.Tensor) -> None:
    logits = denoiser(z, level(0.5))
    assert logits.shape == (5, NODES, OPS)
    assert logits.isfinite().all()


def test_graphs_of_a_batch_do_not_see_each_other(denoiser: Denoiser, z: torch.Tensor) -> None:
    t = torch.linspace(0.1, 0.9, 5)
    together = denoiser(z, t)
    for row in range(5):
        torch.testing.assert_close(denoiser(z[row : row + 1], t[row : row + 1])[0], together[row])


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts"])
def test_one_level_for_all_graphs_gives_the_same(name: str, codes_of: Callable[[str, int], torch.Tensor]) -> None:
    z = codes_of(name, 40)
    for conditions in (0, 2):
        found = network(get_space(name), conditions)
        bounds = torch.tensor([[[0.5, OPEN], [NULL, OPEN]]]) if conditions else None
        each = found(z, level(0.3, 40), None if bounds is None else bounds.expand(40, -1, -1))
        torch.testing.assert_close(found(z, torch.tensor(0.3), bounds), each, atol=1e-5, rtol=1e-5)
        few = found(z[:2], torch.tensor(0.3), bounds)
        torch.testing.assert_close(few, each[:2], atol=1e-5, rtol=1e-5)


def test_what_is_remembered_of_a_level_is_of_these_weights(codes_of: Callable[[str, int], torch.Tensor]) -> None:
    z, one = codes_of("nb201", 40), torch.tensor(0.3)
    with torch.no_grad():
        changing = network(get_space("nb201"))
        before = changing(z, one)
        assert torch.equal(changing(z, one), before)
        changing.query.mul_(1.5)
        after = changing(z, one)
        torch.testing.assert_close(after, changing(z, level(0.3, 40)), atol=1e-5, rtol=1e-5)
        assert (after - before).abs().max() > 1e-3


def test_the_noise_level_matters(denoiser: Denoiser, z: torch.Tensor) -> None:
    # Close levels look alike, far ones do not, and no two of a fine grid look the same.
    fine = torch.stack([denoiser(z, level(t)) for t in torch.linspace(0, 1, 21).tolist()])
    steps = (fine[1:] - fine[:-1]).abs().amax(dim=(1, 2, 3))
    assert steps.min() > 1e-4
    assert (denoiser(z, level(0.5)) - denoiser(z, level(0.5001))).abs().max() < steps.min()


@pytest.mark.parametrize("changed", range(NODES))
def test_every_node_sees_every_other_and_never_itself(denoiser: Denoiser, z: torch.Tensor, changed: int) -> None:
    other = z.clone()
    other[:, changed] = (other[:, changed] + 1) % OPS
    difference = (denoiser(other, level(0.3)) - denoiser(z, level(0.3))).abs().amax(dim=(0, 2))
    assert difference[changed] == 0
    assert difference[torch.arange(NODES) != changed].min() > 1e-5


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "nbgraph"])
@pytest.mark.parametrize("real", [False, True], ids=["codes", "real"])
def test_in_no_space_a_site_sees_itself(name: str, real: bool, codes_of: Callable[[str, int], torch.Tensor]) -> None:
    space = get_space(name)
    net, codes = network(space), codes_of(name, 2)
    classes = torch.from_numpy(space.site_classes)
    with torch.no_grad():
        before = net(one_hot(space, codes) if real else codes, level(0.4, 2))
        for site in range(sites(name)):
            other = codes.clone()
            other[:, site] = (other[:, site] + 1) % classes[site]
            after = net(one_hot(space, other) if real else other, level(0.4, 2))
            changed = (after - before).nan_to_num(0.0, 0.0, 0.0).abs().amax(dim=(0, 2))
            assert changed[site] == 0
            assert changed[torch.arange(len(changed)) != site].min() > 0


def test_the_gradient_by_a_site_itself_is_zero(denoiser: Denoiser, z: torch.Tensor) -> None:
    x = one_hot(chain_of(CHAIN), z).requires_grad_()
    logits = denoiser(x, level(0.6))
    for site in range(NODES):
        [gradient] = torch.autograd.grad(logits[:, site].square().sum(), x, retain_graph=True)
        assert not gradient[:, site].any()
        assert gradient[:, [other for other in range(NODES) if other != site]].abs().amax(dim=2).min() > 0


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])
def test_a_site_has_logits_of_its_own_classes_only(name: str, codes_of: Callable[[str, int], torch.Tensor]) -> None:
    space = get_space(name)
    logits = network(space)(codes_of(name, 3), level(0.4, 3))
    assert logits.shape == (3, space.num_sites, space.site_classes.max())
    exists = torch.arange(logits.shape[2]) < torch.from_numpy(space.site_classes)[:, None]
    assert logits[:, exists].isfinite().all()
    assert (logits[:, ~exists] == -math.inf).all()
    assert (~exists).any() == (len(space.free_edges) > 0)


@pytest.mark.parametrize("name", ["nb201", "mbv3", "nb101", "darts", "nbgraph"])
def test_one_hot_matrices_are_read_as_codes(name: str, codes_of: Callable[[str, int], torch.Tensor]) -> None:
    space = get_space(name)
    net, codes = network(space), codes_of(name, 3)
    torch.testing.assert_close(net(one_hot(space, codes), level(0.4, 3)), net(codes, level(0.4, 3)))


def test_columns_of_classes_that_a_site_lacks_are_not_read(codes_of: Callable[[str, int], torch.Tensor]) -> None:
    space = get_space("nb101")
    net, x = network(space), one_hot(space, codes_of("nb101", 3))
    lacking = torch.arange(x.shape[2]) >= torch.from_numpy(space.site_classes)[:, None]
    torch.testing.assert_close(net(torch.where(lacking, 7.0, x), level(0.2, 3)), net(x, level(0.2, 3)))


def test_position_tells_equal_nodes_apart(denoiser: Denoiser) -> None:
    logits = denoiser(torch.zeros(1, NODES, dtype=torch.int64), level(0.5, 1))[0]
    for one in range(NODES):
        for other in range(one):
            assert not torch.allclose(logits[one], logits[other])


def test_edges_and_their_direction_matter(denoiser: Denoiser, z: torch.Tensor) -> None:
    outputs = [denoiser(z, level(0.5))]
    for adjacency in (np.zeros_like(CHAIN), CHAIN.T):
        same_weights = network(chain_of(adjacency))
        same_weights.load_state_dict(denoiser.state_dict())
        outputs.append(same_weights(z, level(0.5)))
    for one in range(3):
        for other in range(one):
            assert (outputs[one] - outputs[other]).abs().max() > 1e-4


def test_how_sites_touch() -> None:
    class Four(ProductSpace):
        sites = tuple(Site(f"node{node}", tuple("ab")) for node in range(4))
        edges = (("node0", "node3"),)
        free_edges = np.array([[0, 1], [0, 2], [1, 2], [2, 3]])

    relation = site_relations(Four())
    nodes, (a, b, c, d) = range(4), range(4, 8)
    assert relation.shape == (8, 8)
    # The two ends of the edge of all graphs see it from its two sides; nodes that only free edges join are strangers.
    strangers = relation[0, 0]
    assert len({strangers, relation[0, 3], relation[3, 0]}) == 3
    assert (relation[np.ix_([0, 1, 2], [0, 1, 2])] == strangers).all()
    # A free edge and its ends.
    tails, heads = {a: 0, b: 0, c: 1, d: 2}, {a: 1, b: 2, c: 2, d: 3}
    for edge in (a, b, c, d):
        for node in nodes:
            related = relation[edge, node] != strangers
            assert related == (relation[node, edge] != strangers) == (node in (tails[edge], heads[edge]))
    assert len({relation[e, n] for e, n in tails.items()}) == len({relation[e, n] for e, n in heads.items()}) == 1
    assert len({relation[a, 0], relation[a, 1], relation[0, a], relation[1, a], strangers}) == 5
    # Two free edges: a common tail, a common head, one after the other, nothing in common.
    assert relation[a, b] == relation[b, a]
    assert relation[b, c] == relation[c, b]
    assert relation[a, c] == relation[b, d] == relation[c, d]
    assert relation[c, a] == relation[d, b] == relation[d, c]
    assert relation[a, d] == relation[d, a] == strangers
    assert len({relation[a, b], relation[b, c], relation[a, c], relation[c, a], strangers}) == 5


def test_no_bounds_are_open_bounds(z: torch.Tensor) -> None:
    net = network(chain_of(CHAIN), conditions=2)
    bounds = torch.tensor([NULL, OPEN]).expand(5, 2, 2)
    torch.testing.assert_close(net(z, level(0.5), bounds), net(z, level(0.5)))
    # Mixed within a batch, every row sees its own.
    mixed = bounds.clone()
    mixed[1, 0, 0], mixed[3, 1, 1] = 0.5, 0.5
    difference = (net(z, level(0.5), mixed) - net(z, level(0.5))).abs().amax(dim=(1, 2))
    assert (difference > 1e-4).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("conditions", [0, 2])
def test_every_weight_gets_a_gradient(z: torch.Tensor, conditions: int) -> None:
    net = network(chain_of(CHAIN), conditions)
    bounds = torch.tensor([[[0.3, OPEN], [NULL, OPEN]], [[NULL, OPEN], [-1.0, 0.5]]]).repeat(3, 1, 1)[:5]
    net(z, level(0.5), bounds if conditions else None).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


BATCHES = """
import resource, torch
from bonag.generators.denoiser import Denoiser
from search_spaces import get_space

torch.set_num_threads(1)
space = get_space("mbv3")
network, z = Denoiser(space).eval(), torch.zeros(128, space.num_sites, dtype=torch.int64)
with torch.no_grad():
    for batch in range(12):
        if batch == 2:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        network(z, torch.tensor(0.2))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep what is freed")
def test_memory_that_one_batch_frees_is_there_for_the_next() -> None:
    """Counted in a process of its own, for any large block that was freed before would do."""
    ended = subprocess.run([sys.executable, "-c", BATCHES], capture_output=True, text=True, check=True)
    # Pages of memory that are new, in ten batches.
    assert int(ended.stdout) < 500
