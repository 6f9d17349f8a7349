"""Values on a device: the training thread copies them there, the writer reads them later.

Reading one at once would make the training thread wait for the device. This module recognizes
tensors by their methods, so that it need not import torch.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Deferred(Generic[T]):
    """A value that is still on its device, and how to read it once `fetch` has brought it."""

    kept: Any
    read: Callable[[Any], T]
    ready: tuple[Any, ...] = ()
    """CUDA events of the streams that it was kept on, one per device; none off CUDA."""


def is_tensor(value: Any) -> bool:
    return hasattr(value, "detach") and hasattr(value, "device")  # streams of io detach too


def has_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and is_tensor(value[0])
    return is_tensor(value)


def without_values(tensor: Any) -> str | None:
    """What a tensor is of which no values can be read, and what to do; None for any other."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(tensor, torch.Tensor):
        return None
    if tensor.is_meta:
        return "a meta tensor, which has a shape and no values. Record it where it is computed."
    if getattr(tensor, "is_nested", False):
        return "a nested tensor. Pass torch.cat(tensor.unbind()), or the number itself."
    if torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        return "one inside torch.func, such as vmap or grad. Record what the transform returns."
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        if torch.nn.parameter.is_lazy(tensor):
            return "an uninitialized parameter or buffer. Run its module once before."
        if tensor.layout == torch.strided and tensor.untyped_storage().device.type == "meta":
            return "a fake tensor, which has a shape and no values. Record outside FakeTensorMode."
    if tensor.layout != torch.strided:
        return f"a layout {tensor.layout}. Pass .to_dense(), or the number itself."
    return None


def detached(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [detached(item) for item in value]
    return value.detach() if is_tensor(value) else value


def keep(values: Sequence[Deferred[Any]]) -> None:
    """Copy the values' tensors on their devices, so that later changes don't reach the record.

    This takes one launch per device, however many tensors there are; nothing waits for it.
    """
    tensors = [tensor for value in values for tensor in tensors_in(value.kept)]
    copies: dict[int, Any] = {}
    ready = []
    for together in _by_device(tensors):
        with _on_the_device_of(together[0]):
            copies.update(zip(map(id, together), _copied_there(together), strict=True))
            if together[0].is_cuda:
                ready.append(sys.modules["torch"].cuda.Event())
                ready[-1].record()
    for value in values:
        value.kept, value.ready = _replaced(value.kept, copies), tuple(ready)


def kept_bytes(value: Deferred[Any]) -> int:
    """Bytes that a value takes on its device."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors_in(value.kept))


def _on_the_device_of(tensor: Any) -> Any:
    """Make the tensor's device the current one, where launches and events go."""
    return sys.modules["torch"].cuda.device(tensor.device) if tensor.is_cuda else nullcontext()


def _by_device(tensors: Iterable[Any]) -> list[list[Any]]:
    devices: dict[str, dict[int, Any]] = {}
    for tensor in tensors:
        devices.setdefault(str(tensor.device), {})[id(tensor)] = tensor
    # Wider elements first: each tensor then starts at a multiple of its element width.
    return [sorted(d.values(), key=lambda t: -t.element_size()) for d in devices.values()]


def _copied_there(tensors: list[Any]) -> list[Any]:
    """The tensors as views into one new block of bytes on their device."""
    if len(tensors) == 1:
        return [tensors[0].clone()]
    joined, start, copies = _joined(tensors), 0, []
    for tensor in tensors:
        end = start + tensor.numel() * tensor.element_size()
        copies.append(joined[start:end].view(tensor.dtype).reshape(tensor.shape))
        start = end
    return copies


def _joined(tensors: list[Any]) -> Any:
    """The bytes of tensors of one device, one after the other, in a new tensor."""
    torch = sys.modules["torch"]  # loaded, since there is a tensor
    return torch.cat([t.contiguous().reshape(-1).view(torch.uint8) for t in tensors])


def fetch(values: Sequence[Deferred[Any]]) -> list[Any]:
    """Bring what was kept for each value to the host, in one copy per device.

    It waits for the devices, so only the writer thread may call it.
    """
    arrays: dict[int, Any] = {}
    events = {id(event): event for value in values for event in value.ready}.values()
    for together in _by_device(tensor for value in values for tensor in tensors_in(value.kept)):
        copy = _through_pinned_memory if together[0].is_cuda else _to_the_host
        arrays.update(
            zip(map(id, together), _taken_apart(together, copy(together, events)), strict=True)
        )
    return [_replaced(value.kept, arrays) for value in values]


def _to_the_host(tensors: list[Any], events: Iterable[Any]) -> Any:
    return _joined(tensors).cpu()


def _through_pinned_memory(tensors: list[Any], events: Iterable[Any]) -> Any:
    """Copy on a separate stream, after what the training streams had queued; they don't wait."""
    torch = sys.modules["torch"]
    with torch.cuda.device(tensors[0].device):
        stream = _stream_of(tensors[0].device)
        for event in events:
            stream.wait_event(event)
        with torch.cuda.stream(stream):
            joined = _joined(tensors)
            host = torch.empty(joined.shape, dtype=joined.dtype, pin_memory=True)
            host.copy_(joined, non_blocking=True)
            done = torch.cuda.Event(blocking=True)  # sleeps instead of spinning on a core
            done.record(stream)
        done.synchronize()
    return host


@cache
def _stream_of(device: Any) -> Any:
    """One stream per device: memory that was used on a stream stays with it."""
    return sys.modules["torch"].cuda.Stream(device)


def _taken_apart(tensors: list[Any], joined: Any) -> list[Any]:
    """Split the joined bytes of tensors, on the host, into arrays."""
    start, arrays = 0, []
    for tensor in tensors:
        end = start + tensor.numel() * tensor.element_size()
        # A copy, or one array would keep the bytes of the whole flush alive.
        arrays.append(to_host(joined[start:end].clone().view(tensor.dtype).reshape(tensor.shape)))
        start = end
    return arrays


def tensors_in(value: Any) -> list[Any]:
    """The tensors in a value, or in lists of values."""
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return [value] if is_tensor(value) else []


def _replaced(value: Any, copies: Mapping[int, Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return [_replaced(item, copies) for item in value]
    return copies[id(value)] if is_tensor(value) else value


def to_host(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [to_host(item) for item in value]
    if not is_tensor(value):
        return value
    tensor = value.detach().cpu()
    return tensor.double().numpy() if _is_torchs_own(tensor.dtype) else tensor.numpy()


def _is_torchs_own(dtype: Any) -> bool:
    """Whether NumPy lacks this dtype: bfloat16 and the float8 types."""
    return dtype.is_floating_point and str(dtype).removeprefix("torch.") not in _NUMPY_FLOATS


_NUMPY_FLOATS = {"float16", "float32", "float64"}
