"""Layers that run once: only those that are equal, called with inputs of the same shapes."""

from types import SimpleNamespace

import torch

from rlviz.flops.equal_layers import Repeats, groups, shape_of


class Layer(torch.nn.Module):
    def __init__(self, index, width=4, gated=True):
        super().__init__()
        self.layer_idx, self.gated, self.scale = index, gated, 1.0 / (index + 1)
        self.linear = torch.nn.Linear(4, width)


def model(*layers, **fields):
    net = torch.nn.Module()
    net.layers = torch.nn.ModuleList(layers)
    net.config = SimpleNamespace(**fields)
    return net


def test_layers_that_differ_in_place_and_floats_are_equal():
    net = model(*(Layer(k) for k in range(3)))
    found = groups(net)
    assert list(found) == list(net.layers)
    assert len(set(found.values())) == 1


def test_a_weight_a_setting_or_an_entry_of_the_config_tells_layers_apart():
    assert groups(model(Layer(0), Layer(1, width=5))) == {}
    assert groups(model(Layer(0), Layer(1, gated=False))) == {}
    kinds = ["sliding", "full", "sliding"]
    net = model(*(Layer(k) for k in range(3)), layer_types=kinds)
    assert list(groups(net)) == [net.layers[0], net.layers[2]]


def repeats():
    calls = []

    def measure(call):
        output = call()
        return output, {"place": 7}

    return Repeats(measure, calls.append), calls


def test_the_second_equal_call_repeats_output_and_cost():
    again, calls = repeats()
    first = again.call("look", lambda x: x + 1, (torch.zeros(2),), {})
    assert again.call("look", lambda x: x + 1, (torch.ones(2),), {}) is first
    assert calls == [{"place": 7}]


def test_other_shapes_settings_and_unknown_arguments_run():
    again, calls = repeats()
    for args in [(torch.zeros(2),), (torch.zeros(3),), (torch.zeros(2), True), (object(),)]:
        again.call("look", lambda *_: None, args, {})
    again.call("another", lambda *_: None, (torch.zeros(2),), {})
    again.call("look", lambda *_: None, (object(),), {})
    assert calls == []


def test_a_layer_that_hands_something_on_in_its_arguments_runs_each_time():
    again, calls = repeats()
    shared = {}
    for place in range(3):
        again.call("look", lambda store, k=place: store.update({k: torch.zeros(1)}), (shared,), {})
    assert list(shared) == [0, 1, 2]
    assert calls == []


def test_shapes_are_compared_inside_of_tuples_and_mappings():
    one = shape_of({"a": (torch.zeros(2, 3), None)})
    assert one == shape_of({"a": (torch.ones(2, 3), None)})
    assert one != shape_of({"a": (torch.zeros(3, 2), None)})
