"""``python results/fitting/note10_latency.py``: fit the Note10 latency on Once-for-All's lookup table."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from card import run, table

from bonag.evaluators.artifact import Artifact
from bonag.evaluators.data_files import data_file
from bonag.evaluators.mbv3_work import WORK, Block, dense_work, head_work, pool_work, stem_work, vector
from bonag.evaluators.note10_latency import NAME
from search_spaces.errors import UserError
from search_spaces.mbv3.architecture import EXPANDS, KERNELS, SLOTS_PER_STAGE, STAGES

FILE = "mbv3_note10_latency_lut.json"
LAYER = re.compile(r"(\w+)-input:(\d+)x\d+x(\d+)-output:(?:(\d+)x\d+x)?(\d+)(?:-(.*))?")
OPTIONS = re.compile(r"expand:(\d+)-kernel:(\d)-stride:(\d)-idskip:(\d)-se:(\d)-hs:(\d)")
NETWORKS, NETWORK_SEED = 2000, 0


@dataclass(frozen=True)
class Row:
    """One entry of the table. kind: what a left-out fit has not seen, '' where nothing else could tell its rate."""

    image_size: int
    kind: str
    block: Block | None
    work: np.ndarray
    milliseconds: float


def read_rows(path: Path) -> list[Row]:
    """The table's entries; raises UserError."""
    try:
        sizes = json.loads(path.read_text())
        return [_row(int(size), key, value) for size, layers in sizes.items() for key, value in layers.items()]
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"cannot read {path} as a latency table: {error}") from error


def fit_rates(rows: list[Row]) -> np.ndarray:
    """Non-negative rates (ns per unit of work) with the least sum of squared relative errors: (len(WORK),)."""
    from scipy.optimize import nnls

    work = np.stack([row.work for row in rows])
    scale = np.maximum(work.max(axis=0), 1.0)
    times = np.array([row.milliseconds for row in rows])
    rates, _ = nnls(work / scale / times[:, None], np.ones(len(rows)))
    return 1e6 * rates / scale


def fit(data_dir: Path | None, command: str) -> Artifact:
    """The rates, and how far they are off."""
    path = data_file(data_dir, FILE, "the fit of the Note10 latency")
    rows = read_rows(path)
    rates = fit_rates(rows)
    sizes = sorted({row.image_size for row in rows})
    kinds = sorted({row.kind for row in rows if row.kind})

    by_size = _held_out(rows, [row.image_size for row in rows], sizes)
    by_kind = _held_out(rows, [row.kind for row in rows], kinds)
    narrow = ["narrow" if row.block and row.block.mid_width == 3 * row.block.in_width else "" for row in rows]
    by_narrow = _held_out(rows, narrow, ["narrow"])
    in_sample = _predict(rows, rates)
    truth = np.array([row.milliseconds for row in rows])
    networks = _random_networks(rows)
    figures = {
        "fitted on all": in_sample,
        "image size left out": by_size,
        "kind of layer left out": by_kind,
        "expand ratio 3 left out": by_narrow,
    }
    errors = {}
    for name, predicted in figures.items():
        seen = ~np.isnan(predicted)
        single = np.abs(predicted[seen] / truth[seen] - 1)
        # Where a fit left out only some kinds of layer, the others of a network count as measured.
        whole = np.abs(networks @ np.where(seen, predicted, truth) / (networks @ truth) - 1)
        errors[name] = {
            "rows": int(seen.sum()),
            "mean": float(single.mean()),
            "quantile_95": float(np.quantile(single, 0.95)),
            "largest": float(single.max()),
            "networks_mean": float(whole.mean()),
            "networks_largest": float(whole.max()),
        }

    facts = {
        "rows": len(rows),
        "source": FILE,
        "command": command,
        "sizes": sizes,
        "kinds": kinds,
        "errors": errors,
    }
    return Artifact({"nanoseconds": rates}, facts)


def card(artifact: Artifact) -> str:
    """What was fitted on what, and its errors."""
    facts = artifact.facts
    quality = table(
        ("fit", "rows predicted", "mean", "95th percentile", "largest", "whole networks: mean", "largest"),
        [
            (name, *(f"{value:,}" if key == "rows" else f"{100 * value:.1f} %" for key, value in row.items()))
            for name, row in facts["errors"].items()
        ],
    )
    rates = table(
        ("work", "ns per unit"),
        [(name, f"{rate:.4f}") for name, rate in zip(WORK, artifact.arrays["nanoseconds"], strict=True)],
    )
    return f"""# Latency of MobileNetV3 networks on a Samsung Note10

A sum of {len(WORK)} non-negative rates times each layer's work (multiply-accumulates inside the map, elements,
weights), fitted by non-negative least squares of relative errors on {facts["rows"]:,} rows of `{facts["source"]}`:
Once-for-All's lookup table of single blocks, as redistributed by CompOFA (Apache-2.0), at {min(facts["sizes"])} to
{max(facts["sizes"])} px. The table itself is not shipped.

Made by `{facts["command"]}`

## Relative errors

Of {len(facts["kinds"])} kinds of layer and {len(facts["sizes"])} image sizes, one at a time was left out. Whole
networks are {NETWORKS:,} random ones of width 1.2 (uniform depths and blocks) over all image sizes; their layers that a
left-out fit does not concern count as in the table.

{quality}

## What it is not

- The table holds blocks of the **width-1.2** network; bonag's networks have width 1.0, so its latencies are
  extrapolated to other shapes of the same kinds of layer. The rows in which kinds of block, and narrow blocks, were
  left out say how far that can be off.
- Latency is summed over layers that were timed alone, as in Once-for-All's own search; a whole network was not timed.
- Below {min(facts["sizes"])} px it is extrapolated further.

## Rates

{rates}
"""


def _row(image_size: int, key: str, milliseconds: float) -> Row:
    match = LAYER.fullmatch(key)
    if match is None or not milliseconds > 0:
        raise ValueError(f"entry '{key}': {milliseconds} of image size {image_size} is not understood")
    kind, side, width, out_side, out_width = match[1], int(match[2]), int(match[3]), int(match[4] or 1), int(match[5])
    block = None
    if kind == "expanded_conv":
        options = OPTIONS.fullmatch(match[6] or "")
        if options is None:
            raise ValueError(f"entry '{key}' is not understood")
        mid, kernel, stride, residual, squeeze_excite, h_swish = map(int, options.groups())
        block = Block(
            in_side=side,
            out_side=out_side,
            in_width=width,
            mid_width=mid,
            out_width=out_width,
            kernel=kernel,
            stride=stride,
            expands=mid != width,
            residual=bool(residual),
            squeeze_excite=bool(squeeze_excite),
            h_swish=bool(h_swish),
        )
        work = block.work()
    elif kind == "Conv":
        work = stem_work(side, out_side, out_width)
    elif kind == "Conv_1":
        work = head_work(side, width, out_width)
    elif kind == "AvgPool2D":
        work = pool_work(side, width)
    elif kind in ("Conv_2", "Logits"):
        work = dense_work(width, out_width)
    else:
        raise ValueError(f"entry '{key}' is of an unknown kind")
    return Row(image_size, _kind(kind, block), block, vector(work), float(milliseconds))


def _kind(layer: str, block: Block | None) -> str:
    if block is not None:
        return f"block {block.in_width}->{block.out_width}"
    # The stem and the pooling have rates of their own: without them in a fit, there is nothing to predict them with.
    return "" if layer in ("Conv", "AvgPool2D") else layer


def _predict(rows: list[Row], rates: np.ndarray) -> np.ndarray:
    return np.stack([row.work for row in rows]) @ rates * 1e-6


def _held_out(rows: list[Row], groups: list, left_out: list) -> np.ndarray:
    """Each of the groups in ``left_out`` predicted by a fit without it: (rows,), nan elsewhere."""
    predicted = np.full(len(rows), np.nan)
    for group in left_out:
        inside = np.array([each == group for each in groups])
        rates = fit_rates([row for row, out in zip(rows, inside, strict=True) if not out])
        predicted[inside] = _predict([row for row, out in zip(rows, inside, strict=True) if out], rates)
    return predicted


def _random_networks(rows: list[Row]) -> np.ndarray:
    """How often each row is in random width-1.2 networks (uniform depths, blocks and sizes): (networks, rows)."""
    rng = np.random.default_rng(NETWORK_SEED)
    sizes = sorted({row.image_size for row in rows})
    number = {row_key: i for i, row in enumerate(rows) if (row_key := _block_key(row)) is not None}
    widths = sorted({row.block.out_width for row in rows if row.block})
    counts = np.zeros((NETWORKS, len(rows)), dtype=np.int8)
    for network in range(NETWORKS):
        size = sizes[network % len(sizes)]
        counts[network, [i for i, row in enumerate(rows) if row.image_size == size and _block_key(row) is None]] = 1
        for stage in range(STAGES):
            for position in range(int(rng.integers(2, SLOTS_PER_STAGE + 1))):
                width = widths[stage] if position == 0 else widths[stage + 1]
                key = (size, width, widths[stage + 1], int(rng.choice(KERNELS)), int(rng.choice(EXPANDS)))
                counts[network, number[key]] += 1
    return counts


def _block_key(row: Row) -> tuple[int, int, int, int, int] | None:
    """Which elastic block a row is; None for the layers that every network has once."""
    block = row.block
    if block is None or not block.expands:
        return None
    expand = round(block.mid_width / block.in_width)
    return row.image_size, block.in_width, block.out_width, block.kernel, expand


if __name__ == "__main__":
    run(NAME, fit, card)
