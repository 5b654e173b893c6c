"""What Evidently says of the nights that drift.py hands it: its text drift, at its defaults.

A line of standard input is a pair of lists of numbers, the reference's texts and a night's in
texts.json of the folder that is named; a line of output says whether that is drift. In a virtual
environment of its own: pip install evidently "pandas<3". Measured with Evidently 0.7.23: a
classifier that tells the two apart with an AUC above 0.55 is drift.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import ValueDrift

TEXTS = DataDefinition(text_columns=["text"])


def main() -> None:
    texts = json.loads(Path(sys.argv[1], "texts.json").read_bytes())
    for line in sys.stdin:
        reference, night = (
            Dataset.from_pandas(
                pd.DataFrame({"text": [texts[i] for i in rows]}), data_definition=TEXTS
            )
            for rows in json.loads(line)
        )
        found = Report([ValueDrift(column="text")], include_tests=True).run(night, reference)
        print(json.dumps(found.dict()["tests"][0]["status"] == "FAIL"), flush=True)


if __name__ == "__main__":
    main()
