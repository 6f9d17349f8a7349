"""What the tests of several frameworks share: a launcher of processes that none outlives."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rlviz


@pytest.fixture(scope="session")
def launched() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs Python, say a launcher of several processes, with the rlviz that is under test."""

    def launch(*arguments: str, timeout: float = 200) -> "subprocess.CompletedProcess[str]":
        process = subprocess.Popen(
            [sys.executable, "-P", *arguments],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(rlviz.__file__).resolve().parent.parent),
                "OMP_NUM_THREADS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            output, errors = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)  # a launcher ends its workers then
            output, errors = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, output, errors)

    return launch
