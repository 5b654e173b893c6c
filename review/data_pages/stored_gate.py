"""The gate's report that a version was submitted with."""

from dataclasses import dataclass
from datetime import date

from fastapi import HTTPException

from project.records.data import GateReport
from registry.lineage import trace
from registry.reader import RegistryReader
from review.data_pages.gate_view import gate_report
from review.frame.form_fields import known_version


@dataclass(frozen=True)
class Reported:
    """A report of the gate, and the day by which its waivers are read."""

    report: GateReport
    day: date


def reported(reader: RegistryReader, version: int | None, today: date) -> Reported | None:
    """Of the rows of now, or of a version's; None where nothing was checked yet. Raises a 404 for a
    version that there is not, or that has no report.
    """
    if version is None:
        now = gate_report()
        return Reported(now, today) if now else None
    found = known_version(reader, version)
    stored = trace(reader, version).gate
    if stored is None:
        raise HTTPException(404, f"no report of the data gate is stored with {found.label}")
    return Reported(stored, date.fromisoformat(found.at[:10]))
