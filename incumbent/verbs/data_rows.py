"""`incumbent data` labels, export, waive, allow and rotate-eval: rows that people decide on."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from curation.checks.waivers import WAIVERS, Excuse, add_contacts, excuse
from curation.curate import curated, read_inputs
from curation.curation_settings import CurateParams
from curation.eval_sets import (
    EVAL_SETS,
    Freeze,
    Rotation,
    append_change,
    changing,
    frozen_items,
    ids_among,
    read_changes,
    retired_ids,
)
from curation.sources.source_file import EXPORTS, guess_format
from evaluation.decision.policy import Policy
from evaluation.report.kept_report import bad, correction, negative
from evaluation.report.report_data import read_examples
from evaluation.scoring.score_table import read_scores
from incumbent.importing.foreign_files import are_corrections
from incumbent.options import LARGEST, Reason, day_option
from incumbent.output import console, say
from incumbent.planning.run_plan import refuse_powerless
from monitoring.trigger.acceptance import accept
from monitoring.trigger.labels import LABELLED, read_labels
from project.canonical import stamp
from project.errors import IncumbentError, InputError, first_problem, pip_install
from project.paths import rows_of
from project.personal_data import Contacts
from project.records.data import ACCEPTED, Row, Split, counted
from project.records.record import write_records
from project.settings import load
from registry.reader import RegistryReader
from registry.registry_settings import RegistryParams, current_actor
from registry.roles import Roles
from registry.store import Registry

# --- data rows ------------------------------------------------------------------------------------


def export_bad_answers(
    to: Annotated[Path, typer.Option(help="A folder for corrections.jsonl and negatives.jsonl.")],
    worst: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many dev items.")] = 150,
) -> None:
    """Write the dev answers that are worst or got worse, to correct and to learn from.

    Raises InputError when a file is there already: somebody may have corrected it.

    $ incumbent data export --to worst/ --worst 20
    """
    paths = to / "corrections.jsonl", to / "negatives.jsonl"
    for path in paths:
        if path.exists():
            raise InputError("is there already, and may hold somebody's corrections", file=path)
    examples = bad(read_examples(read_scores(Split.DEV), load(Policy)), worst)
    write_records(paths[0], [correction(why, example) for why, example in examples])
    pairs = [negative(example) for _, example in examples]
    write_records(paths[1], [pair for pair in pairs if pair.chosen != pair.rejected])
    regressed = sum(why == "regressed" for why, _ in examples)
    console.print(f"{len(examples)} dev items, {regressed} of them worse than the champion's")
    say(f"correct each completion in {paths[0]}")
    console.print("then see datasets/sources/README.md for the second round")


def carry() -> list[str]:
    """Let other machines have what was accepted; says so where that cannot be done."""
    try:
        # Imported here because a plain install, which runs no night, accepts labels too.
        from monitoring.carried_labels import carry_accepted
    except ImportError:
        return [f"other machines do not get them from here: {pip_install('monitor')}"]
    try:
        with Registry.here() as registry:
            return carry_accepted(registry)
    except IncumbentError as error:
        return [f"other machines get them with the next night of this one only: {error}"]


def refuse_what_is_imported(export: Path) -> None:
    """Raise InputError with the command to type for what is no label of the queue and no row."""
    if export.suffix != ".jsonl":
        return
    form = guess_format(export)
    if form in EXPORTS:
        what = f"is a file of {EXPORTS[form].title}"
    elif are_corrections(export):
        what = "holds corrected answers to dev items, which are for training alone"
    else:
        return
    problem = f"{what}, and no labels of the queue: type"
    raise InputError(f"{problem}\n  incumbent data import {export}", file=export)


def accept_labels(
    export: Annotated[
        Path,
        typer.Argument(help="Label Studio's JSON export of the queue, or rows as JSON Lines."),
    ],
    reason: Reason = "accepted by hand",
) -> None:
    """Accept what people wrote: the next run trains on some of it, and is judged by the rest.

    Raises InputError for an export that cannot be read, or a blank reason, and IncumbentError for
    an actor who may not promote.

    $ incumbent data labels labels.jsonl
    """
    if not reason.strip():
        raise InputError("say why these labels are accepted: --reason")
    refuse_what_is_imported(export)
    labels = read_labels(export)
    if not labels:
        problem = "holds no answer that somebody submitted: let people annotate, then export again"
        hint = f"an export of anything but the queue comes in by `incumbent data import {export}`"
        raise InputError(f"{problem}; {hint}", file=export)
    with RegistryReader.here() as registry:
        registry.roles.require("promote", registry.actor)
        accepted = accept(labels, registry, reason)
    carried = carry() if accepted.new else []
    say(str(accepted), *accepted.left_out, *carried)
    if accepted.new:
        taken = "the next `dvc repro` shares them out to training, dev and sealed"
        say(f"{taken}; what a model wrote goes to training alone")
        say(
            f"they are in {LABELLED} now, which goes into git and DVC with the project and stays "
            "in their history: the retention of traffic does not reach it (docs/how-to/keep.md)"
        )


# --- waive ----------------------------------------------------------------------------------------


def waive_check(
    check: Annotated[str, typer.Argument(help="The check's name, as the gate tells it.")],
    until: Annotated[
        date, day_option("The last day on which they are excused, at most a year ahead.")
    ],
    reason: Annotated[str, typer.Option(help="Why they may stay as they are.")],
    rows: Annotated[
        str | None,
        typer.Option(help="Ids of rows, separated by commas; if left out, those that fail now."),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Excuse every row, and those to come; or the whole check.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; if left out, you.")] = None,
) -> None:
    """Excuse rows from a check until a day, by name and with a reason.

    $ incumbent data waive "no names of persons" --until 2027-03-31 --reason "authors"
    """
    waive(check, rows=rows, every=every, until=until, reason=reason, by=by)


def waive(
    name: str,
    *,
    rows: str | None,
    every: bool,
    until: date,
    reason: str,
    by: str | None,
    today: date | None = None,
) -> None:
    """Write down that rows may fail a check until a day: those named, all, or those that fail now.

    Raises InputError, and writes nothing, for a check or a row that does not fail, a day that is
    past or too far, and a blank reason; IncumbentError for who may not promote.
    """
    by = by or current_actor()
    require_promoters(current_actor(), by)
    asked = Excuse(name, rows, every, until, reason, by)
    waiver = excuse(asked, today or datetime.now(UTC).date())
    what = "every row, and those to come" if every else counted(len(waiver.rows), "row")
    say(f'excused from "{waiver.check}" until {until}: {what}')
    say(f"it stands in {WAIVERS}: commit it, then run `dvc repro`")


def require_promoters(*names: str) -> None:
    """Raise IncumbentError unless each may promote, and so open the gate."""
    roles = Roles.here(load(RegistryParams).roles)
    for name in names:
        roles.require("promote", name)


def allow_contacts(
    phone: Annotated[
        list[str] | None, typer.Option(help="A phone number; only its digits are compared.")
    ] = None,
    email: Annotated[list[str] | None, typer.Option(help="A mail address.")] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="A domain: all its mail addresses, and those of domains below it."),
    ] = None,
) -> None:
    """Name your organisation's own contacts: the gate takes them for no personal data.

    $ incumbent data allow --phone "1800 209 4324" --domain bank.com
    """
    allow({"phones": phone or [], "emails": email or [], "domains": domain or []})


def allow(contacts: Mapping[str, Sequence[str]]) -> None:
    """Write down an organisation's own `phones`, `emails` and `domains`: no personal data.

    Raises InputError, and writes nothing, for what is none; IncumbentError for who may not promote.
    """
    if not any(contacts.values()):
        raise InputError("say what is your organisation's own: --phone, --email or --domain")
    try:
        Contacts.model_validate(contacts)
    except ValidationError as error:
        raise InputError(first_problem(error)) from None
    require_promoters(current_actor())
    add_contacts(contacts)
    say(f"it stands in {WAIVERS}: commit it, then run `dvc repro`")


# --- rotate eval ----------------------------------------------------------------------------------


def change_eval(
    reason: Reason,
    part: Annotated[
        Literal["sealed", "dev"],
        typer.Option(help="The eval set whose items leave, for rows that were never used."),
    ] = "sealed",
    grow: Annotated[
        bool, typer.Option("--grow", help="No item leaves: rows that wait come in beside them.")
    ] = False,
) -> None:
    """Let all items of an eval set leave, and take rows that were never items in their place.

    $ incumbent data rotate-eval --reason "worn out by looks"
    """
    (grow_eval if grow else rotate_eval)(Split(part), reason)


def rotate_eval(part: Split, reason: str) -> None:
    """Record that the present items of a part leave; the next `dvc repro` fills their places.

    Raises InputError where there is nothing to rotate, no reason, too little to fill up with, or
    where what comes would show too little, and IncumbentError for an actor who may not promote.
    """
    if part is Split.TRAIN or not reason.strip():
        raise InputError("a rotation is of dev or sealed, and needs a --reason")
    with Registry.here() as registry, changing():
        registry.roles.require("promote", registry.actor)
        at, by = stamp(registry.clock()), registry.actor
        present = present_items(part)
        rotation = Rotation.of(present, at=at, by=by, reason=reason, part=part)
        fresh = items_after(rotation, present)
        if part is Split.SEALED:
            refuse_powerless(fresh, load(Policy))
        # First here: were it missing here, the fresh items would count as the old ones.
        registry.record_rotation(part, len(present), reason)
        append_change(rotation)
    console.print(f"{len(present)} items leave {part}, and stay on record in {EVAL_SETS}")
    console.print(f"the next `dvc repro` takes {fresh} rows in their place that were never items")


def grow_eval(part: Split, reason: str) -> None:
    """Record the next version of a frozen part: its items, and rows of its side that wait.

    Raises InputError where it is not frozen, no rows wait, or for want of a reason, and
    IncumbentError for an actor who may not promote.
    """
    if part is Split.TRAIN or not reason.strip():
        raise InputError("dev or sealed can grow, and it needs a --reason")
    with Registry.here() as registry, changing():
        registry.roles.require("promote", registry.actor)
        params, changes = load(CurateParams), read_changes()
        if part not in frozen_items(changes):
            raise InputError(
                f"{part} is not frozen yet: its shares and limits in params.yaml count",
                file=EVAL_SETS,
            )
        made = curated(read_inputs(params), changes, params, growing=part)
        rows = made.parts[part]
        waiting = unaccepted(rows)
        if new := len(waiting) - len(ids_among(waiting, frozen_items(changes)[part])):
            at, by = stamp(registry.clock()), registry.actor
            append_change(Freeze.of(rows, at=at, by=by, reason=reason, part=part))
    if not new:
        raise InputError(
            f"no row waits on the side of {part}, or curation.curate.{part} of params.yaml allows "
            "no more items"
        )
    more = f"{counted(new, 'item')} more in {part}, {len(rows):,} in all"
    console.print(f"{more}: the next `dvc repro` takes them")


def unaccepted(rows: Iterable[Row]) -> list[Row]:
    """Rows that nobody had to accept."""
    return [row for row in rows if row.source != ACCEPTED]


def present_items(part: Split) -> tuple[Row, ...]:
    """What is in a part now. Raises InputError where that is nothing, or left already."""
    path = rows_of(part)
    if not path.exists():
        raise InputError("nothing is curated yet: run `dvc repro` first", file=path)
    present = Row.read_lines(path)
    if not present:
        raise InputError("has no items that could leave", file=path)
    if retired_ids(read_changes(), present):
        raise InputError("its items left already: run `dvc repro` first", file=path)
    return present


def items_after(rotation: Rotation, present: Sequence[Row]) -> int:
    """How many items the part would have. Raises InputError if fewer base rows than now."""
    params, changes = load(CurateParams), read_changes()
    changes |= {max(changes, default=0) + 1: rotation}
    after = curated(read_inputs(params), changes, params).parts[rotation.part]
    needed, there = (len(unaccepted(rows)) for rows in (present, after))
    if there < needed:
        raise InputError(
            f"only {there} unused rows are there for the {needed} items of {rotation.part} that "
            "would leave: new rows are needed, from the sources in curation.collect.sources"
        )
    return len(after)
