"""DVC's remote of a new project, tried before anything is made."""

import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from incumbent.init.repository import REMOTE
from project.dvc import DvcError, dvc
from project.errors import InputError

FIELD = "--remote"
# An empty file is sent there: many datasets hold one, so it is no rubbish.
PROBE = "empty.txt"
CONFIG = "[core]\n    no_scm = true\n"


def usable_remote(address: str) -> str:
    """An address that DVC can write to; a folder of this machine by its whole path.

    Raises InputError with DVC's reason for one that it cannot use, and for one with a password.
    """
    if not address.strip():
        problem = "name a folder that others reach, or a URL such as s3://bucket/rows"
        raise InputError(problem, field=FIELD)
    if "://" in address and urlsplit(address).password:
        raise InputError(
            "the address would be committed with its password: leave it out, and let `dvc remote "
            f"modify --local {REMOTE}` keep it, where git does not see it",
            field=FIELD,
        )
    whole = address if "://" in address else str(Path(address).expanduser().resolve())
    with tempfile.TemporaryDirectory(prefix="incumbent-") as aside:
        try:
            send_nothing(whole, Path(aside))
        except DvcError as error:
            raise InputError(f"DVC cannot use {whole}: {error}", field=FIELD) from None
    return whole


def send_nothing(address: str, aside: Path) -> None:
    (aside / ".dvc").mkdir()
    (aside / ".dvc" / "config").write_text(CONFIG)
    (aside / PROBE).touch()
    dvc("remote", "add", "--default", REMOTE, address, folder=aside)
    dvc("add", PROBE, folder=aside)
    dvc("push", folder=aside)
