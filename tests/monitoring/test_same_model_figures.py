"""The page of figures says of hosted models that change what the benchmark's stored results say."""

import json

from tests.conftest import ROOT

PAGE = ROOT / "docs" / "reference" / "figures.md"
RESULTS = ROOT / "benchmarks" / "same_model.jsonl"


def test_every_stored_result_is_in_the_table_and_no_other() -> None:
    rows: dict[tuple[int, float], list[str]] = {}
    for line in RESULTS.read_text().splitlines():
        one = json.loads(line)
        row = rows.setdefault((one["items"], one["jitter"]), [])
        row.append(f"{one['called']} of {one['runs']}")
    wanted = [[str(n), f"{100 * vary:.0f} %", *cells] for (n, vary), cells in rows.items()]
    section = (
        PAGE.read_text().partition("### A hosted model that changes\n")[2].partition("\n## ")[0]
    )
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]] == wanted
