"""The training loop: as many steps as asked for, no longer than said, and killed and resumed without a trace."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from bonag.generators import fitting
from bonag.generators.fitting import Checkpoint, Progress, Schedule, fit_network
from search_spaces.errors import UserError

SCHEDULE = Schedule(steps=40, learning_rate=0.01)
IDENTITY = {"family": "discrete", "space": "nb201", "conditions": ["accuracy"]}


class Killed(Exception):
    """What a killed training does not come back from."""


class Regression:
    """A network, and the loss of its batches, whose numbers it remembers."""

    def __init__(self, seed: int = 0) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 1))
        self.batches: list[int] = []

    def loss(self, step: int) -> Tensor:
        self.batches.append(step)
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        return (self.network(x)[:, 0] - x.sum(dim=1)).square().mean()

    def fit(self, schedule: Schedule = SCHEDULE, **options: object) -> Progress:
        return fit_network(self.network, self.loss, schedule, **options)  # type: ignore[arg-type]

    def weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.network.state_dict().items()}


def equal(one: Regression, other: Regression) -> bool:
    return all(torch.equal(one.weights()[name], value) for name, value in other.weights().items())


def at(step: int, error: type[BaseException]) -> Callable[[Progress], None]:
    """A report that ends the training when it has come to a step."""

    def report(progress: Progress) -> None:
        if progress.step == step:
            raise error

    return report


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "weights.checkpoint"


@pytest.fixture
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)


def killed(path: Path, step: int = 13, schedule: Schedule = SCHEDULE) -> Regression:
    """A training that was killed after so many steps, and left a checkpoint."""
    run = Regression()
    with pytest.raises(Killed):
        run.fit(schedule, checkpoint=Checkpoint(path, IDENTITY), report=at(step, Killed))
    assert path.is_file()
    return run


def refusal(path: Path, schedule: Schedule = SCHEDULE, **changes: object) -> str:
    kept = replace(Checkpoint(path, IDENTITY, resume=True), **changes)  # type: ignore[arg-type]
    run, content = Regression(), path.read_bytes()
    with pytest.raises(UserError) as error:
        run.fit(schedule, checkpoint=kept)
    # Nothing was trained, and nothing was written.
    assert run.batches == []
    assert path.read_bytes() == content
    assert "\n" not in str(error.value)
    return str(error.value)


# Steps and time


@pytest.mark.parametrize("steps", [1, 2, 37])
def test_as_many_steps_as_were_asked_for(steps: int) -> None:
    seen: list[Progress] = []
    run = Regression()
    end = run.fit(Schedule(steps=steps), report=seen.append)
    assert run.batches == list(range(steps))
    assert [progress.step for progress in seen] == list(range(1, steps + 1))
    assert [progress.share for progress in seen] == pytest.approx([(k + 1) / steps for k in range(steps)])
    assert seen[-1] == end
    assert (end.step, end.share) == (steps, 1.0)
    seconds = [progress.seconds for progress in seen]
    assert seconds == sorted(seconds)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.4, 1.0])
def test_a_training_ends_when_its_time_is_over(seconds: float) -> None:
    started = time.monotonic()
    end = Regression().fit(Schedule(steps=10**9, minutes=seconds / 60))
    took = time.monotonic() - started
    assert end.share == 1.0
    assert end.step > 10
    # Steps without end would take for ever.
    assert seconds <= end.seconds <= took < seconds + 30


def test_whichever_end_is_nearer_counts() -> None:
    end = Regression().fit(Schedule(steps=30, minutes=10))
    assert (end.step, end.share) == (30, 1.0)
    assert end.seconds < 60


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    # Adam's steps are about as long as its rate: the path of a weight under a constant gradient shows the rate.
    weight = nn.Linear(1, 1, bias=False)
    path: list[float] = []

    def loss(step: int) -> Tensor:
        path.append(weight.weight.item())
        return 0.001 * weight.weight.sum()

    fit_network(weight, loss, Schedule(steps=200, learning_rate=0.01))
    rates = [before - after for before, after in pairwise(path)]
    assert max(rates) == pytest.approx(0.01, rel=0.02)
    assert rates.index(max(rates)) == pytest.approx(20, abs=2)
    assert rates[0] < 0.1 * max(rates)
    assert rates[-1] < 0.001 * max(rates)
    # Half a cosine in between.
    assert rates[110] == pytest.approx(0.005, rel=0.05)


def test_the_weights_end_as_their_moving_average() -> None:
    run = Regression()
    seen: list[dict[str, Tensor]] = [run.weights()]
    run.fit(report=lambda progress: seen.append(run.weights()))
    average = seen[0]
    for step, weights in enumerate(seen[1:]):
        decay = min(fitting.EMA_DECAY, (1 + step) / (10 + step))
        average = {name: decay * value + (1 - decay) * weights[name] for name, value in average.items()}
    for name, value in run.weights().items():
        torch.testing.assert_close(value, average[name])
        assert not torch.equal(value, seen[-1][name])
    assert not run.network.training


@pytest.mark.numeric
def test_it_learns() -> None:
    run = Regression()
    run.fit(Schedule(steps=400, learning_rate=0.02))
    with torch.no_grad():
        assert run.loss(10**6).item() < 0.1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"steps": -5}, "steps must be at least 1, not -5"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"minutes": 0.0}, "minutes must be more than 0, not 0.0"),
        ({"minutes": math.nan}, "minutes must be more than 0, not nan"),
    ],
)
def test_no_training_at_all_is_refused(values: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        Schedule(**values)
    assert str(error.value) == message


# Killed and resumed


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("step", [1, 13, 39, 40])
def test_a_resumed_training_ends_bit_for_bit_as_an_uninterrupted_one(path: Path, step: int) -> None:
    whole, resumed = Regression(), Regression(seed=9)
    end = whole.fit()
    killed(path, step)
    again = resumed.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True))
    assert equal(whole, resumed)
    assert resumed.batches == list(range(step, 40))
    assert (again.step, again.share, again.loss) == (end.step, end.share, end.loss)


@pytest.mark.usefixtures("every_step")
def test_a_training_may_be_killed_many_times(path: Path) -> None:
    whole = Regression()
    whole.fit()
    killed(path, 5)
    for step in (6, 20, 21):
        run = Regression()
        with pytest.raises(Killed):
            run.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True), report=at(step, Killed))
    last = Regression()
    last.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True))
    assert last.batches == list(range(21, 40))
    assert equal(whole, last)


def test_ctrl_c_leaves_a_checkpoint_whenever_it_comes(path: Path) -> None:
    whole, run, resumed = Regression(), Regression(), Regression()
    whole.fit()
    with pytest.raises(KeyboardInterrupt):
        run.fit(checkpoint=Checkpoint(path, IDENTITY), report=at(17, KeyboardInterrupt))
    resumed.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True))
    assert resumed.batches == list(range(17, 40))
    assert equal(whole, resumed)


def test_ctrl_c_in_the_middle_of_a_batch_repeats_that_batch(path: Path) -> None:
    whole, run, resumed = Regression(), Regression(), Regression()
    whole.fit()

    def interrupted(step: int) -> Tensor:
        if step == 8:
            raise KeyboardInterrupt
        return run.loss(step)

    with pytest.raises(KeyboardInterrupt):
        fit_network(run.network, interrupted, SCHEDULE, Checkpoint(path, IDENTITY))
    resumed.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True))
    assert resumed.batches == list(range(8, 40))
    assert equal(whole, resumed)


@pytest.mark.usefixtures("every_step")
def test_time_goes_on_where_it_stopped(path: Path) -> None:
    schedule = Schedule(steps=10**9, minutes=0.6 / 60)
    run = Regression()

    def half(progress: Progress) -> None:
        if progress.share > 0.5:
            raise Killed

    with pytest.raises(Killed):
        run.fit(schedule, checkpoint=Checkpoint(path, IDENTITY), report=half)
    # Of the processor's time, for on a busy machine the rest of it may take long.
    started = time.process_time()
    end = Regression().fit(schedule, checkpoint=Checkpoint(path, IDENTITY, resume=True))
    assert time.process_time() - started < 0.5
    assert end.seconds >= 0.6


@pytest.mark.usefixtures("every_step")
def test_checkpoints_leave_no_other_file(path: Path) -> None:
    Regression().fit(checkpoint=Checkpoint(path, IDENTITY))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_quick_training_writes_no_checkpoint(path: Path) -> None:
    Regression().fit(checkpoint=Checkpoint(path, IDENTITY))
    assert not path.exists()


@pytest.mark.usefixtures("every_step")
def test_without_resume_an_unfinished_training_is_not_overwritten(path: Path) -> None:
    killed(path)
    expected = f"{path} holds an unfinished training: go on with it by --resume, or delete it"
    assert refusal(path, resume=False) == expected
    with pytest.raises(UserError) as error:
        Checkpoint(path, IDENTITY).refuse_unfinished()
    assert str(error.value) == expected
    Checkpoint(path, IDENTITY, resume=True).refuse_unfinished()


def test_resume_without_a_checkpoint_starts_anew(path: Path) -> None:
    run, whole = Regression(), Regression()
    Checkpoint(path, IDENTITY).refuse_unfinished()
    run.fit(checkpoint=Checkpoint(path, IDENTITY, resume=True))
    whole.fit()
    assert equal(run, whole)


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize(
    "changes", [{"steps": 41}, {"seed": 1}, {"batch_size": 128}, {"learning_rate": 0.02}, {"minutes": 5.0}]
)
def test_another_schedule_is_another_training(path: Path, changes: dict) -> None:
    killed(path)
    message = refusal(path, schedule=replace(SCHEDULE, **changes))
    assert message == f"{path} is the checkpoint of a training with other settings: give those, or delete it"


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("changes", [{"space": "mbv3"}, {"conditions": []}, {"labels": 60}])
def test_another_kind_of_generator_is_another_training(path: Path, changes: dict) -> None:
    killed(path)
    assert "is the checkpoint of a training with other settings" in refusal(path, identity=IDENTITY | changes)


def test_a_checkpoint_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    with pytest.raises(UserError, match="cannot write") as error:
        Regression().fit(checkpoint=Checkpoint(tmp_path / "missing" / "x.checkpoint", IDENTITY))
    assert "\n" not in str(error.value)


# Files that are no checkpoint


class Payload:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (os.mkdir, (str(self.path),))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("accuracy,94.37\n" * 40)


def cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def bits(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:400] = bytes(400)
    path.write_bytes(bytes(content))


def weights_only(path: Path) -> None:
    torch.save(Regression().network.state_dict(), path)


def lacking(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    del content["optimiser"]
    torch.save(content, path)


def other_network(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    content["network"] = nn.Linear(2, 2).state_dict()
    torch.save(content, path)


def hostile(path: Path) -> None:
    torch.save({"identity": IDENTITY, "state": Payload(path.parent / "done")}, path)


@pytest.mark.usefixtures("every_step")
@pytest.mark.parametrize("damage", [empty, text, cut, bits, weights_only, lacking, hostile])
def test_what_is_no_checkpoint_is_refused(path: Path, damage: Callable[[Path], None]) -> None:
    killed(path)
    damage(path)
    assert refusal(path).startswith(f"{path} is not a readable checkpoint: ")
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("every_step")
def test_a_checkpoint_of_another_network_is_refused(path: Path) -> None:
    killed(path)
    other_network(path)
    assert refusal(path).startswith(f"{path} is not a readable checkpoint: ")
