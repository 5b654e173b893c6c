"""`status` and `gateway deployments`: which version is champion, and which one answers."""

from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from curation.gate import failing
from incumbent.options import Json
from incumbent.output import coloured, console, print_json, print_table, say
from incumbent.pipeline import older_project, project_version
from monitoring.duties import NIGHTS, Duty, FamilyLine, Overview, family_needs, family_overview
from monitoring.night_history import last_nights, night_of, nightly_of
from monitoring.night_text import line
from monitoring.scheduling.heartbeats import Heartbeat, living
from monitoring.scheduling.runs import runs_of
from project.canonical import readable
from project.errors import InputError
from project.paths import BASE, GATE_PAGE, GATE_REPORT
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import GateReport, Severity
from project.settings import load
from project.untrusted_input import one_line
from registry.deployment_history import (
    DeploymentFailure,
    Deployments,
    Tenure,
    deployed,
    deployments,
    failures_since,
)
from registry.reader import RegistryReader
from registry.store import Registry
from review.review_settings import ReviewParams

# --- status ---------------------------------------------------------------------------------------


def status(
    every: Annotated[
        bool, typer.Option("--all", help="All families of the registry, a line each.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say where things stand: champion, newest challenger, looks at the sealed eval set.

    $ incumbent status
    """
    (print_all_families if every else print_status)(as_json)


def print_status(as_json: bool) -> None:
    with Registry.here() as registry:
        champion = registry.champion()
        newest = next(iter(registry.newest()), None)
        decision = registry.decision(newest.number) if newest else None
        answering = deployed(registry)
        failures = failures_since(registry, champion) if champion else []
        looks = len(registry.history(kind="open"))
        runs = runs_of(registry.engine, nightly_of(registry.family), limit=8)
        night = next((night for run in runs if (night := night_of(run))), None)
        unfinished = [run for run in runs if night_of(run) is None]
        schedulers = living(registry.engine)
        needs = family_needs(registry, last_nights(registry.engine, registry.family, NIGHTS))
        rejected = newest and registry.newest_event(newest.number, "reject")
    shut = failed_checks()
    project = ModelPin.read(BASE) if BASE.exists() else None
    if as_json:
        print_json(
            {
                "family": registry.family,
                "project_version": project_version(),
                "champion": champion,
                "deployed": answering,
                "deploy_failures": failures,
                "base": project,
                "newest": newest,
                "decision": decision,
                "openings": looks,
                "night": night,
                "unfinished": unfinished,
                "schedulers": schedulers,
                "refused": [{"machine": name, "why": why} for name, why in refused(schedulers)],
                "needs": needs,
                "failed_checks": shut,
            }
        )
        return
    if told := older_project():
        say(f"project   {told}")
    console.print(f"family    {registry.family}")
    say(f"champion  {champion or 'none: a challenger has to beat the bare base model'}")
    if champion or answering:
        say(f"deployed  {deployed_line(champion, answering)}")
    if failures:
        last = f"v{failures[-1].version} ({failures[-1].told.step}), {readable(failures[-1].at)}"
        say(f"failed    {last}: `incumbent gateway deployments` says where and why")
    if champion and project and project.weights != champion.adapter.base.weights:
        say(f"base      {project}: another one than the champion's, and the next challenger's")
    if newest and decision:
        verdict = coloured(decision.verdict.value)
        why = f", {decision.reasons[0]}" + (f"; rejected by {rejected.actor}" if rejected else "")
        say(Text.assemble(f"newest    {newest.label}: ", verdict, why))
    say(
        f"looks     {looks} at the sealed eval set so far (comparisons on it: each makes the next "
        "one harder)"
    )
    if night:
        say(Text.assemble("night     ", line(night).split()[0]))
    for run in unfinished:
        say(f"unended   {run}")
    for scheduler in schedulers:
        say(f"watched   by {scheduler.sign}")
    for machine, why in refused(schedulers):
        say(f"refused   {machine}: {one_line(why)}")
    for need in needs:
        say(f"next      {next_step(need)}")
    if shut:
        say(
            f"next      the gate is shut: {', '.join(shut)} failed. {GATE_PAGE} has the rows: mend "
            "or waive them, then `incumbent run`"
        )
    elif newest is None:
        console.print("next      incumbent run")


def failed_checks() -> list[str]:
    """The critical checks that keep the gate shut, by its last report."""
    with suppress(InputError):  # without a report that can be read nothing is known
        report = GateReport.read(GATE_REPORT)
        today = datetime.now(UTC).date()
        return [check.name for check in failing(report, today, Severity.CRITICAL)]
    return []


def next_step(need: Duty) -> str:
    """What waits for a person, and what to type or where to go for it."""
    return f"{need.text}: {need.command or load(ReviewParams).place_of(need.link)}"


def refused(schedulers: Iterable[Heartbeat]) -> list[tuple[str, str]]:
    """The machines that must not do a job, each with why; they do the others."""
    return [(heartbeat.machine, heartbeat.refuses) for heartbeat in schedulers if heartbeat.refuses]


def deployed_line(champion: AdapterVersion | None, answering: Tenure | None) -> str:
    """Where gateways send the champion's traffic, and whether that is the champion."""
    if answering is None:
        return "nothing yet: `incumbent serve` deploys the champion"
    line = f"v{answering.version} since {readable(answering.since)}"
    if champion is None or champion.number == answering.version:
        return f"{line}, to each gateway that runs"
    return f"{line}, and not the champion: `incumbent gateway deploy {champion.number}` says why"


# --- status all -----------------------------------------------------------------------------------


def print_all_families(as_json: bool) -> None:
    """Those first that need a person."""
    with RegistryReader.here() as reader:
        overview = family_overview(reader, reader.clock())
    if as_json:
        print_json(overview)
        return
    if not overview.families:
        console.print("no family has a version yet: `incumbent run` makes the first one")
        return
    columns = ("family", "champion", "since", "last night", "retrains")
    print_table(columns, [cells(line) for line in overview.families])
    for family in overview.families:
        for need in family.needs:
            style = "bold red" if need.kind in ("failed", "drift") else "bold yellow"
            say(Text.assemble((family.family, style), f": {need_line(need)}"))
    say(summary(overview))
    for scheduler in overview.schedulers:
        say(f"watched by {one_line(scheduler)}")


def cells(line: FamilyLine) -> tuple[str | Text, ...]:
    used = str(line.used) if line.quota is None else f"{line.used} of {line.quota}"
    return (
        line.family,
        f"v{line.champion}" if line.champion else "–",
        (line.since or "–")[:10],
        night_text(line),
        f"{used}, {line.retrain}" if line.retrain else used,
    )


def night_text(line: FamilyLine) -> Text:
    if line.verdict is None:
        return Text("–")
    return Text.assemble(f"{line.night} ", coloured(line.verdict.value))


def summary(overview: Overview) -> str:
    states = [line.retrain for line in overview.families]
    limit = f" of {overview.at_once} at once" if overview.at_once is not None else ""
    families = len(overview.families)
    return (
        f"{families} {'family' if families == 1 else 'families'}; retrains: "
        f"{states.count('running')}{limit} running, {states.count('waiting')} waiting"
    )


def need_line(need: Duty) -> str:
    return f"{need.text}: {one_line(need.detail)}" if need.detail else need.text


# --- deployments ----------------------------------------------------------------------------------

Line = tuple[str | Text, ...]


def print_deployments(as_json: Json = False) -> None:
    """List which version answered since when, and what could not be deployed.

    $ incumbent gateway deployments
    """
    with RegistryReader.here() as registry:
        history = deployments(registry)
        champion = registry.champion()
    if as_json:
        print_json(history.model_dump(mode="json", by_alias=True))
        return
    if not history.tenures and not history.failures:
        console.print("nothing was deployed yet: promote a version, then run `incumbent serve`")
        return
    columns = (">version", "", "from (UTC)", "until", "agreement", "replicas, or what failed")
    print_table(columns, [line for _, line in sorted(lines(history), key=lambda pair: pair[0])])
    if champion and (not history.tenures or history.tenures[-1].version != champion.number):
        console.print(
            f"the champion is v{champion.number}, and its traffic has not moved to it: "
            f"`incumbent gateway deploy {champion.number}` says why"
        )
    elif history.tenures and history.tenures[-1].until is None:
        say(
            "each gateway that runs sends the champion's requests to "
            f"v{history.tenures[-1].version}; whether one runs, its address /readyz says"
        )


def lines(deployments: Deployments) -> list[tuple[str, Line]]:
    """Each with its moment, to order them by."""
    answered = [(tenure.since, answered_line(tenure)) for tenure in deployments.tenures]
    return answered + [(failure.at, failed_line(failure)) for failure in deployments.failures]


def answered_line(tenure: Tenure) -> Line:
    told = tenure.told
    share = f"{float(told.agreement):.2f}" if told.agreement else "unknown"
    return (
        f"v{tenure.version}",
        "answered" if tenure.until else Text("deployed", "bold green"),
        minute(tenure.since),
        minute(tenure.until) if tenure.until else "–",
        share,
        one_line(", ".join(told.replicas)),
    )


def failed_line(failure: DeploymentFailure) -> Line:
    place = f" on {failure.told.replica}" if failure.told.replica else ""
    return (
        f"v{failure.version}",
        Text("failed", "bold red"),
        minute(failure.at),
        "",
        "",
        one_line(f"{failure.told.step}{place}: {failure.reason}"),
    )


def minute(text: str) -> str:
    """A moment without its time zone, which the column's head names: tables are narrow."""
    return readable(text).removesuffix(" UTC")
