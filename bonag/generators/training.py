"""Train the generator of a space: ``python -m bonag.generators.training --space mbv3 --output mbv3.safetensors``.

The training data are unlabelled uniform samples of the space, drawn afresh for every step: no accuracy is used.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from bonag.generators.artifact import save_generator
from bonag.generators.denoiser import Denoiser
from bonag.generators.diffusion import Transition
from bonag.generators.generator import DiffusionGenerator
from bonag.whole_file import whole_file
from loops.errors import UserError
from search_spaces import SearchSpace, UnknownSpaceError, get_space

MARGINAL_SAMPLES = 50_000
EMA_DECAY = 0.998


def train_generator(
    space: SearchSpace, steps: int = 3000, batch_size: int = 256, learning_rate: float = 2e-3, seed: int = 0
) -> tuple[DiffusionGenerator, dict[str, Any]]:
    """Fit the denoiser by cross-entropy of the clean operations at uniform noise levels; EMA weights are returned.

    Returns the generator and a record of the training (steps, seconds, final loss, labels used: none).
    """
    if steps < 1:
        raise UserError(f"steps must be at least 1, not {steps}")
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    sample = space.codes(space.sample(MARGINAL_SAMPLES, rng))
    transition = Transition.of_sample(space, sample)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        denoiser = Denoiser(space)
    ema = torch.optim.swa_utils.AveragedModel(
        denoiser, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(EMA_DECAY)
    )
    optimiser = torch.optim.AdamW(denoiser.parameters(), lr=learning_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=0.1)
    free = transition.free
    losses = []
    started = time.monotonic()
    for _ in range(steps):
        x = torch.from_numpy(space.codes(space.sample(batch_size, rng)))
        t = torch.rand(batch_size, generator=generator)
        logits = denoiser(transition.noised(x, t, generator), t)
        loss = functional.cross_entropy(logits[:, free].flatten(0, 1), x[:, free].flatten())
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        ema.update_parameters(denoiser)
        losses.append(loss.item())
    denoiser.load_state_dict(ema.module.state_dict())
    record = {
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "samples": steps * batch_size + MARGINAL_SAMPLES,
        "labels": 0,
        "seconds": round(time.monotonic() - started, 1),
        "loss": round(float(np.mean(losses[-200:])), 4),
    }
    return DiffusionGenerator(space, denoiser.eval(), transition), record


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bonag.generators.training", description=__doc__)
    parser.add_argument("--space", required=True, help="a registered search space")
    parser.add_argument("--output", required=True, type=Path, help="the file to write")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        # Opened before the training, so that a file that cannot be written costs no time.
        with whole_file(arguments.output) as file:
            generator, record = train_generator(get_space(arguments.space), steps=arguments.steps, seed=arguments.seed)
            save_generator(generator, record, file)
    except (UserError, UnknownSpaceError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except OSError as error:
        sys.stderr.write(f"error: cannot write {arguments.output}: {error.strerror}\n")
        sys.exit(2)
    sys.stdout.write(f"{arguments.output}: {record}\n")


if __name__ == "__main__":
    main()
