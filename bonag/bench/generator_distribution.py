"""Whether generators draw what the space holds: validity, uniqueness, novelty, and the distance of distributions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from bonag.bench.generator_lab import Lab
from bonag.bench.generator_plan import Plan
from bonag.bench.generator_rows import Block, stream
from bonag.generators.split import training_pool
from bonag.generators.trained import STEPS
from bonag.on_demand.report import held_out_share, novel_share, unique_share, valid_share
from search_spaces import SearchSpace

FEW_STEPS = (5, 10, 20, 50)
FULL_CHAIN = 500
VALIDITY_BAR = ">=0.995"
DISTANCE_BAR = "<=0.03"
# In place of a generator: the space's own sampler.
UNIFORM = "uniform"
ROWS_AT_ONCE = 20_000


def validity_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """Raw validity, validity and uniqueness of unguided samples; uniqueness of as many uniform ones."""
    for family in (*plan.families, UNIFORM):
        bars = {"raw_validity": VALIDITY_BAR} if family != UNIFORM else {}
        n = plan.sizes.unguided
        yield Block(
            "validity", space, family, "unguided", f"n={n}", partial(_validity, lab, space, family, n), plan.seeds, bars
        )


def novelty_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """The share of distinct samples that training has not seen, or that are of the tenth that it never sees.

    Uniform samples are compared with what the first of the families was trained on.
    """
    n = plan.sizes.unguided
    for family in (*plan.families, UNIFORM):
        trained = plan.families[0] if family == UNIFORM else family
        yield Block(
            "novelty", space, family, "unguided", f"n={n}", partial(measure_novelty, lab, space, family, trained, n),
            plan.seeds,
        )  # fmt: skip


def distribution_blocks(plan: Plan, lab: Lab, space: str) -> Iterator[Block]:
    """Total variation from the space's uniform distribution, and of few steps from the full chain."""
    for family in plan.families:
        for steps in (FULL_CHAIN, *FEW_STEPS):
            bars = {f"{part}_tv_excess": DISTANCE_BAR for part in ("site", "pair")} if steps == STEPS else {}
            yield Block(
                "distribution", space, family, "unguided", f"steps={steps}",
                partial(_distribution, plan, lab, space, family, steps), plan.seeds, bars,
            )  # fmt: skip


@dataclass(frozen=True)
class Moments:
    """How often classes of two sites go together: shares (S, K, S, K), on whose diagonal the marginals stand."""

    shares: np.ndarray

    @staticmethod
    def of(space: SearchSpace, parts: Iterable[np.ndarray]) -> Moments:
        """Of all codes (n, S) of the parts together."""
        sites, classes = space.num_sites, int(space.site_classes.max())
        total, count = np.zeros((sites * classes, sites * classes)), 0
        for part in parts:
            for start in range(0, len(part), ROWS_AT_ONCE):
                rows = np.eye(classes, dtype=np.float32)[part[start : start + ROWS_AT_ONCE]].reshape(-1, len(total))
                # Whole numbers, which single precision holds up to 16 million.
                total += rows.T @ rows
                count += len(rows)
        return Moments((total / count).reshape(sites, classes, sites, classes))

    def distances(self, other: Moments, pairs: np.ndarray) -> np.ndarray:
        """The largest total variation of a site's marginal, and of the joint of one of the (P, 2) pairs: (2,)."""
        difference = np.abs(self.shares - other.shares)
        sites = np.einsum("ikik->i", difference) / 2
        joints = difference[pairs[:, 0], :, pairs[:, 1], :].sum(axis=(1, 2)) / 2
        return np.array([sites.max(), joints.max(initial=0.0)])


def joined_pairs(space: SearchSpace) -> np.ndarray:
    """The pairs of nodes that an edge joins in some graph of the space: (P, 2)."""
    return np.concatenate([np.argwhere(space.adjacency), space.free_edges])


def reference(space: SearchSpace, size: int, rng: np.random.Generator) -> Moments:
    """Moments of the whole space where it can be enumerated, else of a uniform sample."""
    every = space.all()
    if every is not None:
        return Moments.of(space, [space.codes(every)])
    counts = [min(ROWS_AT_ONCE, size - start) for start in range(0, size, ROWS_AT_ONCE)]
    return Moments.of(space, (space.codes(space.sample(count, rng)) for count in counts))


def noise_floor(space: SearchSpace, target: Moments | int, n: int, draws: int, rng: np.random.Generator) -> np.ndarray:
    """The mean ``distances`` of n uniform samples from the target, or from as many other uniform samples: (2,)."""
    pairs = joined_pairs(space)

    def drawn(count: int) -> Moments:
        return Moments.of(space, [space.codes(space.sample(count, rng))])

    return np.mean(
        [drawn(n).distances(drawn(target) if isinstance(target, int) else target, pairs) for _ in range(draws)], axis=0
    )


def _validity(lab: Lab, name: str, family: str, n: int, seed: int, rng: np.random.Generator) -> dict[str, float]:
    if family == UNIFORM:
        return {"uniqueness": unique_share(lab.space(name).sample(n, rng))}
    return measure_validity(lab, name, family, n, rng)


def measure_validity(lab: Lab, name: str, family: str, n: int, rng: np.random.Generator) -> dict[str, float]:
    """Of n unguided samples of a space's generator: validity before and after the projection, and uniqueness."""
    space = lab.space(name)
    raw = lab.generator(name, family).raw_sample(n, rng)
    made = space.nearest(raw)
    return {
        "raw_validity": valid_share(space, raw),
        "validity": valid_share(space, space.codes(made)),
        "uniqueness": unique_share(made),
    }


def measure_novelty(
    lab: Lab, name: str, family: str, trained: str, n: int, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    """The shares of n samples that the generator of the family ``trained`` has not seen, and that none has."""
    space = lab.space(name)
    record = lab.record(name, trained)
    drawn = int(record["seed"]), int(record["pool"])
    pool = lab.once(("pool", name, drawn), lambda: {code.tobytes() for code in training_pool(space, *drawn)})
    made = space.sample(n, rng) if family == UNIFORM else lab.generator(name, family).sample(n, rng)
    return {"not_trained_on": novel_share(made, pool, space), "held_out": held_out_share(made)}


def _distribution(
    plan: Plan, lab: Lab, name: str, family: str, steps: int, seed: int, rng: np.random.Generator
) -> dict[str, float]:
    space, sizes = lab.space(name), plan.sizes
    full = lab.once(("full chain", name, family, seed), lambda: _full_chain(lab, name, family, sizes.full, seed))
    target = lab.once(("reference", name), lambda: reference(space, sizes.reference, stream("reference", name, seed=0)))
    pairs = joined_pairs(space)
    if steps == FULL_CHAIN:
        return _excess("", full.distances(target, pairs), _noise(lab, space, target, sizes.full, sizes.draws))
    n = sizes.distribution
    found = Moments.of(space, [lab.generator(name, family).raw_sample(n, rng, steps=steps)])
    figures = _excess("", found.distances(target, pairs), _noise(lab, space, target, n, sizes.draws))
    apart = found.distances(full, pairs)
    return figures | _excess("_to_full_chain", apart, _noise(lab, space, sizes.full, n, sizes.draws))


def _full_chain(lab: Lab, name: str, family: str, n: int, seed: int) -> Moments:
    codes = lab.generator(name, family).raw_sample(n, stream("full chain", name, family, seed=seed), steps=FULL_CHAIN)
    return Moments.of(lab.space(name), [codes])


def _noise(lab: Lab, space: SearchSpace, target: Moments | int, n: int, draws: int) -> np.ndarray:
    kind = f"against {target}" if isinstance(target, int) else "against the space"
    return lab.once(
        ("noise", space.name, kind, n),
        lambda: noise_floor(space, target, n, draws, stream("noise", space.name, kind, str(n), seed=0)),
    )


def _excess(suffix: str, distances: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    figures: dict[str, float] = {}
    for part, distance, floor in zip(("site", "pair"), distances.tolist(), noise.tolist(), strict=True):
        figures |= {f"{part}_tv{suffix}": distance, f"{part}_tv{suffix}_excess": distance - floor}
    return figures
