"""Watched FLOPs where kernels of a device do the work: fused attention and cuDNN, forward and
backward, equal what the shapes say. On a host the same tests run with its own kernels."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from rlviz.flops import Watch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
HALF = torch.float16 if DEVICE == "cuda" else torch.float32  # fused attention asks for it there

BATCH, HEADS, LENGTH, WIDTH = 2, 4, 128, 64
BACKENDS = ["MATH", "FLASH_ATTENTION"]
if DEVICE == "cuda":
    BACKENDS += ["EFFICIENT_ATTENTION", "CUDNN_ATTENTION"]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.into = nn.Linear(HEADS * WIDTH, 3 * HEADS * WIDTH, bias=False)
        self.out = nn.Linear(HEADS * WIDTH, HEADS * WIDTH, bias=False)

    def forward(self, x):
        q, k, v = self.into(x).unflatten(-1, (3, HEADS, WIDTH)).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_fused_attention_counts_what_its_products_are(backend):
    layer = Attention().to(DEVICE, HALF)
    watch = Watch(layer)
    x = torch.randn(BATCH, LENGTH, HEADS * WIDTH, device=DEVICE, dtype=HALF, requires_grad=True)
    attention = 2 * (2 * BATCH * HEADS * LENGTH * LENGTH * WIDTH)  # q·k and its product with v
    weights = 2 * BATCH * LENGTH * 4 * (HEADS * WIDTH) ** 2
    for _ in range(2):  # the first counts operations, the second looks them up
        try:
            with sdpa_kernel(getattr(SDPBackend, backend)):
                loss = layer(x).float().sum()
        except RuntimeError as error:
            if "No available kernel" not in str(error):
                raise
            pytest.skip(f"this device has no kernel of {backend}")
        assert watch.take() == attention + weights
        loss.backward()
        assert watch.take() == 2 * (attention + weights)
    assert not watch.uncounted


def test_a_recurrent_net_counts_its_matrices_once_for_each_step():
    layer = nn.LSTM(8, 16).to(DEVICE)
    watch = Watch(layer)
    x = torch.randn(10, 3, 8, device=DEVICE, requires_grad=True)
    once = 10 * 3 * 2 * (8 + 16) * 4 * 16
    layer(x)[0].sum().backward()
    assert watch.take() == 3 * once
    assert not watch.uncounted


def test_a_convolution_counts_its_places():
    layer = nn.Conv2d(4, 8, 3).to(DEVICE)
    watch = Watch(layer)
    x = torch.randn(2, 4, 10, 10, device=DEVICE, requires_grad=True)
    layer(x).sum().backward()
    assert watch.take() == 3 * 2 * (2 * 8 * 8) * 8 * (4 * 3 * 3)
    assert not watch.uncounted


@pytest.mark.skipif(DEVICE != "cuda", reason="needs a CUDA device")
@pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning")
def test_watching_waits_for_nothing_on_the_device():
    layer = Attention().to(DEVICE, HALF)
    watch = Watch(layer)
    x = torch.randn(BATCH, LENGTH, HEADS * WIDTH, device=DEVICE, dtype=HALF)
    layer(x).sum().backward()  # what only the first pass of a process does
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        layer(x).sum().backward()
        assert watch.take() > 0
    finally:
        torch.cuda.set_sync_debug_mode("default")
