"""Which rows the gate would refuse, one by one, by the contract's own critical checks.

Rows that users wrote and somebody accepted are checked so before they are anywhere: one of them is
left out with its reason, and never shuts the gate for all others.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from curation.checks.contract import Contract, checked
from curation.checks.relevance import eval_places, leaks
from curation.checks.repeats import NONE, RowTexts
from curation.checks.row_columns import (
    CheckReferences,
    Refused,
    refusal_reasons,
    row_table,
    texts_of,
)
from curation.checks.suite_prompts import suite_prompts
from curation.checks.waivers import Waivers, excused_rows, read_waivers
from curation.curation_settings import CurateParams, ValidateParams
from curation.faults.every_fault import FAULTS
from curation.kinship import asking_alike
from project.errors import InputError
from project.records.data import Check, Row, Severity, Split
from project.settings import load, read_settings

REFUSED = "that the gate would refuse"  # what the reason begins with, before the check's name
# What a column says of a row does not depend on the others, but for those that it is held against.
OF_ONE_ROW = frozenset(
    {*FAULTS, "personal_data", "too_long", "leak", "contaminated", "prompt", "completion"}
    | {f"{text}_{unit}" for text in ("prompt", "completion") for unit in ("chars", "words")}
)


@dataclass(frozen=True)
class RowGate:
    """The contract as it is asked about single rows, the waivers of what may stay, and the sources
    of rows that are looked at by themselves.
    """

    contract: Contract
    waivers: Waivers
    aside: Sequence[str] = ()

    @classmethod
    def here(cls) -> "RowGate | None":
        """The project's; None where its settings cannot be read, which stage validate explains."""
        try:
            contract = read_settings(Contract, load(ValidateParams).contract)
            aside = load(CurateParams).train_only
        except InputError:
            return None
        return cls(contract, read_waivers(), aside)

    def names(self, *columns: str) -> set[str]:
        """The names of the critical checks of these columns: a warning lets its rows pass
        anyhow.
        """
        return {
            c.name
            for c in self.contract.checks
            if c.severity is Severity.CRITICAL and c.arguments.get("column") in columns
        }

    def alone(
        self, rows: Sequence[Row], evals: Sequence[str] = (), too_long: Iterable[str] = ()
    ) -> dict[str, str]:
        """By id, why a row is refused for what it says, whatever the other rows are.

        evals are what the eval items ask, too_long the rows that the base cannot read.
        """
        if not rows:
            return {}
        refused = Refused(too_long=frozenset(too_long))
        compared = CheckReferences(ours=self.waivers.ours, evals=evals, suites=suite_prompts())
        texts = texts_of({Split.TRAIN: rows})
        table = row_table(texts, None, replace(compared, refused=refused))
        return self.refused(table[["id", *sorted(OF_ONE_ROW & set(table.columns))]])

    def beside(
        self,
        parts: Mapping[Split, Sequence[Row]],
        accepted: Collection[str],
        conflicting: Collection[str] = (),
    ) -> dict[str, str]:
        """By id, why one of the accepted rows is refused for what the other rows are.

        conflicting are the rows whose prompt has another answer too, where the settings refuse it.
        """
        texts = texts_of(parts)
        ids = [row.id for row in texts.rows]
        clash = refusal_reasons(ids, conflicting, "another answer to the prompt")
        table = pd.DataFrame({"id": ids, "conflict_refused": clash})
        found = self.refused(table) if conflicting else {}
        found |= self.leaking(texts, accepted)
        return {name: why for name, why in found.items() if name in accepted}

    def leaking(self, texts: RowTexts, accepted: Collection[str]) -> dict[str, str]:
        """Why training rows are refused that ask what an item asks; where it is no accepted row
        that does, the accepted items are to blame which it asks.
        """
        items = [texts.rows[i] for i in eval_places(texts)]
        table = pd.DataFrame({"id": [row.id for row in texts.rows]})
        table["leak"] = leaks(texts, [item.prompt_text for item in items], aside=self.aside)
        found = self.refused(table[table["leak"] != NONE])
        others = [row.prompt_text for row in texts.rows if row.id in found.keys() - accepted]
        why = next((found[name] for name in found if name not in accepted), "")
        for item in items:
            if item.id in accepted and asking_alike(others, [item.prompt_text]):
                found[item.id] = why
        return found

    def refused(self, table: pd.DataFrame) -> dict[str, str]:
        """The first critical check of one of the table's columns that a row fails, by the
        row's id.
        """
        # Those that are critical, and about what one row of the table has in a column.
        own = [
            one
            for one in self.contract.checks
            if one.severity is Severity.CRITICAL
            and one.of == "rows"
            and one.arguments.get("column") in [*table.columns]
            and not one.expectation.endswith("_unique")
        ]
        if not own or table.empty:
            return {}
        found: dict[str, str] = {}
        for check in checked(table, own, {}).values():
            for name in unexcused(check, self.waivers):
                found.setdefault(name, f'{REFUSED}: "{check.name}"')
        return found


def unexcused(check: Check, waivers: Waivers) -> list[str]:
    """The failing rows that no waiver excuses. A check that broke blames no row."""
    if check.crashed:
        return []
    failed = check.model_copy(update={"passed": False})  # also where most rows may fail
    excused = excused_rows(failed, waivers.waivers).values()
    return [name for name in check.failing_rows if not any(name in rows for rows in excused)]
