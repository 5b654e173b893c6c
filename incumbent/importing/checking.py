"""A file's records, its contract and what it is held against, made into checks."""

from collections.abc import Sequence
from pathlib import Path

from curation.checks.contract import Contract, check
from curation.checks.contract_tables import Tables, preference_tables, tables_of, text_tables
from curation.checks.embeddings import embedder_if_packaged
from curation.checks.relevance import CheckReferences, suite_prompts
from incumbent.importing.own_records import Kind, OwnRecords, read_own
from incumbent.init.own_sources import HowRead
from incumbent.project_files import FOLDER, project_files
from project.records.data import Check, Document, Row, Severity, Split, counted
from project.settings import read_settings

READ = "every record gives a row"


def checked(records: OwnRecords, contract: Contract, compared: CheckReferences) -> list[Check]:
    """The contract's checks, after the one that all records were read."""
    return [read_check(records), *check(tables(records, compared), contract)]


def tables(records: OwnRecords, compared: CheckReferences) -> Tables:
    kind = records.kind
    if kind == "preference":
        return preference_tables(list(zip(records.ids, records.made, strict=True)), compared)
    if kind == "texts":
        return text_tables(
            [document for document in records.made if isinstance(document, Document)],
            records.ids,
            compared,
        )
    rows = [
        row.model_copy(update={"id": name})
        for name, row in zip(records.ids, records.made, strict=True)
        if isinstance(row, Row)
    ]
    return tables_of({Split.TRAIN: rows}, compared)


def read_check(records: OwnRecords) -> Check:
    """Records of which nothing was made are named by their lines: they have no ids."""
    whys = list(dict.fromkeys(record.why for record in records.lost))
    told = f": {'; '.join(whys[:3])}" if whys else ""
    total = len(records.made) + len(records.lost)
    return Check(
        name=READ,
        severity=Severity.WARNING,
        passed=not records.lost,
        limit="none left out",
        observed=f"{len(records.lost)} of {counted(total, 'record')} left out{told}",
        failing_rows=tuple(record.line for record in records.lost),
    )


def held_against(
    contract: Contract,
    evals: Sequence[Path],
    against: Sequence[Path],
    encoding: str | None,
    *,
    embeddings: bool,
) -> CheckReferences:
    return CheckReferences(
        evals=[prompt_of(record) for record in read_all(evals, encoding)],
        suites=suite_prompts(FOLDER / "datasets"),
        task=contract.task,
        gold=gold_pairs(contract, encoding),
        reference=[
            text_of(record) for record in read_all(against or references(contract), encoding)
        ],
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


# --- contract choice ------------------------------------------------------------------------------

# Which contract a file is held against, without a project.

# About the parts and settings of a project, which a file by itself does not have.
OF_PROJECTS = frozenset(
    {"split", "splits_of_group", "splits_of_prompt", "too_long", "conflict_refused"}
)


def chosen_contract(file: Path | None, kind: Kind) -> Contract:
    """A file's contract, or a new project's, without checks of a project. Raises InputError."""
    path = file or project_files()[f"datasets/contracts/{kind}.yaml"]
    contract = read_settings(Contract, path)
    checks = [
        entry for entry in contract.checks if entry.arguments.get("column") not in OF_PROJECTS
    ]
    return contract.model_copy(update={"checks": tuple(checks)})
