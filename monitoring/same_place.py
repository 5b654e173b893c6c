"""Whether what a night works with is on this machine: asked before a night is claimed.

A machine whose traffic folder is not mounted sees a day without traffic. It must not say so for
all. So the folder holds a mark, and the registry knows it: who sees another one is refused.
"""

from secrets import token_hex

from monitoring.night_context import NightContext
from monitoring.scheduling.job import RefusedError
from project.times import stamp
from registry.jobs.places import OtherPlaceError, Place, place_of, settle

TRAFFIC = "traffic"


def require_place(context: NightContext) -> None:
    """Raise RefusedError where this machine does not see the traffic or the champion's files."""
    require_traffic(context)
    registry = context.registry
    champion = registry.champion()
    if champion and registry.artifacts.incomplete(champion.adapter.files):
        raise RefusedError(
            f"the files of {champion.label} are not in {registry.artifacts.blobs.location}: a "
            "machine that runs nights needs the registry's artifacts; set registry.artifacts in "
            "params.yaml to the store that all machines use"
        )


def require_traffic(context: NightContext) -> None:
    """Whoever sees traffic first says where it is; nothing is refused before."""
    traffic, registry = context.traffic, context.registry
    known = place_of(registry.engine, registry.family, TRAFFIC)
    if known is None and traffic.days():
        known = settle_traffic(context, None)
    if known is None or (found := traffic.mark()) == known.mark:
        return
    here = f"has the mark {found}" if found else "has no mark (is it mounted?)"
    raise RefusedError(
        f"the traffic of {registry.family} is at {known}, and {traffic.location} on this machine "
        f"{here}. Mount the same folder here, or name it in monitoring.traffic.folder; if the "
        "traffic was moved to here, run `incumbent nightly --traffic-is-here`"
    )


def move_traffic(context: NightContext) -> Place:
    """Let this machine's folder be the family's, on a person's word; that is kept on record."""
    known = place_of(context.registry.engine, context.registry.family, TRAFFIC)
    if known and known.mark == context.traffic.mark():
        return known
    if known and not context.traffic.days():
        raise RefusedError(
            f"{context.traffic.location} holds no day of traffic: is it mounted? Bring the days "
            f"from {known} there first"
        )
    return settle_traffic(context, known.mark if known else None)


def settle_traffic(context: NightContext, instead_of: str | None) -> Place:
    registry = context.registry
    place = Place(
        family=registry.family,
        kind=TRAFFIC,
        mark=context.traffic.put_mark(token_hex(8)),
        location=context.traffic.location,
        at=stamp(registry.clock()),
        by=registry.actor,
    )
    try:
        settle(registry.engine, place, instead_of=instead_of)
    except OtherPlaceError as error:  # another machine was quicker, maybe with the same folder
        raise RefusedError(f"{error}: it is looked at again") from None
    return place
