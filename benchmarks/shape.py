"""The shape of the code: how much lies in a folder, in a file, and under one name.

    python -m benchmarks.shape [REVISION]

Tests, benchmarks, examples and migrations are left out. Without a revision it is the
working tree. The ways through the house are those that CONTRIBUTING.md lists, where it does.
"""

import ast
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

LEFT_OUT = ("tests", "benchmarks", "examples")
LONG = 250  # lines


def main() -> None:
    if len(sys.argv) == 1:
        show(Path())
        return
    archive = subprocess.run(["git", "archive", sys.argv[1]], check=True, capture_output=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files,
    ):
        files.extractall(folder, filter="data")
        show(Path(folder))


def show(root: Path) -> None:
    files = list(sources(root))
    folders = Counter(file.parent.relative_to(root).as_posix() for file in files)
    print(f"{len(files)} files in {len(folders)} folders; the largest folders:")
    for folder, count in folders.most_common(6):
        print(f"  {folder}/ {count}")
    lines = {file.relative_to(root): len(file.read_text().splitlines()) for file in files}
    long = {file: count for file, count in lines.items() if count > LONG}
    print(f"files over {LONG} lines: {len(long)}")
    for file, count in sorted(long.items(), key=lambda pair: -pair[1]):
        print(f"  {file} {count}")
    print(f"file names that occur twice: {repeated(file.name for file in files)}")
    print(f"class names that occur twice: {repeated(classes(files))}")
    print(f"lines of dvc.yaml: {len((root / 'dvc.yaml').read_text().splitlines())}")
    for name, rooms in ways((root / "CONTRIBUTING.md").read_text()).items():
        print(f"{name}: {len(rooms)} rooms, {returns(rooms)} returns to a room already left")


def sources(root: Path) -> Iterator[Path]:
    for package in root.glob("*/__init__.py"):
        if package.parent.name not in LEFT_OUT:
            for file in sorted(package.parent.rglob("*.py")):
                if file.name != "__init__.py" and "migrations" not in file.parts:
                    yield file


def classes(files: list[Path]) -> Iterator[str]:
    for file in files:
        body = ast.parse(file.read_text()).body
        yield from (node.name for node in body if isinstance(node, ast.ClassDef))


def repeated(names: Iterator[str]) -> int:
    return sum(count > 1 for count in Counter(names).values())


def ways(text: str) -> dict[str, list[str]]:
    """The folders that each way goes through, in order."""
    told = re.findall(r"\*\*(A [a-z]+)\*\*, from [^:]+:\n((?:`.*\n?)+)", text)
    found = {}
    for name, steps in told:
        folders = [Path(file).parent.as_posix() for file in re.findall(r"`([a-z_/]+\.py):", steps)]
        found[name] = folders[:1] + [b for a, b in pairwise(folders) if a != b]
    return found


def returns(rooms: list[str]) -> int:
    return sum(room in rooms[:i] for i, room in enumerate(rooms))


if __name__ == "__main__":
    main()
