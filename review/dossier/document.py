"""What a dossier is made of, and of what records; as one file that stands alone."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import Field

from monitoring.night_history import nights_before
from project.errors import IncumbentError, InputError
from project.files import write_bytes
from project.html import render
from project.records.drift import Night
from project.records.events import BallotCast, BallotWithdrawn, Event
from project.records.evidence import MetricEvidence
from project.records.record import Digest, Record
from registry.experiment_events import experiments
from registry.lineage import Lineage, trace
from registry.reader import RegistryReader
from registry.store import Registry
from registry.version_search import VersionFilter, VersionStanding, search
from review.data_pages.version_traffic import ExperimentView, VersionTraffic, version_traffic, view
from review.voting.blinding import submitted_by_actor, traced


class ScoreInterval(Record):
    """A measured difference on an axis: more than zero is better for this version."""

    label: str
    lower: float
    diff: float
    upper: float

    @classmethod
    def of(cls, label: str, evidence: MetricEvidence) -> "ScoreInterval":
        """A difference with the central 90 % interval of the cluster bootstrap."""
        lower, upper = evidence.bootstrap
        return cls(label=label, lower=lower, diff=evidence.diff, upper=upper)


class DossierBlock(Record):
    """What one record, or a few of a kind, say: sentences, facts, a table, and intervals."""

    title: str = ""
    text: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[str, ...] = ()  # one that holds numbers is named with a leading ">"
    rows: tuple[tuple[str, ...], ...] = ()
    intervals: tuple[ScoreInterval, ...] = ()

    @property
    def end(self) -> float:
        """Where the axis of the intervals ends, on both sides of zero."""
        ends = [abs(value) for span in self.intervals for value in (span.lower, span.upper)]
        return max(ends, default=0.0) or 1.0


class Filled(StrEnum):
    """Who has said what a heading asks for."""

    RECORDS = "shown by records"
    PARTLY = "partly shown by records"
    WRITTEN = "stated by a person"
    MISSING = "open"


class Section(Record):
    """A heading: what the records say of it, and what a person must write."""

    number: str
    title: str
    blocks: tuple[DossierBlock, ...] = ()
    see: tuple[str, ...] = ()  # numbers of sections that answer it too
    to_write: tuple[str, ...] = ()  # what no record can say
    written: str | None = None  # what a person wrote about it, in the project's notes
    written_by: str | None = None  # who, and when, as the notes say

    @property
    def anchor(self) -> str:
        """The name by which a link finds it."""
        return "section-" + "".join(c if c.isalnum() else "-" for c in self.number).strip("-")

    @property
    def filled(self) -> Filled:
        if not self.to_write:
            return Filled.RECORDS
        if self.written:
            return Filled.WRITTEN
        return Filled.PARTLY if self.blocks or self.see else Filled.MISSING


class DossierPart(Record):
    """All headings that one framework asks for, or that the records have."""

    title: str
    about: str
    head: DossierBlock = DossierBlock()  # of a framework: its status, scope and source
    sections: tuple[Section, ...]


class Dossier(Record):
    """One version's dossier, at one moment."""

    family: str
    number: int
    version: Digest  # of the version's record, as it was stored
    made: str  # when, RFC 3339, UTC
    by: str
    summary: DossierBlock
    parts: tuple[DossierPart, ...] = Field(min_length=1)

    @property
    def label(self) -> str:
        return f"{self.family} v{self.number}"

    @property
    def sections(self) -> tuple[Section, ...]:
        return tuple(section for part in self.parts for section in part.sections)

    def count(self, filled: Filled) -> int:
        return sum(section.filled is filled for section in self.sections)

    def titled(self, number: str) -> Section:
        """The section of a number that another one refers to."""
        return next(section for section in self.sections if section.number == number)


# --- standalone -----------------------------------------------------------------------------------

# A dossier as one file: HTML that needs nothing else, or PDF where a browser can print it.

TEMPLATE = Path(__file__).parent / "templates" / "file.html"
# Of Chromium's family, in the order in which they are tried; each prints a page without a screen.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 120.0  # that printing may take


def html_of(dossier: Dossier) -> str:
    """The whole dossier as one self-contained HTML page. Equal dossiers give equal bytes."""
    return render(TEMPLATE, dossier=dossier, filled=Filled)


def write_dossier(dossier: Dossier, to: Path) -> None:
    """Write the file, whole or not at all. Raises InputError as refuse_unwritable does."""
    refuse_unwritable(to)
    if is_json(to):
        write_bytes(to, dossier.model_dump_json(indent=2).encode() + b"\n")
        return
    html = html_of(dossier)
    write_bytes(to, printed(html, browser_here()) if is_pdf(to) else html.encode())


def refuse_unwritable(to: Path) -> None:
    """Raise InputError for a name that is neither HTML, PDF nor JSON, or a PDF that nothing can
    print.
    """
    if is_pdf(to):
        browser_here()
    elif to.suffix.lower() not in (".html", ".htm", ".json"):
        raise InputError("must end in .html, .pdf or .json", file=to, field="--to")


def is_json(to: Path) -> bool:
    return to.suffix.lower() == ".json"


def is_pdf(to: Path) -> bool:
    return to.suffix.lower() == ".pdf"


def browser_here() -> str:
    """A browser that prints. Raises InputError where there is none."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise InputError(
            "a PDF is printed by Chromium or Chrome, and neither is installed: `apt install "
            "chromium`, or write HTML (--to FILE.html) and print it from any browser",
            field="--to",
        )
    return browser


def printed(html: str, browser: str) -> bytes:
    """The page as PDF. Raises IncumbentError when the browser fails."""
    with tempfile.TemporaryDirectory(prefix="incumbent-dossier-") as place:
        page, paper = Path(place, "dossier.html"), Path(place, "dossier.pdf")
        page.write_text(html)
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-pdf-header-footer",
            f"--user-data-dir={place}/profile",
            f"--print-to-pdf={paper}",
            # As root it has no sandbox, and says so; the page is ours and holds no script.
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            page.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise IncumbentError(f"{browser} did not print the PDF: {error}") from None
        if done.returncode or not paper.exists():
            complaint = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise IncumbentError(f"{browser} did not print the PDF: {complaint or 'no word'}")
        return paper.read_bytes()


# --- version records ------------------------------------------------------------------------------

INVENTORY = 50  # versions


@dataclass(frozen=True)
class VersionRecords:
    """What is stored about a version, and about its family where a dossier tells of it."""

    reader: RegistryReader
    lineage: Lineage
    before: Lineage | None  # whom it was compared with; None: the bare base, or nobody
    policy: Mapping[str, Any]  # of the newest decision, as it was stored; empty: none was made
    tenure: tuple[Event | None, Event | None]  # when it became champion, and ceased to be it
    nights: Sequence[Night]  # that watched it, the oldest first
    traffic: VersionTraffic | None  # None: no gateway told of the family, nobody tried it
    experiments_beside: Sequence[ExperimentView]  # in which it was the champion, the newest first
    # That were cast on its answers and not taken back; None: not for the eyes of who votes, nor
    # with four eyes of who submitted it.
    ballots: Sequence[Event] | None
    inventory: Sequence[VersionStanding]  # the newest versions of the family, the newest first
    findings: Sequence[str]  # of the last check of all records


def read_records(
    registry: Registry, number: int, findings: Sequence[str], *, blind: bool
) -> VersionRecords:
    """Raises InputError for no such version, IncumbentError for a record missing or damaged."""
    lineage = traced(registry, number, blind=blind)
    no_votes = blind or submitted_by_actor(registry, number)
    return VersionRecords(
        reader=registry,
        lineage=lineage,
        before=opponent_of(registry, lineage),
        policy=policy_of(registry, lineage),
        tenure=registry.tenure(number),
        nights=[
            n
            for n in nights_before(registry.engine, registry.family, date.max)
            if n.champion == number
        ],
        traffic=version_traffic(registry, number),
        experiments_beside=experiments_beside(registry, number),
        ballots=None if no_votes else standing_ballots(registry, number),
        inventory=search(registry, VersionFilter(deleted=False), limit=INVENTORY).versions,
        findings=findings,
    )


def opponent_of(reader: RegistryReader, lineage: Lineage) -> Lineage | None:
    """Whom the newest decision compared it with; else whom it displaced."""
    known = lineage.opponent.version if lineage.opponent else None
    try:
        return trace(reader, known) if known else None
    except IncumbentError:  # its records were erased since: the changes are then not known
        return None


def policy_of(reader: RegistryReader, lineage: Lineage) -> Mapping[str, Any]:
    if lineage.decision is None:
        return {}
    policy: Mapping[str, Any] = json.loads(reader.artifacts.get(lineage.decision.policy))
    return policy


def experiments_beside(reader: RegistryReader, number: int) -> list[ExperimentView]:
    return [view(reader, test) for test in experiments(reader) if test.told.champion == number]


def standing_ballots(reader: RegistryReader, number: int) -> list[Event]:
    taken_back = {
        event.told(BallotWithdrawn).ballot for event in reader.history(number, kind="unvote")
    }
    cast = reader.history(number, kind="vote")
    return [e for e in cast if e.seq not in taken_back and not e.told(BallotCast).repeat]
