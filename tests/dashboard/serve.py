"""TensorBoard with the page of this checkout, for a browser: no installation, no entry point.

    PYTHONPATH=. python tests/dashboard/serve.py --logdir runs --port 6006 [--load_fast=false]

Takes every option of the command `tensorboard`; with `--port 0` it takes any free port and prints it.
"""

import sys
import threading

from tensorboard import default, program

from rlviz.dashboard.loader import Loader


def main() -> int:
    board = program.TensorBoard(plugins=[*default.get_plugins(), Loader])
    board.configure(["tensorboard", *sys.argv[1:]])
    print(board.launch(), flush=True)
    threading.Event().wait()  # until a signal ends the process
    return 0


if __name__ == "__main__":
    sys.exit(main())
