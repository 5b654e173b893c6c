"""A file's records, its contract and what it is held against, made into checks."""

from collections.abc import Sequence
from pathlib import Path

from curation.checks.compared import Compared
from curation.checks.contract import Contract, check
from curation.checks.embeddings import embedder_if_packaged
from curation.checks.preference_tables import preference_tables
from curation.checks.suite_prompts import suite_prompts
from curation.checks.tables import Tables, tables_of
from curation.checks.text_tables import text_tables
from incumbent.checking.own_records import HowRead, OwnRecords, read_own
from incumbent.project_files import FOLDER
from project.records.data import Check, Document, Row, Severity, Split, counted

READ = "every record gives a row"


def checked(own: OwnRecords, contract: Contract, compared: Compared) -> list[Check]:
    """The contract's checks, after the one that all records were read."""
    return [read_check(own), *check(tables(own, compared), contract)]


def tables(own: OwnRecords, compared: Compared) -> Tables:
    kind = own.kind
    if kind == "preference":
        return preference_tables(list(zip(own.ids, own.made, strict=True)), compared)
    if kind == "texts":
        return text_tables(
            [one for one in own.made if isinstance(one, Document)], own.ids, compared
        )
    rows = [
        row.model_copy(update={"id": name})
        for name, row in zip(own.ids, own.made, strict=True)
        if isinstance(row, Row)
    ]
    return tables_of({Split.TRAIN: rows}, compared)


def read_check(own: OwnRecords) -> Check:
    """Records of which nothing was made are named by their lines: they have no ids."""
    whys = list(dict.fromkeys(one.why for one in own.lost))
    told = f": {'; '.join(whys[:3])}" if whys else ""
    total = len(own.made) + len(own.lost)
    return Check(
        name=READ,
        severity=Severity.WARNING,
        passed=not own.lost,
        limit="none left out",
        observed=f"{len(own.lost)} of {counted(total, 'record')} left out{told}",
        failing_rows=tuple(one.line for one in own.lost),
    )


def held_against(
    contract: Contract,
    evals: Sequence[Path],
    against: Sequence[Path],
    encoding: str | None,
    *,
    embeddings: bool,
) -> Compared:
    return Compared(
        evals=[prompt_of(one) for one in read_all(evals, encoding)],
        suites=suite_prompts(FOLDER / "datasets"),
        task=contract.task,
        gold=gold_pairs(contract, encoding),
        reference=[text_of(one) for one in read_all(against or references(contract), encoding)],
        embed=embedder_if_packaged() if embeddings else None,
    )


def gold_pairs(contract: Contract, encoding: str | None) -> list[tuple[str, str]]:
    rows = read_all([contract.gold] if contract.gold else [], encoding)
    return [(row.prompt_text, row.completion_text) for row in rows if isinstance(row, Row)]


def references(contract: Contract) -> list[Path]:
    return [contract.reference] if contract.reference else []


def read_all(paths: Sequence[Path], encoding: str | None) -> Sequence[object]:
    return read_own(paths, HowRead(encoding=encoding)).made if paths else ()


def prompt_of(made: object) -> str:
    return made.prompt_text if isinstance(made, Row) else str(getattr(made, "prompt", ""))


def text_of(made: object) -> str:
    """All words of a record, as drift is told by them."""
    if isinstance(made, Row):
        return f"{made.prompt_text}\n{made.completion_text}"
    names = ("prompt", "chosen", "completion", "text")
    return "\n".join(str(getattr(made, name)) for name in names if hasattr(made, name))
