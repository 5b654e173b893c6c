"""Training rows that leave once all rows are dealt: they ask what an eval item or a suite asks."""

from collections.abc import Collection, Mapping, Sequence

from curation.checks.columns.leaks import EARLIER, taught_prompts
from project.records.data import Row, Split

# Each reads well behind a number.
ASKS_ITEM = "that ask what an eval item asks"
ASKS_SUITE = "that ask what a suite asks"


def leaving(
    parts: Mapping[Split, Sequence[Row]], suites: Sequence[str], stay: Collection[str] = ()
) -> dict[str, str]:
    """By id, why training rows leave, as the gate would have it. Rows whose ids are to `stay` do,
    whatever they ask, and as items they make no other row leave.

    Which words tell nothing depends on all rows, so those that are left are looked at again.
    """
    items = [row for part in (Split.DEV, Split.SEALED) for row in parts[part] if row.id not in stay]
    asked = {ASKS_SUITE: list(suites), ASKS_ITEM: [row.prompt_text for row in items]}
    found: dict[str, str] = {}
    while True:
        rows = [row for row in parts[Split.TRAIN] if row.id not in stay and row.id not in found]
        more = {
            rows[i].id: why
            for why, prompts in asked.items()
            for (i, _), how in taught_prompts(rows, prompts).items()
            if how != EARLIER
        }
        if not more:
            return found
        found |= more
