"""Whether the registry is what its events say, byte for byte."""

from collections.abc import Iterator

from registry.chain import broken_links, stored
from registry.errors import IncumbentError
from registry.records import AdapterVersion
from registry.state import State
from registry.store import Registry


def problems(registry: Registry) -> Iterator[str]:
    """All that does not hold: the chain, the tables against it, and the artifacts' bytes."""
    with registry.engine.connect() as connection:
        broken = list(broken_links(stored(connection)))
    yield from broken
    try:
        state = registry.state()
    except ValueError:
        return  # an event that cannot be read has been told of
    if state.aliases != registry.aliases():
        yield f"the events say {state.aliases}, the aliases are {registry.aliases()}"
    yield from changed_versions(registry, state)


def changed_versions(registry: Registry, state: State) -> Iterator[str]:
    known = {version.number: version for version in registry.versions(with_deleted=True)}
    living = {version.number for version in registry.versions()}
    for number in sorted(state.versions.keys() | known.keys()):
        if number not in known or known[number].digest != state.versions.get(number):
            yield f"version {number} is not what was submitted"
        elif (number in living) == (number in state.deleted):
            yield f"version {number} was deleted or not, and the events say the contrary"
        elif number in living:
            yield from damage(registry, known[number])


def damage(registry: Registry, version: AdapterVersion) -> Iterator[str]:
    """What is wrong with a version's artifacts."""
    try:
        registry.artifacts.verify_folder(version.adapter.files)
        registry.artifacts.get(version.adapter.dataset)
    except IncumbentError as error:
        yield f"version {version.number}: {error}"
