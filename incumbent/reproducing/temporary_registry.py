"""The registry of a copy: whom training starts from, then whom the reproduced adapter meets.

The champion of today plays no part.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from incumbent.reproducing.project_copy import STATE
from project.records.adapters import AdapterVersion
from registry.reader import RegistryReader
from registry.store import Registry
from training.start import known_rows
from training.start_record import LearntRows

WHY = "to make a version again"


def seat_parent(registry: RegistryReader, parent: AdapterVersion, project: Path) -> None:
    """Make the version that training started from the copy's champion.

    It does not say which rows it was trained on, so training starts from it whatever they are.
    """
    learnt = LearntRows(learnt=known_rows(registry, parent.number))
    adapter = parent.adapter.model_copy(update={"dataset": learnt.digest})
    seat(registry, parent.model_copy(update={"adapter": adapter}), project, learnt)


def seat(
    registry: RegistryReader, version: AdapterVersion, project: Path, *lineage: LearntRows
) -> None:
    """Make a copy of a version the copy's champion."""
    with (
        TemporaryDirectory(dir=project / STATE) as aside,
        Registry(project / STATE / "registry", version.family) as own,
    ):
        registry.artifacts.copy(version.adapter.files, Path(aside))
        number = own.submit(version.adapter, Path(aside), WHY, *lineage).number
        own.promote(number, WHY, force=True)
