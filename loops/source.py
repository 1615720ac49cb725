"""What another search or table measured in the same space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from loops.fingerprint import Fingerprint
from search_spaces import Architecture


@dataclass(frozen=True, eq=False)
class Source:
    """Evaluations of another task.

    name: what it is called in reports. architectures: n distinct ones. values: by metric of the objective, (n,) of what
    was measured. others: by metric of the objective, the name of another metric that stands for it here; its values
    have their sign turned where one is minimised and the other maximised. labels: how many evaluations it comes from;
    what a source keeps of many may be fewer. fingerprint: of the data set, where that is known; a run that learns from
    the source does not keep it.
    """

    name: str
    architectures: tuple[Architecture, ...]
    values: Mapping[str, np.ndarray]
    others: Mapping[str, str]
    labels: int
    fingerprint: Fingerprint | None = None

    def __str__(self) -> str:
        """``cifar10-run (100 labels, latency in place of accuracy)``."""
        places = [f"{other} in place of {metric}" for metric, other in self.others.items()]
        return f"{self.name} ({', '.join([f'{self.labels:,} labels', *places])})"
