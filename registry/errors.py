"""What goes wrong in words that say where and what to do next, and the exit code that says how."""

import sys
from collections.abc import Callable
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


def run_stage(main: Callable[[], None]) -> None:
    """Run a pipeline stage as a program: known errors become one line and an exit code."""
    try:
        main()
    except IncumbentError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted: nothing half-written is kept; run it again to go on", file=sys.stderr)
        raise SystemExit(130) from None
