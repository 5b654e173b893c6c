"""The rows of the last submitted version, which a file is held against in a project."""

from dataclasses import dataclass

from curation.curation_settings import CurateParams
from project.errors import IncumbentError
from project.records.data import Row
from project.settings import PARAMS, load
from registry.reader import RegistryReader
from review.challenger.changed_rows import cached_file
from review.challenger.changes import dataset_of


@dataclass(frozen=True)
class LastVersion:
    """Its training rows as texts, without those that are but rehearsed, and its name."""

    label: str
    texts: tuple[str, ...]


def last_version() -> LastVersion | None:
    """None outside of a project, before a first version, and where its rows are not in DVC's cache
    on this machine.
    """
    if not PARAMS.exists():
        return None
    try:
        with RegistryReader.here() as registry:
            for version in registry.newest():
                dataset = dataset_of(registry, version.adapter.dataset)
                kept = cached_file(dataset.dvc_revision or "") if dataset else None
                if kept and kept.exists():
                    aside = load(CurateParams).train_only
                    rows = [row for row in Row.read_lines(kept) if row.source not in aside]
                    texts = (f"{row.prompt_text}\n{row.completion_text}" for row in rows)
                    return LastVersion(version.label, tuple(texts))
    except IncumbentError:  # a file is checked wherever it is: what is wrong here is told elsewhere
        return None
    return None
