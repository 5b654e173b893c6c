"""Which versions were trained on rows."""

from collections.abc import Iterable

from project.near_duplicates import word_print
from project.records.adapters import AdapterVersion
from project.records.data import Row
from registry.reader import RegistryReader


def trained_versions(
    registry: RegistryReader, rows: Iterable[Row]
) -> tuple[list[AdapterVersion], list[AdapterVersion]]:
    """Versions that were trained on what the rows ask, they or those they began with; and those of
    which nobody knows, such as third-party adapters.
    """
    asked = {word_print(row.prompt_text) for row in rows}
    found, unknown = list[AdapterVersion](), list[AdapterVersion]()
    for version in registry.versions():
        prints = registry.trained_on(version.adapter.files)
        if prints is None:
            unknown.append(version)
        elif asked.intersection(prints.texts):
            found.append(version)
    return found, unknown
