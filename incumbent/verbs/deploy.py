"""`incumbent gateway deploy` and `deployments`: which versions answer, and what has answered."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.text import Text

from evaluation.evaluation_settings import Decoding
from incumbent.options import Json, VersionNumber
from incumbent.output import console, print_json, print_table
from project.canonical import readable
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
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
from serving.deploying.follower import Follower
from serving.deploying.pools import Pools, pools_of
from serving.deploying.route_table import RouteTable
from serving.serving_settings import ServingParams

# --- deploy ---------------------------------------------------------------------------------------

# `gateway deploy`: the champion to every replica now, and the traffic to it.

PAUSE = 0.5  # seconds between two looks at the registry


def deploy_version(
    number: VersionNumber,
    timeout: Annotated[
        float, typer.Option(min=0, help="How long to wait for every replica.")
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """Bring the champion to every replica now, and wait until the traffic has moved to it.

    Raises InputError for a version that is not the champion, IncumbentError where it is not
    deployed in time.
    """
    params = load(ServingParams)
    tell = (lambda line: None) if as_json else tell_people
    with Registry.here() as registry:
        version = champion_of(registry, number)
        if params.backend == "embedded":
            wait_for_gateway(registry, version, timeout)
        else:
            pools = pools_of(params)
            asyncio.run(bring(registry, version, pools, params, timeout, tell))
        found = deployed(registry)
    assert found is not None, "the version was deployed"
    say(version, found, as_json)


def tell_people(line: str) -> None:
    console.print(line, soft_wrap=True)


def champion_of(registry: Registry, number: int) -> AdapterVersion:
    version, champion = registry.version(number), registry.champion()
    if champion is None or champion.number != number:
        now = f"v{champion.number} is" if champion else "there is none yet"
        raise InputError(
            f"{version.label} is not the champion ({now}), and only the champion is deployed. To "
            f"let it answer some users: `incumbent gateway experiment start {number}`; to make it "
            f"champion: `incumbent promote {number}`"
        )
    return version


async def bring(
    registry: Registry,
    version: AdapterVersion,
    pools: Pools,
    params: ServingParams,
    timeout: float,
    tell: Callable[[str], None],
) -> None:
    """Do what a gateway's follower does, without a gateway: those that run follow by themselves."""
    follower = Follower(registry, pools, RouteTable(), params, load(Decoding), tell=tell)
    try:
        async with asyncio.timeout(timeout):
            while not reached(follower, version):
                await follower.once()
                if not reached(follower, version):
                    await asyncio.sleep(params.reconcile_seconds)
    except TimeoutError:
        raise not_deployed(version, timeout, str(follower.state())) from None
    finally:
        await pools.close()


def reached(follower: Follower, version: AdapterVersion) -> bool:
    """Whether it is where the traffic goes."""
    now = follower.table.champion
    return now is not None and now.version == version.number


def wait_for_gateway(registry: Registry, version: AdapterVersion, timeout: float) -> None:
    """The embedded backend lives in the gateway's process, which follows the registry."""
    until = time.monotonic() + timeout
    while (found := deployed(registry)) is None or found.version != version.number:
        if time.monotonic() >= until:
            failures = failures_since(registry, version)
            why = failures[-1].reason if failures else "no gateway told of it: `incumbent serve`"
            raise not_deployed(version, timeout, why)
        time.sleep(min(PAUSE, timeout))


def not_deployed(version: AdapterVersion, timeout: float, why: str) -> IncumbentError:
    return IncumbentError(f"{version.label} was not deployed within {timeout:.0f} s: {why}")


def say(version: AdapterVersion, found: Tenure, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json", by_alias=True))
        return
    replicas = ", ".join(found.told.replicas)
    console.print(f"{version.label} is deployed as {found.told.name} on {replicas}", soft_wrap=True)


# --- deployments ----------------------------------------------------------------------------------

# `gateway deployments`: which version answered since when, and what could not be deployed.

Line = tuple[str | Text, ...]


def print_deployments(as_json: Json = False) -> None:
    """List which version answered since when, and what could not be deployed."""
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
        console.print(
            "each gateway that runs sends the champion's requests to "
            f"v{found.tenures[-1].version}; whether one runs, its address /readyz says",
            soft_wrap=True,
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
