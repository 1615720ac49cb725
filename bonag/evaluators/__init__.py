"""Architecture -> metrics: shipped surrogates, benchmark tables and published predictors."""

from bonag.evaluators.batch import BatchEvaluator
from bonag.evaluators.registry import EvaluatorProvider, evaluator_names, make_evaluator, task_names

__all__ = ["BatchEvaluator", "EvaluatorProvider", "evaluator_names", "make_evaluator", "task_names"]
