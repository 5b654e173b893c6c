"""The calls of tools that stand in what a model writes, in each form that bases are known to write.

| form | a call in it |
| --- | --- |
| Hermes, Qwen 2.5 and 3 | `<tool_call>{"name": "f", "arguments": {…}}</tool_call>` |
| Qwen 3.5 | `<tool_call><function=f><parameter=a>1</parameter></function></tool_call>` |
| GLM 4 | `<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call>` |
| Llama 3 | `{"name": "f", "parameters": {…}}`; several have `;` between them |
| Mistral | `[{"name": "f", "arguments": {…}}]`, behind `[TOOL_CALLS]` or alone |
| OpenAI | `{"type": "function", "function": {"name": "f", "arguments": "{…}"}}` |
| Python, as LFM 2 has it | `[f(a=1), g()]` |

Words may stand around calls. Where there are marks, what stands outside of them is no call. What a
model only thought, up to `</think>`, is none either. Where arguments stand as texts, the schema of
the tool says which of them are no texts.
"""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from project.records.tool_calls import Shape, as_json, json_object

BEGIN, END = "<tool_call>", "</tool_call>"


class WrittenCall(NamedTuple):
    """Without a name: a call that is cut or that no parser reads."""

    name: str | None = None
    arguments: dict[str, Any] | None = None  # None: what was written is no object in JSON


UNREADABLE = WrittenCall()
Schemas = Mapping[str, Mapping[str, Any]]  # of the arguments of tools, by their names
UNKNOWN: Schemas = {}


def schemas_of(tools: Iterable[Mapping[str, Any]] | None) -> Schemas:
    """Of tools as OpenAI's API has them."""
    functions = (tool["function"] for tool in tools or ())
    return {function["name"]: function.get("parameters") or {} for function in functions}


def written_calls(text: str, schemas: Schemas = UNKNOWN) -> list[WrittenCall]:
    """The calls in a text, in their order; it takes any text, in time that is linear in it."""
    answer = text.rpartition("</think>")[2].partition("<think>")[0]
    if BEGIN in answer:
        return list(marked_calls(answer, schemas))
    return list(bare_calls(answer)) or list(python_calls(answer))


MARKED = re.compile(f"{BEGIN}.*?(?:{END}|\\Z)", re.DOTALL)


def words_beside(text: str) -> str:
    """What a text with calls says in words; where they have no marks, what stands before them."""
    if BEGIN in text:
        return MARKED.sub("", text).strip()
    starts = [match.start() for form in (HEAD, PYTHON) if (match := form.search(text))]
    before = text[: min(starts, default=len(text))].rstrip(" \n[")
    return before.removesuffix("[TOOL_CALLS]").strip()


# Strings and brackets. One match never ends within another one, whatever stands there.
PARTS = re.compile(r"""'(?:[^'\\\n]++|\\.)*+'?|"(?:[^"\\\n]++|\\.)*+"?|[\[\](){}]|</?tool_call>""")


def closed(text: str, start: int) -> tuple[int, bool]:
    """Where the bracket at `start` is closed; or where the text or its mark ends first, and False.

    A quote without its end ends with its line.
    """
    depth = 0
    for part in PARTS.finditer(text, start):
        if part[0] in ("{", "[", "("):
            depth += 1
        elif part[0] in ("}", "]", ")"):
            depth -= 1
            if not depth:
                return part.end(), True
        elif part[0][0] == "<":
            return part.start(), False
    return len(text), False


# --- JSON -----------------------------------------------------------------------------------------

BETWEEN = re.compile(r"[\s,;\[\]]*+(?=(\{?))")
HEAD = re.compile(r'\{\s*"(?:name|function|type|id|arguments|parameters)"\s*:')
ARGUMENTS = re.compile(r'"(?:arguments|parameters)"\s*:\s*["{]')


def marked_calls(text: str, schemas: Schemas) -> Iterator[WrittenCall]:
    """Between two marks there is nothing but calls: a server would not read it either."""
    at = 0
    while (start := text.find(BEGIN, at)) >= 0:
        at, calls = start + len(BEGIN), list[WrittenCall]()
        if head := TAGGED.match(text, at):
            end = text.find(END, at)
            at = len(text) if end < 0 else end
            yield UNREADABLE if end < 0 else tagged_call(text, head, end, schemas)
            continue
        while (gap := BETWEEN.match(text, at)) and gap[1]:
            at, whole = closed(text, gap.end())
            calls.append((whole and call_of(text[gap.end() : at])) or UNREADABLE)
        at = gap.end() if gap else at
        clean = at == len(text) or text.startswith((BEGIN, END), at)
        yield from calls if clean and calls else [UNREADABLE]


def bare_calls(text: str) -> Iterator[WrittenCall]:
    """Objects with a name and arguments."""
    at = 0
    while head := HEAD.search(text, at):
        start = head.start()
        at, whole = closed(text, start)
        call = call_of(text[start:at]) if whole else UNREADABLE
        if call and ARGUMENTS.search(text, start, at):
            yield call


def call_of(text: str) -> WrittenCall | None:
    """None of an object that is no call, or describes a tool."""
    try:
        call = json_object(text)
    except ValueError:
        return UNREADABLE
    call = call["function"] if isinstance(call.get("function"), dict) else call
    name, told = call.get("name"), call.get("arguments", call.get("parameters", {}))
    if not isinstance(name, str) or not name.strip() or "description" in call:
        return None
    if isinstance(told, str):
        try:
            told = json_object(told)
        except ValueError:
            return WrittenCall(name)
    return WrittenCall(name, told if isinstance(told, dict) else None)


# --- tags -----------------------------------------------------------------------------------------

TAGGED = re.compile(
    r"\s*+(?:<function=([^<>\s]++)>|([^\s<>{}\[\],;\"']++)(?=\s*+(?:<arg_key>|</tool_call>)))"
)
ARGUMENT = re.compile(
    r"\s*+(?:<parameter=([^<>\s]++)>\n?(.*?)\n?</parameter>"
    r"|<arg_key>([^<>]*+)</arg_key>\s*+<arg_value>(.*?)</arg_value>)",
    re.DOTALL,
)


def tagged_call(text: str, head: re.Match[str], end: int, schemas: Schemas) -> WrittenCall:
    """The call that begins with `head`, up to the mark at `end`."""
    name, at = head[1] or head[2], head.end()
    schema, arguments = schemas.get(name), dict[str, Any]()
    if schemas and schema is None and head[2] and not text[at:end].strip():
        return UNREADABLE  # a word, and no call without arguments
    known = Shape.of(schema, schema).properties
    while match := ARGUMENT.match(text, at, end):
        key, told = (match[1], match[2]) if match[1] else (match[3], match[4])
        if key in arguments:
            return UNREADABLE
        arguments[key], at = of_kind(told, Shape.of(known.get(key), schema)), match.end()
    whole = text[at:end].strip() == ("</function>" if head[1] else "")
    return WrittenCall(name, arguments) if whole else UNREADABLE


def of_kind(text: str, shape: Shape) -> Any:
    """An argument that stands as a text: that text, where the schema takes one or it is no JSON."""
    values = [
        *shape.said("const", str),
        *(values for value in shape.said("enum", list) for values in value),
    ]
    if "string" in shape.types or text in values:
        return text
    try:
        parsed = json_object(f'{{"value": {PYTHONS.get(text, text)}}}')
    except ValueError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


PYTHONS = {"True": "true", "False": "false", "None": "null"}  # as some templates write them


# --- Python ---------------------------------------------------------------------------------------

PYTHON = re.compile(r"\[\s*[A-Za-z_][\w.]*\(\s*(?:[A-Za-z_]\w*\s*=|\)\s*[\],])")


def python_calls(text: str) -> Iterator[WrittenCall]:
    """The first list of calls; what it says is read, never run."""
    if (match := PYTHON.search(text)) is None:
        return
    end, whole = closed(text, match.start())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of backslashes
            tree = ast.parse(text[match.start() : end] if whole else "", mode="eval").body
        calls = tree.elts if isinstance(tree, ast.List) else []
        yield from [python_call(node) for node in calls] or [UNREADABLE]
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        yield UNREADABLE


def python_call(node: ast.expr) -> WrittenCall:
    if not isinstance(node, ast.Call) or node.args:
        return UNREADABLE
    name = ast.unparse(node.func)
    try:
        told = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        return WrittenCall(name, json_object(as_json(told)))
    except (ValueError, TypeError):
        return WrittenCall(name)


# --- questions ------------------------------------------------------------------------------------

CLOSING = " \t\r\n\"'”’»)]*_"  # signs that may stand behind a question mark


def asks_back(text: str) -> bool:
    """Whether an answer ends in a question and calls nothing."""
    return text.rstrip(CLOSING).endswith(("?", "？", "؟")) and not written_calls(text)
