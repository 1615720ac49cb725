"""The file of a trained supernet: safetensors, with all that it takes to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bonag.elastic.fitting import SupernetFit
from bonag.whole_file import whole_file
from search_spaces.mbv3.elastic import ElasticMobileNetV3
from search_spaces.mbv3.supernet import supernet_shapes


def save_supernet(fit: SupernetFit, network: ElasticMobileNetV3, path: Path, **facts: str) -> None:
    """Write what a training gave, whole or not at all; raises OSError.

    facts: more of how it was trained. Beside the weights the file says ``weights``, ``dataset``, ``num_classes``,
    ``image_size``, ``width``, ``mean`` and ``stddev`` (of the three channels of images from 0 to 1, as JSON) and
    ``epochs``.
    """
    from safetensors.torch import save

    state = network.state_dict()
    shapes = supernet_shapes(network.width, network.num_classes)
    tensors = {key: state[key].contiguous() for key in shapes}
    with whole_file(path) as temporary:
        temporary.write_bytes(save(tensors, metadata={**_metadata(fit), **facts}))


def _metadata(fit: SupernetFit) -> Mapping[str, str]:
    return {
        "bonag": version("bonag"),
        "weights": f"supernet, trained {fit.recipe.epochs} epochs on {fit.dataset.name} by {fit.method}",
        "space": "mbv3",
        "dataset": fit.dataset.name,
        "num_classes": str(fit.dataset.num_classes),
        "image_size": str(fit.pixels.image_size),
        "mean": json.dumps(fit.pixels.mean),
        "stddev": json.dumps(fit.pixels.stddev),
        "width": f"{fit.width:g}",
        "epochs": str(fit.recipe.epochs),
        "method": fit.method,
    }
