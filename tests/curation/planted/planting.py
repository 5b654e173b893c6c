"""Dirty files with every kind of defect, and which ids each check must name."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from project.canonical import digest_json
from tests.curation.planted import companions as made
from tests.curation.planted import (
    held_out_answers,
    held_out_format,
    held_out_generated,
    held_out_private,
    held_out_sets,
    held_out_text,
    seen_answers,
    seen_format,
    seen_generated,
    seen_private,
    seen_sets,
    seen_text,
)
from tests.curation.planted.clean_rows import eval_rows, main_rows, summary_rows
from tests.curation.planted.eval_items import eval_items
from tests.curation.planted.forms import MAIN, Fields, Form, Forms
from tests.curation.planted.kinds import KINDS

EVAL = "eval.jsonl"
CleanLines = dict[str, list[Fields]]
SEEN = (seen_answers, seen_format, seen_generated, seen_private, seen_sets, seen_text)
HELD_OUT = (
    held_out_answers,
    held_out_format,
    held_out_generated,
    held_out_private,
    held_out_sets,
    held_out_text,
)


@dataclass(frozen=True)
class Planted:
    """A defect in a file, and what is expected: that the column's check names all of the ids."""

    kind: str
    form: int  # from 1; the last two are held out
    ids: tuple[str, ...]
    column: str
    file: str
    held_out: bool

    def __str__(self) -> str:
        return f"{self.kind}-{self.form}"


def plant(folder: Path, clean: CleanLines) -> list[Planted]:
    """Write all files, the clean lines among them; the same bytes each time."""
    groups = {name: [[line] for line in lines] for name, lines in clean.items()}
    groups[EVAL] += [[item] for item in eval_items()]
    found = []
    for kind, number, form, held_out in every_form():
        named = list(with_ids(form, f"{kind}-{number}"))
        groups[form.file].append([fields for fields, _ in named])
        ids = tuple(dict.fromkeys(fields["id"] for fields, planted in named if planted))
        found.append(Planted(kind, number, ids, KINDS[kind], form.file, held_out))
    for name, own in groups.items():
        write_shuffled(folder / name, own)
    return found


def clean_lines() -> CleanLines:
    """The rows without a defect, by file; those of the sample project take some seconds to read."""
    return {
        MAIN: main_rows(),
        EVAL: eval_rows(),
        made.SUMMARIES: summary_rows(),
        **companion_lines(),
    }


def companion_lines() -> CleanLines:
    return {
        made.JSON_ANSWERS: numbered("order", made.json_answers()),
        made.CLASSES: numbered("said", made.classes()),
        made.LISTS: numbered("list", made.lists()),
    }


def numbered(name: str, lines: Iterable[Fields]) -> list[Fields]:
    return [{"id": f"{name}-{i}"} | fields for i, fields in enumerate(lines, start=1)]


def every_form() -> Iterator[tuple[str, int, Form, bool]]:
    """Kind, number, form, and whether it is held out, the kinds in their order."""
    seen, held_out = merged(module.FORMS for module in SEEN), merged(m.FORMS for m in HELD_OUT)
    for kind in KINDS:
        forms = (*seen[kind], *held_out[kind])
        for number, form in enumerate(forms, start=1):
            yield kind, number, form, number > len(seen[kind])


def merged(parts: Iterable[Forms]) -> Forms:
    return {kind: forms for part in parts for kind, forms in part.items()}


def with_ids(form: Form, name: str) -> Iterator[tuple[Fields, bool]]:
    """The lines with their ids, and whether each is planted."""
    for number, line in enumerate(form.lines, start=1):
        role = "planted" if line.planted else "partner"
        alone = form.one_id or sum(other.planted == line.planted for other in form.lines) == 1
        name_of = f"{role}-{name}" if alone else f"{role}-{name}-{number}"
        yield {"id": name_of} | line.fields, line.planted


def write_shuffled(path: Path, groups: Iterable[Sequence[Fields]]) -> None:
    """In an order by digest, but of one group the first line stands before the others."""
    placed: list[tuple[str, Fields]] = []
    for lines in groups:
        keys = sorted(digest_json([number, line]) for number, line in enumerate(lines))
        placed += zip(keys, lines, strict=True)
    in_order = (fields for _, fields in sorted(placed, key=itemgetter(0)))
    texts = (json.dumps(fields, ensure_ascii=False) for fields in in_order)
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
