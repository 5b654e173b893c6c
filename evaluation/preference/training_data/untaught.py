"""Prompts that nothing may be learnt from: eval items, those that were, and what the suites ask."""

from collections.abc import Collection, Sequence
from pathlib import Path

from evaluation.suites.every_suite import GENERAL, SUITES
from project.item_prompts import asking_an_item, prompt_digest
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.preferences import Preference
from project.records.record import Digest, read_input, read_object

EVAL_SETS = Path("datasets/eval_sets.jsonl")  # what changed the eval sets, oldest change first

# Why one is left out; each reads well behind a number.
ASKS_ITEM = "that ask what an item of an eval set or a suite asks, or nearly so"
ASKS_RETIRED = "that ask what an item asked which left the eval sets"


def items_here() -> list[Row]:
    """The items of dev, of sealed and of the suites."""
    parts = [row for part in (Split.DEV, Split.SEALED) for row in Row.read_lines(rows_of(part))]
    return [*parts, *(row for suite in (GENERAL, *SUITES) for row in suite.rows())]


def retired_prompts(path: Path = EVAL_SETS) -> set[Digest]:
    """What the items asked that somebody let leave: a later version may be compared on them with
    an earlier one. Raises InputError for what is no JSON.
    """
    lines = read_input(path).split(b"\n") if path.exists() else []
    changes = (read_object(line, path, n) for n, line in enumerate(lines, 1) if line.strip())
    rotated = (change for change in changes if change.get("change") == "rotate")
    return {prompt for change in rotated for prompt in change.get("prompts") or () if prompt}


def untaught(
    given: Sequence[Preference], items: Sequence[Row], retired: Collection[Digest]
) -> dict[int, str]:
    """Why one may not be learnt from, by its position; all others may."""
    left = {i: ASKS_RETIRED for i, one in enumerate(given) if prompt_digest(one.prompt) in retired}
    near = asking_an_item([one.prompt for one in given], items)
    return left | dict.fromkeys(near, ASKS_ITEM)
