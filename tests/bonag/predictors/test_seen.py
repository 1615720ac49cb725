"""Where a space shows its architectures in another encoding, whatever learns of them sees that one."""

from __future__ import annotations

import numpy as np
import pytest

from bonag.predictors.features import GraphFeatures
from bonag.predictors.graphs import space_batch
from bonag.strategies.path_encoding import PathEncoding
from bonag.strategies.wl import WeisfeilerLehman
from search_spaces import get_space

SPACE = get_space("nlp")


@pytest.mark.parametrize(
    "look",
    [
        GraphFeatures(SPACE),
        WeisfeilerLehman(SPACE).labels,
        PathEncoding(SPACE),
        lambda codes: np.array([batch.op.numpy() for batch in [space_batch(SPACE, codes)]]).reshape(2, -1),
    ],
    ids=["process", "subtrees", "paths", "graph networks"],
)
def test_codes_of_one_cell_look_the_same(look):
    """Genes that say nothing differ, and those of another cell do not matter."""
    first, other = SPACE.codes([SPACE.parse("linear~x+h0|tanh~1|h0~2"), SPACE.parse("linear~x+h0|sigmoid~1|h0~2")])
    same = first.copy()
    same[[SPACE.node_names.index(name) for name in ("c_1", "b_2", "a_9")]] = 1
    assert not np.array_equal(first, same)

    def pair(one):
        return np.asarray(look(np.stack([first, one])))

    def differs(found):
        graphs = found.swapaxes(0, 1) if found.ndim == 3 else found
        return not np.array_equal(graphs[0], graphs[1])

    assert (differs(pair(same)), differs(pair(other))) == (False, True)
