"""Results in a notebook: figures and the card."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import plotly.io as pio
import pytest

import bonag
from search_spaces import Architecture
from search_spaces.errors import UserError


@pytest.fixture(scope="module", autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("runs"))
        yield


def two(architecture: Architecture) -> dict[str, float]:
    """More kernels are better and slower."""
    text = str(architecture)
    return {"accuracy": 10.0 * text.count("conv"), "time": 3.0 * text.count("3x3") + text.count("1x1")}


def go(objective: Any, evaluator: Any = two, budget: int = 20, **options: Any) -> bonag.Result:
    return bonag.search("nb201", evaluator=evaluator, objective=objective, strategy="random", budget=budget, **options)


@pytest.fixture(autouse=True)
def as_in_jupyter() -> Iterator[None]:
    """Figures are given out as in JupyterLab."""
    before, pio.renderers.default = pio.renderers.default, "plotly_mimetype"
    yield
    pio.renderers.default = before


@pytest.fixture(scope="module")
def single(elsewhere: None) -> bonag.Result:
    return go("accuracy", name="carded")


@pytest.fixture(scope="module")
def several(elsewhere: None) -> bonag.Result:
    return go(["accuracy", "-time"])


class Card(HTMLParser):
    """The tags of a card, which must be closed in their order, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_result_draws_what_suits_its_goals(single: bonag.Result, several: bonag.Result) -> None:
    assert single.plot().layout.xaxis.title.text == "trial"
    assert several.plot().layout.xaxis.title.text == "time"
    assert several.plot(x="accuracy").layout.yaxis.title.text == "time"
    assert several.plot("progress").layout.yaxis.title.text == "dominated share of hypervolume (%)"
    assert "time spent" in single.plot("seconds").layout.yaxis.title.text


def test_figures_have_the_notebooks_own_theme(single: bonag.Result) -> None:
    figure = single.plot()
    assert figure.layout.template == pio.templates[pio.templates.default]
    assert figure.layout.paper_bgcolor is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"what": "paretto"}, "did you mean 'pareto'"),
        ({"x": "tim"}, "did you mean 'time'"),
        ({"what": "progress", "x": "time"}, "of figure 'pareto'"),
        ({"what": "pareto"}, "one metric only"),
    ],
)
def test_what_cannot_be_drawn_is_a_user_error(single: bonag.Result, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        single.plot(**arguments)


def test_the_card_has_a_drawing_a_line_and_the_five_best(single: bonag.Result) -> None:
    card = Card(single._repr_html_())
    for part in ("carded", "finished", "20 trials of 20", str(single.path)):
        assert any(part in words for words in card.words)
    assert card.tags.count("svg") == 2
    assert card.tags.count("tr") == 1 + 5
    assert [words for words in card.words if words in {f"{found.params:,}" for found in single.top(5)}]
    assert "script" not in card.tags
    assert len(single._repr_html_()) < 60_000


def test_the_card_of_several_goals_says_how_large_the_front_is(several: bonag.Result) -> None:
    assert f"front of {len(several.front)} trials" in several._repr_html_()


@pytest.mark.slow
def test_without_a_feasible_trial_the_nearest_is_shown() -> None:
    card = Card(go("accuracy", constraints=["accuracy>=1000"])._repr_html_())
    assert any("no trial meets accuracy>=1000; the nearest:" in words for words in card.words)
    assert card.tags.count("tr") == 2


def test_a_found_trial_is_drawn_with_what_is_known_of_it(single: bonag.Result) -> None:
    assert single.best is not None
    card = Card(single.best._repr_html_())
    assert card.tags.count("svg") == 1
    assert f"trial {single.best.trial}" in card.words
    assert str(single.best.architecture) in card.words
    assert any(f"accuracy {single.best.metrics['accuracy']:.6g} %" in words for words in card.words)


def test_generated_architectures_are_drawn_side_by_side() -> None:
    made = bonag.generate("nb201", n=10, where=["params<=4e5"])
    card = Card(made._repr_html_())
    assert card.tags.count("svg") == 8
    assert card.words.count("yes") == 8
    assert "the first 8 of 10; all are in .frame" in card.words
    assert [str(one) in card.words for one in made.architectures] == [True] * 8 + [False] * 2


def test_a_changed_figure_keeps_its_picture_and_one_of_nothing_has_none(single: bonag.Result) -> None:
    figure = single.plot().update_layout(title="mine")
    bundle = figure._repr_mimebundle_()
    assert bundle["application/vnd.plotly.v1+json"]["layout"]["title"]["text"] == "mine"
    assert bundle["text/html"].startswith('<svg role="img" aria-label="')
    assert "best so far" in bundle["text/html"]


def test_a_run_of_failures_has_a_card_and_a_figure() -> None:
    def never(architecture: Architecture) -> float:
        raise ValueError("<b>no</b>")

    result = go("accuracy", never, max_failures=3)
    text = result._repr_html_()
    assert "3 failed" in text
    assert "<b>" not in text
    Card(text)
    assert result.plot().layout.annotations[0].text == "all trials failed"
    assert "text/html" not in result.plot()._repr_mimebundle_()
