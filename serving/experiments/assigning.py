"""Who answers a request: the champion, or in an experiment for some users its challenger."""

import re

from project.canonical import digest_json
from registry.experiment_events import Experiment
from serving.deploying.route_table import RouteTable
from serving.exchange import Assignment, Deployment

NUMBERED = re.compile(r"v([1-9][0-9]{0,8})")


def chance(salt: str, name: str) -> float:
    """A number from 0 to 1 that is the same for the same name: uniform over names."""
    return int(digest_json([salt, "arm", name])[:13], 16) / 16**13


def assign(
    table: RouteTable,
    experiment: Experiment | None,
    asked: str,
    user: str | None,
    request_id: str,
) -> Assignment | None:
    """Who answers `champion`, `challenger` or `v7` of the family; None: nobody may.

    A user stays in one arm. Who has no name is assigned by the request, and counts for nothing.
    """
    champion = table.champion
    if asked == "champion":
        return experimental(table, champion, experiment, user, request_id) if champion else None
    found = fixed(table, experiment, asked)
    return Assignment(deployment=found) if found else None


def fixed(table: RouteTable, experiment: Experiment | None, asked: str) -> Deployment | None:
    """Who was asked for by name: only the champion and who is in an experiment may answer."""
    champion, tried = table.champion, by_name(table, experiment)
    if asked == "challenger":
        return tried
    number = int(found[1]) if (found := NUMBERED.fullmatch(asked)) else None
    if champion and champion.version == number:
        return champion
    return tried if tried and tried.version == number else None


def by_name(table: RouteTable, experiment: Experiment | None) -> Deployment | None:
    """The challenger, where callers may ask for it: what a shadow answers is seen by nobody."""
    if experiment is None or experiment.told.mode == "shadow":
        return None
    return challenger(table, experiment)


def challenger(table: RouteTable, experiment: Experiment | None) -> Deployment | None:
    """The running experiment's version, where a replica holds it."""
    return table.deployed(experiment.version) if experiment else None


def experimental(
    table: RouteTable,
    champion: Deployment,
    experiment: Experiment | None,
    user: str | None,
    request_id: str,
) -> Assignment:
    """While the challenger is on no replica, or another one than it was to be compared with has the
    champion's traffic, the champion answers everybody, and nobody is counted in either arm.
    """
    tried = challenger(table, experiment)
    if experiment is None or tried is None or champion.version != experiment.told.champion:
        return Assignment(deployment=champion)
    shadow = experiment.told.mode == "shadow"
    name = request_id if shadow or user is None else user
    drawn = chance(experiment.told.salt, name) < experiment.share
    if shadow:
        return shadowed(champion, tried, experiment.number) if drawn else plain(champion)
    return Assignment(
        deployment=tried if drawn else champion,
        experiment=experiment.number,
        arm="challenger" if drawn else "champion",
    )


def plain(champion: Deployment) -> Assignment:
    return Assignment(deployment=champion)


def shadowed(champion: Deployment, challenger: Deployment, number: int) -> Assignment:
    return Assignment(deployment=champion, experiment=number, arm="champion", shadow=challenger)


def shadow_assignment(assignment: Assignment) -> Assignment | None:
    """The assignment of the answer beside the champion's; None: there is none."""
    if assignment.shadow is None:
        return None
    return Assignment(deployment=assignment.shadow, experiment=assignment.experiment, arm="shadow")
