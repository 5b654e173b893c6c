"""A project's files, read for the steps and written after each."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from incumbent.upgrading.step import EDITED, PIPELINE, SETTINGS, Change, ProjectFiles
from project.errors import InputError
from project.files import write_bytes
from project.git import GitError, git
from project.settings import parse

CRLF = "\r\n"


def read_project() -> ProjectFiles:
    """The project of the current folder. Raises InputError where there is none."""
    for name in (SETTINGS, PIPELINE):
        if not Path(name).is_file():
            problem = "is not here: `incumbent project upgrade` runs in the folder of a project"
            raise InputError(problem, file=name)
    refuse_other_than_keys()
    # A link is there too: what lies behind it may be another project's as well.
    found = Path("datasets").rglob("*")
    files = [path for path in found if path.is_file() or path.is_symlink()]
    return ProjectFiles(
        texts={name: read_text(name).replace(CRLF, "\n") for name in EDITED if Path(name).exists()},
        there=frozenset(path.as_posix() for path in files),
    )


def refuse_other_than_keys() -> None:
    for name, keys in ((SETTINGS, "sections"), (PIPELINE, "stages")):
        root = parse(Path(name))
        if root and not isinstance(root, yaml.MappingNode):
            raise InputError(f"must hold {keys}", file=name, line=root.start_mark.line + 1)
        if not root and name == PIPELINE:
            raise InputError("is empty: it must hold stages", file=name)


def read_text(name: str) -> str:
    try:
        return Path(name).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"is no UTF-8: {error}", file=name) from None


def write(change: Change) -> None:
    """Each file whole, with the line ends and the mode that it had; a link to one stays a link."""
    for name, data in change.items():
        file = Path(name).resolve()
        windows = name in EDITED and file.exists() and CRLF in read_text(name)
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o644
        write_bytes(file, data.replace(b"\n", CRLF.encode()) if windows else data, mode)


def uncommitted(names: Iterable[str]) -> list[str]:
    """Of some files those with changes that no commit has; all of them where there is no git."""
    return [name for name in names if Path(name).exists() and not committed(name)]


def committed(name: str) -> bool:
    try:
        git("ls-files", "--error-unmatch", name)
        git("diff", "--quiet", "HEAD", "--", name)
    except (GitError, InputError):
        return False
    return True
