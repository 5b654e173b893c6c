"""The `incumbent` command. A verb imports what it needs when it runs, so that --help is quick."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from gc import set_threshold
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Literal

import typer

from incumbent.data_commands import data
from incumbent.options import (
    LARGEST,
    CompletionColumn,
    Encoding,
    ExitVerdict,
    GroupColumn,
    Instruction,
    Json,
    MessagesColumn,
    Promote,
    PromptColumns,
    Reason,
    SkipUnreadable,
    SliceColumns,
    SystemPrompt,
    Turns,
    VersionNumber,
)
from incumbent.project_commands import backup, launch, reproduce, restore, upgrade
from incumbent.serving_commands import deploy, deployments, experiment, serve, serve_report
from project.errors import IncumbentError
from project.extras import name_missing_extras

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An adapter holds the seat only while it wins.",
)

app.add_typer(data, name="data")

drift = typer.Typer(no_args_is_help=True, help="Whether prompts are still what they were.")
app.add_typer(drift, name="drift")


# What the disk says of a place that nothing can be written to.
UNFIT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST}


def print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"incumbent {version('incumbent')}")
        raise typer.Exit


@contextmanager
def told_to_go_on() -> Iterator[None]:
    """An interruption of work whose parts are kept is told in a line."""
    try:
        yield
    except KeyboardInterrupt as stop:
        typer.echo("interrupted: what is made is kept; run it again to go on", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """What can be asked without a command."""


@app.command()
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
    instruction: Instruction = None,
    system: SystemPrompt = None,
    slice_: SliceColumns = None,
    group: GroupColumn = None,
    base: Annotated[str, typer.Option(help="embedded, a path, or a Hub id.")] = "embedded",
    revision: Annotated[str | None, typer.Option(help="Of a base from the Hub: a commit.")] = None,
    encoding: Encoding = None,
    skip_unreadable: SkipUnreadable = False,
    sample: Annotated[bool, typer.Option("--sample", help="The sample task instead.")] = False,
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
    """Make a project of your own, from your data."""
    from curation.sources.columns.choices import Wanted
    from incumbent.init.own_sources import FileOptions
    from incumbent.sharing.usable_registry import SharedPlaces
    from incumbent.verbs.init import init_project, init_sample
    from project.errors import InputError
    from project.model_pins import BaseChoice

    sources = [*(files or ()), *(more or ())]
    if sample == bool(sources):
        raise InputError("say --from FILE… for a project of your data, or --sample")
    places = SharedPlaces(remote=remote, database=registry, artifacts=artifacts)
    if sample:
        init_sample(folder, places)
        return
    wanted = Wanted(
        prompt=tuple(prompt or ()),
        completion=completion,
        messages=messages,
        turns=turns,
        instruction=instruction,
        system=system,
        slices=tuple(slice_) if slice_ else None,
        group=group,
    )
    options = FileOptions(encoding=encoding, skip=skip_unreadable)
    choice = BaseChoice(model=base, revision=revision)
    init_project(folder, sources, wanted, choice, options, places, yes=yes)


@app.command()
def status(
    every: Annotated[
        bool, typer.Option("--all", help="All families of the registry, a line each.")
    ] = False,
    json: Json = False,
) -> None:
    """Where things stand: champion, newest challenger, looks at the sealed eval set."""
    if every:
        from incumbent.verbs.status import print_all_families

        print_all_families(json)
        return
    from incumbent.verbs.status import print_status

    print_status(json)


@app.command()
def settings(
    section: Annotated[
        str | None, typer.Argument(help="Such as curation.curate; all sections if left out.")
    ] = None,
) -> None:
    """Every key of params.yaml, with its default and what it is for."""
    from incumbent.verbs.settings import print_settings

    print_settings(section)


@app.command()
def recipes(
    name: Annotated[
        str | None, typer.Argument(help="Such as brief; all recipes if left out.")
    ] = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="Put it into params.yaml, and show what changes."),
    ] = False,
    json: Json = False,
) -> None:
    """Named recipes of training: which there are, what one says, one into params.yaml."""
    from incumbent.verbs.recipes import recipes as handle

    handle(name, write=write, as_json=json)


@app.command()
def doctor(json: Json = False) -> None:
    """What this machine can do, and what it lacks."""
    from incumbent.verbs.doctor import print_diagnosis

    print_diagnosis(json)


@app.command()
def plan(
    base: Annotated[
        str | None,
        typer.Option(help="Another base: a folder, or a size such as 0.5B, 3B, 7B, 14B, 70B."),
    ] = None,
    price: Annotated[
        list[str] | None,
        typer.Option(metavar="MACHINE=PRICE", help="Of an hour, such as L4=0.8; again for others."),
    ] = None,
    gpus: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:COUNT]", help="On these alone, such as H100:4; again: others."),
    ] = None,
    json: Json = False,
) -> None:
    """What a run will take, here and on common machines: memory, minutes, tokens, money."""
    from incumbent.verbs.plan import print_plan

    print_plan(base, price or (), gpus or (), as_json=json)


@app.command()
def tune(
    trials: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="Adapters in all; search.trials if left out."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="After these no further trial begins.")
    ] = None,
    json: Json = False,
) -> None:
    """Look for better settings of training, on dev alone; goes on from where it was."""
    from incumbent.verbs.tune import tune as search

    with told_to_go_on():
        search(trials, minutes, as_json=json)


@app.command()
def curve(
    shares: Annotated[
        str, typer.Option(help="Of the training rows, with commas between.")
    ] = "1/8,1/4,1/2,1",
    seeds: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="How often each share is drawn.")
    ] = 3,
    more: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="Say what this many more labels would add.")
    ] = 200,
    at: Annotated[
        int, typer.Option(min=1, max=LARGEST, help="Say what this many labels reach.")
    ] = 250,
    json: Json = False,
) -> None:
    """Scores on dev at several numbers of labels, and what more labels are worth."""
    from incumbent.verbs.curve import curve as measure

    with told_to_go_on():
        measure(shares, seeds, more=more, at=at, as_json=json)


@app.command()
def bases(
    names: Annotated[
        list[str], typer.Argument(help="Folders, Hub ids such as org/name@COMMIT, or embedded.")
    ],
    few_shot: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Training rows in each prompt; 0: only bare.")
    ] = 3,
    by: Annotated[
        str | None, typer.Option(help="The metric that ranks; the first that gates if left out.")
    ] = None,
    json: Json = False,
) -> None:
    """Rank base models on dev, bare and few-shot, with what each costs, before any is trained."""
    from incumbent.verbs.bases import bases as rank

    with told_to_go_on():
        rank(names, few_shot, by=by, as_json=json)


@app.command()
def decide(
    logs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="CHAMPION CHALLENGER",
            help="With --from: each side's log, a file, a folder or a quoted pattern.",
        ),
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="A score table: JSON Lines, one item a line.")
    ] = None,
    from_: Annotated[
        Literal["lm-eval", "inspect", "promptfoo", "jsonl"] | None,
        typer.Option("--from", help="The tool that wrote two logs; jsonl: scores of your own."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric to compare by, NAME or TASK=NAME; all if left out."),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help="Compare this task of the logs.")] = None,
    systems: Annotated[
        tuple[str, str] | None,
        typer.Option(help="Which system of each log: champion's, challenger's. For promptfoo."),
    ] = None,
    allow_missing: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="The share of items that may be missing; else 0.02."),
    ] = None,
    write: Annotated[Path | None, typer.Option(help="Keep the logs' score table there.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="A policy as YAML; `strict` if left out.")
    ] = None,
    look: Annotated[
        int,
        typer.Option(
            min=1,
            max=LARGEST,
            help="The number of this look, a comparison on these items: later ones must show more.",
        ),
    ] = 1,
    general: Annotated[
        Path | None, typer.Option(help="A score table of a general-ability suite.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The same items, with the regression baseline as champion.")
    ] = None,
    json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """A verdict from anybody's score table, or from two logs of another evaluation tool."""
    from incumbent.verbs.decide import LogOptions, Terms, decide_on

    terms = Terms(policy, look, general, reference, as_json=json)
    options = LogOptions(
        tool=from_,
        paths=tuple(logs or ()),
        metrics=tuple(metric or ()),
        tasks=tuple(task or ()),
        systems=systems,
        allow_missing=allow_missing,
        write=write,
    )
    code = decide_on(scores, options, terms)
    raise typer.Exit(code if exit_verdict else 0)


@app.command()
def ballots(
    file: Annotated[Path, typer.Argument(help="Ballots: JSON Lines, one ballot a line.")],
    votes: Annotated[
        int,
        typer.Option(
            min=1, help="An item counts by its first so many ballots; odd, fixed before you look."
        ),
    ] = 1,
    judge: Annotated[
        Path | None,
        typer.Option(
            help="A judge's word on these items and more: JSON Lines of item, left, right and "
            "preference, the chance that the left is preferred."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Who agrees and which version people prefer, from anybody's ballots; needs no project."""
    from incumbent.verbs.count_ballots import count_ballots

    count_ballots(file, votes=votes, judge=judge, as_json=json)


@app.command()
def run(
    until: Annotated[
        str | None, typer.Option(metavar="STAGE", help="End after this stage of dvc.yaml.")
    ] = None,
    reason: Reason = "pipeline run",
    json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Run the loop once: the pipeline, the decision on its challenger, the promotion if it won."""
    from incumbent.verbs.run import run_loop
    from project.errors import InputError

    if until and exit_verdict:
        raise InputError("with --until there is no verdict: leave --exit-verdict out")
    try:
        code = run_loop(until=until, reason=reason, as_json=json)
    except KeyboardInterrupt as stop:
        typer.echo("interrupted: run it again to go on", err=True)
        raise typer.Exit(getattr(stop, "exit_code", 130)) from None
    raise typer.Exit(code if exit_verdict else 0)


@app.command()
def submit(
    promote: Promote = False,
    reason: Reason = "pipeline run",
    json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Register the pipeline's challenger and decide on its evidence."""
    from incumbent.verbs.submit import submit_challenger

    code = submit_challenger(promote=promote, reason=reason, as_json=json)
    raise typer.Exit(code if exit_verdict else 0)


@app.command("import-adapter")
def import_adapter(
    folder: Annotated[Path, typer.Argument(help="A LoRA adapter's folder, made by anybody.")],
    reason: Reason,
    base: Annotated[
        str | None, typer.Option(help="What it stands on, where that is not the project's base.")
    ] = None,
    revision: Annotated[str | None, typer.Option(help="The commit of a base on the Hub.")] = None,
    json: Json = False,
) -> None:
    """Check a third-party adapter byte by byte, and register it as the next version."""
    from incumbent.verbs.import_adapter import import_adapter as take_in
    from project.model_pins import ModelChoice

    choice = ModelChoice(model=base, revision=revision) if base else None
    take_in(folder, base=choice, reason=reason, as_json=json)


@app.command()
def reevaluate(
    number: VersionNumber,
    promote: Promote = False,
    reason: Reason = "evaluated again",
    json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Compare a version with the champion anew, such as after fresh eval items came."""
    from incumbent.verbs.reevaluate import reevaluate as evaluate_again

    code = evaluate_again(number, promote=promote, reason=reason, as_json=json)
    raise typer.Exit(code if exit_verdict else 0)


@app.command()
def verify(
    number: Annotated[
        int | None, typer.Argument(min=1, max=LARGEST, help="With --data: one version alone.")
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="Anchors to hold the history against: a file, git or git:REMOTE."),
    ] = None,
    data: Annotated[
        bool, typer.Option("--data", help="Instead: whether every version's rows can be fetched.")
    ] = False,
    json: Json = False,
) -> None:
    """Check the whole registry: events, tables, artifacts, and every decision made again."""
    from project.errors import InputError

    if data:
        from incumbent.verbs.verify_data import verify_data

        verify_data(number, as_json=json)
    elif number is None:
        from incumbent.verbs.verify import verify_registry

        verify_registry(json, anchor or ())
    else:
        raise InputError(f"say what of it: incumbent verify --data {number}")


@app.command()
def anchor(
    to: Annotated[
        str | None,
        typer.Option(
            help="A file, git, git:REMOTE or a webhook's address; registry.anchor if left out."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write down outside of the registry how far its history goes, signed where there is a key."""
    from incumbent.verbs.anchor import write_anchor

    write_anchor(to, as_json=json)


@app.command()
def suites(
    tasks: Annotated[list[str], typer.Argument(help="Tasks or groups, by lm-eval's names.")],
    to: Annotated[Path, typer.Option(help="The score table to write.")],
    include: Annotated[
        Path | None, typer.Option(help="A folder with lm-eval tasks of your own.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=LARGEST, help="Items of each task at most.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Such as acc; the first that all tasks have if left out.")
    ] = None,
) -> None:
    """Run public suites on champion and challenger; needs the lm-eval extra."""
    from incumbent.verbs.suites import run_suites

    run_suites(tasks, to=to, include=include, limit=limit, metric=metric)


@drift.command("check")
def check_drift(
    reference: Annotated[
        Path, typer.Option(help="Prompts as they were: JSON Lines, CSV or Parquet.")
    ],
    current: Annotated[Path, typer.Option(help="Prompts as they are now.")],
    text_field: Annotated[str, typer.Option(help="The field with a row's prompt.")] = "prompt",
    block_field: Annotated[
        str | None,
        typer.Option(help="A field such as user: rows with the same value are not independent."),
    ] = None,
    alpha: Annotated[
        float, typer.Option(help="The chance of a false alarm, over all signals.")
    ] = 0.01,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    json: Json = False,
    exit_verdict: Annotated[
        bool,
        typer.Option("--exit-verdict", help="Exit with 0: no drift, 10: insufficient, 11: drift."),
    ] = False,
) -> None:
    """Compare two files of anybody's prompts; needs no project."""
    from incumbent.verbs.check_drift import check_drift as compare_files

    code = compare_files(
        reference,
        current,
        text_field=text_field,
        block_field=block_field,
        alpha=alpha,
        seed=seed,
        as_json=json,
    )
    raise typer.Exit(code if exit_verdict else 0)


@app.command()
def nightly(
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day whose traffic is looked at; yesterday."),
    ] = None,
    traffic_is_here: Annotated[
        bool,
        typer.Option(
            "--traffic-is-here",
            help="The traffic was moved to this machine's folder; that is kept on record.",
        ),
    ] = False,
    clock_is_right: Annotated[
        bool,
        typer.Option(
            "--clock-is-right",
            help="The clock is right, though nothing is known of a month or more before today.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Run one night: check the day's traffic for drift, and do what follows; once for each date."""
    from incumbent.verbs.nightly import run_night

    run_night(
        date.date() if date else None,
        as_json=json,
        traffic_is_here=traffic_is_here,
        clock_is_right=clock_is_right,
    )


@app.command()
def scheduler(
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, and end.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether one lives on this machine.")
    ] = False,
    teams: Annotated[
        Path | None,
        typer.Option(help="teams.yaml: the projects that it is for, instead of this one."),
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(min=1, help="Retrains at once, of all families in the registry."),
    ] = None,
    quota: Annotated[
        int | None, typer.Option(min=0, help="Retrains of this family in 7 days.")
    ] = None,
) -> None:
    """Run every night at its time, catch up on missed ones; anchor and verify the registry."""
    if check:
        from incumbent.verbs.check_scheduler import check_scheduler

        check_scheduler(teams)
        return
    if teams:
        from incumbent.verbs.nightly import run_team_scheduler

        refuse_two_limits(teams, at_once, quota)
        run_team_scheduler(teams, once=once)
        return
    from incumbent.verbs.nightly import run_scheduler
    from monitoring.scheduling.retrain_slots import RetrainLimits

    run_scheduler(once=once, limits=RetrainLimits(at_once=at_once, quota=quota))


def refuse_two_limits(teams: Path, *limits: int | None) -> None:
    from project.errors import InputError

    if any(limit is not None for limit in limits):
        raise InputError(f"--at-once and --quota are for one project: {teams} has them for all")


@app.command()
def review(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8765,
    host: Annotated[str, typer.Option(help="Another one than this machine needs users.")] = (
        "127.0.0.1"
    ),
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and open no browser.")
    ] = False,
    add_user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Add somebody to the file of review.users instead."),
    ] = None,
) -> None:
    """Open the web page on which people look, vote and decide; needs the review extra."""
    from incumbent.verbs import review as verb

    if add_user is not None:
        verb.add_user(add_user)
    else:
        verb.review(host, port, browser=not no_browser)


for verb in (
    serve,
    deploy,
    deployments,
    serve_report,
    upgrade,
    backup,
    restore,
    reproduce,
    launch,
):
    app.command()(verb)
app.add_typer(experiment, name="experiment")


@app.command()
def stage(name: Annotated[str, typer.Argument(help="As dvc.yaml has it, such as train.")]) -> None:
    """Run one stage of the pipeline, as dvc.yaml does."""
    from incumbent.pipeline import run_stage

    try:
        run_stage(name)
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing half-written is kept; run it again to go on", err=True)
        raise typer.Exit(130) from None


@app.command()
def versions(
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, the newest ones.")] = 50,
    before: Annotated[
        int | None,
        typer.Option(min=2, max=LARGEST, help="Only versions below this number: an earlier page."),
    ] = None,
    json: Json = False,
) -> None:
    """List the family's versions, with their verdicts."""
    from incumbent.verbs.versions import print_versions

    print_versions(json, limit=limit, before=before)


@app.command()
def show(
    number: VersionNumber,
    card: Annotated[bool, typer.Option("--card", help="Print its model card instead.")] = False,
    json: Json = False,
) -> None:
    """Show one version: its lineage, its evidence and the decision on it."""
    from incumbent.verbs.show import print_card, print_version

    if card:
        print_card(number)
    else:
        print_version(number, json)


@app.command()
def why(number: VersionNumber, json: Json = False) -> None:
    """Say in a paragraph why a version was or was not promoted."""
    from incumbent.verbs.why import print_why

    print_why(number, json)


@app.command()
def export(
    number: VersionNumber,
    to: Annotated[
        str, typer.Option(help="A folder that is new or empty; or hf://ORG/NAME[@BRANCH].")
    ],
    merged: Annotated[
        bool, typer.Option("--merged", help="The base with the adapter merged into it.")
    ] = False,
    for_: Annotated[
        Literal["vllm", "peft", "merged", "gguf"] | None,
        typer.Option("--for", help="The engine's form, scored again on dev before it is written."),
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0, help="By which a score may differ from the judged one.")
    ] = 0.02,
    public: Annotated[
        bool, typer.Option("--public", help="On the Hub: for everybody to read, not private.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="On the Hub: over what is no version of this family.")
    ] = False,
) -> None:
    """Write a version to a folder or the Hugging Face Hub, with its card and evidence."""
    from incumbent.verbs.export import export_version, upload_version
    from project.errors import InputError
    from serving.exporting.hub_repository import HubRepository

    if "://" in to or to.startswith("hf:"):
        upload_version(
            number,
            HubRepository.parse(to),
            merged=merged,
            engine=for_,
            margin=margin,
            public=public,
            force=force,
        )
    elif public or force:
        raise InputError("--public and --force are for a repository of the Hub: --to hf://ORG/NAME")
    else:
        export_version(number, Path(to), merged=merged, engine=for_, margin=margin)


@app.command()
def dossier(
    number: VersionNumber,
    to: Annotated[
        Path | None, typer.Option(help="FILE.html or FILE.pdf; FAMILY-vN-dossier.html if left out.")
    ] = None,
    notes: Annotated[
        Path | None, typer.Option(help="YAML: what people wrote; dossier.yaml if left out.")
    ] = None,
) -> None:
    """Write what a model-risk department asks for about a version (SR 11-7, EU AI Act Annex IV)."""
    from incumbent.verbs.dossier import write_version_dossier

    write_version_dossier(number, to, notes)


@app.command()
def sign(
    number: VersionNumber,
    key: Annotated[
        Path | None, typer.Option(help="A private key; $INCUMBENT_SIGNING_KEY if left out.")
    ] = None,
    reason: Reason = "signed by hand",
) -> None:
    """Sign a version, its data and the decision on it; needs the signing extra."""
    from incumbent.verbs.sign import sign_version

    sign_version(number, key, reason)


@app.command()
def keygen(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; FILE.pub is public.")],
) -> None:
    """Make a pair of keys to sign versions with."""
    from incumbent.verbs.sign import generate_keys

    generate_keys(file)


@app.command()
def promote(
    number: VersionNumber,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept in the history.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Without a verdict; needs a reason, marked for ever.")
    ] = False,
) -> None:
    """Make a version the champion, if its decision says PROMOTE."""
    from incumbent.verbs.promote import promote_version

    promote_version(number, reason, force=force)


@app.command()
def reject(number: VersionNumber, reason: Reason) -> None:
    """Say no to a version, whatever its verdict: it cannot be promoted any more."""
    from incumbent.verbs.promote import reject_version

    reject_version(number, reason)


@app.command("adopt-looks")
def adopt_looks(reason: Reason) -> None:
    """Count looks at this project's sealed items that another registry took, or a lost state."""
    from incumbent.verbs.adopt_looks import adopt

    adopt(reason)


@app.command()
def alias(
    name: Annotated[str, typer.Argument(help="A name such as staging, but not champion.")],
    to: Annotated[
        int | None, typer.Option(min=1, max=LARGEST, help="A version; nothing if left out.")
    ] = None,
    expect: Annotated[
        int | None, typer.Option(min=1, max=LARGEST, help="What it names now; nothing if left out.")
    ] = None,
    reason: Reason = "moved by hand",
) -> None:
    """Point an alias at a version, if it still names what you expect."""
    from incumbent.verbs.aliases import point_alias

    point_alias(name, to, expect, reason)


@app.command()
def delete(number: VersionNumber, reason: Reason) -> None:
    """Delete a version that no alias names; a tombstone keeps its record and lineage."""
    from incumbent.verbs.aliases import delete_version

    delete_version(number, reason)


@app.command()
def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Delete them; else list them.")] = False,
    json: Json = False,
) -> None:
    """Find artifacts that no version and no event names any more."""
    from incumbent.verbs.aliases import collect_garbage

    collect_garbage(delete=delete, as_json=json)


@app.command()
def rollback(
    to: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="An earlier champion; the one before if left out."),
    ] = None,
    reason: Reason = "rolled back by hand",
) -> None:
    """Make an earlier version champion again."""
    from incumbent.verbs.promote import roll_back

    roll_back(to, reason)


@app.command()
def history(
    at: Annotated[
        str | None, typer.Option(help="A date or time: which version each alias named then.")
    ] = None,
    json: Json = False,
) -> None:
    """Everything that happened to the family, oldest first."""
    from incumbent.verbs.history import print_history

    print_history(json, at)


def main() -> None:
    """Run a command; a known error becomes one line on stderr and its exit code."""
    # Libraries make a million objects while they are imported: to look for garbage among them as
    # often as Python does by itself takes a tenth of that time.
    set_threshold(20_000, 10, 10)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack a letter
            stream.reconfigure(errors="backslashreplace")
    try:
        with name_missing_extras():
            app()
    except IncumbentError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # of the disk, and not of ours
        if error.errno not in UNFIT:
            raise
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {place}{error.strerror}: mend that, and run it again", err=True)
        sys.exit(IncumbentError.exit_code)
