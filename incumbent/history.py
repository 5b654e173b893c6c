"""`incumbent history`: the family's events, one a line."""

from incumbent.output import console, print_json
from registry.store import Registry


def print_history(as_json: bool) -> None:
    with Registry.here() as registry:
        events = registry.history()
    if as_json:
        print_json([event.model_dump(mode="json") for event in events])
    elif not events:
        console.print("nothing happened yet: run `dvc repro`, then `incumbent submit`")
    for event in [] if as_json else events:
        console.print(str(event), soft_wrap=True)
