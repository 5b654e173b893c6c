"""What goes wrong in words that say where and what to do next, and the exit code that says how."""

from pathlib import Path


class IncumbentError(Exception):
    """The work failed: exit code 1."""

    exit_code = 1


class InputError(IncumbentError):
    """Bad usage or bad input: exit code 2. The message names file, line and field where known."""

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        place = str(file) if file is not None else ""
        if line is not None:
            place += f":{line}"
        parts = [place, field or "", problem]
        super().__init__(": ".join(part for part in parts if part))
