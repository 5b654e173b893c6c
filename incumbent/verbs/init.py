"""`init`: a project of one's own, from files as people have them."""

import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from curation.account import total
from curation.checks.waivers import WAIVERS
from curation.curate_others import DOCUMENTS, PREFERENCES
from curation.curation_settings import Columns
from curation.data_sources import licence_option
from incumbent.importing.vendor_files import LEARNT, NO_ITEMS, VendorFiles, read_vendor_files
from incumbent.init.findings import Findings, find, gate_lines
from incumbent.init.limits import (
    CONTRACT,
    Limits,
    proposed_task,
    run_lines,
    sealed_lines,
    write_task,
)
from incumbent.init.new_folder import (
    Chosen,
    family_of,
    new_folder,
    refuse_taken,
    refuse_without_git,
    repository_around,
    start,
    take_in,
    write_settings,
)
from incumbent.init.own_sources import (
    HowRead,
    LabelledLines,
    OwnFiles,
    chosen_base,
    column_lines,
    look_at,
    own_file_lines,
    show,
    some,
)
from incumbent.init.usable_registry import SharedPlaces
from incumbent.options import (
    AnswerableColumn,
    CompletionColumn,
    Encoding,
    EvidenceColumns,
    FromVendor,
    GroupColumn,
    Instruction,
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
from incumbent.output import console
from incumbent.project_files import FOLDER, SETTINGS, copy_project
from project.child_processes import ended_by_signals
from project.errors import InputError
from project.libraries import allow_downloads
from project.licences import licence_fault
from project.model_pins import BaseChoice
from project.records.data import Row, Split, counted
from project.settings import load
from project.shown_passages import USUAL
from registry.registry_settings import RegistryParams
from training.base import prepare

# --- findings text --------------------------------------------------------------------------------

PARTS = {
    Split.TRAIN: "train: the model learns from these",
    Split.DEV: "dev: to look at, and to choose settings by",
    Split.SEALED: "sealed: kept unseen, for the decision alone",
}
SHOWS = "how surely the kept items show a true gain of a score, in the first comparison (look 1):"
BESIDE = {
    PREFERENCES: "preferences, to learn from behind the rows",
    DOCUMENTS: "passages of raw text, to learn from before the rows",
}


def finding_lines(findings: Findings) -> Iterator[LabelledLines]:
    yield LabelledLines("records", list(account_lines(findings)))
    yield LabelledLines("conflicts", list(conflict_lines(findings)))
    yield LabelledLines("tokens", list(token_lines(findings.limits)))
    yield LabelledLines("slices", list(slice_lines(findings)))
    yield LabelledLines("contacts", list(contact_lines(findings)))
    yield LabelledLines("checks", [f"{findings.checks.answers}: {findings.checks.held}"])
    yield LabelledLines("note", findings.notes)
    yield LabelledLines("recipe", findings.recipe.why)


def outlook_lines(findings: Findings) -> Iterator[LabelledLines]:
    """The outlook under the settings in the current folder."""
    yield LabelledLines("a run", list(run_lines(findings.lengths, findings.others)))
    if lines := list(sealed_lines(len(findings.lengths[Split.SEALED]))):
        yield LabelledLines("sealed set", [SHOWS, *lines])


def account_lines(findings: Findings) -> Iterator[str]:
    """Numbers that add up to the records."""
    account = findings.account
    taken = Counter(fate.part for fate in account if fate.part)
    left = Counter(fate.why for fate in account if not fate.part)
    parts = PARTS | {name: words for name, words in BESIDE.items() if taken[name]}
    counts = [(taken[part], words) for part, words in parts.items()]
    counts += [(count, f"left out: {why}") for why, count in left.most_common()]
    width = len(f"{len(account):,}")
    yield total(account)
    yield from (f"  {count:>{width},} {words}" for count, words in counts)
    yield (
        f"{findings.rehearsed} general rows are rehearsed beside them, so that the model forgets "
        "less of what it knows"
    )


def conflict_lines(findings: Findings) -> Iterator[str]:
    if findings.conflicts:
        prompts = counted(len(findings.conflicts), "prompt")
        yield (
            f"{prompts} with several answers, in {sum(findings.conflicts):,} rows: all are kept, "
            "those of a prompt together in one part (curation.curate.conflicts)"
        )


def token_lines(limits: Limits) -> Iterator[str]:
    yield f"99 % of the rows have at most {limits.rows:,}; base.max_length is {limits.max_length:,}"
    if limits.memory:
        yield "  more does not fit the memory here; longer rows are left out"
    elif limits.rows > limits.max_length:
        yield f"  the base reads {limits.window:,}, question and answer: longer rows are left out"
    yield (
        f"99 % of the answers have at most {limits.answers:,}; "
        f"max_new_tokens is {limits.max_new_tokens:,}"
    )
    if limits.cut and limits.answers > limits.max_new_tokens:
        yield f"  which cuts {counted(limits.cut, 'answer')}: no model could give them whole"


def slice_lines(findings: Findings) -> Iterator[str]:
    for name, values in findings.slices.items():
        yield f"{name}: {some([f'{value} {count:,}' for value, count in values.most_common()])}"


def contact_lines(findings: Findings) -> Iterator[str]:
    if ours := [*findings.ours.phones, *findings.ours.domains]:
        yield f"taken for your organisation's own, for several answers have them: {some(ours)}"
        yield f"  if one is a person's, take it out of {WAIVERS}"
    if findings.personal:
        yield "rows with other personal data are left out (curation.curate.personal_data)"


# --- init -----------------------------------------------------------------------------------------

NOTHING = "interrupted: nothing was made"


def init(
    folder: Annotated[Path, typer.Argument(help="Where the project goes: new, or empty.")],
    more: Annotated[list[Path] | None, typer.Argument(hidden=True)] = None,  # behind --from
    files: Annotated[
        list[Path] | None,
        typer.Option("--from", help="CSV, TSV, JSON, Excel, YAML or Parquet, or folders of them."),
    ] = None,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    turns: Turns = "last",
    tools: Tools = "keep",
    instruction: Instruction = None,
    system: SystemPrompt = None,
    slice_: SliceColumns = None,
    group: GroupColumn = None,
    evidence: EvidenceColumns = None,
    answerable: AnswerableColumn = None,
    base: Annotated[str, typer.Option(help="embedded, a path, or a Hub id.")] = "embedded",
    revision: Annotated[
        str | None, typer.Option(help="For a base from the Hub: its commit.")
    ] = None,
    from_vendor: FromVendor = None,
    validation: Validation = None,
    encoding: Encoding = None,
    licence: Licence = None,
    skip_unreadable: SkipUnreadable = False,
    sample: Annotated[
        bool, typer.Option("--sample", help="Make a project of the sample task.")
    ] = False,
    remote: Annotated[
        str | None, typer.Option(help="DVC's remote, for rows and versions: a folder or a URL.")
    ] = None,
    registry: Annotated[
        str | None, typer.Option(help="The team's registry: a PostgreSQL URL. With --artifacts.")
    ] = None,
    artifacts: Annotated[
        str | None, typer.Option(help="Where its adapters lie, such as s3://bucket/artifacts.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take the columns as guessed.")] = False,
) -> None:
    """Make a project of your own, from your data.

    $ incumbent init bank --from faq.csv
    $ incumbent init demo --sample
    $ incumbent init bank --from train.jsonl --validation held-out.jsonl --from-vendor openai
    """
    sources = [*(files or ()), *(more or ())]
    if sample == bool(sources):
        raise InputError("say --from FILE… for a project of your data, or --sample")
    places = SharedPlaces(remote=remote, database=registry, artifacts=artifacts)
    if sample:
        init_sample(folder, places)
        return
    how = HowRead(
        prompt=tuple(prompt or ()),
        completion=completion,
        messages=messages,
        turns=turns,
        tools=tools,
        instruction=instruction,
        system=system,
        slices=tuple(slice_) if slice_ else None,
        group=group,
        evidence=tuple(evidence or ()),
        answerable=answerable,
        encoding=encoding,
        skip=skip_unreadable,
        licence=licence_option(licence),
    )
    if how.licence and (fault := licence_fault(how.licence)):
        console.print(fault, style="yellow")
    choice = BaseChoice(model=base, revision=revision)
    vendor = read_vendor_files(sources, validation, from_vendor, how)
    if vendor is None:
        init_project(folder, sources, how, choice, places, yes=yes)
        return
    show([*vendor.lines(), LabelledLines("left out", vendor.left_out())])
    if not vendor.items:
        raise InputError(NO_ITEMS)
    with tempfile.TemporaryDirectory(prefix="incumbent-vendor-") as place:
        files = vendor.write(Path(place))
        init_project(folder, files, how, choice, places, yes=yes, vendor=vendor)


def init_sample(target: Path, places: SharedPlaces) -> None:
    """The sample task: one-line summaries of Python APIs, from installed packages."""
    refuse_without_git()
    refuse_taken(target)
    home = target.resolve()
    with saying_what_stays(NOTHING), ended_by_signals():
        places = places.tried(load(RegistryParams, FOLDER / SETTINGS).family)
        with new_folder(target):
            copy_project(Path(), sample=True)
            places.put_in()
            start([], "Start with the sample task", home, places.remote)
    show(what_is_next(target, places))


def init_project(
    target: Path,
    files: Sequence[Path],
    how: HowRead,
    base: BaseChoice,
    places: SharedPlaces,
    *,
    yes: bool,
    vendor: VendorFiles | None = None,
) -> None:
    """Make a project of files in a new folder. Raises InputError, and then there is no folder."""
    refuse_without_git()
    refuse_taken(target)
    base = chosen_base(base)
    with saying_what_stays(NOTHING), ended_by_signals():
        places = places.tried(family_of(target))
        data = look_at(files, how)
        show([own_file_lines(data), *(column_lines(data.columns) if data.columns else ())])
        agree(data, yes=yes)
        make(target, data, how, base, places, yes=yes, learnt=(LEARNT,) if vendor else ())
    show(what_is_next(target, places, *(vendor.steps if vendor else ())))


def showing_passages(base: BaseChoice, files: OwnFiles) -> BaseChoice:
    """The base, asked with the passages of rows where these have some."""
    made = (read.made for file in files.files for read in file.reads or ())
    shown = bool(files.columns and files.columns.columns.evidence)
    shown = shown or any(isinstance(item, Row) and item.evidence for item in made)
    return base.model_copy(update={"evidence_template": USUAL}) if shown else base


def make(
    target: Path,
    files: OwnFiles,
    how: HowRead,
    base: BaseChoice,
    places: SharedPlaces,
    *,
    yes: bool,
    learnt: tuple[str, ...] = (),
) -> None:
    allow_downloads()
    home = target.resolve()
    there = {file.path.resolve(): file.format for file in files.files}  # wherever the work goes on
    with new_folder(target):
        copy_project(Path(), sample=False)
        sources = files.sources(take_in(list(there), there), how)
        base = showing_passages(base, files)
        facts = find(sources, base, prepare(base), learnt)
        chosen = Chosen(
            family=family_of(target),
            base=base,
            sources=tuple(sources),
            found=facts,
            shared=places.remote is not None,
        )
        write_settings(chosen)
        places.put_in()
        console.print()
        show([*finding_lines(facts), *outlook_lines(facts)])
        tell_task([row for part in Split for row in facts.part(part)], yes=yes)
        show([LabelledLines("gate", list(gate_lines(facts.made.parts, facts.params, facts.ours)))])
        names = ", ".join(file.name for file in there)
        rows = [source.path for source in sources]
        start(rows, f"Start with {names}", home, places.remote)


def tell_task(rows: Sequence[Row], *, yes: bool) -> None:
    """Write into the contract what the rows are to teach, as proposed or as somebody says it."""
    task = proposed_task(rows)
    if not yes:
        task = typer.prompt("What are the rows to teach?", default=task or "", type=str).strip()
    if task:
        write_task(task)
        told = f"later rows are held against this sentence, `task` in {CONTRACT}: mend it there"
        show([LabelledLines("task", [task, told])])


def agree(files: OwnFiles, *, yes: bool) -> None:
    """Ask whether the files were understood. Raises InputError where nobody can be asked, and Exit
    where they were not.
    """
    if yes:
        return
    others = ""
    if files.columns:
        others = (
            f"name others of {some(files.columns.taken)}, as in {as_options(files.columns.columns)}"
        )
    if not sys.stdin.isatty():
        right = "say --yes if these columns are right; else " if others else "say --yes if it is so"
        raise InputError(f"{right}{others}")
    console.print()
    if not typer.confirm("Are these columns right?" if others else "Is it so?", default=True):
        typer.echo(f"Then {others or 'name the columns: --prompt COLUMN --completion COLUMN'}")
        raise typer.Exit(InputError.exit_code)


def as_options(columns: Columns) -> str:
    """The options that say what was guessed, to be changed."""
    singles = (
        ("--completion", columns.completion),
        ("--messages", columns.messages),
        ("--group", columns.group),
        ("--answerable", columns.answerable),
    )
    options = [("--prompt", name) for name in columns.prompt]
    options += [("--evidence", name) for name in columns.evidence]
    options += [(option, name) for option, name in singles if name]
    options += [("--slice", name) for name in columns.slices]
    return shlex.join(word for option in options for word in option)


def what_is_next(target: Path, places: SharedPlaces, *steps: str) -> Iterator[LabelledLines]:
    console.print()
    if around := repository_around(target):
        yield LabelledLines("git", [f"{target} lies in the repository {around}: commit it there"])
    if places.remote:
        yield LabelledLines(
            "rows", [f"sent to {places.remote}; versions go there as they are submitted"]
        )
    first, *later = steps or ["incumbent run"]
    yield LabelledLines("next", [f"cd {shlex.quote(str(target))} && {first}", *later])
    if places.remote:
        family = shlex.quote(target.resolve().name)
        fetched = f"git clone URL {family} && cd {family}"
        fetched += " && dvc pull --allow-missing && incumbent run"
        yield LabelledLines("colleague", [f"once you have pushed to a git server: {fetched}"])
