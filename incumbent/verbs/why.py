"""`incumbent why`: in a paragraph, why a version was or was not promoted."""

from incumbent.output import console, print_json
from registry.overview.why_paragraph import why
from registry.reader import RegistryReader


def print_why(number: int, as_json: bool) -> None:
    with RegistryReader.here() as registry:
        paragraph = why(registry, number)
        label = registry.version(number).label
    if as_json:
        print_json({"version": label, "why": paragraph})
    else:
        console.print(paragraph)
