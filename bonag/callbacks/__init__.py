"""What follows a run beside its record: experiment trackers, for ``bonag.search(callbacks=[...])``.

A callback is any callable of an event (``loops.loop``: Proposed, Reported, Ended, Over). One that has a method
``begin`` is given the ``Beginning`` before.
"""

from bonag.callbacks.beginning import Beginning
from bonag.callbacks.mlflow import MLflow
from bonag.callbacks.tensorboard import TensorBoard

__all__ = ["Beginning", "MLflow", "TensorBoard"]
