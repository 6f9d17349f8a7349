"""Peak rates of known accelerators, and model FLOPs utilization."""

from __future__ import annotations

import math
import re

# Dense FLOP/s of one device, without sparsity, as the vendor publishes it: bf16, or fp16 where the
# device has no bf16. The patterns match the names that frameworks give; the first match holds.
# "w/s" marks tables that print only the rate with 2:4 sparsity, which is twice the dense one.
_PEAKS: tuple[tuple[str, float], ...] = (
    # NVIDIA Blackwell datasheet 2024: HGX B200 36 PF w/s per 8; GB200 NVL72 360 PF w/s per 72.
    (r"GB200", 2.5e15),
    (r"B200", 2.25e15),
    (r"B100", 1.75e15),
    # NVIDIA H100 whitepaper v1.04, table 2 (SXM5 989.4, PCIe 756); H100 NVL and H200 NVL
    # datasheets 1671 TF w/s; H200 SXM and GH200 datasheets 1979 TF w/s.
    (r"H[12]00 NVL", 835.5e12),
    (r"H100 PCIE", 756e12),
    (r"G?H[12]00", 989.4e12),
    (r"H800 PCIE", 756e12),
    (r"H800", 989.4e12),
    (r"H20", 148e12),  # NVIDIA H20 datasheet
    # NVIDIA Ampere: A100 whitepaper table 1; A30, A40, A10 datasheets; AWS G5 page for A10G.
    (r"A[18]00", 312e12),
    (r"A30", 165e12),
    (r"A40", 149.7e12),
    (r"A10G", 70e12),
    (r"A10", 125e12),
    (r"RTX A6000", 154.8e12),
    # NVIDIA Ada: L4 datasheet 242 TF w/s; L40S and L40 datasheets; Ada whitepaper v2.1, FP32
    # accumulation; GA102 and RTX Blackwell whitepapers for the other GeForce cards.
    (r"L4", 121e12),
    (r"L40S", 362.05e12),
    (r"L40", 181.05e12),
    (r"RTX 5090", 209.5e12),
    (r"RTX 4090", 165.2e12),
    (r"RTX 3090", 71e12),
    # NVIDIA Volta and Turing, fp16: V100 datasheet (SXM2 125, PCIe 112), T4 datasheet.
    (r"V100 PCIE", 112e12),
    (r"V100", 125e12),
    (r"T4", 65e12),
    # AMD CDNA data sheets. An MI250X is two devices (GCDs) to ROCm; 383 TF is the module's rate.
    (r"MI250X", 191.5e12),
    (r"MI250", 181.05e12),
    (r"MI300X", 1307.4e12),
    (r"MI325X", 1307.4e12),
    (r"MI355X", 2516.6e12),
    # Google Cloud TPU system architecture pages, per chip; JAX calls v5e and v6e "lite".
    (r"TPU V4", 275e12),
    (r"TPU V5(E| LITE)", 197e12),
    (r"TPU V5P?", 459e12),
    (r"TPU V6(E| LITE)|TRILLIUM", 918e12),
)
_COMPILED = tuple((re.compile(rf"(?<![A-Z0-9])(?:{p})(?![A-Z0-9])"), rate) for p, rate in _PEAKS)


def peak(device_name: str) -> float | None:
    """Dense bf16 peak of one device in FLOP/s; None for an unknown one.

    V100 and T4 have no bf16, so theirs is fp16. A MIG slice is unknown too: its name does not say
    exactly what part of the device it is.

    Args:
        device_name: as `torch.cuda.get_device_name()` or JAX's `device_kind` gives it.

    Example:
        >>> peak("NVIDIA H100 80GB HBM3")
        989400000000000.0
        >>> peak("Voodoo 2") is None
        True
    """
    name = re.sub(r"[^A-Z0-9]+", " ", device_name.upper())
    if re.search(r"\bMIG\b", name):
        return None
    # "H100-SXM5-80GB" and "Tesla V100-PCIE-16GB": the form factor may stand after other words.
    if re.search(r"\bPCIE\b", name):
        name = re.sub(r"\b(H100|H800|V100)\b", r"\1 PCIE", name)
    if re.search(r"\bNVL\b", name):
        name = re.sub(r"\b(H100|H200)\b", r"\1 NVL", name)
    return next((rate for pattern, rate in _COMPILED if pattern.search(name)), None)


def mfu(flops: float, seconds: float, *, devices: int = 1, peak: float | None) -> float | None:
    """Model FLOPs utilization: model FLOPs / (time · devices · peak), a fraction.

    Args:
        flops: model FLOPs of all devices in that time, >= 0; without recomputation.
        seconds: wall time, > 0.
        devices: how many devices took part, >= 1.
        peak: FLOP/s of one device, > 0, from `peak(name)` or your own; None when unknown.

    Returns:
        The fraction, or None when the peak is unknown: no number rather than a misleading one.

    Raises:
        ValueError: a value is out of range.

    Example:
        >>> round(mfu(100 * 874_944_921_600, 0.755, peak=312e12), 4)  # nanoGPT on one A100
        0.3714
    """
    if peak is None:
        return None
    for name, value, fine in (
        ("flops", flops, 0 <= flops < math.inf),
        ("seconds", seconds, 0 < seconds < math.inf),
        ("devices", devices, 1 <= devices < math.inf),
        ("peak", peak, 0 < peak < math.inf),
    ):
        if not fine:
            raise ValueError(
                f"{name} must be finite and {'>= 0' if name == 'flops' else '> 0'}, got {value!r}."
            )
    return flops / (seconds * devices * peak)
