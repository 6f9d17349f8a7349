"""TensorBoard with the page of this checkout, for a browser: no installation, no entry point.

    PYTHONPATH=. python tests/dashboard/serve.py --logdir runs --port 6006 [--load_fast=false]

Takes every option of the command `tensorboard`; its URL is what it prints
first, and `--port 0` takes any free port.
"""

import sys
import threading

from tensorboard import program

from rlviz.dashboard.launch import plugins


def main() -> int:
    board = program.TensorBoard(plugins=plugins())
    board.configure(["tensorboard", *sys.argv[1:]])
    sys.stdout.write(f"{board.launch()}\n")
    sys.stdout.flush()
    threading.Event().wait()  # until a signal ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
