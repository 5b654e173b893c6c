"""The shape of the code only becomes smaller. Whoever adds a file merges or deletes another one."""

from pathlib import Path

from tests.conftest import ROOT
from tests.project.test_import_graph import modules

MOST_FILES, MOST_FOLDERS = 589, 70
LONGEST = 400  # lines
STILL_LONGER = {"project/records/events.py"}  # declarations


def lines_of(file: Path) -> int:
    return len(file.read_text().splitlines())


def filled() -> dict[str, int]:
    """The lines of each file of the product that is more than a folder's mark."""
    lines = {file.relative_to(ROOT).as_posix(): lines_of(file) for file in modules().values()}
    return {name: n for name, n in lines.items() if n >= 5 or not name.endswith("__init__.py")}


def test_there_are_no_more_files_and_folders_than_there_were() -> None:
    assert len(filled()) <= MOST_FILES
    assert len({file.parent for file in modules().values()}) <= MOST_FOLDERS


def test_no_other_file_is_longer_than_a_chapter() -> None:
    assert {name for name, lines in filled().items() if lines > LONGEST} <= STILL_LONGER
