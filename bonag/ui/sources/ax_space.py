"""Whether an Ax experiment searches one of bonag's spaces: one that bonag exported, or in which its node proposes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search_spaces import SearchSpace, get_space, space_names
from search_spaces.errors import UserError

if TYPE_CHECKING:
    from ax.core.experiment import Experiment


def space_of(experiment: Experiment) -> SearchSpace | None:
    """The installed space whose parameters the experiment has, if all of its arms are architectures of it."""
    from bonag.ax.flat import architecture_of, check_parameters

    # What the experiment says of itself is a text that anybody may write; its parameters are what is searched.
    for name in space_names():
        space = get_space(name)
        try:
            check_parameters(space, experiment.search_space)
            for arm in experiment.arms_by_name.values():
                architecture_of(space, arm.parameters, arm.name)
        except (UserError, KeyError):
            continue
        return space
    return None
