"""The process that tells one tracker of some versions: whatever becomes of it, no verb waits long.

It is `python -m incumbent.mirroring.tracker_process TRACKER NUMBER…`, and `mirror.py` starts it.
Its last line says how it ended.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from incumbent.mirroring.mirror import Untold, figures_page, folder, lock_of, untold_of
from incumbent.mirroring.mirrored_version import MirroredVersion, mirrored
from incumbent.mirroring.mlflow_mirror import tell_mlflow
from incumbent.mirroring.wandb_mirror import tell_wandb
from project.errors import IncumbentError, name_missing_extras
from project.files import locked
from project.untrusted_input import shortened, without_credentials
from registry.reader import RegistryReader

LIMIT = 120  # seconds, then it ends by itself
TELL: dict[str, Callable[[MirroredVersion, str | None], str]] = {
    "mlflow": tell_mlflow,
    "wandb": tell_wandb,
}
# Read by the libraries when they are imported. A user's own setting wins.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "WANDB_ERROR_REPORTING": "false",
}
LONGEST = 300  # characters of a library's message


class LateError(BaseException):
    """The time is over. No Exception: libraries catch those, and try again."""


def main() -> None:
    tracker, numbers = sys.argv[1], [int(number) for number in sys.argv[2:]]
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    try:
        line, code = f"{tracker}: {tell(tracker, numbers)}", 0
    except LateError:
        line, code = untold(tracker, f"no answer in {LIMIT} seconds"), 1
    except Exception as error:  # of whatever kind a library raises
        line, code = untold(tracker, str(error) or type(error).__name__), 1
    print(f"\n{without_credentials(line)}", flush=True)
    os._exit(code)  # a library's threads that hang are not waited for


def tell(tracker: str, numbers: Sequence[int]) -> str:
    """Tell of versions that were not told, then of these; return where the last is shown."""
    with RegistryReader.here() as registry, locked(lock_of(registry.family, tracker)):
        file = untold_of(registry.family, tracker)
        earlier = Untold.read(file).versions if file.exists() else ()
        left = [number for number in earlier if number not in numbers] + list(numbers)
        told, unread = list[str](), None
        for number in tuple(left):
            Untold(versions=tuple(left)).write(file)
            try:
                version = mirrored(registry, number)
            except IncumbentError as error:
                unread = IncumbentError(f"v{number} cannot be read: {error}")
                continue
            version.write(folder() / f"{version.family}-v{version.number}.json")
            with name_missing_extras():
                where = TELL[tracker](version, page_of(version))
            told.append(version.label)
            left.remove(number)
        if unread:
            Untold(versions=tuple(left)).write(file)
            raise unread
        file.unlink(missing_ok=True)
        return f"{' and '.join(told)} {'is' if len(told) == 1 else 'are'} {where}"


def page_of(version: MirroredVersion) -> str | None:
    """The report without rows, as `incumbent submit` wrote it on this machine."""
    file = figures_page(version.family, version.number)
    return file.read_text() if file.exists() else None


def untold(tracker: str, why: str) -> str:
    reason = shortened(why, LONGEST).rstrip(".")
    return f"{tracker} was not told: {reason}; what it lacks is told with the next version"


def give_up(*_: object) -> NoReturn:
    raise LateError


if __name__ == "__main__":
    main()
