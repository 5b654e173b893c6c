"""Personal data, taken out of what comes in before any of it reaches the project's folder."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from curation.cleaning.redaction import redacted, redacted_text
from curation.sources.reading import Made, Read
from project.canonical import digest_json
from project.contacts import Contacts
from project.records.data import Document, Row

ANNOTATOR = "name of an annotator"
DIGEST = re.compile(r"[0-9a-f]{16}")  # an id that was made of a text


@dataclass
class Redactor:
    """Redacts records one after the other; `kinds` counts what was taken out."""

    ours: Contacts  # which stay
    kinds: Counter[str] = field(default_factory=Counter)
    groups: dict[str, str] = field(default_factory=dict)  # those that gave way, and to what

    def redact(self, read: Read) -> Read:
        """The record with labels in place of personal data."""
        if read.made is None:
            return read
        made, kinds = redacted(read.made, self.ours)
        self.kinds += kinds
        made = self.without_traces(made, changed=bool(kinds))
        return Read(read.origin.model_copy(update={"row": made.id}), made)

    def without_traces(self, made: Made, *, changed: bool) -> Made:
        """With a new id where the old one was a digest of what was taken out: whoever guesses the
        text could tell by it that he is right. Who annotated, and values of columns, go too.
        """
        if isinstance(made, Document):
            return Document.of(made.text, source=made.source) if changed else made
        about: dict[str, Any] = {}
        if made.annotator:
            about["annotator"] = digest_json(["user", made.annotator])[:12]
            self.kinds[ANNOTATOR] += 1
        if isinstance(made, Row):
            about |= self.about_row(made, changed=changed)
        return made.model_copy(update=about)

    def about_row(self, row: Row, *, changed: bool) -> dict[str, Any]:
        texts = [[m.model_dump() for m in side] for side in (row.prompt, row.completion)]
        is_digest = DIGEST.fullmatch(row.id) is not None
        name = digest_json(texts)[:16] if changed and is_digest else row.id
        kinds = Counter[str]()  # a column's value is no text that is learnt
        slices = {k: redacted_text(value, kinds, self.ours) for k, value in row.slices.items()}
        return {"id": name, "slices": slices, "group": self.group(row.group, name)}

    def group(self, group: str, name: str) -> str:
        """The group, or, where it tells a text or a person, the id of its first row."""
        if DIGEST.fullmatch(group) or self.is_personal(group):
            return self.groups.setdefault(group, name)
        return group

    def is_personal(self, text: str) -> bool:
        return redacted_text(text, Counter(), self.ours) != text
