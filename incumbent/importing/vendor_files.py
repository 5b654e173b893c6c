"""Files of a vendor's fine-tuning: what the old model learnt, what it did not, and what it is
called.
"""

import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple, cast

from curation.curation_settings import Columns, ExportFields
from curation.sources.chat_shapes import turns_of, with_tools_as_text
from curation.sources.exports.export_records import ExportRecord
from curation.sources.exports.preference_files import CHOSEN, REJECTED, pair_judgement
from curation.sources.exports.shown import reads
from curation.sources.row_formats import Fields, Read, complete, filled_lines, row_of
from curation.sources.table_rows import NO_ANSWER, UNREADABLE, as_turns, rows_of_record
from curation.sources.tables.table import TableRow, names_listed
from curation.sources.tool_turns import holds_tools
from curation.sources.turns import answer_pairs, joined
from incumbent.importing.foreign_files import FileRead, names_apart
from incumbent.init.own_sources import HowRead, LabelledLines
from project.errors import InputError
from project.files import write_lines
from project.records.data import Origin, Row, counted
from project.records.preferences import PreferencePair
from project.records.record import read_input, read_object


class Vendor(NamedTuple):
    title: str
    url: str  # under which its models answer
    key_variable: str  # in which people have its key
    turn_weights: bool = True  # weight 0 of an answer in a conversation: it was not learnt
    row_weights: bool = False  # a weight of a whole row


VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor("OpenAI", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "together": Vendor("Together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": Vendor(
        "Fireworks",
        "https://api.fireworks.ai/inference/v1",
        "FIREWORKS_API_KEY",
        row_weights=True,
    ),
    "databricks": Vendor(
        "Databricks",
        "https://WORKSPACE/serving-endpoints",
        "DATABRICKS_TOKEN",
        turn_weights=False,
    ),
}
OPTION = "--from-vendor"
LEARNT, HELD_OUT = "training.jsonl", "validation.jsonl"  # in a new project
PAIR = ("preferred_output", "non_preferred_output")
ANSWERS = ("completion", "response")

# Why a record gave no row; each reads well behind a number.
NOT_LEARNT = "whose weight says that they were not learnt"
NOBODY_ANSWERS = "in which nobody answers, as in files of reinforcement tuning"

NO_ITEMS = (
    "the old model learnt all of these rows, so none can compare it with another, and there can "
    "be no verdict. Name its validation file by --validation, if it was not trained on; or bring "
    "rows that came since then (`incumbent data import`), or questions that people write and "
    "answer now: 30 at least, and a verdict wants hundreds"
)


@dataclass(frozen=True)
class TrainingJob:
    """What a vendor says of how a model was made."""

    id: str
    base: str
    model: str | None  # as it is called; None: the job made none
    training: str | None  # the ids of files
    validation: str | None
    epochs: str | None

    def __str__(self) -> str:
        epochs = f", {self.epochs} epochs" if self.epochs else ""
        return f"{self.model} of {self.base}, trained on {self.training}{epochs} ({self.id})"


@dataclass(frozen=True)
class VendorFiles:
    """The files by what the old model learnt of them."""

    vendor: Vendor
    learnt: tuple[FileRead, ...]
    held_out: tuple[FileRead, ...]
    job: TrainingJob | None

    @property
    def items(self) -> int:
        """The number of rows that the old model did not learn."""
        learnt, held = (
            {read.made.id for file in files for read in file.reads if isinstance(read.made, Row)}
            for files in (self.learnt, self.held_out)
        )
        return len(held - learnt)

    @property
    def steps(self) -> list[str]:
        """What to type in a new project, up to the first verdict."""
        return ["incumbent run --until gate", self.contestant, "incumbent run"]

    @property
    def contestant(self) -> str:
        """What to type for the old model to be the champion."""
        model = (self.job and self.job.model) or "MODEL"
        options = f"--hosted {shlex.quote(model)} --url {self.vendor.url}"
        key = f"--key-variable {self.vendor.key_variable}"
        return f"incumbent registry add-contestant {options} {key} --as champion"

    def lines(self) -> Iterator[LabelledLines]:
        if self.job:
            yield LabelledLines("old model", [str(self.job)])
        told = f"{counted(self.items, 'row')} that the old model did not learn"
        yield LabelledLines("items", [told if self.items else NO_ITEMS])

    def left_out(self) -> list[str]:
        """Why records gave nothing, each behind how many did."""
        reads = [read for file in (*self.learnt, *self.held_out) for read in file.reads]
        whys = Counter(str(read.origin.why) for read in reads if read.made is None)
        return [f"{count:,} {why}" for why, count in whys.most_common()]

    def write(self, folder: Path) -> list[Path]:
        """Files for a new project: what was learnt, what was not, and pairs, as far as there are
        some.
        """
        learnt = [read.made for file in self.learnt for read in file.reads]
        held = [read.made for file in self.held_out for read in file.reads]
        files = {
            LEARNT: lines_of(learnt, LEARNT),
            HELD_OUT: lines_of(held, HELD_OUT),
            "pairs.jsonl": [json_of(pair) for pair in learnt if isinstance(pair, PreferencePair)],
        }
        for name, lines in files.items():
            if lines:
                write_lines(folder / name, lines)
        return [folder / name for name, lines in files.items() if lines]


def lines_of(made: Sequence[object], source: str) -> list[bytes]:
    rows = (row.model_copy(update={"source": source}) for row in made if isinstance(row, Row))
    return [row.canonical() for row in {row.id: row for row in rows}.values()]


def json_of(pair: PreferencePair) -> bytes:
    turns = [turn.model_dump() for turn in pair.messages or ()]
    fields = {"prompt": turns or pair.prompt, CHOSEN: pair.chosen, REJECTED: pair.rejected}
    return json.dumps(fields, ensure_ascii=False).encode()


def read_vendor_files(
    files: Sequence[Path], validation: Sequence[Path] | None, name: str | None, asked: HowRead
) -> VendorFiles | None:
    """None where no vendor is named. Raises InputError for what that vendor's files are not known
    to hold, with its line.
    """
    if name is None and validation:
        raise InputError(f"is for the files of a vendor: {OPTION}", field="--validation")
    if name is None:
        return None
    if asked.columns or asked.format:
        raise InputError("knows what its files hold: name no column or format", field=OPTION)
    vendor = VENDORS[name]
    jobs = {path: job for path in files if (job := job_of(path, vendor))}
    if len(jobs) > 1:
        raise InputError("is a second job: name the one whose model is to go", file=[*jobs][1])
    job = next(iter(jobs.values()), None)
    rows = [path for path in files if path not in jobs]
    known = (path for path in rows if job and stem(path) == job.validation)
    held = list(dict.fromkeys([*(validation or ()), *known]))
    for path in held:
        if job and stem(path) == job.training:
            raise InputError(f"is what {job.id} trained on, so it holds no item", file=path)
    learnt = [path for path in rows if path not in held]
    if not learnt:
        problem = "name what the old model was trained on too: else nobody knows what it learnt"
        raise InputError(problem, file=files[0])
    names = names_apart([*learnt, *held])
    return VendorFiles(
        vendor,
        tuple(file_read(path, vendor, names, asked, learnt=True) for path in learnt),
        tuple(file_read(path, vendor, names, asked, learnt=False) for path in held),
        job,
    )


def stem(path: Path) -> str:
    return path.name.partition(".")[0]


def job_of(path: Path, vendor: Vendor) -> TrainingJob | None:
    """The job that a file describes; None for a file of rows. Raises InputError."""
    if path.suffix.casefold() != ".json":
        return None
    fields = read_object(read_input(path), path, 1)
    if fields.get("object") != "fine_tuning.job" or vendor is not VENDORS["openai"]:
        problem = "is neither JSON Lines nor a `fine_tuning.job` of OpenAI: leave it out"
        raise InputError(problem, file=path)
    told = {name: fields.get(name) for name in ("id", "model", "training_file", "validation_file")}
    text = {name: value if isinstance(value, str) else None for name, value in told.items()}
    made = fields.get("fine_tuned_model")
    if not isinstance(made, str):
        raise InputError("made no model", file=path, field="fine_tuned_model")
    return TrainingJob(
        id=text["id"] or path.name,
        base=text["model"] or "an unnamed base",
        model=made,
        training=text["training_file"],
        validation=text["validation_file"],
        epochs=epochs_of(fields),
    )


def epochs_of(job: Fields) -> str | None:
    """How often every row was read; newer jobs say it under their method."""
    method = job.get("method")
    settings = method.get(str(method.get("type"))) if isinstance(method, dict) else None
    for holder in (job, settings):
        tuned = holder.get("hyperparameters") if isinstance(holder, dict) else None
        if isinstance(tuned, dict) and tuned.get("n_epochs"):
            return str(tuned["n_epochs"])
    return None


# --- records --------------------------------------------------------------------------------------


def file_read(
    path: Path, vendor: Vendor, names: Mapping[Path, str], asked: HowRead, *, learnt: bool
) -> FileRead:
    """Every record of a file; of a pair that was learnt the pair too, beside its better answer."""
    name = names.get(path, path.name)
    records: list[Read] = []
    for number, line in filled_lines(path, asked.encoding):
        try:
            fields = read_object(line, path, number)
        except InputError:
            if not asked.skip:
                raise
            records.append(Read(Origin(file=name, line=number, why=UNREADABLE)))
            continue
        for read in reads_of(fields, ExportRecord(path, number, None, name), vendor, asked):
            if isinstance(read.made, PreferencePair):
                better = row_of(read.made)
                assert better, "a pair has a better answer"
                records += [read] if learnt else []
                records.append(Read(read.origin.model_copy(update={"row": better.id}), better))
            else:
                records.append(read)
    kind = "trained on" if learnt else "held out"
    return FileRead(path, f"{vendor.title}, {kind}", records)


def reads_of(fields: Fields, place: ExportRecord, vendor: Vendor, asked: HowRead) -> Iterator[Read]:
    """What a record holds, by the fields that it has. Raises InputError for others."""
    if "weight" in fields and not vendor.row_weights:
        problem = f"is not known of rows of {vendor.title}"
        raise InputError(problem, file=place.path, line=place.line, field="weight")
    if "weight" in fields and not is_learnt(fields):
        yield lost(place, NOT_LEARNT)
    elif any(name in fields for name in PAIR):
        yield from pair_reads(fields, place)
    elif "messages" in fields:
        yield from chat_reads(fields, place, vendor, asked)
    elif "prompt" in fields and (answer := next(filter(fields.__contains__, ANSWERS), None)):
        columns = Columns(prompt=("prompt",), completion=answer)
        yield from rows_of_record(TableRow(place.line, fields), columns, place.file)
    else:
        hint = ". Texts without questions are documents: import them without it"
        raise InputError(
            f"{vendor.title}'s files have messages, prompt and completion, or input and "
            f"{' and '.join(PAIR)}; this line has {names_listed([*fields])}"
            f"{hint if 'text' in fields else ''}",
            file=place.path,
            line=place.line,
            field=OPTION,
        )


def lost(place: ExportRecord, why: str) -> Read:
    return Read(Origin(file=place.file, line=place.line, why=why))


def is_learnt(record: Fields) -> bool:
    weight = record.get("weight", 1)
    return weight is None or (isinstance(weight, int | float) and weight > 0)


def pair_reads(fields: Fields, place: ExportRecord) -> Iterator[Read]:
    asked = fields.get("input")
    prompt = asked.get("messages") if isinstance(asked, dict) else asked
    pair = {"prompt": prompt, CHOSEN: fields.get(PAIR[0]), REJECTED: fields.get(PAIR[1])}
    record = ExportRecord(place.path, place.line, pair, place.file)
    yield from reads([pair_judgement(record, (CHOSEN, REJECTED), ExportFields())])


def tool_reads(fields: Fields, place: ExportRecord) -> Iterator[Read]:
    """The same of a conversation whose calls, results and tools are kept. What was learnt is known
    from its rows, so these have no weights.
    """
    columns = Columns(messages="messages", turns="every", tools="keep")
    for read in rows_of_record(TableRow(place.line, fields), columns, place.file):
        if isinstance(row := read.made, Row):
            prompt = tuple(turn.model_copy(update={"weight": None}) for turn in row.prompt)
            answer = tuple(turn.model_copy(update={"weight": None}) for turn in row.completion)
            row = row.model_copy(update={"prompt": prompt, "completion": answer})
            read = Read(read.origin, row)
        yield read


def chat_reads(
    fields: Fields, place: ExportRecord, vendor: Vendor, asked: HowRead
) -> Iterator[Read]:
    """A row for every answer that was learnt, all in one group; what has weight 0 is context."""
    turns = fields["messages"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        yield lost(place, "no conversation: messages that are no list of turns")
        return
    if not vendor.turn_weights and any("weight" in turn for turn in turns):
        problem = f"is not known of turns of {vendor.title}"
        raise InputError(problem, file=place.path, line=place.line, field="weight")
    plain = [{name: field for name, field in turn.items() if name != "weight"} for turn in turns]
    if asked.tools == "keep" and holds_tools({**fields, "messages": plain}):
        yield from tool_reads(fields, place)
        return
    weights = [is_learnt(turn) for turn in turns]
    try:
        if asked.tools == "text":
            turns = cast("list[Any]", with_tools_as_text(turns, fields.get("tools")))
            weights = [True] * (len(turns) - len(weights)) + weights  # what tools there are
        messages = [
            (turns_of(turn)[0], weight) for turn, weight in zip(turns, weights, strict=True)
        ]
    except ValueError as error:
        yield lost(place, f"no conversation: {error}")
        return
    # What an assistant says before anybody asks is dropped: templates want a user to begin.
    first = next((i for i, (turn, _) in enumerate(messages) if turn.role == "user"), 0)
    messages = [
        pair for i, pair in enumerate(messages) if i >= first or pair[0].role != "assistant"
    ]
    runs = [
        [weight for _, weight in run] for _, run in groupby(messages, key=lambda pair: pair[0].role)
    ]
    whole = joined(turn for turn, _ in messages)
    answers = [i for i, turn in enumerate(whole) if turn.role == "assistant"]
    taught = [i for i in answers if all(runs[i])]
    pairs = list(answer_pairs(whole, taught))
    if not pairs:
        yield lost(place, NO_ANSWER if taught else NOT_LEARNT if answers else NOBODY_ANSWERS)
    for prompt, answer in pairs:
        row_fields: Fields = {"prompt": as_turns(prompt), "completion": as_turns((answer,))}
        row_fields |= {"group": f"{place.file}:{place.line}"}
        row = Row.model_validate(complete(row_fields, place.file))
        yield Read(Origin(file=place.file, line=place.line, row=row.id), row)
