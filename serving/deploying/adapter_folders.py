"""Adapters as folders on this machine, from which replicas load them."""

from pathlib import Path

from project.files import home
from project.records.record import Digest
from registry.storage.artifact_store import Artifacts


def check_out(artifacts: Artifacts, files: Digest) -> Path:
    """An adapter's folder, every byte of which is as its digest says. Raises IncumbentError, and
    OSError where it cannot be written.
    """
    # An engine may run in another folder than this process.
    return artifacts.check_out(files, home() / "adapters" / files).resolve()
