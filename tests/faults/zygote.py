"""A process that has imported everything and forks a child for each script that it is given.

Hundreds of training scripts have to be killed here, and importing takes longer than many of them
live. No `Callback` exists before the fork, so a child is like a script that was started on its own:
its main thread runs the code, and what ends the code ends the process.

Speaks JSON, a line each: `{"run": code, "arguments": [...], "output": path}` is answered with the
pid, `{"reap": pid}` with the exit status, null while it runs.
"""

import ctypes
import faulthandler
import gc
import json
import mmap
import os
import signal
import struct
import sys
import time
import warnings

import numpy as np
import torch

import rlviz
import rlviz.callback


class Logbook:
    """When each step was logged, in memory that outlives the process: 8 bytes a step, from 1."""

    def __init__(self, path, steps=200_000):
        with open(path, "wb") as stream:
            stream.truncate(8 * steps)
        with open(path, "r+b") as stream:
            self._times = mmap.mmap(stream.fileno(), 0)

    def note(self, step):
        struct.pack_into("<d", self._times, 8 * (step - 1), time.time())


def log_step(viz, step):
    """One step; what is in it follows from its number, so that a reader can tell a wrong row."""
    viz.record(correct=[1] * (step % 5) + [0], parallelism=[1 + step % 7, 2.5])
    viz.record(flops={"rollout": 10**15 + step, "update": 3})
    viz.on_step_end(step, metrics={"loss": 1 / step})


def die_with(parent):
    """Be killed when the parent ends, so that nothing is left when a test run is broken off."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def start(request, parent):
    """What runs in the child; its output goes where the request says."""
    die_with(parent)
    with open(os.devnull) as nothing, open(request["output"], "wb") as output:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup
    faulthandler.register(signal.SIGUSR1)  # by which one that hangs is asked where
    sys.argv = ["-c", *request["arguments"]]
    names = {
        "__name__": "__main__",
        "Logbook": Logbook,
        "log_step": log_step,
        "np": np,
        "rlviz": rlviz,
        "torch": torch,
    }
    exec(compile(request["run"], "<training script>", "exec"), names)


def reap(pid):
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def serve():
    """Answer requests until the other side has gone; returns in the children, too."""
    me = os.getpid()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        request = json.loads(line)
        if "run" in request:
            answer = os.fork()
            if answer == 0:
                answers.close()
                start(request, me)
                return
        else:
            answer = reap(request["reap"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", append=False)
    torch.set_num_threads(1)
    gc.freeze()  # or every child copies all of it when it ends
    serve()
