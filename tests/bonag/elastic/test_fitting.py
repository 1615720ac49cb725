"""A supernet learns, is a pure function of its seed, and goes on to the bit after it was interrupted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bonag.elastic import fitting
from bonag.elastic.checkpoint import Checkpoint
from bonag.elastic.fitting import SupernetFit
from bonag.elastic.phases import METHODS, SHRINKING, Phase, phases_of, split_steps
from bonag.elastic.recipe import make_supernet_recipe
from bonag.training.images import make_dataset, make_images
from search_spaces.errors import UserError
from search_spaces.mbv3 import to_ofa
from search_spaces.mbv3.elastic import LARGEST

NARROWEST = 0.05
# Of 18 steps, so that each phase has some.
SHORT = ("epochs=2", "batch_size=8", "subnets=1", "warmup_epochs=0")


@pytest.fixture(scope="module")
def dataset():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    pixels = rng.integers(0, 60, (120, 16, 16), dtype=np.uint8)
    pixels[labels == 1, :8] += 190
    return make_dataset("halves", {"train": make_images(pixels, labels, "halves")}, flips=True)


@pytest.fixture
def make_fit(dataset, monkeypatch):
    monkeypatch.setattr(fitting, "SHOWN", 1)

    def make(method: str, *settings: str, seed: int = 3) -> SupernetFit:
        return SupernetFit(dataset, make_supernet_recipe("quick", dataset, settings or SHORT), method, NARROWEST, seed)

    return make


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(one[key].equal(other[key]) for key in one)


@pytest.mark.numeric
@pytest.mark.slow
def test_networks_of_all_sizes_learn_what_can_be_learnt(make_fit):
    fit = make_fit("sandwich", "epochs=5", "batch_size=12", "subnets=1", "warmup_epochs=1", "learning_rate=0.01")
    fit.run()
    assert min(fit.curve[-1][name] for name in ("smallest", "random", "largest")) > 80
    assert fit.curve[-1]["loss"] < fit.curve[0]["loss"] / 2


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_and_another_one_others(make_fit):
    torch.manual_seed(1)
    first = make_fit("sandwich", "epochs=1", "batch_size=32").run()
    state = torch.get_rng_state()
    assert same(first, make_fit("sandwich", "epochs=1", "batch_size=32").run())
    assert torch.get_rng_state().equal(state), "the global random numbers were used"
    assert not same(first, make_fit("sandwich", "epochs=1", "batch_size=32", seed=4).run())


@pytest.mark.parametrize("kept_every_step", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_training_that_was_interrupted_anywhere_goes_on_to_the_same_bits(
    make_fit, tmp_path, monkeypatch, kept_every_step
):
    monkeypatch.setattr(fitting, "SAVE_EVERY", 0.0 if kept_every_step else 1e9)
    whole = make_fit("shrinking")
    expected = whole.run()
    checkpoint = Checkpoint(tmp_path / "checkpoint", {"seed": 3})
    steps: list[int] = []

    def stop_at(last):
        def report(progress):
            steps.append(progress.step)
            if progress.step == last:
                # Without a warning, as a kill comes, or so that the state can be kept.
                raise SystemExit if kept_every_step else KeyboardInterrupt

        return report

    for stop in (2, 9, 14):
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            make_fit("shrinking").run(checkpoint, stop_at(stop))
    last = make_fit("shrinking")
    assert same(expected, last.run(checkpoint, stop_at(None)))
    assert steps == list(range(1, 19))
    untimed = [[{**row, "seconds": 0} for row in fit.curve] for fit in (whole, last)]
    assert untimed[0] == untimed[1]


def test_the_phases_of_shrinking_open_kernels_then_depths_then_expand_ratios():
    rng = np.random.default_rng(0)
    seen = []
    for phase in SHRINKING:
        lists = [to_ofa(phase.sample(rng)) for _ in range(40)]
        ks, e, d = ({value for one in lists for value in one[part]} for part in range(3))
        seen.append((sorted(ks), sorted(d), sorted(e)))
    assert SHRINKING[0].sample(rng) == LARGEST
    # Slots that are skipped count as the smallest kernel and expand ratio.
    assert [depths for _, depths, _ in seen] == [[4], [4], [3, 4], [2, 3, 4], [2, 3, 4], [2, 3, 4]]
    assert [kernels for kernels, _, _ in seen] == [[7], *[[3, 5, 7]] * 5]
    assert [len(phase.expands) for phase in SHRINKING] == [1, 1, 1, 1, 2, 3]


@pytest.mark.slow
def test_the_largest_network_of_the_first_phase_teaches_and_channels_are_sorted_for_expand_phases(
    make_fit, monkeypatch
):
    sorted_after = []
    monkeypatch.setattr(fitting, "sort_channels", lambda weights, trained: sorted_after.append(tuple(trained)))
    fit, teachers = make_fit("shrinking"), []
    fit.run(None, lambda progress: teachers.append(fit.teacher))
    assert sorted_after == [(6,), (4, 6)]
    assert teachers[0] is None
    assert len({id(one) for one in teachers if one is not None}) == 1


@pytest.mark.slow
def test_statistics_are_those_of_the_largest_network(make_fit):
    fit = make_fit("sandwich", "epochs=1", "batch_size=32")
    network = fit.run()
    assert not network.training
    x = fit.pixels.prepare(fit.train.pixels)
    with torch.inference_mode():
        own = network(x, LARGEST)
        batch = network.train()(x, LARGEST)
    assert torch.allclose(own, batch, atol=0.02)


@pytest.mark.parametrize("steps", [1, 5, 6, 97, 1000])
def test_steps_are_shared_out_among_the_phases(steps):
    for method in METHODS:
        split = split_steps(phases_of(method), steps)
        assert sum(split) == steps
        assert min(split) >= 0
    weights = [phase.weight for phase in SHRINKING]
    for own, weight in zip(split_steps(SHRINKING, 1000), weights, strict=True):
        assert own == pytest.approx(1000 * weight / sum(weights), abs=1)
    assert isinstance(SHRINKING[0], Phase)


@pytest.mark.slow
def test_a_training_that_diverges_says_so(make_fit):
    wild = ("epochs=4", "batch_size=32", "optimizer=sgd", "learning_rate=100", "warmup_epochs=0", "momentum=0.99")
    with pytest.raises(FloatingPointError, match=r"diverged in epoch \d .*a smaller learning_rate may help"):
        make_fit("sandwich", *wild).run()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["epoch=3"], "unknown hyperparameter 'epoch': did you mean 'epochs'"),
        (["channels=8"], "unknown hyperparameter 'channels'"),
        (["distillation=2"], "hyperparameter 'distillation' must be from 0 to 1, not 2"),
        (["subnets=0"], "hyperparameter 'subnets' must be from 1 to 64, not 0"),
        (["optimizer=adam"], "unknown optimizer 'adam'"),
    ],
)
def test_settings_that_are_none_get_one_line(dataset, settings, message):
    with pytest.raises(UserError) as error:
        make_supernet_recipe("quick", dataset, settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_presets_and_methods_get_near_misses(dataset):
    with pytest.raises(UserError, match="unknown preset 'quik': did you mean 'quick'"):
        make_supernet_recipe("quik", dataset)
    with pytest.raises(UserError, match="unknown method 'shrink': did you mean 'shrinking'"):
        phases_of("shrink")
