"""Whether a space keeps the contract of ``SearchSpace``."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from search_spaces.architecture import Architecture, InvalidArchitectureError
from search_spaces.counting import counted_costs, network_costs, tried_network
from search_spaces.graph import ArchGraph
from search_spaces.space import SearchSpace

SAMPLE, FEW, SOME = 100, 3, 20
# Spaces up to these sizes are listed, and are drawn from until each architecture has come some times.
MOST_LISTED, MOST_COUNTED = 500_000, 2_000

Check = Callable[[SearchSpace, list[Architecture]], Iterator[str]]


def complaints(space: SearchSpace) -> list[str]:
    """What is wrong with a space, one line for each thing; none if it keeps the contract, as far as can be tried."""
    found = _lines(_table, space, [])
    if found:
        return found
    try:
        sample = space.sample(SAMPLE, np.random.default_rng(0))
    except Exception as error:  # the author's code, which may raise anything
        return [_failure("sample", error)]
    checks: tuple[Check, ...] = (
        _sampling, _strings, _codes, _neighbours, _projection, _parameters, _listing, _networks, _drawings,
    )  # fmt: skip
    return [line for check in checks for line in _lines(check, space, sample)]


def _lines(check: Check, space: SearchSpace, sample: list[Architecture]) -> list[str]:
    found: list[str] = []
    try:
        # One mistake makes many architectures wrong: three of them say enough.
        found += islice(check(space, sample), FEW)
    except Exception as error:  # the author's code, which may raise anything
        found.append(_failure(check.__name__.strip("_"), error))
    return found


def _failure(what: str, error: Exception) -> str:
    return f"{what}: {type(error).__name__}: {' '.join(str(error).split())}"


def _table(space: SearchSpace, _: list[Architecture]) -> Iterator[str]:
    nodes, names = space.num_nodes, space.op_names
    if not isinstance(space.name, str) or not space.name or set(space.name) & set(" /:"):
        yield f"name: {space.name!r} is no word without blanks, slashes and colons"
    if not isinstance(space.size, int) or space.size < 1:
        yield f"size: {space.size!r} is no number of architectures"
    if len(set(names)) < len(names) or not names:
        yield f"op_names: {names} must be names, each once"
    shapes = {"adjacency": (nodes, nodes), "fixed_ops": (nodes,), "free_edges": (len(space.free_edges), 2)}
    if space.op_attributes is not None:
        shapes["op_attributes"] = (len(names), *np.shape(space.op_attributes)[1:2])
    wrong = {name: shape for name, shape in shapes.items() if np.shape(getattr(space, name)) != shape}
    for name, shape in wrong.items():
        yield f"{name}: its shape must be {shape}, not {np.shape(getattr(space, name))}"
    if wrong:
        return
    if np.tril(space.adjacency).any():
        yield "adjacency: every edge must run from an earlier node to a later one"
    pairs = [tuple(pair) for pair in space.free_edges.tolist()]
    if pairs != sorted(set(pairs)) or any(i >= j or space.adjacency[i, j] for i, j in pairs):
        yield "free_edges: they must be pairs i < j, each once, sorted, and none of them an edge that is always there"
    if not ((space.fixed_ops >= -1) & (space.fixed_ops < len(names))).all():
        yield "fixed_ops: each must be -1 or an index into op_names"
    for name in ("null_op", "identity_op"):
        op = getattr(space, name)
        if op is not None and not 0 <= op < len(names):
            yield f"{name}: {op} is no index into op_names"
    if not space.allowed.any(axis=1).all():
        yield "allowed: every site needs a class"
    if space.independent_sites and space.size != math.prod(space.allowed.sum(axis=1).tolist()):
        yield "independent_sites: the size is not the product of the numbers of the sites' classes"


def _sampling(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    if len(sample) != SAMPLE or space.sample(0, np.random.default_rng(0)):
        yield "sample: it must return as many architectures as it is asked for"
    if space.sample(SAMPLE, np.random.default_rng(0)) != sample:
        yield "sample: the same generator must give the same architectures"
    if space.size > MOST_COUNTED:
        pairs = SAMPLE * (SAMPLE - 1) / 2 / space.size
        if SAMPLE - len(set(sample)) > pairs + 6 * math.sqrt(pairs) + 3:
            yield f"sample: of {SAMPLE} architectures only {len(set(sample))} are distinct, uniform ones would be more"
        return
    counts = dict.fromkeys(space.sample(SOME * space.size, np.random.default_rng(1)), 0)
    for architecture in space.sample(SOME * space.size, np.random.default_rng(2)):
        counts[architecture] = counts.get(architecture, 0) + 1
    if len(counts) != space.size:
        yield f"size: {space.size}, but {len(counts)} different architectures were drawn"
    chi_square = sum((count - SOME) ** 2 / SOME for count in counts.values())
    if chi_square > space.size + 6 * math.sqrt(2 * space.size) + 6:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        yield f"sample: not uniform, {most} came {counts[most]} times and {least} {counts[least]} times"


def _strings(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    for one in sample:
        text = str(one)
        if not text or text != " ".join(text.split()):
            yield f"str: {text!r} must be one line without blanks at its ends"
        if space.parse(text) != one or hash(space.parse(text)) != hash(one):
            yield f"parse: '{text}' is read as another architecture, '{space.parse(text)}'"
        if pickle.loads(pickle.dumps(one)) != one:  # noqa: S301
            yield f"'{text}' is another architecture after pickling"
    if len({str(one) for one in sample}) != len(set(sample)):
        yield "str: different architectures have equal strings, or equal ones different strings"
    try:
        space.parse("\N{REPLACEMENT CHARACTER}")
        yield "parse: it accepts a text that is no architecture's"
    except InvalidArchitectureError:
        pass


def _codes(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    codes = space.codes(sample)
    if codes.shape != (len(sample), space.num_sites):
        yield f"codes: their shape must be {(len(sample), space.num_sites)}, not {codes.shape}"
        return
    for one, code in zip(sample, codes, strict=True):
        if space.encode(one) != space.graph(code):
            yield f"encode: the graph of '{one}' has edges that the table does not have, or is not that of its code"
        if not space.allowed[np.arange(len(code)), code].all():
            yield f"encode: the graph of '{one}' has classes at sites that are not allowed to have them"
        if space.decode(space.encode(one)) != one:
            yield f"decode: the graph of '{one}' is read as '{space.decode(space.encode(one))}'"
    if len(np.unique(codes, axis=0)) != len(set(sample)):
        yield "encode: different architectures have the same graph"
    graph = space.encode(sample[0])
    if space.is_valid(ArchGraph(np.full_like(graph.ops, len(space.op_names)), graph.adjacency)):
        yield "decode: it accepts operations that are not in op_names"
    if space.independent_sites:
        rng = np.random.default_rng(0)
        free = np.where(space.allowed, rng.random((SAMPLE, *space.allowed.shape)), -1.0).argmax(axis=2)
        if not all(space.is_valid(space.graph(code)) for code in free):
            yield "independent_sites: some choices of allowed classes are no architectures"


def _neighbours(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    for one in sample[:FEW]:
        near = space.neighbours(one)
        if len(set(near)) < len(near) or one in near:
            yield f"neighbours: those of '{one}' must be distinct, and others than itself"
        if not near and space.size > 1:
            yield f"neighbours: '{one}' has none"
        for other in near[:: max(len(near) // SOME, 1)]:
            if one not in space.neighbours(other):
                yield f"neighbours: '{other}' is one of '{one}', but not the other way round"
        if near and space.mutate(one, np.random.default_rng(0)) not in near:
            yield f"mutate: it makes of '{one}' what is no neighbour"


def _projection(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    if space.nearest(space.codes(sample)) != sample:
        yield "project: the code of an architecture is not projected to that architecture"
    shape = (SOME, space.num_sites, int(space.site_classes.max()))
    scores = np.random.default_rng(0).normal(size=shape)
    found = space.project(scores)
    if len(found) != SOME or space.project(np.zeros((0, *shape[1:]))) != []:
        yield "project: it must return one architecture for each row of scores"
    if space.nearest(space.codes(found)) != found:
        yield "project: what it returns is projected to something else"
    codes = np.random.default_rng(1).integers(space.site_classes, size=shape[:2])
    if not np.array_equal(space.nearest_codes(codes), space.codes(space.nearest(codes))):
        yield "nearest_codes: they are not the codes of what nearest returns"
    every = space.all() if space.size <= MOST_COUNTED else None
    if every is not None:
        codes, rows = space.codes(every), np.arange(space.num_sites)
        for row, one in zip(scores, found, strict=True):
            sums = row[rows, codes].sum(axis=1)
            if row[rows, space.codes([one])[0]].sum() < sums.max() - 1e-9:
                yield f"project: '{one}' is found where '{every[int(sums.argmax())]}' has the larger sum of scores"


def _parameters(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    parameters = {parameter.name: parameter for parameter in space.parameters()}
    if len(parameters) < len(space.parameters()) or not parameters:
        yield "parameters: their names must differ, and there must be some"
    for parameter in parameters.values():
        if len(set(parameter.values)) < max(len(parameter.values), 1):
            yield f"parameters: '{parameter.name}' needs values, each once"
    for one in sample:
        values = space.to_parameters(one)
        if list(values) != list(parameters) or any(values[name] not in parameters[name].values for name in parameters):
            yield f"to_parameters: that of '{one}' does not give each parameter one of its values"
        elif space.from_parameters(values) != one:
            yield f"from_parameters: the values of '{one}' are read as '{space.from_parameters(values)}'"
    try:
        space.from_parameters({**space.to_parameters(sample[0]), "\N{REPLACEMENT CHARACTER}": 0})
        yield "from_parameters: it accepts a parameter that there is not"
    except InvalidArchitectureError:
        pass


def _listing(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    every = space.all() if space.size <= MOST_LISTED else None
    if every is not None:
        distinct = set(every)
        if len(distinct) != len(every) or len(every) != space.size:
            yield f"all: it lists {len(every)} architectures, {len(distinct)} of them distinct; size is {space.size}"
        if not distinct.issuperset(sample):
            yield "all: it does not list every architecture that is drawn"


def _networks(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    what = "images" if space.takes_images else "examples"
    for one in sample[:FEW] if space.builds else []:
        for classes in (space.num_classes, 3):
            network, inputs = tried_network(space, one, classes, space.image_size, n=2)
            logits = network.eval()(*inputs)
            if logits.shape != (2, classes):
                yield f"build: the network of '{one}' puts out {tuple(logits.shape)} for two {what}, not {(2, classes)}"
                continue
            if len(inputs) != len(space.input_names):
                yield f"example_inputs: {len(inputs)} inputs, and input_names are {', '.join(space.input_names)}"
            counted = network_costs(*tried_network(space, one, classes, space.image_size))
            costs = space.costs(one, classes)
            if counted != costs:
                yield f"costs: '{one}' has {counted} with {classes} classes, counted in its network; told are {costs}"
        if space.costs(one) != counted_costs(space, one, space.num_classes, space.image_size):
            yield f"costs: the defaults for '{one}' are not those of {space.num_classes} classes"


def _drawings(space: SearchSpace, sample: list[Architecture]) -> Iterator[str]:
    for one in sample[:FEW]:
        for small in (False, True):
            if not space.draw(one, small).startswith("<svg") or space.draw(one, small) != space.draw(one, small):
                yield f"draw: the drawing of '{one}' must be one svg element, the same every time"
