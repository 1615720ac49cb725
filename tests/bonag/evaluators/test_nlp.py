"""NAS-Bench-NLP's logs: read from folders and zip files, looked up exactly, and a surrogate's data."""

from __future__ import annotations

import json
import math
from zipfile import ZipFile

import numpy as np
import pytest

from bonag.evaluators import make_evaluator, nlp_surrogate
from bonag.evaluators.nlp_logs import network_size, read_logs, read_recipe
from bonag.evaluators.nlp_table import trained_cells
from search_spaces import InvalidArchitectureError, get_space
from search_spaces.errors import UserError

SPACE = get_space("nlp")
# A plain recurrent network, as logs write it, and the same in another order.
PLAIN = {"f": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["f"]}}
TURNED = dict(reversed(PLAIN.items()))


def log(number, recipe, losses=((6.0, 6.1), (5.0, 5.2)), status="OK", data="data/ptb"):
    return {
        **{"data": data, "recepie": json.dumps(recipe), "recepie_id": number, "num_params": 1, "status": status},
        **{"val_losses": [one for one, _ in losses], "test_losses": [one for _, one in losses]},
        "wall_times": [3.0] * len(losses),
    }


def write(folder, *logs):
    folder.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(logs):
        (folder / f"log_stats_model_{number}_2020.json").write_text(json.dumps(one))
    return folder


# Recipes


def test_a_recipe_is_read_in_any_order_of_its_nodes():
    cell = SPACE.parse("linear~x+h0|tanh~1|h0~2")
    assert read_recipe(PLAIN) == read_recipe(TURNED) == cell


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({**PLAIN, "f": {"op": "lin", "input": ["x"]}}, "a recipe has no 'lin'"),
        ({**PLAIN, "f": {"op": "linear", "input": ["x", "y"]}}, "a recipe has no 'y'"),
        ({**PLAIN, "f": {"op": "linear", "input": ["x", "h_new_0"]}}, "in a circle"),
        ({}, "one to 15 nodes"),
        (7, "a recipe has no"),
    ],
)
def test_a_recipe_of_no_cell_is_refused(recipe, message):
    with pytest.raises(InvalidArchitectureError, match=message):
        read_recipe(recipe)


# Tables


@pytest.mark.parametrize("place", [".", "logs", "release/train_logs_single_run"])
def test_logs_are_found_in_folders_and_zip_files(tmp_path, place):
    logs = [log(0, PLAIN), log(1, TURNED, ((5.4, 5.5),)), log(2, PLAIN, ((5.0, math.nan),), status="loss is nan!")]
    folder = write(tmp_path / place, *logs)
    unpacked = make_evaluator(SPACE, "table", metrics=("perplexity",), data_dir=tmp_path)
    with ZipFile(folder / "logs.zip", "w") as archive:
        for path in sorted(folder.glob("*.json")):
            archive.write(path, f"logs/{path.name}")
            path.unlink()
    packed = make_evaluator(SPACE, "table", metrics=("perplexity",), data_dir=tmp_path)
    alone = make_evaluator(SPACE, "table", metrics=("perplexity",), data_dir=folder / "logs.zip")
    cell = SPACE.parse("linear~x+h0|tanh~1|h0~2")
    for evaluator in (unpacked, packed, alone):
        found = evaluator.evaluate(cell)
        # The lowest validation loss of each training, with the test loss of its epoch; of two trainings the mean.
        assert (found["validation_loss"], found["test_loss"]) == pytest.approx((5.2, 5.35))
        assert found["perplexity"] == pytest.approx(math.exp(5.2))
        assert found["training_time"] == pytest.approx(4.5)
        assert found["params"] == SPACE.at(network_size("ptb")).costs(cell).params
        assert evaluator.task == "ptb"
    with pytest.raises(LookupError, match="has no perplexity of"):
        alone.evaluate(SPACE.parse("linear~x+h0|sigmoid~1|h0~2"))


def test_both_corpora_may_be_there(tmp_path):
    write(tmp_path / "a", log(0, PLAIN))
    write(tmp_path / "b", log(0, PLAIN, ((4.0, 4.0),), data="data/wikitext-2"))
    tables = [make_evaluator(SPACE, "table", task, tmp_path) for task in (None, "ptb")]
    assert [one.task for one in tables] == ["wikitext2", "ptb"]
    assert [one.evaluate(read_recipe(PLAIN))["validation_loss"] for one in tables] == [4.0, 5.0]


def test_what_is_missing_is_said_with_where_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("BONAG_DATA", raising=False)
    for data, words in ((None, "no data folder was given"), (tmp_path, "git clone https://github.com/fmsnew")):
        with pytest.raises(UserError, match=words) as error:
            make_evaluator(SPACE, "table", data_dir=data)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "data/imdb"}, "its corpus is 'imdb'"),
        ({"recepie": "{}"}, "one to 15 nodes"),
        ({"val_losses": [0.1], "test_losses": [0.1]}, "its losses are"),
        ({"val_losses": [5.0, 4.0]}, "is no log of NAS-Bench-NLP"),
        ({"status": None, "num_params": "many"}, "is no log of NAS-Bench-NLP"),
    ],
)
def test_a_damaged_log_gets_one_line(tmp_path, change, words):
    write(tmp_path, log(0, PLAIN, ((5.0, 5.0),)) | change)
    with pytest.raises(UserError, match=words) as error:
        make_evaluator(SPACE, "table", data_dir=tmp_path)
    assert "\n" not in str(error.value)


# The benchmark's own logs


@pytest.fixture(scope="module")
def logs(data_dir):
    if not (data_dir / "nbnlp_wikitext2_logs.zip").is_file():
        pytest.skip("needs benchmark data: nbnlp_wikitext2_logs.zip is not there")
    return read_logs(data_dir, "wikitext2")


@pytest.mark.slow
def test_networks_have_the_parameters_that_the_logs_tell(logs):
    space = SPACE.at(network_size("wikitext2"))
    assert len(logs) == 345
    assert sum(not math.isnan(one.validation_loss) for one in logs) == 341
    # Also those four whose training diverged.
    assert all(space.costs(one.architecture).params == one.params for one in logs)
    for one in logs[::150]:
        network = space.build(one.architecture, space.num_classes)
        assert sum(weights.numel() for weights in network.parameters()) == one.params


def test_cells_that_were_trained_again_came_to_the_same(logs):
    """What is one architecture here was trained several times there, under several numbers."""
    by_cell = {}
    for one in logs:
        if not math.isnan(one.validation_loss):
            by_cell.setdefault(one.architecture, []).append(one.validation_loss)
    again = [np.ptp(values) for values in by_cell.values() if len(values) > 1]
    assert (len(by_cell), len(again)) == (263, 51)
    assert np.median(again) < 0.02 < np.std([values[0] for values in by_cell.values()]) / 20


def test_the_table_is_that_of_the_logs(logs, data_dir):
    pd = pytest.importorskip("pandas")
    rows = pd.read_parquet(data_dir / "nbnlp_wikitext2.parquet")
    table = make_evaluator(SPACE, "table", metrics=("perplexity",), data_dir=data_dir)
    rows = rows[rows["status"] == "OK"]
    cells = [read_recipe(json.loads(text)) for text in rows["recepie"]]
    found = table.evaluate_many(cells)["validation_loss"]
    means = rows.assign(cell=list(map(str, cells))).groupby("cell")["val"].mean()
    assert np.allclose(found, means[list(map(str, cells))])


@pytest.mark.slow
def test_the_surrogate_says_how_good_it_is(logs, data_dir):
    surrogate = make_evaluator(SPACE, data_dir=data_dir, metrics=("perplexity",))
    assert surrogate.name == "surrogate"
    assert "fitted on 263 cells" in surrogate.description
    cells = trained_cells(logs)
    found = surrogate.evaluate_many(list(cells))["validation_loss"]
    losses = np.array([cell.validation_loss for cell in cells.values()])
    assert np.abs(found - losses).mean() < np.abs(losses - losses.mean()).mean()
    fitted = nlp_surrogate.fit_losses(SPACE, logs)
    assert fitted.tau > 0.3
    assert fitted.error < fitted.spread


def test_a_surrogate_of_a_few_logs_is_none(tmp_path):
    write(tmp_path, log(0, PLAIN))
    with pytest.raises(UserError, match="needs the logs of 20 cells, and there are 1"):
        make_evaluator(SPACE, "surrogate", data_dir=tmp_path)


@pytest.mark.slow
def test_a_surrogate_is_the_same_every_time(logs):
    cells = list(trained_cells(logs))[:30]
    few = tuple(one for one in logs if one.architecture in cells)
    sample = SPACE.sample(5, np.random.default_rng(0))
    first, second = (nlp_surrogate.NLPSurrogate(SPACE, "wikitext2", few).evaluate_many(sample) for _ in range(2))
    assert first["perplexity"].tolist() == second["perplexity"].tolist()
    assert (first["perplexity"] > 50).all()
    assert np.allclose(np.log(first["perplexity"]), first["validation_loss"], atol=1e-5)
