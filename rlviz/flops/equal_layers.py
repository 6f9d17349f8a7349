"""Equal layers of a model on the meta device run once; the others repeat what the first one gave.

Imports torch: only `census` imports this module.

Shapes are all that a tensor on the meta device has. So two layers with the same modules, weights
and settings, called with inputs of the same shapes, give outputs of the same shapes at the same
cost.
"""

from __future__ import annotations

import inspect
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import torch

# The place of a layer. Only a cache of keys and values asks for it in a forward pass, and what a
# config says of a place is compared on its own.
_PLACES = frozenset(("layer_idx", "layer_id", "layer_index", "layer_number", "block_idx"))
_NOTHING = (type(None), bool, int, float, str, torch.dtype, torch.device, torch.Size)


def groups(model: Any) -> dict[Any, Hashable]:
    """Layers of the model's lists that have an equal -> what they have in common."""
    looks = {}
    for parent in model.modules():
        if isinstance(parent, torch.nn.ModuleList) and len(parent) > 1:
            for index, layer in enumerate(parent):
                looks[layer] = (_entries(model.config, index, len(parent)), _look(layer))
    several = Counter(looks.values())
    return {layer: look for layer, look in looks.items() if several[look] > 1}


def _look(layer: Any) -> Hashable:
    modules = tuple(
        (name, type(module), _settings(module)) for name, module in layer.named_modules()
    )
    tensors = (*layer.named_parameters(), *layer.named_buffers())
    return modules, tuple((name, tuple(t.shape), t.dtype) for name, t in tensors)


def _settings(module: Any) -> Hashable:
    plain = (bool, int, str, type(None))
    return tuple(
        sorted(
            (name, repr(value))
            for name, value in vars(module).items()
            if name not in _PLACES
            and (
                isinstance(value, plain)
                or (isinstance(value, (tuple, list)) and all(isinstance(v, plain) for v in value))
            )
        )
    )


def _entries(config: Any, index: int, layers: int) -> Hashable:
    """What lists of the config with an entry for each layer say of this one."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    return tuple(
        (name, index in value if _are_places(value) else repr(value[index]))
        for name, value in sorted(vars(text).items())
        if isinstance(value, (list, tuple)) and len(value) == layers
    )


def _are_places(value: Sequence[Any]) -> bool:
    """Whether a list names layers by their places, as `[0, 2, 5]` does."""
    whole = all(type(each) is int for each in value)
    return whole and all(a < b for a, b in itertools.pairwise(value))


def shape_of(value: Any) -> Hashable:
    """What the cost of a call may depend on, of one of its arguments.

    Example:
        >>> shape_of((torch.zeros(2, 3), None, 4))
        (('tensor', (2, 3), torch.float32), (None,), (4,))
    """
    if isinstance(value, torch.Tensor):
        return "tensor", tuple(value.shape), value.dtype
    if isinstance(value, (tuple, list)):
        return tuple(map(shape_of, value))
    if isinstance(value, Mapping):
        return tuple((key, shape_of(v)) for key, v in value.items())
    return (value,) if isinstance(value, Hashable) else (type(value),)


def _known(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_known, value))
    if isinstance(value, Mapping):
        return all(map(_known, value.values()))
    return isinstance(value, (torch.Tensor, *_NOTHING))


def _without_place(forward: Any, args: Any, kwargs: Any) -> Hashable:
    """What the cost of a call depends on: of its place nothing, unless the layer looks it up."""
    named = inspect.signature(forward).bind(*args, **kwargs).arguments
    if any(_looks_up(module) for module in forward.__self__.modules()):
        return shape_of(named)
    return shape_of({name: value for name, value in named.items() if name not in _PLACES})


def _looks_up(module: Any) -> bool:
    """Whether a module has a table of its own, such as the adapter of each layer it serves as."""
    return any(
        isinstance(value, Mapping) and value
        for name, value in vars(module).items()
        if not name.startswith("_")
    )


class Repeats:
    """Remembers what layers gave and cost in one pass.

    Args:
        measure: runs a call and returns its output with what it cost.
        repeat: counts the same cost again.
    """

    def __init__(
        self, measure: Callable[[Callable[[], Any]], tuple[Any, Any]], repeat: Callable[[Any], None]
    ) -> None:
        self._measure, self._repeat = measure, repeat
        self._seen: dict[Hashable, tuple[Any, Any]] = {}

    def call(self, look: Hashable, forward: Any, args: Any, kwargs: Any) -> Any:
        """Run a layer, or repeat its equal that was called with inputs of the same shapes."""
        if not _known(args) or not _known(kwargs):
            return forward(*args, **kwargs)
        before = shape_of((args, kwargs))
        key = look, _without_place(forward, args, kwargs)
        if key in self._seen:
            output, spent = self._seen[key]
            self._repeat(spent)
            return output
        output, spent = self._measure(lambda: forward(*args, **kwargs))
        if shape_of((args, kwargs)) == before:  # else it hands something on in its arguments
            self._seen[key] = output, spent
        return output
