"""The file ``config.json`` of a run, also as earlier versions wrote it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from loops.config import FORMAT, RunConfig
from loops.objective import with_sign
from search_spaces.errors import UserError
from search_spaces.near_miss import suggestion

# The keys that a format added; an earlier file is read as if it had their defaults.
ADDED: dict[int, tuple[str, ...]] = {
    2: ("constraints",),
    3: ("generator",),
    4: (
        *("workers", "trial_timeout", "max_attempts", "cpus_per_trial", "gpus_per_trial", "stop_early"),
        *("hours", "target", "patience", "known", "tries", "record_patience"),
        *("dataset", "preset", "hyperparameters"),
    ),
    5: ("supernet", "imagenet", "images"),
    6: ("transfer",),
    7: ("fingerprint",),
}


def config_to_json(config: RunConfig) -> str:
    """The text of the file."""
    return json.dumps(asdict(config), indent=2) + "\n"


def config_from_json(text: str) -> RunConfig:
    """The inverse of ``config_to_json``; raises UserError that names the first thing wrong."""
    try:
        values: Any = json.loads(text)
    except ValueError as error:
        raise UserError(f"not JSON: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"not a JSON object but {type(values).__name__}")
    names = [one.name for one in fields(RunConfig)]
    known = values.get("format", FORMAT)
    # A newer format may have other keys; that it is newer is then the thing to say.
    if not isinstance(known, int) or isinstance(known, bool) or not 1 <= known <= FORMAT:
        raise UserError(f"format {known!r} is unknown to this bonag, which reads formats up to {FORMAT}")
    added = {name for later, keys in ADDED.items() if later > known for name in keys}
    for name in values:
        if name not in names or name in added:
            raise UserError(f"unknown key '{name}': {suggestion(name, [n for n in names if n not in added])}")
    for name in names:
        if name not in values and name not in added:
            raise UserError(f"key '{name}' is missing")
    if known < 4 and values["executor"] == "ray":
        # Ray used to evaluate all of a batch at once.
        values["workers"] = values["batch_size"]
    values["objective"] = _with_signs(values["objective"])
    return RunConfig(**{**values, "format": FORMAT})


def _with_signs(objective: Any) -> Any:
    """The goals of a record, with the sign that those of costs had not always."""
    texts = objective if isinstance(objective, list) else [objective]
    if not all(isinstance(text, str) for text in texts):
        return objective
    return [with_sign(text) for text in texts]
