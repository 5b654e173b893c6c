"""The page of figures says of nights and of hosted models what benchmarks' stored results say."""

import json
import re
from collections import defaultdict

import pytest

from benchmarks.drift import garwood
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "reference" / "figures.md"
RESULTS = ROOT / "benchmarks" / "drift.jsonl"
SAME_MODEL = ROOT / "benchmarks" / "same_model.jsonl"
HOSTED = "### A hosted model that changes"
# How a row of the page begins, by what is simulated.
ROWS = {
    "month-end peaks": "month-end peaks",
    "a weekly newsletter on a new product": "a weekly newsletter",
    "6 % of each day about something new": "6 % of each day",
    "12 % of each day about something new": "12 % of each day",
    "users grow threefold beside a bot": "users who grow threefold",
    "a holiday week": "a holiday week",
    "a holiday week in special_days": "the same, named in",
    "slow seasons, ±50 % over a year": "slow seasons",
}


def alarms() -> dict[str, list[int]]:
    found = defaultdict(list)
    for line in RESULTS.read_text().splitlines():
        _, name, _, outcome = json.loads(line)
        if "alarms" in outcome:
            found[name].append(outcome["alarms"])
    return found


@pytest.mark.parametrize("name", ROWS)
def test_a_row_of_honest_traffic_is_what_was_simulated(name: str) -> None:
    years = alarms()[name]
    row = next(line for line in PAGE.read_text().splitlines() if line.startswith(f"| {ROWS[name]}"))
    told = [cell.strip() for cell in row.strip("|").split("|")]
    low, high = garwood(sum(years), len(years))
    mean = sum(years) / len(years)
    assert told[1:2] == [str(len(years))]
    assert told[3:] == [f"{mean:.2f}", f"{low:.2f} to {high:.2f}", str(years.count(0))]


def test_every_simulated_change_has_a_row_with_its_nights() -> None:
    outcomes = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    runs = [outcome for _, name, _, outcome in outcomes if name == "changes, in season"]
    within = [
        [sum(run[change]["nights"] <= limit for run in runs) for limit in (1, 7, 30)]
        for change in runs[0]
    ]
    told, _, _ = PAGE.read_text().partition(HOSTED)
    found = re.findall(r"\| (\d+) of (\d+) \| (\d+) of \d+ \| (\d+) of \d+ \|", told)
    assert {int(of) for _, of, _, _ in found} == {len(runs)}
    assert [[int(a), int(b), int(c)] for a, _, b, c in found] == within


def test_every_stored_result_of_hosted_models_that_change_is_in_the_table_and_no_other() -> None:
    rows: dict[tuple[int, float], list[str]] = {}
    for line in SAME_MODEL.read_text().splitlines():
        one = json.loads(line)
        row = rows.setdefault((one["items"], one["jitter"]), [])
        row.append(f"{one['called']} of {one['runs']}")
    wanted = [[str(n), f"{100 * vary:.0f} %", *cells] for (n, vary), cells in rows.items()]
    section = PAGE.read_text().partition(f"{HOSTED}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    assert [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]] == wanted
