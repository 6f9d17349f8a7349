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
    net = model(*(Layer(k) for k in range(3)), layer_types=kinds, moe_layers=[0, 1, 2])
    assert list(groups(net)) == [net.layers[0], net.layers[2]]


class Called(torch.nn.Module):
    """A layer that runs a function of its input."""

    def __init__(self, run=lambda x: x, **tables):
        super().__init__()
        self.run = run
        vars(self).update(tables)

    def forward(self, x, layer_idx=None):
        return self.run(x)


def repeats():
    calls = []

    def measure(call):
        output = call()
        return output, {"place": 7}

    return Repeats(measure, calls.append), calls


def test_the_second_equal_call_repeats_output_and_cost():
    again, calls = repeats()
    layer = Called(lambda x: x + 1)
    first = again.call("look", layer.forward, (torch.zeros(2),), {})
    assert again.call("look", layer.forward, (torch.ones(2),), {}) is first
    assert calls == [{"place": 7}]


def test_other_shapes_looks_and_unknown_arguments_run():
    again, calls = repeats()
    for args in [(torch.zeros(2),), (torch.zeros(3),), (True,), (object(),), (object(),)]:
        again.call("look", Called().forward, args, {})
    again.call("another", Called().forward, (torch.zeros(2),), {})
    assert calls == []


def test_the_place_of_a_call_matters_only_where_a_table_is_asked_for_it():
    again, calls = repeats()
    for place in range(3):
        again.call("look", Called().forward, (torch.zeros(2), place), {})
    assert len(calls) == 2
    for place in range(3):
        again.call("asks", Called(table={0: 1}).forward, (torch.zeros(2),), {"layer_idx": place})
    assert len(calls) == 2


def test_a_layer_that_hands_something_on_in_its_arguments_runs_each_time():
    again, calls = repeats()
    shared = {}
    for place in range(3):
        layer = Called(lambda store, k=place: store.update({k: torch.zeros(1)}))
        again.call("look", layer.forward, (shared,), {})
    assert list(shared) == [0, 1, 2]
    assert calls == []


def test_shapes_are_compared_inside_of_tuples_and_mappings():
    one = shape_of({"a": (torch.zeros(2, 3), None)})
    assert one == shape_of({"a": (torch.ones(2, 3), None)})
    assert one != shape_of({"a": (torch.zeros(3, 2), None)})
