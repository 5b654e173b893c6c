"""What differs between two records, field by field."""

from collections.abc import Collection, Mapping

from project.records.adapters import Adapter
from project.records.record import Record

ABSENT = "none"
DIGITS = 64  # of a digest, which people read by its first twelve


class FieldChange(Record):
    """One field of two records; None: it is not there."""

    name: str
    before: str | None
    after: str | None

    @property
    def same(self) -> bool:
        return self.before == self.after

    def __str__(self) -> str:
        return f"{self.name} {readable_value(self.before)} then, {readable_value(self.after)} now"


def readable_value(value: str | None) -> str:
    if value is None:
        return ABSENT
    return value[:12] if len(value) == DIGITS and value.isalnum() else value


def side_by_side(before: Mapping[str, str], after: Mapping[str, str]) -> list[FieldChange]:
    """Every field, in the order of the newer record."""
    names = dict.fromkeys([*after, *before])
    return [FieldChange(name=n, before=before.get(n), after=after.get(n)) for n in names]


def differing(
    before: Mapping[str, str], after: Mapping[str, str], names: Collection[str] | None = None
) -> tuple[FieldChange, ...]:
    """The fields that are not the same in both; of these names alone where there are some."""
    changes = side_by_side(before, after)
    return tuple(c for c in changes if not c.same and (names is None or c.name in names))


def adapter_facts(adapter: Adapter) -> dict[str, str]:
    """What decides an adapter's bytes and its answers, beside its recipe."""
    base = adapter.base
    known = {
        "trained in": adapter.numerics and str(adapter.numerics),
        "base": str(base),
        "base's configuration and tokenizer": base.config,
        "chat template": base.chat_template,
        "system prompt": adapter.system_prompt,
        "evidence template": adapter.evidence_template,
        "form of tools": adapter.tool_form,
        "index of passages": adapter.index,
        "dataset": adapter.dataset,
        "trained from": adapter.parent,
    }
    return {name: value for name, value in known.items() if value}
