"""Which contract a file is held against, without a project."""

from pathlib import Path

from curation.checks.contract import Contract
from incumbent.checking.own_records import Kind
from incumbent.project_files import project_files
from project.settings import read_settings

# About the parts and settings of a project, which a file by itself does not have.
OF_PROJECTS = frozenset(
    {"split", "splits_of_group", "splits_of_prompt", "too_long", "conflict_refused"}
)


def chosen_contract(file: Path | None, kind: Kind) -> Contract:
    """The contract of a file, or the one that new projects begin with; without the checks that
    are about a project. Raises InputError naming file, line and field.
    """
    own = file or project_files()[f"datasets/contracts/{kind}.yaml"]
    contract = read_settings(Contract, own)
    checks = [one for one in contract.checks if one.arguments.get("column") not in OF_PROJECTS]
    return contract.model_copy(update={"checks": tuple(checks)})
