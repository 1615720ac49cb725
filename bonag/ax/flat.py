"""Architectures as Ax parameters, and back."""

from __future__ import annotations

from collections.abc import Mapping

from ax.api.configs import ChoiceParameterConfig
from ax.core.parameter import ChoiceParameter
from ax.core.search_space import SearchSpace as AxSearchSpace

from search_spaces import Architecture, SearchSpace, get_space
from search_spaces.architecture import InvalidArchitectureError
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion


def parameters(space: str | SearchSpace) -> list[ChoiceParameterConfig]:
    """The flat parameters of a space, for ``Client.configure_experiment(parameters=...)``. Raises UserError."""
    return [
        ChoiceParameterConfig(
            name=parameter.name,
            values=list(parameter.values),  # type: ignore[arg-type]
            parameter_type="str" if isinstance(parameter.values[0], str) else "int",
            is_ordered=parameter.is_ordered,
        )
        for parameter in get_space(space).parameters()
    ]


def check_parameters(space: SearchSpace, theirs: AxSearchSpace) -> None:
    """Raises UserError unless an experiment has the parameters of ``parameters(space)``, and no constraint on them."""
    wanted = {parameter.name: parameter.values for parameter in space.parameters()}
    remedy = f"configure the experiment with bonag.ax.parameters('{space.name}')"
    for name in theirs.parameters:
        if name not in wanted:
            raise UserError(
                f"space '{space.name}' has no parameter '{name}': {suggestion(name, list(wanted))}; {remedy}"
            )
    for name, values in wanted.items():
        if name not in theirs.parameters:
            raise UserError(f"parameter '{name}' of space '{space.name}' is missing: {remedy}")
        found = theirs.parameters[name]
        if not isinstance(found, ChoiceParameter) or set(found.values) != set(values):
            raise UserError(f"parameter '{name}' of space '{space.name}' is a choice from {list(values)}: {remedy}")
    if theirs.parameter_constraints:
        raise UserError(f"bonag keeps no parameter constraints, as '{theirs.parameter_constraints[0]}': {remedy}")


def architecture_of(space: SearchSpace, values: Mapping[str, object], what: str) -> Architecture:
    """The architecture that parameters stand for, whatever inactive ones hold; raises UserError that names ``what``."""
    try:
        return space.from_parameters(values)  # type: ignore[arg-type]
    except InvalidArchitectureError as error:
        raise UserError(f"{what} is no architecture of space '{space.name}': {error}") from None
