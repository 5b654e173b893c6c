"""A process of xdist's that starts as the programs of tests do, with all libraries imported.

python -m tests.xdist_process PYTHON: which interpreter it is; what it is to do comes by stdin.
"""

import os
import sys

sys.executable = sys.argv[1]
# The first one was for finding this file; where modules lie, xdist says.
os.environ["PYTHONPATH"] = os.environ["PYTHONPATH"].partition(os.pathsep)[2]
exec(eval(sys.stdin.readline()))  # as execnet lets a Python do by `-c`
