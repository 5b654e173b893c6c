"""The notebook in `examples/` prints what is kept in it: its cells run one after the other."""

import json
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from tests.conftest import ROOT

NOTEBOOK = ROOT / "examples" / "decide.ipynb"
AGAIN = f"`jupyter nbconvert --to notebook --execute --inplace {NOTEBOOK.name}` makes them anew"


def test_every_cell_prints_what_is_kept_of_it() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    names: dict[str, Any] = {}
    for cell in (one for one in cells if one["cell_type"] == "code"):
        printed = StringIO()
        with redirect_stdout(printed):
            exec("".join(cell["source"]), names)
        kept = "".join(line for output in cell["outputs"] for line in output["text"])
        assert printed.getvalue() == kept, AGAIN
    assert names["few"].verdict.value == "HOLD"
    assert NOTEBOOK.stat().st_size < 10_000
