"""`incumbent status`: which version is champion, and how the newest challenger does."""

from collections.abc import Iterable

from rich.text import Text

from incumbent.output import coloured, console, print_json
from incumbent.pipeline import older_project, project_version
from monitoring.night_history import night_of, nightly_of
from project.paths import BASE
from project.records.adapters import AdapterVersion, ModelPin
from project.times import readable
from project.untrusted_input import one_line
from registry.deployments import Tenure, deployed
from registry.jobs.heartbeats import Heartbeat, living
from registry.jobs.runs import runs_of
from registry.store import Registry


def print_status(as_json: bool) -> None:
    with Registry.here() as registry:
        champion = registry.champion()
        newest = next(iter(registry.newest()), None)
        decision = registry.decision(newest.number) if newest else None
        answering = deployed(registry)
        looks = len(registry.history(kind="open"))
        runs = runs_of(registry.engine, nightly_of(registry.family), limit=8)
        night = next((night for run in runs if (night := night_of(run))), None)
        unfinished = [run for run in runs if night_of(run) is None]
        schedulers = living(registry.engine)
    project = ModelPin.read(BASE) if BASE.exists() else None
    if as_json:
        print_json(
            {
                "family": registry.family,
                "project_version": project_version(),
                "champion": champion.model_dump(mode="json") if champion else None,
                "deployed": answering.model_dump(mode="json") if answering else None,
                "base": project.model_dump(mode="json") if project else None,
                "newest": newest.model_dump(mode="json") if newest else None,
                "decision": decision.model_dump(mode="json") if decision else None,
                "openings": looks,
                "night": night.model_dump(mode="json") if night else None,
                "unfinished": [run.model_dump(mode="json") for run in unfinished],
                "schedulers": [scheduler.model_dump(mode="json") for scheduler in schedulers],
                "refused": [{"machine": name, "why": why} for name, why in refused(schedulers)],
            }
        )
        return
    if told := older_project():
        console.print(f"project   {told}", soft_wrap=True)
    console.print(f"family    {registry.family}")
    console.print(
        f"champion  {champion or 'none yet: a challenger has to beat the bare base model'}",
        soft_wrap=True,
    )
    if champion or answering:
        console.print(f"deployed  {deployed_line(champion, answering)}", soft_wrap=True)
    if champion and project and project.weights != champion.adapter.base.weights:
        console.print(
            f"base      {project}: another one than the champion's, and the next challenger's",
            soft_wrap=True,
        )
    if newest and decision:
        verdict = coloured(decision.verdict.value)
        newest_line = Text.assemble(
            f"newest    {newest.label}: ", verdict, f", {decision.reasons[0]}"
        )
        console.print(newest_line, soft_wrap=True)
    console.print(f"looks     {looks} at the sealed eval set so far")
    if night:
        console.print(f"night     {night}", soft_wrap=True)
    for run in unfinished:
        console.print(f"unended   {run}", soft_wrap=True)
    for scheduler in schedulers:
        console.print(f"watched   by {scheduler.sign}", soft_wrap=True)
    for machine, why in refused(schedulers):
        console.print(f"refused   {machine}: {one_line(why)}", soft_wrap=True)
    if newest is None:
        console.print("next      dvc repro && incumbent submit --promote")


def refused(schedulers: Iterable[Heartbeat]) -> list[tuple[str, str]]:
    """The machines that must not do a job, each with why; they do the others."""
    return [(one.machine, one.refuses) for one in schedulers if one.refuses]


def deployed_line(champion: AdapterVersion | None, answering: Tenure | None) -> str:
    """Where gateways send the champion's traffic, and whether that is the champion."""
    if answering is None:
        return "nothing yet: `incumbent serve` deploys the champion"
    line = f"v{answering.version} since {readable(answering.since)}"
    if champion is None or champion.number == answering.version:
        return line
    return f"{line}, and not the champion: `incumbent deploy {champion.number}` says why"
