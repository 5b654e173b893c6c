"""Which columns could be the prompt: one, or some that are read one after the other."""

from collections.abc import Sequence
from itertools import groupby

from curation.sources.columns.profiles.column_profile import ColumnProfile

Names = tuple[str, ...]


def asked_prompts(texts: Sequence[ColumnProfile]) -> list[Names]:
    """Prompts of columns whose names say that they ask, with what the question is about."""
    contexts = [c for c in texts if c.role == "context"]
    for roles in (("question", "instruction"), ("user",)):
        if asked := [c for c in texts if c.role in roles]:
            return with_contexts(asked_together(asked, texts), contexts, texts)
    return []


def text_prompts(texts: Sequence[ColumnProfile], *, joined: bool) -> list[Names]:
    """Prompts of columns that are texts of any kind; `joined`: a title is read with its text."""
    titles = [c for c in texts if c.role == "title"]
    bodies = [c for c in texts if c.role in ("body", "context")]
    if joined and len(titles) == len(bodies) == 1:
        return [in_order([*titles, *bodies], texts)]
    return [(c.name,) for c in bodies or titles]


def asked_together(asked: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]) -> list[Names]:
    """An instruction with its input, a title with its text; else each is a choice of its own."""
    roles = [c.role for c in asked]
    if len(asked) <= 2 and len(set(roles)) == len(asked):
        return [in_order(asked, texts)]
    found: list[Names] = []
    for _, group in groupby(sorted(asked, key=variant), key=variant):
        alike = list(group)
        parts = [(c.role, c.says.part) for c in alike]
        whole = all(c.says.part for c in alike) or len({c.role for c in alike}) == len(alike)
        if whole and len(set(parts)) == len(parts):
            found.append(in_order(alike, texts))
        else:
            found += [(c.name,) for c in alike]
    order = [c.name for c in texts]
    return sorted(found, key=lambda names: order.index(names[0]))


def variant(column: ColumnProfile) -> Names:
    return column.says.variant


def with_contexts(
    asked: Sequence[Names], contexts: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]
) -> list[Names]:
    if not contexts:
        return list(asked)
    by_name = {c.name: c for c in texts}
    return [
        in_order([*(by_name[name] for name in names), context], texts)
        for names in asked
        for context in contexts
    ]


def in_order(columns: Sequence[ColumnProfile], texts: Sequence[ColumnProfile]) -> Names:
    chosen = {c.name for c in columns}
    return tuple(c.name for c in texts if c.name in chosen)
