"""`incumbent data …`: rows in, checked, grown, erased and out."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from incumbent.options import (
    LARGEST,
    CompletionColumn,
    Encoding,
    GroupColumn,
    Instruction,
    Json,
    MessagesColumn,
    PromptColumns,
    Reason,
    SkipUnreadable,
    SliceColumns,
    SystemPrompt,
    Turns,
)

data = typer.Typer(no_args_is_help=True, help="Rows in and out.")


@data.command("import")
def import_data(
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
        str | None, typer.Option("--as", help="What it is called here; as the first file, if not.")
    ] = None,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    turns: Turns = "last",
    role: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ROLE",
            help="Of conversations: who speaks by a name, such as LLM=assistant.",
        ),
    ] = None,
    tools: Annotated[
        Literal["refuse", "text"],
        typer.Option(help="Of conversations: leave out those that call tools, or learn them."),
    ] = "refuse",
    instruction: Instruction = None,
    system: SystemPrompt = None,
    slice_: SliceColumns = None,
    group: GroupColumn = None,
    control: Annotated[
        str | None, typer.Option(help="Of an export: the control, or question, that people used.")
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHOICE=FIELD",
            help="Of an export: the field with the answer that a choice stands for.",
        ),
    ] = None,
    good: Annotated[
        list[str] | None, typer.Option(help="Of an export: a choice that praises an answer.")
    ] = None,
    bad: Annotated[
        list[str] | None, typer.Option(help="Of an export: a choice that blames it.")
    ] = None,
    options: Annotated[
        Literal["classes", "answers"] | None,
        typer.Option(help="Of an export: what people chose from."),
    ] = None,
    encoding: Encoding = None,
    skip_unreadable: SkipUnreadable = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Put labels in place of personal data first.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in place of an earlier import of this name.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would bring, and write nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Bring in files as others have them: rows, preferences, documents; all of them or none."""
    from incumbent.importing.import_options import ImportOptions, answer_fields, role_names
    from incumbent.verbs.import_data import Doing
    from incumbent.verbs.import_data import import_data as bring_in

    given = ImportOptions(
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
        control=control,
        answers=answer_fields(answer or ()),
        good=tuple(good or ()),
        bad=tuple(bad or ()),
        options=options,
        encoding=encoding,
        skip=skip_unreadable,
        redact=redact,
    )
    doing = Doing(name, replace=replace, dry=dry_run, as_json=json)
    try:
        bring_in(files, given, doing)
    except KeyboardInterrupt as stop:
        typer.echo("interrupted: run it again to bring in all of it", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None


@data.command("export")
def export_data(
    to: Annotated[Path, typer.Option(help="A folder for corrections.jsonl and negatives.jsonl.")],
    worst: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many dev items.")] = 150,
) -> None:
    """The dev answers that are worst or got worse, to correct and to learn from."""
    from incumbent.verbs.data_rows import export_bad_answers

    export_bad_answers(to, worst)


@data.command("labels")
def accept_labels(
    export: Annotated[
        Path,
        typer.Argument(help="Label Studio's JSON export of the queue, or rows as JSON Lines."),
    ],
    reason: Reason = "accepted by hand",
) -> None:
    """Accept what people wrote: the next run trains on some of it, and is judged by the rest."""
    from incumbent.verbs.data_rows import accept_labels as accept

    accept(export, reason)


@data.command("rotate-eval")
def rotate_eval(
    reason: Reason,
    part: Annotated[
        Literal["sealed", "dev"], typer.Option(help="Whose items leave, for rows never used.")
    ] = "sealed",
    grow: Annotated[
        bool, typer.Option("--grow", help="No item leaves: rows that wait come in beside them.")
    ] = False,
) -> None:
    """Let all items of an eval set leave, and take rows that were never items in their place."""
    from incumbent.verbs.rotate_eval import grow_eval
    from incumbent.verbs.rotate_eval import rotate_eval as rotate
    from project.records.data import Split

    (grow_eval if grow else rotate)(Split(part), reason)


@data.command("forget")
def forget(
    ids: Annotated[list[str] | None, typer.Option("--id", help="A row's id; several.")] = None,
    match: Annotated[
        list[str] | None,
        typer.Option(help="A name, an address or a number, in whatever stands in a record."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Erase them; else list them.")] = False,
    json: Json = False,
) -> None:
    """Erase a person's rows: from sources, caches, queues, traffic, and what was made of them."""
    from incumbent.verbs.forget import forget as erase

    erase(ids or [], match or [], reason, erase=yes, as_json=json)


@data.command("check")
def check(
    files: Annotated[
        list[Path],
        typer.Argument(help="Anybody's rows, preferences or texts; several are one dataset."),
    ],
    contract: Annotated[
        Path | None, typer.Option(help="As YAML; the one of a new project if left out.")
    ] = None,
    eval_: Annotated[
        list[Path] | None, typer.Option("--eval", help="Items that no row may ask.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="The last version's rows; in a project, of the last submitted one."),
    ] = None,
    kind: Annotated[
        Literal["sft", "preference", "texts"] | None,
        typer.Option(help="Which of what the files hold is checked; all if left out."),
    ] = None,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    encoding: Encoding = None,
    skip_unreadable: SkipUnreadable = False,
    no_embeddings: Annotated[
        bool, typer.Option("--no-embeddings", help="By words alone: quick, and needs no model.")
    ] = False,
    json: Json = False,
) -> None:
    """Hold a file against a data contract; needs no project. Exit 1: a critical check failed."""
    from curation.sources.columns.choices import Wanted
    from incumbent.verbs.check_data import CheckOptions, check_data

    wanted = Wanted(prompt=tuple(prompt or ()), completion=completion, messages=messages)
    options = CheckOptions(
        contract=contract,
        evals=tuple(eval_ or ()),
        against=tuple(against or ()),
        kind=kind,
        encoding=encoding,
        skip=skip_unreadable,
        embeddings=not no_embeddings,
    )
    raise typer.Exit(check_data(files, wanted, options, as_json=json))


@data.command("preview")
def preview(
    file: Annotated[
        Path | None, typer.Argument(help="Anybody's rows or texts; the curated ones if left out.")
    ] = None,
    row: Annotated[str | None, typer.Option(help="A row's id.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, from the first on.")] = 1,
    document: Annotated[
        bool, typer.Option("--document", help="Documents, which step domain learns from.")
    ] = False,
    ids: Annotated[bool, typer.Option("--ids", help="A line for each token, with its id.")] = False,
    prompt: PromptColumns = None,
    completion: CompletionColumn = None,
    messages: MessagesColumn = None,
    json: Json = False,
) -> None:
    """A row as the model sees it: its tokens, which of them are learnt, where it ends."""
    from curation.sources.columns.choices import Wanted
    from incumbent.verbs.preview_data import PreviewOptions, preview_data

    wanted = Wanted(prompt=tuple(prompt or ()), completion=completion, messages=messages)
    options = PreviewOptions(row=row, rows=rows, document=document, ids=ids)
    preview_data(file, wanted, options, as_json=json)


@data.command("waive")
def waive(
    check: Annotated[str, typer.Argument(help="The check's name, as the gate tells it.")],
    until: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day, at most a year ahead.")
    ],
    reason: Annotated[str, typer.Option(help="Why they may stay as they are.")],
    rows: Annotated[
        str | None, typer.Option(help="Ids with commas between; those that fail now if left out.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every row, and those to come; or the whole check.")
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; you if left out.")] = None,
) -> None:
    """Excuse rows from a check until a day, by name and with a reason."""
    from incumbent.verbs.waive import waive as excuse

    excuse(check, rows=rows, every=every, until=until.date(), reason=reason, by=by)


@data.command("allow")
def allow(
    phone: Annotated[list[str] | None, typer.Option(help="Compared by its digits.")] = None,
    email: Annotated[list[str] | None, typer.Option(help="An address.")] = None,
    domain: Annotated[
        list[str] | None, typer.Option(help="All addresses there, and below it.")
    ] = None,
) -> None:
    """Name your organisation's own contacts: the gate takes them for no personal data."""
    from incumbent.verbs.waive import allow as allow_contacts

    allow_contacts({"phones": phone or [], "emails": email or [], "domains": domain or []})


@data.command("select")
def select(
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many rows to select.")],
    seeds: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How many random draws to compare with.")
    ] = 1,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Only rank: train and compare nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Rank the training rows, and say by how much the best ones beat random ones on dev."""
    from incumbent.verbs.select import select as select_rows

    try:
        select_rows(rows, seeds=seeds, compares=not no_compare, as_json=json)
    except KeyboardInterrupt as stop:
        typer.echo("interrupted: what is made is kept; run it again to go on", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None


@data.command("synthesize")
def synthesize(
    rows: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many rows to ask for.")],
    with_: Annotated[
        str, typer.Option("--with", help="base, champion, or an OpenAI-compatible URL with /v1.")
    ],
    model: Annotated[str | None, typer.Option(help="Of a server: the model's name.")] = None,
    key_variable: Annotated[
        str | None, typer.Option(help="Of a server: the environment variable with its key.")
    ] = None,
    kind: Annotated[
        Literal["paraphrase", "new", "both"],
        typer.Option(help="Prompts in other words, new pairs of prompt and answer, or both."),
    ] = "both",
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of rows to begin with.")] = 0,
    to: Annotated[Path, typer.Option(help="The review file; a .jsonl goes beside it.")] = Path(
        "datasets/queue/synthetic.json"
    ),
) -> None:
    """Let a model write rows from training rows, for people to accept or not."""
    from incumbent.synthesizing.writers import writer_of
    from incumbent.verbs.synthesize import synthesize as write_rows

    try:
        writer = writer_of(with_, model, key_variable)
        write_rows(rows, kind, writer, seed=seed, to=to)
    except KeyboardInterrupt as stop:
        typer.echo("interrupted: replies are kept; run it again to go on", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None
