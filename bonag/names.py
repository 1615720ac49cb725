"""The names that arguments take, for editors that complete them; whatever else fills a role is taken beside these.

What the names stand for is in ``bonag.roles``, of which these are the built-in ones.
"""

from __future__ import annotations

from typing import Literal

SpaceName = Literal["nb101", "nb201", "mbv3", "darts", "nbgraph", "nbgraph-proteins", "nlp"]
EvaluatorName = Literal["surrogate", "table", "predictor", "supernet", "nasbench301", "train"]
ExecutorName = Literal["local", "ray", "in-process"]
StrategyName = Literal[
    "bonag", "random", "evolution", "evolution:naszilla", "local-search", "nsga2", "bananas", "linas",
    "gp-wl", "gp-wl:design", "gp-wl:scores", "gp", "gp:design", "gp:scores",
    "mutation-bo", "mutation-bo:random", "mutation-bo:mutation", "mutation-bo:evolution", "bonag:alone", "ax",
    "optuna-tpe", "optuna-gp", "smac", "nevergrad", "hyperopt", "syne-tune-bore",
]  # fmt: skip
PredictorName = Literal["gp", "ensemble", "mixture"]
AcquisitionName = Literal["log-ei", "ucb", "pi", "thompson"]
GeneratorName = Literal["trained", "random", "mutation", "evolution", "all"]
StopRuleName = Literal["none", "asha", "median"]

DeviceName = Literal["auto", "cpu", "cuda"]
FamilyName = Literal["discrete", "score"]
MethodName = Literal["classifier-free", "resampling", "first-order", "gradient"]
FigureName = Literal["progress", "pareto", "seconds"]
