"""YAML as tables: FAQ files as rasa and ChatterBot have them, and lists of records as in JSON."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

from curation.sources.tables.json_nesting import PART, are_alike, flattened, held_in, records_of
from curation.sources.tables.table import Table, TableRow, TextFile, shortened
from curation.sources.tables.unpacked_file import MIB
from project.untrusted_input import one_line

LARGEST = 16 * MIB  # characters: nobody writes more by hand, and it is slow to read
NULL = "tag:yaml.org,2002:null"
KEYS = " > "  # between the keys above a list
ROLES = ("user", "assistant")  # who speaks in a conversation of ChatterBot's, in turns
EXAMPLE = re.compile(r"^\s*[-*+]\s+(\S.*)$", re.MULTILINE)
MARKED = re.compile(r"\[([^\[\]]*)\](?:\([^()]*\)|\{[^{}]*\})")  # [Bonn](city), [Bonn]{"entity": …}
UTTER = "utter_"  # the name of rasa's answers begins so; what follows may be the intent's
BESIDE_RASA = frozenset({"stories", "rules", "pipeline", "policies"})
NO_RECORDS = (
    "holds no records: of YAML, rasa's `nlu` and `responses`, ChatterBot's `conversations` and"
    " lists of records are read"
)
NO_QUESTIONS = "holds rasa's answers, and no questions: name the folder that has the `nlu` file too"


@dataclass
class Loaded:
    """What a YAML file holds; all but lists and objects is text, as it stands there."""

    source: TextFile
    value: Any = None
    lines: dict[int, int] = field(default_factory=dict)  # of lists and objects, by their id()

    def plain(self, node: yaml.Node, seen: set[int]) -> Any:
        """Raises InputError for an alias, by which a small file grows without end, and for a key
        that comes twice.
        """
        if isinstance(node, yaml.ScalarNode):
            return None if node.tag == NULL else node.value
        line = node.start_mark.line + 1
        if id(node) in seen:
            self.source.refuse("has an anchor that is used again (*): write it out", line)
        seen.add(id(node))
        content: Any
        if isinstance(node, yaml.SequenceNode):
            content = [self.plain(child, seen) for child in node.value]
        else:
            content = {}
            for key, value in node.value:
                name = str(key.value)
                if name in content:
                    problem = f"has the key {shortened(name)} twice"
                    self.source.refuse(problem, key.start_mark.line + 1)
                content[name] = self.plain(value, seen)
        self.lines[id(content)] = line
        return content

    def line_of(self, value: Any) -> int:
        return self.lines.get(id(value), 1)


def read_yaml(sources: Sequence[TextFile]) -> list[Table]:
    """The tables of YAML files that are read together: those of rasa as one, by its intents.

    Files without records are left aside where others have some. Raises InputError with the line
    for what is no YAML, and for what nobody should write in it.
    """
    files = [loaded(source) for source in sources]
    rasa = [file for file in files if is_rasa(file.value)]
    if rasa:  # and what stands beside its questions and answers: stories may join the two
        beside = [f for f in files if isinstance(f.value, dict) and BESIDE_RASA & f.value.keys()]
        rasa = [file for file in files if file in rasa or file in beside]
    others = [table for file in files if file not in rasa for table in tables_of(file)]
    tables = [*rasa_tables(rasa), *others]
    if not tables:
        sources[0].refuse(NO_QUESTIONS if rasa else NO_RECORDS)
    return tables


def loaded(source: TextFile) -> Loaded:
    """Raises InputError."""
    if len(source.text) > LARGEST:
        source.refuse(f"is larger than {LARGEST // MIB} MiB: save it as JSON Lines")
    file = Loaded(source)
    try:
        nodes = list(yaml.compose_all(source.text, yaml.CSafeLoader))
        values = [file.plain(node, set()) for node in nodes]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        source.refuse(f"is not YAML: {one_line(error.problem)}", mark.line + 1 if mark else None)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        source.refuse(f"is not YAML: {one_line(error)}")
    file.value = values[0] if len(values) == 1 else values
    return file


def tables_of(file: Loaded) -> Iterator[Table]:
    """ChatterBot's conversations, or records as JSON has them. Raises InputError."""
    value = file.value
    talks = value.get("conversations") if isinstance(value, dict) else None
    if isinstance(talks, list) and talks and all(map(is_list_of_texts, talks)):
        yield table_of(file.source, list(conversations(file)))
        return
    held = list(held_in({"": value} if isinstance(value, list) else value))
    if held and not are_alike(held):
        names = ", ".join(shortened(KEYS.join(record_list.keys)) for record_list in held)
        file.source.refuse(f"holds several lists of records, {names}: make each a file of its own")
    rows = [
        TableRow(file.line_of(record), part | flat)
        for record_list in held
        for part in [{PART: KEYS.join(record_list.keys)} if len(held) > 1 else {}]
        for record in records_of(record_list)
        for flat in flattened(record)
    ]
    if rows:
        yield table_of(file.source, rows)


def table_of(source: TextFile, rows: Sequence[TableRow]) -> Table:
    columns = tuple(dict.fromkeys(name for row in rows for name in row.fields))
    return Table(source.path, "yaml", columns, tuple(rows), notes=source.notes)


# --- ChatterBot -----------------------------------------------------------------------------------


def is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(text is None or isinstance(text, str) for text in value)


def conversations(file: Loaded) -> Iterator[TableRow]:
    categories = file.value.get("categories")
    about = {"category": categories[0]} if isinstance(categories, list) and categories else {}
    for turns in file.value["conversations"]:
        texts = [text for text in turns if text]
        messages = [{"role": ROLES[i % 2], "content": text} for i, text in enumerate(texts)]
        yield TableRow(file.line_of(turns), {"messages": messages, **about})


# --- rasa -----------------------------------------------------------------------------------------


def is_rasa(value: Any) -> bool:
    return isinstance(value, dict) and (
        isinstance(value.get("nlu"), list) or isinstance(value.get("responses"), dict)
    )


def rasa_tables(files: Sequence[Loaded]) -> Iterator[Table]:
    """Questions with their answers; where no intent has one, questions with their intents."""
    answers: dict[str, str] = {}
    for file in files:
        answers |= dict(answers_in(file.value))
    steps = {intent: action for file in files for intent, action in answered_in(file.value)}
    for file in files:
        rows = list(asked_in(file))
        told = [
            answers.get(steps.get(r.fields["intent"], UTTER + r.fields["intent"])) for r in rows
        ]
        if any(told):
            pairs = zip(rows, told, strict=True)
            rows = [TableRow(r.line, {**r.fields, "answer": text}) for r, text in pairs]
        if rows:
            yield table_of(file.source, rows)


def asked_in(file: Loaded) -> Iterator[TableRow]:
    """The examples of every intent, without the marks of entities."""
    for entry in list_in(file.value, "nlu"):
        if not isinstance(entry, dict) or not isinstance(entry.get("intent"), str):
            continue
        for text in examples(entry.get("examples")):
            fields = {"question": MARKED.sub(r"\1", text).strip(), "intent": entry["intent"]}
            yield TableRow(file.line_of(entry), fields)


def examples(value: Any) -> Iterator[str]:
    """They stand in one text, as a list of Markdown, or in a list."""
    if isinstance(value, str):
        yield from EXAMPLE.findall(value)
    for example in value if isinstance(value, list) else ():
        text = example.get("text") if isinstance(example, dict) else example
        if isinstance(text, str):
            yield text.strip().removeprefix("- ")


def answers_in(value: Any) -> Iterator[tuple[str, str]]:
    """The first text of every answer, by its name."""
    responses = value.get("responses")
    for name in responses if isinstance(responses, dict) else ():
        texts = [entry.get("text") for entry in list_in(responses, name) if isinstance(entry, dict)]
        if text := next((text for text in texts if text and isinstance(text, str)), None):
            yield name, text


def answered_in(value: Any) -> Iterator[tuple[str, str]]:
    """What a rule or a story answers an intent with, where that is one of rasa's answers."""
    for flow in (*list_in(value, "rules"), *list_in(value, "stories")):
        steps = list_in(flow, "steps") if isinstance(flow, dict) else []
        for asked, told in pairwise(step for step in steps if isinstance(step, dict)):
            if "intent" in asked and str(told.get("action", "")).startswith(UTTER):
                yield str(asked["intent"]), str(told["action"])


def list_in(value: dict[str, Any], name: str) -> list[Any]:
    """The list under a name; none where something else stands there."""
    listed = value.get(name)
    return listed if isinstance(listed, list) else []
