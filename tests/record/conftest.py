"""What a machine may lack: a device, for tests of what is done there and what is copied, and
descriptors."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import torch
from torch.utils._pytree import tree_map


class OnADevice(torch.Tensor):
    """A real tensor whose device says "lazy"; its operations run in host memory and are logged.

    Reading an element on the host, which makes a program wait for a device, is an error.
    """

    @staticmethod
    def __new__(cls, inner: torch.Tensor, log: list[str]) -> "OnADevice":
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            dtype=inner.dtype,
            device="lazy",
            requires_grad=inner.requires_grad,
        )

    def __init__(self, inner: torch.Tensor, log: list[str]) -> None:
        self.inner, self.log = inner.detach(), log

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        logs: list[list[str]] = []

        def inner(value: Any) -> Any:
            if not isinstance(value, OnADevice):
                return value
            logs.append(value.log)
            return value.inner

        name, kwargs = func.overloadpacket.__name__, kwargs or {}
        args, options = tree_map(inner, args), tree_map(inner, kwargs)
        log = logs[0]
        if name == "_local_scalar_dense":
            raise AssertionError("an element was read: the training thread waits for the device")
        log.append(name)
        to_host = name == "_to_copy" and str(kwargs.get("device")) == "cpu"
        if "device" in options:
            options["device"] = "cpu"
        result = func(*args, **options)
        if to_host:
            log[-1] = "copied to the host"
            return result
        return tree_map(lambda v: OnADevice(v, log) if isinstance(v, torch.Tensor) else v, result)


@pytest.fixture
def device_log() -> list[str]:
    """What was done on the device, in order."""
    return []


@pytest.fixture
def on_a_device(device_log: list[str]) -> Callable[[Any], torch.Tensor]:
    """Put a tensor, or numbers, on the device."""
    return lambda value: OnADevice(torch.as_tensor(value), device_log)


@pytest.fixture
def few_descriptors() -> Callable[[int], AbstractContextManager[None]]:
    """Leaves this process so many descriptors that it may open: ``with few_descriptors(2):``."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def leave(many: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]  # so that no lower is free
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1 + many, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in held:
                os.close(each)

    return leave
