"""What the papers and their follow-ups published for the same protocols."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A figure of a row, by whom, and at which cost: labels and queries, None where nobody says.

    protocol, space, setting, figure: as in the table. by: method, and where the number stands.
    """

    protocol: str
    space: str
    setting: str
    figure: str
    value: float
    by: str
    labels: int | None = None
    queries: int | None = None


_NAG = "DiffusionNAG (An et al., ICLR 2024)"
_IN_EDNAG = ", as reported by EDNAG"
_IN_PNAG = ", as measured by PNAG"
_DINAS = "DiNAS (Asthana et al., TMLR 2024)"
# DiNAS is trained on the labels of 99 % of NAS-Bench-201.
_DINAS_LABELS = 15_468

PUBLISHED = (
    Published("generation", "nb201", "", "raw_validity", 0.9897, _NAG + _IN_PNAG),
    Published("generation", "nb201", "", "uniqueness", 0.9870, _NAG + _IN_PNAG),
    Published("generation", "nb201", "", "novelty", 0.4920, _NAG + _IN_PNAG),
    Published("generation", "mbv3", "", "raw_validity", 0.9909, _NAG + _IN_PNAG),
    Published("on demand", "nb201", "cifar10", "best", 94.37, _DINAS, _DINAS_LABELS, 192),
    Published("on demand", "nb201", "cifar100", "best", 73.51, _DINAS, _DINAS_LABELS, 192),
    Published("on demand", "nb101", "", "best", 94.27, _DINAS + ", test accuracy"),
    Published("on demand", "darts", "", "best", 94.92, _DINAS + ", validation accuracy, XGB v0.9"),
    Published("transfer", "nb201", "cifar100 to cifar10", "best", 94.37, _NAG + _IN_EDNAG, 4_230, 1),
    Published("transfer", "nb201", "cifar10 to cifar100", "best", 73.51, _NAG + _IN_EDNAG, 4_230, 2),
    Published("search", "nb201", "cifar10", "queries to the best", 46, "BANANAS" + _IN_EDNAG, 0, 46),
    Published("search", "nb201", "cifar100", "queries to the best", 88, "BANANAS" + _IN_EDNAG, 0, 88),
)
