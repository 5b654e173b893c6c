"""What all benchmarks share: options, the command that is measured, and what it has used."""

import argparse
import resource
import sys
from pathlib import Path
from typing import Any

INCUMBENT = str(Path(sys.executable).with_name("incumbent"))


def arguments(about: str | None, **options: Any) -> argparse.Namespace:
    """What was typed. An option's value is its default, and says of which type it is: False is a
    flag, a list takes several, and a type stands for an option without a default. A list of a type
    takes several of it and has none by default.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    for name, default in options.items():
        flag = f"--{name.replace('_', '-')}"
        several = isinstance(default, list)
        first = default[0] if several else default
        if default is False:
            parser.add_argument(flag, action="store_true")
            continue
        kind = first if isinstance(first, type) else type(first)
        given = None if isinstance(first, type) else default
        parser.add_argument(flag, type=kind, default=given, nargs="*" if several else None)
    return parser.parse_args()


def children_seconds() -> float:
    """Processor seconds of all processes that this one started and waited for."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime
