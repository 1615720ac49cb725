"""The seven roles: the contract of each, and where its parts are found by name.

A part is given as a name, as ``package.module:attribute``, or in Python as the object itself. A package makes its parts
known by entry points of the group ``bonag.<role>s`` (``bonag.spaces``, ``bonag.strategies``, ...), an evaluator of one
space as ``<space>.<evaluator>``.
"""

from __future__ import annotations

from loops.protocols import Acquisition, Evaluator, Executor, Generator, Predictor, StopRule, Strategy
from search_spaces.registry import SPACES, Registry
from search_spaces.space import SearchSpace

STRATEGIES: Registry[Strategy] = Registry(
    role="strategy",
    built_in={
        "bonag": "bonag.strategies.guided:bonag",
        "random": "loops.strategies.random:RandomSearch",
        "evolution": "loops.strategies.evolution:RegularizedEvolution",
        "evolution:naszilla": "loops.strategies.evolution:RegularizedEvolution.naszilla",
        "local-search": "loops.strategies.local_search:LocalSearch",
        "nsga2": "loops.strategies.nsga2:NSGA2",
        "bananas": "bonag.strategies.bananas:Bananas",
        "linas": "bonag.strategies.linas:linas",
        "gp-wl": "bonag.strategies.gp_wl:nas_bowl",
        "gp-wl:design": "bonag.strategies.ablation:gp_wl_design",
        "gp-wl:scores": "bonag.strategies.ablation:gp_wl_scores",
        "gp": "bonag.strategies.gp:plain_process",
        "gp:design": "bonag.strategies.ablation:gp_design",
        "gp:scores": "bonag.strategies.ablation:gp_scores",
        "mutation-bo": "bonag.strategies.guided:mutation_bo",
        "mutation-bo:random": "bonag.strategies.guided:mutation_bo_random",
        "mutation-bo:mutation": "bonag.strategies.guided:mutation_bo_mutation",
        "mutation-bo:evolution": "bonag.strategies.guided:mutation_bo_evolution",
        "bonag:alone": "bonag.strategies.guided:alone",
        "ax": "bonag.ax.default_strategy:AxDefault",
        "optuna-tpe": "bonag.strategies.peers.optuna:OptunaTPE",
        "optuna-gp": "bonag.strategies.peers.optuna:OptunaGP",
        "smac": "bonag.strategies.peers.smac:Smac",
        "nevergrad": "bonag.strategies.peers.nevergrad:Nevergrad",
        "hyperopt": "bonag.strategies.peers.hyperopt:Hyperopt",
        "syne-tune-bore": "bonag.strategies.peers.syne_tune:SyneTuneBore",
    },
    groups=("bonag.strategies",),
    contract=("name", "propose"),
)

PREDICTORS: Registry[Predictor] = Registry(
    role="predictor",
    built_in={
        "gp": "bonag.predictors.gp:GaussianProcess",
        "ensemble": "bonag.predictors.mixture:graph_ensemble",
        "mixture": "bonag.predictors.mixture:Mixture",
    },
    groups=("bonag.predictors",),
    contract=("fit",),
)

ACQUISITIONS: Registry[Acquisition] = Registry(
    role="acquisition",
    built_in={
        "log-ei": "bonag.acquisition.improvement:LogExpectedImprovement",
        "ucb": "bonag.acquisition.functions:upper_confidence_bound",
        "pi": "bonag.acquisition.functions:log_probability_of_improvement",
        "thompson": "bonag.acquisition.functions:thompson_sampling",
    },
    groups=("bonag.acquisitions",),
    contract=("__call__",),
    functions=True,
)

GENERATORS: Registry[Generator] = Registry(
    role="generator",
    built_in={
        "trained": "bonag.generators.choosing:trained_generator",
        "random": "bonag.generators.candidates:RandomCandidates",
        "mutation": "bonag.generators.candidates:MutationCandidates",
        "evolution": "bonag.generators.candidates:EvolutionCandidates",
        "all": "bonag.generators.candidates:AllCandidates",
    },
    groups=("bonag.generators",),
    contract=("guided_sample",),
)

EXECUTORS: Registry[Executor] = Registry(
    role="executor",
    built_in={
        "local": "bonag.executors.local:LocalExecutor",
        "ray": "bonag.executors.ray:RayExecutor",
        "in-process": "bonag.executors.in_process:InProcessExecutor",
    },
    groups=("bonag.executors",),
    contract=("run", "close"),
)

EVALUATORS: Registry[Evaluator] = Registry(
    role="evaluator",
    built_in={
        "nb101.table": "bonag.evaluators.nb101_table",
        "nb201.surrogate": "bonag.evaluators.nb201_surrogate",
        "nb201.table": "bonag.evaluators.nb201_table",
        "mbv3.surrogate": "bonag.evaluators.mbv3_surrogate",
        "mbv3.predictor": "bonag.evaluators.mbv3_predictor",
        "mbv3.supernet": "bonag.evaluators.supernet:SupernetEvaluator",
        "darts.nasbench301": "bonag.evaluators.nb301_surrogate",
        "nbgraph.table": "bonag.evaluators.nbgraph_table:WHOLE",
        "nbgraph-proteins.table": "bonag.evaluators.nbgraph_table:PROTEINS",
        "nlp.surrogate": "bonag.evaluators.nlp_surrogate",
        "nlp.table": "bonag.evaluators.nlp_table",
        "train": "bonag.evaluators.training:train",
    },
    groups=("bonag.evaluators",),
    contract=("metrics", "description", "evaluate"),
    functions=True,
)

STOP_RULES: Registry[StopRule] = Registry(
    role="stop rule",
    built_in={
        "none": "loops.stopping:NeverStop",
        "asha": "loops.stopping:SuccessiveHalving",
        "median": "loops.stopping:MedianRule",
    },
    groups=("bonag.stop_rules",),
    contract=("stops",),
)

__all__ = [
    "ACQUISITIONS",
    "EVALUATORS",
    "EXECUTORS",
    "GENERATORS",
    "PREDICTORS",
    "SPACES",
    "STOP_RULES",
    "STRATEGIES",
    "Acquisition",
    "Evaluator",
    "Executor",
    "Generator",
    "Predictor",
    "SearchSpace",
    "StopRule",
    "Strategy",
]
