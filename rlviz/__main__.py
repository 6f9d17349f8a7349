"""`python -m rlviz` is the command line."""

import sys

from rlviz.cli import main

sys.exit(main())
