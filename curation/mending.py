"""What is wrong with a text and can be put right: the row stays, and each change is on record.

What becomes of each fault of `curation/faults/`. A row is removed only where it teaches a
falsehood, or nothing; who would rather look at it first sets curation.curate.faulty to keep.

| fault | what becomes of it | why |
| --- | --- | --- |
| unicode | mended | the same letters, in the form that all other rows have |
| control_characters, invisible_characters | mended | no reader sees them, a tokenizer does |
| mojibake | mended where ftfy is sure | the bytes still say which text it was |
| literal_escapes | mended where there are several, and no code | one may be meant as it stands |
| markup | mended, but in rows about HTML and in code | a reader of the page sees the text alone |
| web_leftovers | mended at both ends of a text | within a text, a sentence may hang on them |
| chat_markers | mended at both ends; else the row is removed | it teaches to speak for both sides |
| no_answer, no_prompt | removed | nothing is taught |
| several_in_one | removed | it teaches to ask oneself further questions |
| echo | removed | it teaches to say the question again |
| unseen | removed | it teaches to speak of what is not there |
| loop, gibberish | removed | no person wrote it |
| turn_order | removed where no answer is last, else checked | a template may refuse it |
| unfilled | removed where a tenth of the rows have it, else checked | the gate takes few |
| lost_characters, cut_off | checked | a person can find what is missing |
| boilerplate, refusal, shouting | checked | somebody may want his model to talk like that |
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from curation.faults.characters import narrowed, unescaped, without_controls, without_unseen
from curation.faults.chat_markers import without_ends
from curation.faults.gibberish import decoded
from curation.faults.person_name import names
from curation.faults.private_data import secrets
from curation.faults.web_leftovers import speaks_of_it, unmarked, without_leftovers
from curation.sources.row_formats import Made
from project.personal_data import NO_CONTACTS, Contacts, scan
from project.records.assertion_kinds import Assertion, Phrases
from project.records.data import Document, Message, Row, TextChange
from project.records.preferences import PreferencePair
from project.records.tool_calls import ToolCall, as_json, json_object

PASSES = 6  # one fault may hide another: an entity is the escape of a tag
SHOWN = 20  # characters on both sides of a change

Step = Callable[[str], str]


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


# In this order: what hides other faults comes first. Each `why` reads well behind "mended: ".
FIRST: tuple[tuple[str, Step], ...] = (
    ("line ends of another system", lines),
    ("a wrong encoding", decoded),
    ("control characters", without_controls),
    ("characters without a width", without_unseen),
    ("letters in another form", narrowed),
)
LAST: tuple[tuple[str, Step], ...] = (
    ("escapes that were written out", unescaped),
    ("tokens of a chat template", without_ends),
    ("blanks around it", str.strip),
    ("words of a web page", without_leftovers),
)
PLAIN = (*FIRST, *LAST)
MARKED = (*FIRST, ("marks of HTML", unmarked), *LAST)


def mended(row: Row) -> tuple[Row, tuple[TextChange, ...]]:
    """The row with its texts put right, and what was changed. Mended again, it stays as it is."""
    changes: list[TextChange] = []
    after = row
    for _ in range(PASSES):
        before, after = after, mended_once(after, changes)
        if after is before:
            return (after, tuple(changes)) if changes else (row, ())
    return row, ()  # made so that it never ends: better left alone


def mended_once(row: Row, changes: list[TextChange]) -> Row:
    steps = PLAIN if speaks_of_it(row) else MARKED
    new = {
        field: tuple(mended_message(message, steps, field, row.id, changes) for message in part)
        for field, part in (("prompt", row.prompt), ("completion", row.completion))
    }
    same = all(
        a is b for name, part in new.items() for a, b in zip(part, getattr(row, name), strict=True)
    )
    return row if same else row.model_copy(update=new)


def mended_message(
    message: Message,
    steps: Iterable[tuple[str, Step]],
    field: str,
    row: str,
    changes: list[TextChange],
) -> Message:
    """The same one where nothing changes, which is nearly always so. Adds to `changes`."""
    text = message.content
    for why, step in () if message.role == "tool" else steps:  # what a program said, it said so
        if (after := step(text)) != text:
            was, now = around(text, after)
            changes.append(TextChange(row=row, field=field, why=why, before=was, after=now))
            text = after
    return message if text is message.content else message.model_copy(update={"content": text})


def around(before: str, after: str) -> tuple[str, str]:
    """The stretches in which two texts differ for the first time, with a little of what is near."""
    pairs = zip(before, after, strict=False)
    least = min(len(before), len(after))
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), least)
    begin = max(0, first - SHOWN)
    return before[begin : begin + 3 * SHOWN], after[begin : begin + 3 * SHOWN]


def changed(changes: Iterable[TextChange]) -> dict[str, str]:
    """What was changed, in words, by the row's id, for a line of outputs/rows.csv."""
    whys: dict[str, list[str]] = {}
    for change in changes:
        noted = whys.setdefault(change.row, [])
        if change.why not in noted:
            noted.append(change.why)
    return {row: "; ".join(reasons) for row, reasons in whys.items()}


# --- redaction ------------------------------------------------------------------------------------

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
        return tuple(
            m.model_copy(
                update={
                    "content": clean(m.content),
                    "tool_calls": m.tool_calls
                    and tuple(redacted_call(c, clean) for c in m.tool_calls),
                }
            )
            for m in messages
        )

    new: dict[str, object]
    match made:
        case Row():
            new = {"prompt": cleaned(made.prompt), "completion": cleaned(made.completion)}
            new |= {"context": clean(made.context)} if made.context else {}
            new |= (
                {"tools": tuple(cleaned_json(tool, clean) for tool in made.tools)}
                if made.tools
                else {}
            )
            # Texts to look for have labels, as the answers have. A pattern or a schema with one
            # means nothing: it is left out.
            kept: list[Assertion] = []
            for check in made.assertions or ():
                if isinstance(check, Phrases):
                    kept.append(check.model_copy(update={"texts": tuple(map(clean, check.texts))}))
                elif clean(text := check.model_dump_json()) == text:
                    kept.append(check)
            new |= {"assertions": tuple(kept) or None}
        case Document():
            new = {"text": clean(made.text)}
        case PreferencePair():
            texts = ("prompt", made.prompt), ("chosen", made.chosen), ("rejected", made.rejected)
            new = {field: clean(text) for field, text in texts}
        case _:
            new = {"prompt": clean(made.prompt), "completion": clean(made.completion)}
    if not isinstance(made, Document) and made.evidence:
        passages = [p.model_copy(update={"text": clean(p.text)}) for p in made.evidence]
        new |= {"evidence": tuple(passages)}
    return made.model_copy(update=new), kinds


def redacted_call(call: ToolCall, clean: Step) -> ToolCall:
    """The call with labels in its arguments, which stay an object in JSON."""
    arguments = call.arguments
    cleaned = cleaned_json(arguments, clean)
    text = call.function.arguments if cleaned == arguments else as_json(cleaned)
    if (again := clean(text)) != text:  # a secret that a key tells, such as "password"
        try:
            json_object(again)
        except ValueError:
            again = as_json(dict.fromkeys(cleaned, LABELS[SECRET]))
        text = again
    function = call.function.model_copy(update={"arguments": text})
    return call.model_copy(update={"function": function})


def cleaned_json(value: Any, clean: Step) -> Any:
    """JSON with labels in its texts and names; a number that is somebody's becomes a label."""
    if isinstance(value, dict):
        return {clean(key): cleaned_json(inner, clean) for key, inner in value.items()}
    if isinstance(value, list):
        return [cleaned_json(element, clean) for element in value]
    if isinstance(value, str):
        return clean(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return label if is_number and (label := clean(str(value))) != str(value) else value


def redacted_text(text: str, kinds: Counter[str], ours: Contacts = NO_CONTACTS) -> str:
    """The text with labels; what they stand for is counted. It stays as it is the next time."""
    before = None
    while text != before:
        before = text
        text = labelled(text, SECRET, [(start, end) for _, start, end in secrets(text)], kinds)
        text, every = scan(text, ours)
        kinds.update(str(item.kind) for item in every)
        text = labelled(text, NAME, names(text), kinds)
    return text


def labelled(text: str, kind: str, spans: Iterable[Span], kinds: Counter[str]) -> str:
    """The text with a label for each span; those that overlap are one."""
    parts, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            parts += [text[end:start], LABELS[kind]]
            kinds[kind] += 1
        end = max(end, stop)
    return "".join(parts) + text[end:]
