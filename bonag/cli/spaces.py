"""`bonag spaces` and `bonag check-space`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from search_spaces import SearchSpace

# The one strategy that needs something of the space: a generator.
GENERATING = "bonag"


@dataclass
class Row:
    """A space as it is shown.

    evaluators: the tasks of each, or why it has none here. latencies: metrics predicted beside any evaluator.
    """

    name: str
    space: SearchSpace
    evaluators: dict[str, list[str] | str] = field(default_factory=dict)
    generates: bool = False
    latencies: tuple[str, ...] = ()


def spaces(
    data: Annotated[Path | None, typer.Option(help="Folder of benchmark tables.", show_default="$BONAG_DATA")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Show the search spaces that are installed, and what can be done with each.

    With --json: a list of objects with name, size, evaluators (an object: the tasks of each, or null where its data is
    not here; the default first), strategies and latencies (metrics that a model predicts beside any evaluator). A space
    that cannot be loaded has a name and the error instead.
    """
    from bonag.roles import STRATEGIES
    from search_spaces import UserError, space_names

    strategies = STRATEGIES.names()
    found: list[dict[str, object]] = []
    for name in space_names():
        try:
            row = _row(name, data)
        except UserError as error:
            found.append({"name": name, "error": str(error)})
            if not as_json:
                print(f"{name}: {error}")
            continue
        tasks = {one: tasks if isinstance(tasks, list) else None for one, tasks in row.evaluators.items()}
        served = [one for one in strategies if one != GENERATING or row.generates]
        seen = {"name": name, "size": row.space.size, "evaluators": tasks, "strategies": served}
        found.append({**seen, "latencies": list(row.latencies)})
        if not as_json:
            _show(row)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print(f"strategies, if nothing else is said: {', '.join(strategies)}")


def check_space(
    name: Annotated[str, typer.Argument(metavar="SPACE", help="A space's name, or package.module:Space.")],
) -> None:
    """Check that a search space of your own keeps the contract; exit with 1 if it does not.

    Says in lines what is wrong: its table of sites, sampling, strings, graphs, neighbours, projection, parameters, the
    list of all architectures, networks, costs and drawings.

        bonag check-space my_spaces:Chain
    """
    from search_spaces import get_space
    from search_spaces.checking import complaints

    space = get_space(name)
    wrong = complaints(space)
    for line in wrong:
        print(line)
    if wrong:
        raise typer.Exit(1)
    networks = "" if space.builds else ", none of which has a network"
    print(f"{space.name}: {space.size:,} architectures{networks}; nothing is wrong")


def _row(name: str, data: Path | None) -> Row:
    from bonag.evaluators.latencies import latency_metrics
    from search_spaces import UserError, get_space

    space = get_space(name)
    try:
        evaluators = {one: tasks_of(name, one, data) for one in _usable(name, space)}
        row = Row(name, space, evaluators, _generates(space), latency_metrics(space.name))
        f"{space.size:,}"
    except Exception as error:  # the author's code, which may raise anything
        raise UserError(f"space '{name}' is broken: {type(error).__name__}: {error}") from error
    return row


def _usable(name: str, space: SearchSpace) -> list[str]:
    """Of the evaluators, ``train`` only where there are networks to train on images or on a text."""
    from bonag.evaluators import evaluator_names

    trains = space.builds and (space.takes_images or space.takes_tokens)
    return [one for one in evaluator_names(name) if one != "train" or trains]


def _show(row: Row) -> None:
    print(f"{row.name}: {row.space.size:,} architectures")
    for evaluator, tasks in row.evaluators.items():
        choice = f": tasks {', '.join(tasks)}" if tasks else ""
        print(f"  {tasks}" if isinstance(tasks, str) else f"  evaluator {evaluator}{choice}")
    if not row.evaluators:
        print("  no evaluator comes with it: give one of yours, --evaluator package.module:attribute")
    if row.latencies:
        print(f"  latencies beside any evaluator: {', '.join(row.latencies)}")
    if not row.generates:
        train = f"bonag train-generator --space {row.name} -o FILE"
        print(f"  strategy {GENERATING} needs a trained generator: {train}, then --generator FILE")


def _generates(space: SearchSpace) -> bool:
    """Whether there is a generator of the space, without PyTorch to load it."""
    import bonag

    shipped = Path(bonag.__file__).parent / "generators" / "artifacts" / f"{space.name}.safetensors"
    return space.independent_sites or space.generator is not None or shipped.is_file()


def tasks_of(space: str, evaluator: str, data: Path | None) -> list[str] | str:
    """The tasks of an evaluator, the default one first; or why it has none here."""
    from bonag.evaluators import task_names
    from search_spaces.errors import UserError

    try:
        return task_names(space, evaluator, data)
    except UserError as error:
        return str(error)
    except Exception as error:  # the author's code, which may raise anything
        return f"evaluator '{evaluator}' of space '{space}' is broken: {type(error).__name__}: {error}"
