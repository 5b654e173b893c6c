"""A version on the replicas, under a name that is never used for another one."""

import re

from project.records.adapters import AdapterVersion, Contestant
from project.records.record import Digest, Record

DIGITS = 12  # of the adapter's digest in its name


class Deployment(Record):
    """What answers, as the gateway and its backends know it."""

    version: int | None  # None: the bare base
    name: str  # "family-v12-0123456789ab", as the backends load it
    contestant: Contestant

    @property
    def adapter(self) -> Digest | None:
        return self.contestant.adapter

    @property
    def label(self) -> str:
        return f"v{self.version}" if self.version else "the bare base"


def deployment_of(version: AdapterVersion) -> Deployment:
    """The name holds the adapter's digest, so that no cache of an engine can take it for another's
    (docs of vLLM: an adapter that is replaced under its name may be answered from stale caches).
    """
    files = version.adapter.files
    return Deployment(
        version=version.number,
        name=f"{version.family}-v{version.number}-{files[:DIGITS]}",
        contestant=version.adapter.contestant,
    )


def version_in(name: str, family: str) -> int | None:
    """The version that a loaded adapter's name tells; None: it is none of this family's."""
    found = re.fullmatch(rf"{re.escape(family)}-v([1-9]\d*)-[0-9a-f]{{{DIGITS}}}", name)
    return int(found[1]) if found else None
