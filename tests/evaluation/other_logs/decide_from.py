"""`incumbent decide --from` as tests call it, and the real logs that lie beside them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from incumbent.cli import app
from project.errors import InputError

LOGS = Path(__file__).with_name("logs")


def decide(*arguments: str | Path) -> dict[str, Any]:
    """What the command prints with --json. Raises what it raises."""
    done = CliRunner().invoke(app, ["decide", "--json", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def refusal(*arguments: str | Path) -> str:
    """The message by which the command refuses."""
    failed = CliRunner().invoke(app, ["decide", *map(str, arguments)]).exception
    assert isinstance(failed, InputError), failed
    return str(failed)


def without_logs(printed: dict[str, Any]) -> dict[str, Any]:
    """The verdict and all that it rests on."""
    return {key: value for key, value in printed.items() if key != "logs"}


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
