"""Networks cut out of the supernet compute what the original code computes with the same weights."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from search_spaces.counting import network_costs
from search_spaces.mbv3 import MBV3, from_ofa
from search_spaces.mbv3.costs import network_costs as mbv3_costs
from search_spaces.mbv3.supernet import as_supernet, load_supernet, subnet_state, supernet_shapes

SMALLEST = MBV3().parse("|".join(["k3e3-k3e3"] * 5))


def cut_out(architecture, supernet_state):
    network = MBV3().build(architecture)
    state = subnet_state(architecture, as_supernet(supernet_state))
    network.to(state["stem.conv.weight"].dtype).load_state_dict(state, strict=True)
    return network.eval()


def images(size: int) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))


def test_keys_are_those_of_the_original_code(shared_fixtures):
    keys = json.loads((shared_fixtures / "ofa" / "keys.json").read_text())["keys"]
    assert {entry["key"]: tuple(entry["shape"]) for entry in keys} == supernet_shapes()
    assert [entry["key"] for entry in keys] == list(supernet_shapes())


def test_recipe_gives_the_weights_of_the_reference(shared_fixtures, supernet_state):
    checks = json.loads((shared_fixtures / "ofa" / "weight_checks.json").read_text())
    assert checks.keys() == {key for key in supernet_state if not key.endswith("num_batches_tracked")}
    for key, check in checks.items():
        tensor = supernet_state[key].double()
        assert tensor.sum().item() == pytest.approx(check["sum"], rel=1e-6, abs=1e-6)
        assert tensor.ravel()[:3].tolist() == pytest.approx(check["first"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["min", "max", "rand0", "rand1", "rand2", "rand3"])
def test_logits_are_those_of_the_original_code(name, ofa_reference, supernet_state):
    (subnet,) = [subnet for subnet in ofa_reference["subnets"] if subnet["name"] == name]
    architecture = from_ofa(subnet["ks"], subnet["e"], subnet["d"])
    single = cut_out(architecture, supernet_state)
    double = cut_out(architecture, {key: value.double() for key, value in supernet_state.items()})
    for run in subnet["runs"]:
        x = images(run["H"])
        with torch.inference_mode():
            exact, rough = double(x.double()), single(x)
        for image, expected in enumerate(run["images"]):
            assert exact[image, :10].tolist() == pytest.approx(expected["float64_first10"], rel=0, abs=1e-9)
            assert exact[image].norm().item() == pytest.approx(expected["float64_l2"], rel=0, abs=1e-9)
            assert exact[image].argmax().item() == expected["float64_argmax"]
            tolerance = 3e-6 * expected["l2_dynamic"]
            assert rough[image, :10].tolist() == pytest.approx(expected["dynamic_first10"], rel=0, abs=tolerance)
            assert rough[image].argmax().item() == expected["argmax_dynamic"]


def test_both_generations_of_keys_give_the_same_network(supernet_state):
    older = {
        key.replace(".conv.", ".mobile_inverted_conv.", 1) if key.startswith("blocks.") else key: value
        for key, value in supernet_state.items()
    }
    assert "blocks.1.mobile_inverted_conv.depth_conv.conv.conv.weight" in older
    new, old = (subnet_state(SMALLEST, as_supernet(state)) for state in (supernet_state, older))
    assert new.keys() == old.keys()
    assert all(torch.equal(new[key], old[key]) for key in new)


def test_cut_weights_share_no_memory_with_the_supernet(supernet_state):
    state = subnet_state(SMALLEST, as_supernet(supernet_state))
    supernet_storages = {tensor.untyped_storage().data_ptr() for tensor in supernet_state.values()}
    for tensor in state.values():
        assert tensor.is_contiguous()
        assert tensor.untyped_storage().data_ptr() not in supernet_storages
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


@pytest.mark.parametrize("wrapped", [True, False])
def test_checkpoints_are_read_with_or_without_a_wrapping(tmp_path, supernet_state, wrapped):
    path = tmp_path / "supernet.pt"
    torch.save({"state_dict": supernet_state} if wrapped else supernet_state, path)
    loaded = load_supernet(path).state
    assert all(torch.equal(loaded[key], value) for key, value in supernet_state.items())


def damaged(supernet_state, change):
    state = dict(supernet_state)
    change(state)
    return state


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("blocks.3.conv.depth_conv.conv.7to5_matrix"), "7to5_matrix' is missing .1 of 475"),
        (lambda s: s.update({"classifier.linear.weigth": torch.ones(1)}), "unknown key 'classifier.linear.weigth'"),
        (lambda s: s.update({"classifier.linear.bias": torch.ones(10)}), r"\(1000,\), not \(10,\)"),
        (
            lambda s: s.update({"first_conv.conv.weight": torch.ones(8, 3, 3, 3)}),
            r"\(16, 3, 3, 3\), not \(8, 3, 3, 3\)",
        ),
        (lambda s: s.update({"classifier.linear.bias": 3}), r"\(1000,\), not int"),
        (lambda s: s.clear(), "is missing .475 of 475"),
    ],
)
def test_other_state_dicts_are_refused(supernet_state, change, message):
    with pytest.raises(ValueError, match=message) as error:
        as_supernet(damaged(supernet_state, change))
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "widths"),
    [
        (0.25, (8, 8, 16, 24, 32, 40, 240, 320)),
        # The other width that Once-for-All published.
        (1.2, (24, 32, 48, 96, 136, 192, 1152, 1536)),
    ],
)
def test_supernets_of_other_widths_and_classes_are_known_by_their_weights(width, widths):
    shapes = supernet_shapes(width, 10)
    outer = ["first_conv", *(f"blocks.{4 * stage + 1}.conv.point_linear.conv" for stage in range(5))]
    outer += ["final_expand_layer", "feature_mix_layer"]
    assert tuple(shapes[f"{name}.conv.weight"][0] for name in outer) == widths
    supernet = as_supernet({key: torch.zeros(shape) for key, shape in shapes.items()})
    assert (supernet.width, supernet.num_classes) == (width, 10)
    network = MBV3().build(SMALLEST, 10, width=width)
    network.load_state_dict(subnet_state(SMALLEST, supernet), strict=True)
    largest = MBV3().parse("|".join(["k7e6-k7e6-k7e6-k7e6"] * 5))
    for architecture in (SMALLEST, largest):
        with torch.device("meta"):
            network, inputs = MBV3().build(architecture, 10, width=width), MBV3().example_inputs(1, 64)
        assert mbv3_costs(architecture, 10, 64, width) == network_costs(network, inputs)


def test_a_supernet_may_be_a_file_of_safetensors_with_facts(tmp_path):
    state = {key: torch.zeros(shape) for key, shape in supernet_shapes(0.1, 2).items()}
    save_file(state, tmp_path / "s.safetensors", metadata={"dataset": "digits"})
    supernet = load_supernet(tmp_path / "s.safetensors")
    assert (supernet.width, supernet.num_classes, supernet.facts) == (0.1, 2, {"dataset": "digits"})
    (tmp_path / "s.safetensors").write_text("not weights")
    with pytest.raises(ValueError, match="not a file of safetensors"):
        load_supernet(tmp_path / "s.safetensors")


def test_files_that_are_no_supernet_are_refused(tmp_path):
    text = tmp_path / "weights.txt"
    text.write_text("not weights")
    with pytest.raises(ValueError, match="not a PyTorch checkpoint"):
        load_supernet(text)
    number = tmp_path / "number.pt"
    torch.save(3, number)
    with pytest.raises(ValueError, match="holds no state dict"):
        load_supernet(number)
    with pytest.raises(FileNotFoundError):
        load_supernet(tmp_path / "absent.pt")


class Trap:
    """A pickle that would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_checkpoints_run_no_code(tmp_path):
    path, sprung = tmp_path / "trap.pt", tmp_path / "sprung"
    torch.save({"state_dict": Trap(sprung)}, path)
    with pytest.raises(ValueError, match="not a PyTorch checkpoint"):
        load_supernet(path)
    assert not sprung.exists()
