"""Conditions are read, refused in one line, and turned into bounds in units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bonag.on_demand.wishes import in_units, parse_wishes
from loops.constraint import Constraint
from search_spaces.errors import UserError

METRICS = ("accuracy", "latency_pixel3", "params")


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("accuracy>=93.5", Constraint("accuracy", ">=", 93.5)),
        (" params <= 1e6 ", Constraint("params", "<=", 1e6)),
        ("latency_pixel3<=-.5", Constraint("latency_pixel3", "<=", -0.5)),
        ("accuracy>=top5%", Constraint("accuracy", ">=", math.nan, 0.05)),
        ("accuracy >= top 0.5 %", Constraint("accuracy", ">=", math.nan, 0.005)),
        ("params<=bottom25%", Constraint("params", "<=", math.nan, 0.25)),
    ],
)
def test_read_and_written(text: str, wish: Constraint) -> None:
    assert Constraint.parse(text, shares=True) == wish
    assert Constraint.parse(str(wish), shares=True) == wish


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["accuracy"], "'accuracy' is not a metric with <= or >= and a bound, as in"),
        (["accuracy>93"], "is not a metric with <= or >="),
        (["accuracy=93"], "is not a metric with <= or >="),
        (["accuracy>=high"], "'high' is not a number"),
        (["accuracy>=1.2.3"], "'1.2.3' is not a number"),
        (["accuracy>=1e999"], "'1e999' is not a number"),
        (["accuracy>=top5"], "a share is written top5% or bottom5%"),
        (["accuracy>=5%"], "a share is written top5% or bottom5%"),
        (["accuracy>=bottom5%"], "write >=top5% for the largest values"),
        (["params<=top5%"], "<=bottom5% for the smallest"),
        (["accuracy>=top0%"], "between 0 % and 100 %"),
        (["accuracy>=top100%"], "between 0 % and 100 %"),
        (["acuracy>=1"], "no metric 'acuracy': did you mean 'accuracy'?"),
        (["params<=1", "params<=bottom3%"], "'params' has more than one bound with <="),
        (["params>=1", "params>=2"], "'params' has more than one bound with >="),
    ],
)
def test_refused_in_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_wishes(texts, METRICS)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_shares_are_of_those_that_meet_the_bounds_in_units() -> None:
    params = np.arange(1000.0)
    values = {"params": params, "accuracy": np.where(params < 500, params, 5000 - params)}
    wishes = parse_wishes(["accuracy>=top10%", "params<=499"], METRICS)
    accuracy, bound = in_units(wishes, values)
    assert bound == wishes[1]
    assert (accuracy.metric, accuracy.relation, accuracy.share) == ("accuracy", ">=", 0.1)
    feasible = params <= 499
    assert accuracy.met(values["accuracy"][feasible]).mean() == pytest.approx(0.1)
    [free] = in_units(parse_wishes(["accuracy>=top10%"], METRICS), values)
    assert free.met(values["accuracy"]).mean() == pytest.approx(0.1)
    assert not free.met(values["accuracy"][feasible]).any()
    [low] = in_units(parse_wishes(["params<=bottom25%"], METRICS), values)
    assert low.met(params).sum() == 250


def test_what_cannot_be_met_is_refused() -> None:
    values = {"accuracy": np.arange(100.0), "params": np.arange(100.0)}
    with pytest.raises(UserError, match="only 3 of 100 evaluated architectures are such: give more --labels"):
        in_units(parse_wishes(["accuracy>=top5%", "params<=2"], METRICS), values)
    with pytest.raises(UserError, match="nothing can meet both 'accuracy>=90' and 'accuracy<=80'"):
        parse_wishes(["accuracy>=90", "accuracy<=80"], METRICS)
    with pytest.raises(UserError, match="nothing can meet both 'accuracy>=top5%' and 'accuracy<=bottom5%'"):
        in_units(parse_wishes(["accuracy<=bottom5%", "accuracy>=top5%"], METRICS), values)
    assert len(in_units(parse_wishes(["params>=7", "params<=7"], METRICS), values)) == 2


def test_nothing_is_met_by_no_value() -> None:
    assert not Constraint("accuracy", ">=", 0.0).met(np.array([np.nan])).any()
    assert not Constraint("accuracy", "<=", 0.0).met(np.array([np.nan])).any()
