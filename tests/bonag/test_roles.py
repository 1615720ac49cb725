"""Every role is open: names, entry points, module:attribute and objects are parts, and all else is one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bonag import roles
from loops.protocols import Prediction
from search_spaces import Registry, UserError, get_space
from search_spaces.registry import name_of, space_name

ALL = {
    role: getattr(roles, role)
    for role in ("SPACES", "EVALUATORS", "EXECUTORS", "STRATEGIES", "ACQUISITIONS", "PREDICTORS", "GENERATORS")
}
KNOWN: dict[str, Callable[[], object]] = {"space": lambda: "the space", "objective": lambda: "the objective"}
PARTS = """
class Greedy:
    name = "greedy"
    def __init__(self, space): self.space = space
    def propose(self, history, n, rng): return []

class Positional:
    name = "positional"
    def __init__(self, where, what): self.given = (where, what)
    def propose(self, history, n, rng): return []

class Plain:
    name = "plain"
    def propose(self, history, n, rng): return []

class Idle:
    name = "idle"

class Demanding:
    def __init__(self, space, objective, moon): ...

def made(objective): return Plain()
def measure(architecture): return 1.0
plain = Plain()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with a module of parts."""
    (tmp_path / "my_parts.py").write_text(PARTS)
    (tmp_path / "broken_parts.py").write_text("raise OSError('no licence\\n  here')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for module in ("my_parts", "broken_parts"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    yield tmp_path
    for module in ("my_parts", "broken_parts"):
        sys.modules.pop(module, None)


@pytest.mark.parametrize("registry", ALL.values(), ids=ALL)
def test_every_built_in_part_can_be_found(registry: Registry[object]) -> None:
    for name in registry.built_in:
        assert registry.find(name) is not None


@pytest.mark.parametrize("registry", ALL.values(), ids=ALL)
def test_an_unknown_name_gets_the_nearest_one(registry: Registry[object]) -> None:
    name = registry.names()[0]
    with pytest.raises(UserError, match=f"unknown {registry.role} '{name}s': did you mean '{name}'"):
        registry.find(name + "s")


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, bonag.roles as r; r.STRATEGIES.names(); print({'torch', 'ax', 'pandas'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("name", ["my_parts:Greedy", "my_parts:Plain", "my_parts:plain", "my_parts:made"])
def test_a_module_of_the_current_folder_has_parts(here: Path, name: str) -> None:
    assert roles.STRATEGIES.make(name, KNOWN).propose(None, 1, None) == []  # type: ignore[arg-type]


def test_a_maker_is_given_what_it_asks_for_by_name_or_in_order(here: Path) -> None:
    assert roles.STRATEGIES.make("my_parts:Greedy", KNOWN).space == "the space"  # type: ignore[attr-defined]
    made = roles.STRATEGIES.make("my_parts:Positional", KNOWN)
    assert made.given == ("the space", "the objective")  # type: ignore[attr-defined]
    assert roles.STRATEGIES.asks("my_parts:made", ("space", "objective")) == {"objective"}
    assert roles.STRATEGIES.asks("my_parts:plain", ("space", "objective")) == set()


def test_only_what_is_asked_for_is_made(here: Path) -> None:
    def never() -> object:
        raise AssertionError

    assert roles.STRATEGIES.make("my_parts:Greedy", {"space": lambda: 1, "generator": never})


def test_a_function_is_a_part_where_functions_are(here: Path) -> None:
    measure = roles.EVALUATORS.make("my_parts:measure", KNOWN)
    assert measure("any") == 1.0  # type: ignore[operator]
    assert roles.ACQUISITIONS.make("ucb", KNOWN)(Prediction(np.ones(2), np.ones(2)), 0.0).shape == (2,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_parts:Greddy", "module 'my_parts' has no 'Greddy': did you mean 'Greedy'"),
        ("my_parts:Idle", "'my_parts:Idle' is no strategy: it has no 'propose'"),
        ("my_parts:measure", "'my_parts:measure' is no strategy: it has no 'name'"),
        ("my_parts:Demanding", "strategy 'my_parts:Demanding' asks for 'moon', and there is nothing of that name"),
        ("my_part:Greedy", "unknown strategy 'my_part:Greedy': no module named 'my_part'"),
        ("evolution:nazilla", "no module named 'evolution'; did you mean 'evolution:naszilla'"),
        ("broken_parts:Greedy", "strategy 'broken_parts:Greedy' cannot be loaded: OSError: no licence"),
        ("os:abort", "'os:abort' is of Python's own library, which has no parts"),
        ("python:my_parts.Greedy", "the Python object my_parts.Greedy is in no record: give it again"),
    ],
)
def test_what_is_no_part_is_refused_in_one_line(here: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        roles.STRATEGIES.make(name, KNOWN)


def test_a_broken_entry_point_is_listed_and_breaks_nothing_else(here: Path) -> None:
    metadata = here / "broken-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[bonag.strategies]\nbroken = broken_parts:Greedy\n")
    sys.path.insert(0, str(here))
    assert "broken" in roles.STRATEGIES.names()
    with pytest.raises(UserError, match="strategy 'broken' cannot be loaded from broken_parts:Greedy: OSError"):
        roles.STRATEGIES.find("broken")
    assert roles.STRATEGIES.make("random", {"space": lambda: get_space("nb201")}).name == "random"


def test_names_in_records_find_their_parts_again(here: Path) -> None:
    plain = roles.STRATEGIES.find("my_parts:plain")
    assert name_of(type(plain)) == "my_parts:Plain"
    assert name_of(plain) == "python:my_parts.Plain"
    assert name_of(lambda architecture: 1.0).startswith("python:")
    assert name_of("gp") == "gp"
    assert space_name(get_space("nb201")) == "nb201"
