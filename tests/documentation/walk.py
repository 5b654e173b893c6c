"""A page done as it stands, in an empty folder with a home of its own."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import READ_BY_LIBRARIES, REAL, ROOT
from tests.documentation.page import Command, NotRun, SetKeys, Step, WrittenFile, read_page
from tests.documentation.shell import Shell

END = 3000  # characters of an output that a failure shows


def walk(
    page: Path, folder: Path, programs: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Do all steps; the reader's clone lies beside as `incumbent`.

    programs: the folder that comes first on the reader's PATH. variables: those that the page tells
    its reader to export, with the addresses of servers of this machine.

    Raises AssertionError, with page and line, where the page is wrong.
    """
    steps = read_page(page)
    assert any(not isinstance(step, NotRun) for step in steps), f"{page}: nothing of it is run"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "incumbent").symlink_to(ROOT, target_is_directory=True)
    with Shell(folder, readers_environment(folder, programs) | dict(variables or {})) as shell:
        for step in steps:
            try:
                do(step, shell)
            except (AssertionError, OSError, RuntimeError) as error:
                raise AssertionError(f"{page}:{step.line}: {error}") from None


def readers_environment(folder: Path, programs: Path) -> dict[str, str]:
    """Nothing of these tests' own, but for what makes this machine the one that it is."""
    home = folder.with_name(f"{folder.name}-home")
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Reader\n\temail = reader@example.org\n")
    return {
        "PATH": f"{programs}:{REAL}:{os.environ['PATH']}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "80",
        "DVC_NO_ANALYTICS": "1",
        "INCUMBENT_ACTOR": "reader",
    } | READ_BY_LIBRARIES


def do(step: Step, shell: Shell) -> None:
    match step:
        case Command():
            printed = shell.type(step.text)
            ended = step.may_fail or shell.status == 0
            assert ended, f"`{step.text}` ended with {shell.status}:\n{printed[-END:]}"
            refuse_unseen(step.shown, printed)
        case WrittenFile():
            with (place(shell) / step.name).open("a" if step.added else "x") as file:
                file.write(step.text)
        case SetKeys():
            file = place(shell) / "params.yaml"
            wanted = yaml.safe_load(filled_in(step.text, shell))
            merged = with_keys(yaml.safe_load(file.read_text()), wanted)
            file.write_text(yaml.safe_dump(merged, sort_keys=False))


def place(shell: Shell) -> Path:
    """The folder in which the reader stands."""
    return Path(shell.type("pwd").strip())


def filled_in(text: str, shell: Shell) -> str:
    """With the reader's own addresses in place of the variables that hold them."""
    return shell.type(f"cat <<FILLED_IN\n{text}\nFILLED_IN")


def with_keys(old: Any, new: Any) -> Any:
    """Mappings are merged; all else is replaced."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return old | {key: with_keys(old.get(key), value) for key, value in new.items()}


def refuse_unseen(shown: str, printed: str) -> None:
    """Raise AssertionError if a line that the page shows is not printed, in its order. How lines
    are wrapped does not matter, for that is the terminal's.
    """
    left = unwrapped(printed)
    for wanted in filter(None, map(unwrapped, re.split(r"…|\n", shown))):
        _, found, left = left.partition(wanted)
        assert found, f"the page shows {wanted!r}; printed was:\n{printed[-END:]}"


def unwrapped(text: str) -> str:
    return " ".join(text.split())
