"""What Alibi Detect says of the nights that drift.py hands it: its MMD, at its defaults.

A line of standard input is a pair of lists of numbers, the reference's rows and a night's in
vectors.npy of the folder that is named; a line of output says whether that is drift. In a virtual
environment of its own: pip install alibi-detect torch. Measured with Alibi Detect 0.13.0: a p-value
below 0.05 is drift, so that one unchanged night in twenty is.
"""

import json
import sys
from pathlib import Path

import numpy as np
from alibi_detect.cd import MMDDrift


def main() -> None:
    vectors = np.load(Path(sys.argv[1], "vectors.npy"))
    for line in sys.stdin:
        reference, night = (vectors[rows] for rows in json.loads(line))
        found = MMDDrift(reference, backend="pytorch").predict(night)
        print(json.dumps(bool(found["data"]["is_drift"])), flush=True)


if __name__ == "__main__":
    main()
