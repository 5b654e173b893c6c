"""`gateway deploy` and `cost-report`: the champion to every replica, and what an answer costs."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.evaluation_settings import Decoding
from incumbent.options import LARGEST, Json, VersionNumber
from incumbent.output import console, print_json, print_table, say
from project.child_processes import ended_by_signals
from project.errors import IncumbentError, InputError
from project.records.adapters import AdapterVersion
from project.settings import load
from registry.deployment_history import deployed, failures_since
from registry.store import Registry
from serving.deploying.follower import Follower
from serving.deploying.pools import Pools, pools_of
from serving.deploying.route_table import RouteTable
from serving.serving_settings import LargerModelParams, ServingParams

if TYPE_CHECKING:
    from serving.asked_systems import LargerModel
    from serving.system_costs import CostReport

# --- deploy ---------------------------------------------------------------------------------------

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

    $ incumbent gateway deploy v3
    """
    params = load(ServingParams)
    tell = (lambda line: None) if as_json else say
    with Registry.here() as registry:
        version = champion_of(registry, number)
        if params.starts_engines:
            wait_for_gateway(registry, version, timeout)
        else:
            pools = pools_of(params)
            asyncio.run(bring(registry, version, pools, params, timeout, tell))
        deployment = deployed(registry)
    assert deployment is not None, "the version was deployed"
    if as_json:
        print_json(deployment.model_dump(mode="json", by_alias=True))
        return
    replicas = ", ".join(deployment.told.replicas)
    say(f"{version.label} is deployed as {deployment.told.name} on {replicas}")


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
                    await asyncio.sleep(follower.pause)
    except TimeoutError:
        raise not_deployed(version, timeout, str(follower.state())) from None
    finally:
        await pools.close()


def reached(follower: Follower, version: AdapterVersion) -> bool:
    """Whether it is where the traffic goes."""
    now = follower.table.champion
    return now is not None and now.version == version.number


def wait_for_gateway(registry: Registry, version: AdapterVersion, timeout: float) -> None:
    """The engines are the gateway's own, which follows the registry."""
    until = time.monotonic() + timeout
    while (deployment := deployed(registry)) is None or deployment.version != version.number:
        if time.monotonic() >= until:
            failures = failures_since(registry, version)
            why = failures[-1].reason if failures else "no gateway told of it: `incumbent serve`"
            raise not_deployed(version, timeout, why)
        time.sleep(min(PAUSE, timeout))


def not_deployed(version: AdapterVersion, timeout: float, why: str) -> IncumbentError:
    return IncumbentError(f"{version.label} was not deployed within {timeout:.0f} s: {why}")


# --- cost report ----------------------------------------------------------------------------------


def report_costs(
    items: Annotated[int, typer.Option(min=2, max=LARGEST, help="Dev items at most.")] = 100,
    to: Annotated[Path | None, typer.Option(help="An HTML file to write it to as well.")] = None,
    as_json: Json = False,
) -> None:
    """Compare what an answer of the champion costs with a few-shot prompt on the base.

    Raises InputError where there is no champion or no dev set, and IncumbentError where a model
    does not answer.

    $ incumbent gateway cost-report --items 50
    """
    # Imported here because it brings libraries of an extra, and takes a while.
    from serving.system_costs import compare_costs, sentences, write_page

    cost = load(ServingParams).cost
    with ended_by_signals():
        report = compare_costs(items, cost.shots, larger_model(cost.larger))
    if to:
        write_page(report, to)
    if as_json:
        print_json(report.model_dump(mode="json") | {"said": sentences(report)})
    else:
        print_costs(report)


def larger_model(params: LargerModelParams | None) -> "LargerModel | None":
    """The larger model that the settings name. Raises InputError where its key is not there."""
    from evaluation.generation.backends.openai_server import key_in  # as above
    from serving.asked_systems import LargerModel

    if params is None:
        return None
    return LargerModel(
        url=params.url,
        model=params.model,
        prices=params.prices,
        key=key_in(params.key_variable, "serving.cost.larger.key_variable"),
    )


def print_costs(report: "CostReport") -> None:
    from serving.system_costs import rows_of_table, sentences  # as above

    print_table(*rows_of_table(report))
    console.print()
    say(*sentences(report))
