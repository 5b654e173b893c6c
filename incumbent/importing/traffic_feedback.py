"""What users wrote in a traffic log: queues for people to accept from, and never rows by itself."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.sources.source_file import TRAFFIC
from curation.sources.table_rows import UNREADABLE, name_of
from curation.sources.tables.read_table import read_tables
from curation.sources.tables.table import Table, TableRow
from incumbent.importing.incoming import ImportChange, as_lines
from incumbent.init.own_sources import HowRead
from monitoring.monitoring_settings import TrafficParams
from monitoring.trigger.acceptance import accepted_prompts, capped
from monitoring.trigger.labels import LABEL_QUEUE, correction, label_of, pseudonym, task_of
from project.canonical import canonical_json
from project.erasures import WHY, Erased
from project.errors import InputError
from project.progress import progress
from project.records.preferences import RatedAnswer
from project.records.traffic import Traffic
from project.settings import load

QUEUE = LABEL_QUEUE.parent

WITHOUT = "without a correction or a rating of −1"
KNOWN = "corrections of what was accepted before"
EMPTY = "bad answers without a text"
REPEATED = "repeated ids"
OVER = "over the limits for users"


@dataclass(frozen=True)
class LoggedRequest:
    """A request, and the file that it stands in."""

    row: Traffic
    file: str


@dataclass(frozen=True)
class ImportedFeedback:
    """What waits for a person, and what became of all else."""

    corrected: Sequence[Traffic]
    negative: Sequence[RatedAnswer]
    left_out: Counter[str]
    # How the files were read, such as their encoding, and what the limits for users left out.
    notes: Sequence[str]

    @property
    def read(self) -> int:
        """What waits, and what was left out; a request with a correction and a rating is twice."""
        return len(self.corrected) + len(self.negative) + self.left_out.total()


def read_feedback(formats: Mapping[Path, str], asked: HowRead) -> ImportedFeedback:
    """The corrections and the bad answers of traffic logs, as far as the limits for users go.

    Personal data is taken out where monitoring.traffic.redact or the import says so. Raises
    InputError for what is no traffic, and where it is mixed with other files.
    """
    if others := [path for path, form in formats.items() if form != TRAFFIC]:
        problem = "is no traffic log: import it by itself, for what users wrote goes to a queue"
        raise InputError(problem, file=others[0])
    lost, notes = Counter[str](), list[str]()
    rows = list(once(read_logs(formats, asked, lost, notes), lost))
    telling = [request for request in rows if correction(request.row) or is_bad(request.row)]
    kept, over = capped(telling, lambda request: pseudonym(request.row))
    known = accepted_prompts()
    written = [request.row for request in kept if correction(request.row)]
    corrected = [row for row in written if row.prompt_text not in known]
    bad = [request for request in kept if is_bad(request.row)]
    negative = [negative_example(request) for request in bad if request.row.response.strip()]
    lost[OVER] = len(telling) - len(kept)
    lost[WITHOUT] = len(rows) - len(telling)
    lost[KNOWN] = len(written) - len(corrected)
    lost[EMPTY] = len(bad) - len(negative)
    return ImportedFeedback(corrected, negative, +lost, [*notes, *over])


def read_logs(
    paths: Iterable[Path], asked: HowRead, lost: Counter[str], notes: list[str]
) -> Iterator[LoggedRequest]:
    # Imported here, for it needs pyarrow, and other files can be imported without.
    from monitoring.traffic.traffic_store import redacted

    redacts = asked.redact or load(TrafficParams).redact
    erased = Erased.here()
    for path in paths:
        for table in read_tables(path, skip=asked.skip, encoding=asked.encoding):
            lost[UNREADABLE] += len(table.unreadable)
            notes += [f"{table.path}: {note}" for note in table.notes]
            with progress("reading", len(table.rows), "requests", leave=False) as bar:
                for record in table.rows:
                    row = logged(record, table, lost, skip=asked.skip)
                    if row and was_erased(row, erased):
                        lost[WHY] += 1
                    elif row:
                        yield LoggedRequest(redacted(row) if redacts else row, name_of(table.path))
                    bar.advance()


def logged(record: TableRow, table: Table, lost: Counter[str], *, skip: bool) -> Traffic | None:
    """The request; None for what is none, where that is to be left out."""
    try:
        return Traffic.parse(json.dumps(record.fields).encode(), table.path, record.line)
    except InputError:
        if not skip:
            raise
        lost[UNREADABLE] += 1
        return None


def was_erased(row: Traffic, erased: Erased) -> bool:
    """Whether it was, or its prompt with the answer or with what the user wrote instead."""
    if row.id in erased.rows:
        return True
    answers = filter(None, (row.response, correction(row)))
    return any(erased.holds(label_of(row, answer, None).row) for answer in answers)


def once(rows: Iterable[LoggedRequest], lost: Counter[str]) -> Iterator[LoggedRequest]:
    seen = set[str]()
    for request in rows:
        if request.row.id in seen:
            lost[REPEATED] += 1
        else:
            seen.add(request.row.id)
            yield request


def is_bad(row: Traffic) -> bool:
    return row.feedback is not None and row.feedback.rating == -1


def negative_example(request: LoggedRequest) -> RatedAnswer:
    return RatedAnswer(
        prompt=request.row.prompt_text,
        completion=request.row.response,
        label=False,
        source=request.file,
        annotator=pseudonym(request.row),
    )


@dataclass(frozen=True)
class Queues:
    """The files that wait for a person, by the import's name."""

    name: str

    @property
    def labels(self) -> Path:
        return QUEUE / f"{self.name}.json"

    @property
    def negatives(self) -> Path:
        return QUEUE / f"{self.name}.negatives.jsonl"

    @property
    def files(self) -> tuple[Path, ...]:
        return self.labels, self.negatives


def queue_change(feedback: ImportedFeedback, queues: Queues) -> ImportChange:
    """What has to be written for the queues to hold it; params.yaml stays as it is."""
    files = dict[Path, bytes]()
    if feedback.corrected:
        tasks = [task_of(row, None) for row in feedback.corrected]
        files[queues.labels] = canonical_json(tasks) + b"\n"
    if feedback.negative:
        files[queues.negatives] = as_lines(
            {example.id: example for example in feedback.negative}.values()
        )
    return ImportChange.of(files)
