"""`gateway deployments`: which version answered since when, and what could not be deployed."""

from rich.text import Text

from incumbent.options import Json
from incumbent.output import console, print_json, print_table, say
from project.canonical import readable
from project.untrusted_input import one_line
from registry.deployment_history import DeploymentFailure, Deployments, Tenure, deployments
from registry.reader import RegistryReader

Line = tuple[str | Text, ...]


def print_deployments(as_json: Json = False) -> None:
    """List which version answered since when, and what could not be deployed.

    $ incumbent gateway deployments
    """
    with RegistryReader.here() as registry:
        found = deployments(registry)
        champion = registry.champion()
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    if not found.tenures and not found.failures:
        console.print("nothing was deployed yet: promote a version, then run `incumbent serve`")
        return
    columns = (">version", "", "from (UTC)", "until", "agreement", "replicas, or what failed")
    print_table(columns, [line for _, line in sorted(lines(found), key=lambda pair: pair[0])])
    if champion and (not found.tenures or found.tenures[-1].version != champion.number):
        console.print(
            f"the champion is v{champion.number}, and its traffic has not moved to it: "
            f"`incumbent gateway deploy {champion.number}` says why"
        )
    elif found.tenures and found.tenures[-1].until is None:
        say(
            "each gateway that runs sends the champion's requests to "
            f"v{found.tenures[-1].version}; whether one runs, its address /readyz says"
        )


def lines(found: Deployments) -> list[tuple[str, Line]]:
    """Each with its moment, to order them by."""
    answered = [(tenure.since, answered_line(tenure)) for tenure in found.tenures]
    return answered + [(failure.at, failed_line(failure)) for failure in found.failures]


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
