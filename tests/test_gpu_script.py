"""`benchmarks/gpu.py` runs where there is no GPU, so that minutes on one are not spent on it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_script_times_what_is_there_and_names_what_is_missing(tmp_path):
    options = ["--device", "cpu", "--small", "--no-tests", "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options, "--peers", "copy", "rlviz", "accelerated_scan"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = tmp_path.iterdir()
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    assert [row[0] for row in rows[1:]] == [
        "| copy",
        "| rlviz ema",
        "| rlviz recurrence",
        "| rlviz ema along one x",
    ]
    assert all(float(cell.split()[0].replace(",", "")) > 0 for row in rows[1:] for cell in row[1:3])
    missing = [line.split(":")[0] for line in lines if line.startswith("- ")]
    assert missing == ["- accelerated_scan, 1x3000", "- accelerated_scan, 60x40"]


@pytest.mark.slow
def test_a_part_that_hangs_is_ended_and_what_it_printed_is_kept(gpu):
    script = "import time; print('begun', flush=True); time.sleep(100)"
    code, said = gpu.bounded([sys.executable, "-c", script], 8)
    assert code is None
    assert said == "begun\n"


@pytest.mark.slow  # there triton is installed
def test_the_tests_run_by_the_same_line(gpu, monkeypatch):
    if os.getenv("RLVIZ_REQUIRE_TRITON") != "1":
        pytest.importorskip("triton")
    quick = "tests/smooth/test_kernels.py::test_lengths_reach_the_kernels_in_units_of_four_points"
    monkeypatch.setattr(gpu, "TESTS", (quick + "_where_all_are_multiples",))
    said = gpu.tests(200)
    assert said.startswith("## The CUDA tests: passed")
    assert "1 passed" in said


def test_all_of_the_tests_are_there(gpu):
    assert all((SCRIPT.parents[1] / name).is_file() for name in gpu.TESTS)


def test_a_share_is_that_of_the_copy_by_the_time_of_the_device(gpu):
    found = [
        {"shape": "1x8", "name": "copy", "call": 9.0, "device": 4.0},
        {"shape": "1x8", "name": "rlviz ema", "call": 70.0, "device": 5.0},
        {"shape": "2x8", "name": "rlviz ema", "call": 70.0},
        {"shape": "1x8", "name": "cub", "why": "no cupy"},
    ]
    page = gpu.table(found, ("1x8", "2x8"))
    assert "| rlviz ema | 5.0, called 70.0 (80%) | 70.0 |" in page
    assert "| copy | 4.0, called 9.0 (100%) | – |" in page
    assert "- cub, 1x8: no cupy" in page
