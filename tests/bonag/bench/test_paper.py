"""The table of the papers: measured beside published, what it cost, and what is left out where data is missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bonag.bench.generator_lab import Lab
from bonag.bench.generator_rows import COLUMNS
from bonag.bench.paper.measure import measure
from bonag.bench.paper.protocols import PROTOCOLS, Settings, blocks_of
from bonag.bench.paper.published import PUBLISHED
from bonag.bench.paper.table import paper_table, table_text
from search_spaces.errors import UserError


def rows_of(protocol: str, space: str, setting: str, **figures: float) -> pd.DataFrame:
    rows = [
        (protocol, space, "bonag", "", setting, name, value, value, value, 3, "") for name, value in figures.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_what_was_published_stands_beside_the_same_figure_with_the_costs_of_both() -> None:
    rows = rows_of("on demand", "nb201", "cifar10", best=94.2, mean=93.8, labels=200, queries=150)
    best, mean = paper_table(rows).to_dict("records")
    assert (best["figure"], best["bonag"], best["published"]) == ("best", 94.2, 94.37)
    assert (best["labels"], best["queries"]) == (200, 150)
    assert (best["published labels"], best["published queries"]) == (15_468, 192)
    assert mean["figure"] == "mean"
    assert pd.isna(mean["published"])


def test_a_cell_of_which_nothing_was_published_is_empty() -> None:
    text = table_text(paper_table(rows_of("latency bound", "nb201", "fpga", feasible=0.97, labels=781, queries=0)))
    assert text.startswith("## Latency bound\n")
    assert "| NAS-Bench-201 | fpga | feasible | 0.97 | 0.97 | 0.97 | 3 | 781 | 0 |  |  |  |  |" in text


def test_every_published_figure_is_of_a_protocol_and_has_a_source() -> None:
    for one in PUBLISHED:
        assert one.protocol in PROTOCOLS
        assert one.by


@pytest.mark.slow
def test_with_the_benchmarks_tables_all_protocols_have_parts(data_dir: Path) -> None:
    blocks, left_out = blocks_of(Settings(data_dir, seeds=1), Lab(data_dir), list(PROTOCOLS))
    assert {block.table for block in blocks} == set(PROTOCOLS)
    assert {block.setting for block in blocks if block.table == "search"} >= {"cifar10", "cifar100", "imagenet224"}
    assert len([block for block in blocks if block.table == "latency bound"]) == 24
    assert any("NAS-Bench-101, search, is left out: " in line for line in left_out)


@pytest.mark.slow
def test_the_transferable_scenario_is_measured_and_goes_on_where_it_stopped(data_dir: Path, tmp_path: Path) -> None:
    settings, lines = Settings(data_dir, seeds=1), list[str]()
    table = measure(tmp_path, settings, ["transfer"])
    best = table[table["figure"] == "best"].set_index("setting")
    # The table of the other data set knows cells within a fifth of a point of the best one.
    assert best.loc["cifar100 to cifar10", "bonag"] > 94.37 - 0.2
    assert best.loc["cifar100 to cifar10", "queries"] == 3
    assert (tmp_path / "figure.svg").read_text().startswith("<?xml")
    with pytest.raises(UserError, match="--resume"):
        measure(tmp_path, settings, ["transfer"])
    measure(tmp_path, settings, ["transfer"], resume=True, say=lines.append)
    assert any(line.startswith("2 of 2 blocks are in") for line in lines)


def test_a_protocol_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="unknown protocol 'serch': did you mean 'search'"):
        measure(tmp_path, Settings(), ["serch"])
