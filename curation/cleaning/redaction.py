"""Personal data and secrets, taken out of what is imported."""

from collections import Counter
from collections.abc import Callable, Iterable

from curation.faults.person_name import names
from curation.faults.secret import secrets
from curation.sources.reading import Made
from project.contacts import NO_CONTACTS, Contacts
from project.personal_data import scan
from project.records.assertions import Assertion, Phrases
from project.records.data import Document, Message, Row
from project.records.preferences import PreferencePair

Span = tuple[int, int]  # where it begins and ends
SECRET, NAME = "secret", "name of a person"
LABELS = {SECRET: "[secret]", NAME: "[person]"}


def redacted(made: Made, ours: Contacts = NO_CONTACTS) -> tuple[Made, Counter[str]]:
    """The same kind of record with labels in place of what reaches, names or robs a person, and how
    often each kind was there. Contacts of `ours` stay. Ids and groups are as they were.
    """
    kinds = Counter[str]()

    def clean(text: str) -> str:
        return redacted_text(text, kinds, ours)

    def cleaned(messages: Iterable[Message]) -> tuple[Message, ...]:
        return tuple(m.model_copy(update={"content": clean(m.content)}) for m in messages)

    new: dict[str, object]
    match made:
        case Row():
            new = {"prompt": cleaned(made.prompt), "completion": cleaned(made.completion)}
            new |= {"context": clean(made.context)} if made.context else {}
            new |= {"assertions": redacted_assertions(made.assertions or (), clean)}
        case Document():
            new = {"text": clean(made.text)}
        case PreferencePair():
            texts = ("prompt", made.prompt), ("chosen", made.chosen), ("rejected", made.rejected)
            new = {field: clean(text) for field, text in texts}
        case _:
            new = {"prompt": clean(made.prompt), "completion": clean(made.completion)}
    return made.model_copy(update=new), kinds


def redacted_assertions(
    assertions: Iterable[Assertion], clean: Callable[[str], str]
) -> tuple[Assertion, ...] | None:
    """Texts to look for with labels, as the answers have them. A pattern or a schema that holds
    personal data means nothing with a label in it: it is left out.
    """
    kept: list[Assertion] = []
    for one in assertions:
        if isinstance(one, Phrases):
            kept.append(one.model_copy(update={"texts": tuple(map(clean, one.texts))}))
        elif clean(text := one.model_dump_json()) == text:
            kept.append(one)
    return tuple(kept) or None


def redacted_text(text: str, kinds: Counter[str], ours: Contacts = NO_CONTACTS) -> str:
    """The text with labels; what they stand for is counted. It stays as it is the next time."""
    while (clean := redacted_once(text, kinds, ours)) != text:
        text = clean
    return text


def redacted_once(text: str, kinds: Counter[str], ours: Contacts) -> str:
    text = labelled(text, SECRET, [(start, end) for _, start, end in secrets(text)], kinds)
    text, every = scan(text, ours)
    kinds.update(str(one.kind) for one in every)
    return labelled(text, NAME, names(text), kinds)


def labelled(text: str, kind: str, spans: Iterable[Span], kinds: Counter[str]) -> str:
    """The text with a label for each span; those that overlap are one."""
    parts, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            parts += [text[end:start], LABELS[kind]]
            kinds[kind] += 1
        end = max(end, stop)
    return "".join(parts) + text[end:]
