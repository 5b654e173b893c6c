"""Adapters as folders on this machine, from which replicas load them."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from project.files import home, make_folder
from project.records.record import Digest
from registry.artifacts.artifact_store import Artifacts


def check_out(artifacts: Artifacts, files: Digest) -> Path:
    """An adapter's folder, every byte of which is as its digest says.

    Several gateways may share the folder, and begin at the same time: one that is whole is never
    taken away from a replica that reads it.
    """
    folder = home() / "adapters"
    make_folder(folder)
    target = folder / files
    if not target.is_dir():
        with TemporaryDirectory(prefix=".draft-", dir=folder) as draft:
            made = artifacts.check_out(files, Path(draft) / "adapter")
            with suppress(OSError):  # another one was quicker
                made.rename(target)
    artifacts.check_out(files, target)
    return target.resolve()  # an engine may run in another folder
