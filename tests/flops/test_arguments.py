"""Shapes that a cost is looked up by, and the tensors in a value."""

import pytest
import torch

from rlviz.flops.arguments import shapes, tensors_in

D = 8


def rows(n, **options):
    return torch.zeros(n, D, **options)


class Payload:
    """An object of a user, of which nothing is known."""

    def __init__(self, value):
        self.value = value


class TestShapes:
    def test_a_tensor_is_its_shape_and_whether_it_needs_a_gradient(self):
        assert shapes(rows(2)) == (torch.Size([2, D]), False)
        assert shapes(rows(2, requires_grad=True)) == (torch.Size([2, D]), True)

    def test_containers_are_told_apart_by_kind_names_and_items(self):
        x, y = rows(1), rows(2)
        values = [(x, y), [x, y], (y, x), (x,), {"a": x, "b": y}, {"a": x, "c": y}, {"a": x}]
        assert len({shapes(value) for value in values}) == len(values)
        assert shapes({"a": [x, 1]}) == shapes({"a": [rows(1), 1]})

    @pytest.mark.parametrize("value", [Payload(1), [Payload(1)], {"a": (Payload(1),)}])
    def test_an_object_of_unknown_kind_has_no_shape(self, value):
        with pytest.raises(TypeError, match="what a Payload holds is not known"):
            shapes(value)


class TestTensors:
    def test_tensors_of_containers_and_of_objects_within_objects_are_found(self):
        a, b, c = rows(1), rows(2), rows(3)
        found = tensors_in([a, {"b": Payload(Payload(b))}, (Payload([c]), "text", None)])
        assert [tensor.shape[0] for tensor in found] == [1, 2, 3]

    def test_objects_are_opened_two_deep_and_no_deeper(self):
        assert len(list(tensors_in(Payload(Payload(rows(1)))))) == 1
        assert not list(tensors_in(Payload(Payload(Payload(rows(1))))))
