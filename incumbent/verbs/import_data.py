"""`data import`: foreign files, as rows, preferences and documents of a project."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from curation.checks.waivers import read_waivers
from curation.curation_settings import CollectParams
from curation.data_sources import licence_option
from curation.sources.exports.good_or_bad import OptionsMissingError
from curation.sources.source_file import TRAFFIC
from incumbent.importing.foreign_files import formats_of, pair, role_names
from incumbent.importing.import_text import (
    conflicts,
    feedback_lines,
    import_change_lines,
    import_lines,
    notes_of,
    numbers,
    sample_of,
)
from incumbent.importing.incoming import (
    ImportChange,
    ImportDestination,
    Incoming,
    destination,
    import_change,
    incoming_of,
    read_incoming,
    refuse_other_content,
    write_change,
)
from incumbent.importing.traffic_feedback import (
    ImportedFeedback,
    Queues,
    queue_change,
    read_feedback,
)
from incumbent.importing.vendor_files import VendorFiles, read_vendor_files
from incumbent.init.own_sources import HowRead, LabelledLines, show
from incumbent.options import (
    AnswerableColumn,
    CompletionColumn,
    Encoding,
    EvidenceColumns,
    FromVendor,
    GroupColumn,
    Instruction,
    Json,
    Licence,
    MessagesColumn,
    PromptColumns,
    SkipUnreadable,
    SliceColumns,
    SystemPrompt,
    Tools,
    Turns,
    Validation,
    saying_what_stays,
)
from incumbent.output import print_json
from project.licences import licence_fault
from project.settings import load


@dataclass(frozen=True)
class Doing:
    """What is to be done with what was read."""

    name: str | None = None  # of the files that are written; None: of the first that is read
    replace: bool = False  # an earlier import of that name
    dry: bool = False
    as_json: bool = False

    @property
    def arguments(self) -> list[str]:
        flags = {"--replace": self.replace, "--dry-run": self.dry, "--json": self.as_json}
        name = ["--as", self.name] if self.name else []
        return [*name, *(flag for flag, is_set in flags.items() if is_set)]


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Files or folders; several are one import.")],
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Where the files do not tell: table, rows, transcripts, documents, texts, "
            "label-studio, prodigy, argilla, preferences, rated or traffic.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", help="Its name in the project; if left out, that of the first file."),
    ] = None,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    turns: Turns = "last",
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ROLE",
            help="For conversations: the role that a name stands for, such as LLM=assistant.",
        ),
    ] = None,
    tools: Tools = "keep",
    instruction: Instruction = None,
    system: SystemPrompt = None,
    slice_: SliceColumns = None,
    group: GroupColumn = None,
    evidence: EvidenceColumns = None,
    answerable: AnswerableColumn = None,
    control: Annotated[
        str | None, typer.Option(help="For an export: the control, or question, that people used.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHOICE=FIELD",
            help="For an export: the field with the answer that a choice stands for.",
        ),
    ] = None,
    good: Annotated[
        list[str] | None,
        typer.Option(help="For an export: a choice that says that an answer is good."),
    ] = None,
    bad: Annotated[
        list[str] | None,
        typer.Option(help="For an export: a choice that says that an answer is bad."),
    ] = None,
    options: Annotated[
        Literal["classes", "answers"] | None,
        typer.Option(help="For an export: what people chose from."),
    ] = None,
    from_vendor: FromVendor = None,
    validation: Validation = None,
    encoding: Encoding = None,
    licence: Licence = None,
    skip_unreadable: SkipUnreadable = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Put labels in place of personal data first.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put it in the place of an earlier import of this name."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would bring, and write nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring in files as others have them: rows, preferences, documents; all of them or none.

    $ incumbent data import faq.csv --as spring --dry-run
    $ incumbent data import train.jsonl job.json --validation held-out.jsonl --from-vendor openai
    """
    given = HowRead(
        format=format_,
        prompt=tuple(prompt or ()),
        completion=completion,
        messages=messages,
        turns=turns,
        roles=role_names(role or ()),
        tools=tools,
        instruction=instruction,
        system=system,
        slices=tuple(slice_) if slice_ else None,
        group=group,
        evidence=tuple(evidence or ()),
        answerable=answerable,
        control=control,
        answers=dict(pair(text, "--answer", "CHOICE=FIELD") for text in answer or ()),
        good=tuple(good or ()),
        bad=tuple(bad or ()),
        options=options,
        encoding=encoding,
        skip=skip_unreadable,
        licence=licence_option(licence),
        redact=redact,
    )
    doing = Doing(name, replace=replace, dry=dry_run, as_json=as_json)
    with saying_what_stays("interrupted: run it again to bring in all of it"):
        vendor = read_vendor_files(files, validation, from_vendor, given)
        if vendor:
            import_vendor(vendor, given, doing)
        else:
            import_data(files, given, doing)


def import_data(files: Sequence[Path], asked: HowRead, doing: Doing) -> None:
    """Bring files into the project in the current folder, all of them or none.

    Raises InputError, and writes nothing, for what cannot be read, for a name that is taken, and
    in a folder that is no project; OptionsMissingError with the whole command to type next.
    """
    load(CollectParams)  # what is wrong with it is told first
    to = destination(doing.name, files)
    with whole_commands(files, asked, doing):
        formats = formats_of(files, asked)
        if TRAFFIC in formats.values():
            queue_feedback(read_feedback(formats, asked), Queues(to.name), doing)
            return
        incoming = read_incoming(formats, asked)
        notes = notes_of(incoming, read_waivers().ours)
        if asked.licence and (fault := licence_fault(asked.licence)):
            notes = [*notes, f"{to.name}: {fault}"]
    new = import_change(
        incoming.found, to, train_only=incoming.are_corrections, licence=asked.licence
    )
    refuse_other_content(new, to.files, replace=doing.replace)
    if not doing.dry:
        write_change(new)
    if doing.as_json:
        print_json(summary(incoming, new, to, notes, dry=doing.dry))
        return
    show(import_lines(incoming, notes, dry=doing.dry))
    show(import_change_lines(new, dry=doing.dry))


def import_vendor(files: VendorFiles, asked: HowRead, doing: Doing) -> None:
    """Bring in what the old model learnt, for training alone, and what it did not, which items may
    come of; all of it or nothing. Raises InputError.
    """
    load(CollectParams)
    to = destination(doing.name, [files.learnt[0].path])
    parts = {to: incoming_of(files.learnt, None, asked)}
    if files.held_out:
        held = ImportDestination(f"{to.name}-validation")
        parts[held] = incoming_of(files.held_out, None, asked)
    new = ImportChange.of({})
    for place, part in parts.items():
        new += import_change(part.found, place, train_only=place is to, licence=asked.licence)
    refuse_other_content(new, [f for target in parts for f in target.files], replace=doing.replace)
    if not doing.dry:
        write_change(new)
    notes = {target: notes_of(part, read_waivers().ours) for target, part in parts.items()}
    if doing.as_json:
        told = [
            summary(part, new, target, notes[target], dry=doing.dry) | {"learnt": target is to}
            for target, part in parts.items()
        ]
        print_json({"parts": told, "next": files.contestant})
        return
    for dest, part in parts.items():
        show(import_lines(part, notes[dest], dry=doing.dry))
    show(files.lines())
    show(import_change_lines(new, dry=doing.dry))
    show([LabelledLines("then", [files.contestant])])


@contextmanager
def whole_commands(files: Sequence[Path], asked: HowRead, doing: Doing) -> Iterator[None]:
    """Let a refusal of an export name the command with all files and options that were given."""
    try:
        yield
    except OptionsMissingError as error:
        ways = [asked.with_export(fields) for fields in error.readings]
        commands = [way.command(files, *doing.arguments) for way in ways]
        raise OptionsMissingError(error.missing, error.readings, error.path, commands) from None


def queue_feedback(feedback: ImportedFeedback, queues: Queues, doing: Doing) -> None:
    """Let what users wrote wait for a person. Raises InputError for a name that is taken."""
    new = queue_change(feedback, queues)
    refuse_other_content(new, queues.files, replace=doing.replace)
    if not doing.dry:
        write_change(new)
    if doing.as_json:
        print_json(feedback_summary(feedback, new, queues, dry=doing.dry))
    else:
        show(feedback_lines(feedback, new, queues, dry=doing.dry))


def summary(
    incoming: Incoming, new: ImportChange, to: ImportDestination, notes: Sequence[str], *, dry: bool
) -> dict[str, Any]:
    written = [] if dry else [str(path) for path in new.new_files]
    tables = [table for file in incoming.files for table in file.tables]
    of_tables = [f"{table.path}: {note}" for table in tables for note in table.notes]
    return {
        "name": to.name,
        "files": {str(file.path): file.format for file in incoming.files},
        "unread": {str(p): why for file in incoming.files for p, why in file.unread.items()},
        "read": incoming.read,
        **{f"{noun}s".replace(" ", "_"): count for noun, count in numbers(incoming).items()},
        "left_out": dict(incoming.left_out),
        "left_out_at": incoming.lost_at,
        "conflicts": len(conflicts(incoming)),
        "redacted": dict(incoming.redacted),
        "notes": [*[*of_tables, *(incoming.columns.notes if incoming.columns else ())], *notes],
        **({"such_as": sample_of(incoming)} if dry else {}),
        "changed": bool(new) and not dry,
        "written": written,
    }


# Nothing of a traffic log comes in before a person accepts it.
NOTHING_YET = ("rows", "preference_pairs", "good_answers", "negative_examples", "documents")


def feedback_summary(
    feedback: ImportedFeedback, new: ImportChange, queues: Queues, *, dry: bool
) -> dict[str, Any]:
    return {
        "name": queues.name,
        "read": feedback.read,
        **dict.fromkeys(NOTHING_YET, 0),
        "waiting": {
            "corrections": len(feedback.corrected),
            "negative_examples": len(feedback.negative),
        },
        "left_out": dict(feedback.left_out),
        "notes": list(feedback.notes),
        "changed": bool(new) and not dry,
        "written": [] if dry else [str(path) for path in new.new_files],
    }
