"""A pipeline stage as a program: known errors become one line and an exit code."""

import sys
from collections.abc import Callable

from project.errors import IncumbentError


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
