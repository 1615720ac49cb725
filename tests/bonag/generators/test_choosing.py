"""A generator is a file, a name, an object, or what the space has; where sites are independent that is exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chisquare

import bonag
from bonag.generators.artifact import save_generator
from bonag.generators.candidates import AllCandidates, RandomCandidates
from bonag.generators.choosing import find_generator, make_generator
from bonag.generators.denoiser import Denoiser
from bonag.generators.discrete import DiscreteGenerator
from bonag.generators.independent import site_marginals
from bonag.generators.score import ScoreGenerator
from bonag.generators.sde import VE
from search_spaces import ProductSpace, Site, get_space
from search_spaces.errors import UserError
from search_spaces.nb201 import NB201

SPACE = get_space("nb201")
HOW = "`bonag train-generator --space product -o FILE`, then give it by --generator FILE"


class Product(NB201):
    """Cells of nb201, every choice of six operations being one: there is nothing to learn."""

    name = "product"


class Untrained(ProductSpace):
    """One site depends on another."""

    name = "product"
    sites = (Site("depth", (1, 2)), Site("kernel", (3, 5), active_if=("depth", (2,))))


def test_none_is_the_one_that_comes_with_the_space() -> None:
    for part in (None, "trained"):
        assert isinstance(make_generator(part, SPACE), DiscreteGenerator)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mine.safetensors", "mine"])
def test_a_file_is_one_by_its_name_or_because_it_is_there(
    generators: dict[str, DiscreteGenerator], tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_generator(generators["nb201"], {}, Path(name))
    for part in (name, Path(name)):
        made = make_generator(part, SPACE)
        assert made.sample(5, np.random.default_rng(0)) == generators["nb201"].sample(5, np.random.default_rng(0))
    # A name stays a name.
    Path("random").touch()
    assert isinstance(make_generator("random", SPACE), RandomCandidates)


def test_names_and_objects() -> None:
    assert isinstance(make_generator("all", SPACE), AllCandidates)
    mine = RandomCandidates(SPACE, 7)
    assert make_generator(mine, SPACE) is mine
    assert isinstance(make_generator(RandomCandidates, SPACE), RandomCandidates)
    with pytest.raises(UserError, match="unknown generator 'ramdom': did you mean 'random'"):
        make_generator("ramdom", SPACE)
    with pytest.raises(UserError, match=r"no\.safetensors is not a readable generator"):
        make_generator("no.safetensors", SPACE)


def test_a_family_that_no_acquisition_guides_is_refused(tmp_path: Path) -> None:
    score = ScoreGenerator(SPACE, Denoiser(SPACE, width=8, heads=2, layers=1), site_marginals(SPACE), VE())
    save_generator(score, {}, tmp_path / "s.safetensors")
    with pytest.raises(UserError, match="holds a score generator, which no acquisition can guide") as refused:
        make_generator(tmp_path / "s.safetensors", SPACE)
    assert "\n" not in str(refused.value)


def test_without_one_it_says_how_to_train_and_how_to_name_it() -> None:
    with pytest.raises(UserError) as refused:
        make_generator(None, Untrained())
    assert str(refused.value) == f"no trained discrete generator comes with space 'product': train one by {HOW}"
    with pytest.raises(UserError, match="no trained score generator"):
        find_generator(Product(), family="score")


def test_a_space_of_independent_sites_needs_no_training() -> None:
    space = Product()
    assert np.array_equal(site_marginals(space)[1:-1, 2:], np.full((6, 5), 0.2))
    loaded = find_generator(space)
    assert (loaded.path, loaded.record) == (None, {})
    raw = loaded.generator.raw_sample(4000, np.random.default_rng(0))
    assert all(space.is_valid(space.graph(code)) for code in raw[:200])
    for site in raw.T[1:-1]:
        assert chisquare(np.bincount(site, minlength=7)[2:]).pvalue > 1e-3
    codes, scores = make_generator(None, space).guided_sample(
        lambda codes: (codes == 5).sum(axis=1).astype(float), np.random.default_rng(0), raw[:8]
    )
    assert scores[0] == 6
    assert (codes[0, 1:-1] == 5).all()


def test_architectures_on_demand_of_such_a_space() -> None:
    made = bonag.generate(Product(), 12, "params<=bottom20%", labels=40)
    assert (made.model, made.summary()["labels_in_training"], made.meets.all()) == (None, 0, True)
