"""What a project begins with: pipeline, contract, suite, rehearsal rows, a page for each folder.

These files lie in `incumbent/sample-project/`, so a wheel carries them. In the repository they are
links to the files of the sample project, so each exists once.
"""

from pathlib import Path

from project.errors import InputError
from project.files import write_bytes

FOLDER = Path(__file__).with_name("sample-project")
SETTINGS = "params.yaml"
# Under their own names, git and DVC would act on them inside the repository.
RENAMED = {"pipeline.yaml": "dvc.yaml", "gitignore": ".gitignore", "dvcignore": ".dvcignore"}
# A new project has accepted and erased no rows, whatever the sample project has.
EMPTY = ("datasets/eval_sets.jsonl", "datasets/erased.jsonl", "datasets/sources/labelled.jsonl")


def project_files() -> dict[str, Path]:
    """Where each file lies, by its path in a project; the empty ones are left out."""
    return {path_in_project(file): file for file in FOLDER.rglob("*") if file.is_file()}


def path_in_project(file: Path) -> str:
    return file.relative_to(FOLDER).with_name(RENAMED.get(file.name, file.name)).as_posix()


def copy_project(to: Path, *, sample: bool) -> None:
    """Write all files of a project into a folder; the settings are the sample's, and only its own.

    Raises InputError, and writes nothing, where one of the files is there already.
    """
    texts = {name: file.read_bytes() for name, file in project_files().items()}
    texts |= dict.fromkeys(EMPTY, b"")
    if not sample:
        del texts[SETTINGS]
    for name in sorted(texts):
        if (to / name).exists():
            raise InputError("is there already: choose a folder without it", file=to / name)
    for name, text in texts.items():
        write_bytes(to / name, text)
