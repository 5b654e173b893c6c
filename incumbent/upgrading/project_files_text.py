"""A project's files, read for the steps and written after each."""

from pathlib import Path

from incumbent.upgrading.step import EDITED, PIPELINE, SETTINGS, Change, Project
from project.errors import InputError
from project.files import write_bytes

CRLF = "\r\n"


def read_project() -> Project:
    """The project of the current folder. Raises InputError where there is none."""
    for name in (SETTINGS, PIPELINE):
        if not Path(name).is_file():
            problem = "is not here: `incumbent upgrade` runs in the folder of a project"
            raise InputError(problem, file=name)
    files = [path for path in Path("datasets").rglob("*") if path.is_file()]
    return Project(
        texts={name: read_text(name).replace(CRLF, "\n") for name in EDITED if Path(name).exists()},
        there=frozenset(path.as_posix() for path in files),
    )


def read_text(name: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8: {error}", file=name) from None


def write(change: Change) -> None:
    """Each file whole, with the line ends that it had."""
    for name, data in change.items():
        windows = name in EDITED and Path(name).exists() and CRLF in read_text(name)
        write_bytes(Path(name), data.replace(b"\n", CRLF.encode()) if windows else data)
