"""What is other in a version than in the one that it was compared with."""

import json
from collections.abc import Mapping

from project.errors import IncumbentError
from project.records.adapters import AdapterVersion, ModelPin
from project.records.data import DatasetVersion
from project.records.events import Submission
from project.records.record import Digest
from registry.lineage import Lineage, settings
from registry.reader import RegistryReader
from review.challenger.review_record import Changes, FieldChange
from training.start_record import LearntRows


def changes(reader: RegistryReader, lineage: Lineage, other: AdapterVersion | None) -> Changes:
    """Rows, recipe and base of a version, against those of another; None: the bare base."""
    own = lineage.version.adapter
    before = dataset_of(reader, other.adapter.dataset) if other else None
    learnt, known = learnt_by(reader, lineage.version), learnt_by(reader, other) if other else None
    counted = learnt is not None and known is not None
    sources = sources_of(lineage.dataset), sources_of(before)
    return Changes(
        against=other.label if other else "the bare base model",
        number=other.number if other else None,
        known=other is not None and before is not None,
        base=based(other.adapter.base, own.base, other.adapter.system_prompt, own.system_prompt)
        if other
        else (),
        splits=differing(sizes(before), sizes(lineage.dataset)),
        rows_added=len((learnt or set()) - (known or set())) if counted else None,
        rows_removed=len((known or set()) - (learnt or set())) if counted else None,
        sources_added=tuple(sorted(sources[0] - sources[1])),
        sources_removed=tuple(sorted(sources[1] - sources[0])),
        recipe=differing(settings_of(reader, other) if other else {}, lineage.recipe),
        trained_from=lineage.parent,
    )


def based(
    before: ModelPin, after: ModelPin, prompt: str | None, prompt_now: str | None
) -> tuple[FieldChange, ...]:
    """The base model, and what stands in front of every prompt."""

    def facts(pin: ModelPin, system: str | None) -> dict[str, str]:
        template = pin.chat_template[:12] if pin.chat_template else "none"
        return {
            "base model": f"{pin.name} (weights {pin.weights[:12]})",
            "chat template": template,
            "system prompt": system or "none",
        }

    return differing(facts(before, prompt), facts(after, prompt_now))


def differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[FieldChange, ...]:
    """The fields that are not the same in both, in the order of the newer one."""
    names = [*after, *(name for name in before if name not in after)]
    return tuple(
        FieldChange(name=name, before=before.get(name), after=after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    )


def sizes(dataset: DatasetVersion | None) -> dict[str, str]:
    return {str(split): f"{n:,}" for split, n in dataset.splits.items()} if dataset else {}


def sources_of(dataset: DatasetVersion | None) -> frozenset[str]:
    return frozenset(dataset.sources) if dataset else frozenset()


def dataset_of(reader: RegistryReader, digest: Digest) -> DatasetVersion | None:
    """None of a version that was made elsewhere, whose data nobody knows."""
    try:
        data = json.loads(reader.artifacts.get(digest))
    except IncumbentError:  # erased, at a person's wish
        return None
    return None if data.get("kind") == "imported" else DatasetVersion.model_validate(data)


def settings_of(reader: RegistryReader, version: AdapterVersion) -> dict[str, str]:
    return {} if reader.deleted(version.number) else settings(reader, version)


def learnt_by(reader: RegistryReader, version: AdapterVersion) -> set[str] | None:
    """The digests of all rows that a version has learnt; None where that was not recorded."""
    submitted = reader.newest_event(version.number, "submit")
    for digest in submitted.told(Submission).records if submitted else ():
        try:
            data = reader.artifacts.get(digest)
        except IncumbentError:
            continue
        if data.startswith(b'{"learnt":'):
            return set(LearntRows.model_validate_json(data).learnt)
    return None
