"""What is exported works without bonag, and computes what the network of the space computes."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from bonag import __version__
from bonag.export import FORMATS, export_network
from search_spaces import SearchSpace, get_space
from search_spaces.errors import UserError
from search_spaces.mbv3 import MBV3
from search_spaces.mbv3.supernet import as_supernet, subnet_state, supernet_shapes

CELL = "|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
MOBILE = "k3e6-k5e4|k7e3-k3e3-k5e6|k3e3-k3e4|k7e6-k7e4-k5e3-k5e4|k3e3-k3e3"
CASES = [("nb201", CELL), ("mbv3", MOBILE)]
BLOCKS = Path(__file__).parents[2] / "search_spaces" / "blocks.py"
# Of all kinds of networks, those of another package too.
PYTHON = [
    *CASES,
    ("nb101", "conv3x3-bn-relu~0|maxpool3x3~0+1|output~1+2"),
    ("darts", ";".join(f"{cell}:" + "|".join(["sep_conv_3x3~0+skip_connect~1"] * 4) for cell in ("normal", "reduce"))),
    ("nbgraph", "gat~0|gin~1|arma~1|skip~1"),
    ("blocks:Blocks", "conv3|skip|mbconv5|mbconv3|skip|conv5"),
]


@pytest.fixture(params=PYTHON, ids=[name for name, _ in PYTHON])
def python_case(request, monkeypatch):
    monkeypatch.syspath_prepend(str(BLOCKS.parent))
    space = get_space(request.param[0])
    return space, space.parse(request.param[1])


@pytest.fixture(params=CASES, ids=["nb201", "mbv3"])
def case(request):
    space = get_space(request.param[0])
    return space, space.parse(request.param[1])


@pytest.fixture(scope="session")
def supernet(tmp_path_factory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A checkpoint with the keys and shapes of the published one, and weights that keep signals alive."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for key, shape in supernet_shapes().items():
        noise = torch.randn(shape, generator=generator)
        if key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(7)
        elif key.endswith("_matrix"):
            state[key] = torch.eye(shape[0]) + 0.05 * noise
        elif len(shape) == 4:
            state[key] = noise * (2 / np.prod(shape[1:])) ** 0.5
        elif key.endswith("running_var") or (len(shape) == 1 and key.endswith("weight")):
            state[key] = 1 + 0.1 * noise.abs()
        else:
            state[key] = 0.1 * noise
    path = tmp_path_factory.mktemp("weights") / "ofa.pt"
    torch.save({"state_dict": state}, path)
    return path, state


def logits_of(network, *inputs):
    with torch.inference_mode():
        return network.eval()(*inputs)


def images(space, n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, space.image_size, space.image_size, generator=torch.Generator().manual_seed(2))


def imported(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_state_dict_fits_the_network_and_says_what_it_is(tmp_path, case):
    space, architecture = case
    path = tmp_path / "network.safetensors"
    export_network(space, architecture, "state-dict", path, num_classes=7)
    space.build(architecture, num_classes=7).load_state_dict(load_file(path), strict=True)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert metadata["space"] == space.name
    assert space.parse(metadata["architecture"]) == architecture
    assert metadata["num_classes"] == "7"
    assert metadata["bonag"] == __version__
    assert metadata["weights"] == "fresh, seed 0"
    assert os.listdir(tmp_path) == ["network.safetensors"]


def test_fresh_weights_are_the_same_each_time_and_leave_the_global_seed_alone(tmp_path, case):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    export_network(*case, "state-dict", tmp_path / "a")
    assert torch.equal(torch.rand(3), expected)
    export_network(*case, "state-dict", tmp_path / "b")
    first, second = load_file(tmp_path / "a"), load_file(tmp_path / "b")
    assert all(torch.equal(first[key], second[key]) for key in first.keys() | second.keys())


def test_weights_are_cut_from_a_supernet(tmp_path, supernet):
    source, state = supernet
    space, architecture = MBV3(), MBV3().parse(MOBILE)
    path = tmp_path / "network.safetensors"
    export_network(space, architecture, "state-dict", path, weights=source)
    loaded, expected = load_file(path), subnet_state(architecture, as_supernet(state))
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["weights"] == "trained, cut from ofa.pt"


@pytest.mark.slow
@pytest.mark.parametrize(("width", "num_classes"), [(1.2, 1000), (0.25, 7)])
def test_a_supernet_decides_width_and_classes(tmp_path, make_supernet, width, num_classes):
    source, path = tmp_path / "wide.safetensors", tmp_path / "network.safetensors"
    state = make_supernet(width, num_classes)
    save_file(state, source, metadata={"image_size": "64", "mean": "[0.5, 0.5, 0.5]", "weights": "supernet"})
    space, architecture = MBV3(), MBV3().parse(MOBILE)
    exported = export_network(space, architecture, "state-dict", path, weights=source)
    assert not exported.random
    assert f"num_classes={num_classes}, width={width}" in exported.loading[1]
    network = space.build(architecture, num_classes, width=width)
    network.load_state_dict(load_file(path), strict=True)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    assert (metadata["image_size"], metadata["num_classes"]) == ("64", str(num_classes))
    assert metadata["mean"] == "[0.5, 0.5, 0.5]"
    # What was exported is a trained network like any other.
    again = tmp_path / "network.py"
    export_network(space, architecture, "python", again, weights=path)
    imported(again).build().load_state_dict(load_file(path), strict=True)
    refused(f"{num_classes} classes apart, not 3", space, architecture, "onnx", path, num_classes=3, weights=source)


@pytest.mark.slow
def test_onnx_runs_at_any_batch_size_and_computes_the_same(tmp_path, case, supernet):
    space, architecture = case
    weights = supernet[0] if space.name == "mbv3" else None
    path, plain = tmp_path / "network.onnx", tmp_path / "network.safetensors"
    export_network(space, architecture, "onnx", path, weights=weights)
    export_network(space, architecture, "state-dict", plain, weights=weights)
    onnx.checker.check_model(path, full_check=True)
    network = space.build(architecture)
    network.load_state_dict(load_file(plain))
    session = onnxruntime.InferenceSession(path)
    for n in (1, 3):
        expected = logits_of(network, images(space, n))
        assert expected.std() > 1e-3  # a network that says the same of every image would prove nothing
        (logits,) = session.run(["logits"], {"images": images(space, n).numpy()})
        assert logits.shape == (n, space.num_classes)
        assert np.abs(logits - expected.numpy()).max() < 1e-4 * expected.abs().max().item()
    properties = session.get_modelmeta().custom_metadata_map
    assert (properties["space"], properties["architecture"]) == (space.name, str(architecture))
    assert sorted(os.listdir(tmp_path)) == ["network.onnx", "network.safetensors"]


def a_graph(space: SearchSpace, nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random features of each node, and edges from each to the next and to one over it."""
    x, ring = space.example_inputs(nodes)
    generator = torch.Generator().manual_seed(2)
    return torch.rand(x.shape, generator=generator), torch.cat([ring, ring.roll(1, dims=1).flip(0)], dim=1)


@pytest.mark.slow
def test_onnx_of_a_network_of_graphs_runs_on_any_graph(tmp_path):
    space = get_space("nbgraph")
    architecture, path = space.parse("gcn~0|sage~1|gin~1|skip~1"), tmp_path / "network.onnx"
    exported = export_network(space, architecture, "onnx", path)
    assert exported.loading[1] == "session.run(None, {'x': x, 'edge_index': edge_index})"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = space.build(architecture)
    session = onnxruntime.InferenceSession(path)
    for nodes in (1, 5, 12):
        x, edges = a_graph(space, nodes)
        (logits,) = session.run(["logits"], {"x": x.numpy(), "edge_index": edges.numpy()})
        expected = logits_of(network, x, edges)
        assert np.abs(logits - expected.numpy()).max() < 1e-4 * expected.abs().max().item()


@pytest.mark.slow
def test_what_cannot_be_written_of_a_network_of_graphs_is_said(tmp_path, capsys):
    space, path = get_space("nbgraph"), tmp_path / "network"
    attention = space.parse("gat~0")
    refused("cannot write the network of gat~0 as onnx: choose state-dict or python", space, attention, "onnx", path)
    refused("take x and edge_index, no images: leave", space, attention, "python", path, image_size=32)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_python_file_runs_alone_and_is_the_same_network(tmp_path, python_case):
    space, architecture = python_case
    path, plain = tmp_path / "network.py", tmp_path / "network.safetensors"
    export_network(space, architecture, "python", path, num_classes=7, image_size=64 if space.takes_images else None)
    export_network(space, architecture, "state-dict", plain, num_classes=7)
    ours = space.build(architecture, 7)
    theirs = imported(path).build()
    for network in (ours, theirs):
        network.load_state_dict(load_file(plain), strict=True)
    inputs = (images(space),) if space.takes_images else a_graph(space, 6)
    assert torch.equal(logits_of(theirs, *inputs), logits_of(ours, *inputs))

    # -P and the working folder keep bonag's checkout out of sight; this import fails if it is still found
    guard = "import runpy, sys\nsys.modules.update({'bonag': None, 'loops': None, 'search_spaces': None})\n"
    run = f"{guard}runpy.run_path({str(path)!r}, run_name='__main__')"
    result = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    params = space.costs(architecture, num_classes=7).params
    assert result.stdout.splitlines() == [f"{params} parameters", "logits (1, 7)"]


def test_python_file_is_well_formed(tmp_path, python_case):
    path = tmp_path / "network.py"
    space, architecture = python_case
    export_network(space, architecture, "python", path)
    text = path.read_text()
    assert "bonag." not in text
    assert "search_spaces" not in text
    assert f"# architecture: {architecture}" in text
    assert ("part of bonag" in text) == (space.name != "blocks")
    for check in (["format", "--check"], ["check", "--select", "E,F,W", "--ignore", "E501"]):
        command = [sys.executable, "-m", "ruff", *check, "--isolated", "--line-length", "120", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def refused(match, *arguments, **options):
    with pytest.raises(UserError, match=match) as error:
        export_network(*arguments, **options)
    assert "\n" not in str(error.value)


def test_bad_requests_are_refused_in_one_line_and_write_nothing(tmp_path, case):
    path = tmp_path / "network"
    refused("unknown export format 'onx': did you mean 'onnx'", *case, "onx", path)
    refused("number of classes must be at least 1 and at most 100,000, not 0", *case, "onnx", path, num_classes=0)
    refused("image_size must be", *case, "onnx", path, image_size=0)
    for kind in FORMATS:
        refused("cannot write '.*absent.*': No such file", *case, kind, tmp_path / "absent" / "network")
        refused("cannot write .*: is a folder", *case, kind, tmp_path)
    assert os.listdir(tmp_path) == []


def test_weights_that_do_not_fit_are_refused(tmp_path, supernet):
    weights, _ = supernet
    nb201, mbv3 = get_space("nb201"), get_space("mbv3")
    refused("for the space 'mbv3' only", nb201, nb201.parse(CELL), "onnx", tmp_path / "x", weights=weights)
    mobile = (mbv3, mbv3.parse(MOBILE), "state-dict", tmp_path / "x")
    refused("1000 classes apart, not 10", *mobile, num_classes=10, weights=weights)
    refused("cannot read weights .*: No such file", *mobile, weights=tmp_path / "absent.pt")
    text = tmp_path / "text.pt"
    text.write_text("not weights")
    refused("cannot take weights from .*text.pt", *mobile, weights=text)
    other = tmp_path / "other.pt"
    torch.save({"fc.weight": torch.ones(3)}, other)
    refused("cannot take weights from .*other.pt.*475 of 475", *mobile, weights=other)
    assert sorted(os.listdir(tmp_path)) == ["other.pt", "text.pt"]


def test_older_file_survives_a_failure(tmp_path, case):
    path = tmp_path / "network"
    path.write_text("older")
    refused("cannot read weights|only|1000", *case, "state-dict", path, weights=tmp_path / "absent.pt")
    assert path.read_text() == "older"
    export_network(*case, "state-dict", path)
    assert load_file(path)


def test_networks_of_no_class_of_their_own_are_not_exported_as_python(tmp_path):
    class Plain(type(get_space("nb201"))):
        name = "plain"

        def build(self, architecture, num_classes=None):
            return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, num_classes or 10))

    class Local(Plain):
        def build(self, architecture, num_classes=None):
            class Network(torch.nn.Linear):
                pass

            return Network(3, 3)

    for space in (Plain(), Local()):
        refused("space 'plain' cannot be exported as python", space, space.parse(CELL), "python", tmp_path / "x.py")
    space = Plain()
    export_network(space, space.parse(CELL), "state-dict", tmp_path / "x.safetensors")
    assert load_file(tmp_path / "x.safetensors")["1.weight"].shape == (10, 3072)


def test_a_space_without_networks_says_so(tmp_path, tiny_space):
    class Bare(type(tiny_space)):
        costs = SearchSpace.costs

    space = Bare()
    refused("the space tiny builds no networks", space, space.parse("abc"), "state-dict", tmp_path / "x")
