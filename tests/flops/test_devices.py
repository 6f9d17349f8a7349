"""Peak rates of devices, model FLOPs utilization, and exact counts."""

import pytest

from rlviz.flops import mfu, peak


@pytest.mark.parametrize(
    ("name", "teraflops"),
    [
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100 80GB PCIe", 312),
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H200", 989.4),
        ("NVIDIA GH200 480GB", 989.4),
        ("NVIDIA H20", 148),
        ("NVIDIA B200", 2250),
        ("NVIDIA GB200", 2500),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA L40", 181.05),
        ("NVIDIA A10", 125),
        ("NVIDIA A10G", 70),
        ("Tesla V100-SXM2-32GB", 125),
        ("Tesla V100-PCIE-16GB", 112),
        ("Tesla T4", 65),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("AMD Instinct MI250X / MI250", 191.5),
        ("AMD Instinct MI300X", 1307.4),
        ("TPU v4", 275),
        ("TPU v5 lite", 197),
        ("TPU v5e", 197),
        ("TPU v5p", 459),
        ("TPU v5", 459),
        ("TPU v6e", 918),
        ("TPU v6 lite", 918),
    ],
)
def test_the_peak_of_a_known_device(name, teraflops):
    assert peak(name) == pytest.approx(teraflops * 1e12)


@pytest.mark.parametrize(
    "name",
    ["", "cpu", "NVIDIA A1000", "NVIDIA A100-SXM4-40GB MIG 1g.5gb", "TPU v3", "GTX 1080", "T400"],
)
def test_an_unknown_device_or_a_slice_of_one_has_no_peak(name):
    assert peak(name) is None


def test_mfu_is_model_flops_over_what_the_devices_could_do():
    assert mfu(6e15, 2.0, devices=3, peak=4e15) == 0.25


def test_an_unknown_device_has_no_mfu():
    assert mfu(6e15, 2.0, peak=peak("Voodoo 2")) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"flops": -1}, "flops must be finite and >= 0, got -1"),
        ({"seconds": 0}, "seconds must be finite and > 0, got 0"),
        ({"seconds": float("nan")}, "seconds must be finite and > 0, got nan"),
        ({"devices": 0}, "devices must be finite and > 0, got 0"),
        ({"peak": 0.0}, "peak must be finite and > 0, got 0.0"),
    ],
)
def test_values_out_of_range_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        mfu(**({"flops": 1, "seconds": 1, "peak": 1} | arguments))
