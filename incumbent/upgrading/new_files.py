"""Files that today's stages read and the project does not have."""

from incumbent.project_files import project_files
from incumbent.upgrading.step import EDITED, Change, Project

# Beside a contract of the project's own; `incumbent data check --contract` reads them.
CONTRACTS = ("datasets/contracts/preference.yaml", "datasets/contracts/texts.yaml")
LISTS = ("datasets/erased.jsonl", "datasets/eval_sets.jsonl")  # of what has happened: nothing yet
FOLDERS = ("datasets/consistency", "datasets/safety", "datasets/selection")


def add(project: Project) -> Change:
    """A folder comes only where there is none: of one that is there, somebody may have taken out
    what they did not want.
    """
    shipped = {name: file for name, file in project_files().items() if name not in EDITED}
    folders = [folder for folder in FOLDERS if not has(project, folder)]
    missing = [
        name
        for name in sorted(shipped)
        if any(below(folder, name) for folder in folders)
        or (name in CONTRACTS and name not in project.there)
    ]
    empty = [name for name in LISTS if name not in project.there]
    return {name: shipped[name].read_bytes() for name in missing} | dict.fromkeys(empty, b"")


def has(project: Project, folder: str) -> bool:
    """Whether there is such a folder or a link to one, or DVC has it."""
    named = (folder, f"{folder}.dvc")
    return any(below(folder, name) or name in named for name in project.there)


def below(folder: str, name: str) -> bool:
    return name.startswith(f"{folder}/")
