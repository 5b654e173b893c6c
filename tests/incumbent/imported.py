"""A project to import into, and `incumbent data import` as tests call it."""

import json
from pathlib import Path

import pytest

from tests.incumbent.tiny_project import printed_by

PARAMS = """\
# what we learn from
curation:
  collect:
    sources:
      - kind: file # the first ones
        path: datasets/sources/old.jsonl
  curate:
    train_only: [] # none yet
"""
SOURCES = Path("datasets/sources")


def project_beside_files(isolate: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project beside a folder of foreign files, in which nobody works."""
    (isolate / "given").mkdir()
    folder = isolate / "project"
    (folder / SOURCES).mkdir(parents=True)
    (folder / SOURCES / "old.jsonl").write_text('{"prompt": "old?", "completion": "yes"}\n')
    (folder / "params.yaml").write_text(PARAMS)
    monkeypatch.chdir(folder)
    return folder


def given(name: str, *records: object) -> str:
    """A foreign file: a text as it is, or records as JSON Lines."""
    path = Path("../given") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [one if isinstance(one, str) else json.dumps(one) for one in records]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def brought(*arguments: str, code: int = 0) -> str:
    """What the command says; or, with a code of an error, what the error says."""
    return printed_by("data", "import", *arguments, code=code)


def refused(*arguments: str) -> str:
    """What the error says; nothing may have changed."""
    before = everything()
    said = brought(*arguments, code=2)
    assert everything() == before
    return said


def everything() -> dict[str, bytes]:
    """All that the project holds."""
    return {str(path): path.read_bytes() for path in sorted(Path().rglob("*")) if path.is_file()}
