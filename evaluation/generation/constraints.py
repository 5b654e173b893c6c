"""Answers held to a grammar: calls of known tools in valid JSON, or JSON of a schema.

Before each token of an answer, the tokens that would break its grammar are taken out. The grammar
has the tools that the prompt shows, in the form in which the base writes calls; llguidance says
which tokens it allows. The arguments of a tool that has few come in any order, else in the order of
its schema; others than it names there are none, unless it says more of `additionalProperties`.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import torch
from llguidance import LLMatcher, LLParserLimits
from llguidance.hf import from_tokenizer
from torch import Tensor
from transformers import AutoTokenizer

from project.errors import InputError
from project.records.data import Message, Row
from project.records.tool_calls import ToolCall, as_json, json_object
from project.tool_rendering import CALL, PROBE, TOOL, Tools, knows_tools, native, probed
from project.untrusted_input import shortened
from project.written_calls import ARGUMENTS, BEGIN, HEAD, PYTHON, WrittenCall, written_calls

MOST_SIGNS = 1 << 17  # of the schemas in JSON: grammars of more take seconds to be made
MOST_CALLS = 16  # in one answer
MOST_IN_ANY_ORDER = 6  # arguments: with each of them the rules of a tool double


# --- form -----------------------------------------------------------------------------------------

# How a base writes calls is found by rendering one call, and two.

NAME, TOWN = CALL["function"]["name"], CALL["function"]["arguments"]
OTHER = {"function": {"name": NAME, "arguments": TOWN.replace("Probeville", "Elsewhere")}}


class CallForm(NamedTuple):
    """What a base writes around the names and the arguments, which are JSON, of its calls."""

    lead: str  # before the calls, such as thoughts that are empty
    begin: str  # up to the first name
    named: str  # from a name to its arguments
    between: str | None  # from arguments to the next name; None: of a base that makes one call
    end: str


def call_form_of(tokenizer: Any) -> CallForm | None:
    """None of a base whose arguments are not JSON, or whose calls nobody here can read."""
    single = rendered(tokenizer, CALL)
    part = {"name": re.escape(NAME), "one": re.escape(TOWN)}
    part["two"] = re.escape(OTHER["function"]["arguments"])
    match = re.fullmatch("(?s)(.*?){name}(.*?){one}(.*)".format_map(part), single)
    if not match or not is_readable(tokenizer):
        return None
    both = rendered(tokenizer, CALL, OTHER)
    several = re.fullmatch("(?s).*?{name}.*?{one}(.*?){name}.*?{two}.*".format_map(part), both)
    lead, mark, rest = match[1].rpartition(BEGIN)
    return CallForm(lead, mark + rest, match[2], several and several[1], match[3])


def is_readable(tokenizer: Any) -> bool:
    """Whether a call is found again in what the base writes."""
    text = rendered(tokenizer, CALL)
    for name in control_tokens(tokenizer):  # whoever reads the answer does not see them
        text = text.replace(name, "")
    return written_calls(text) == [WrittenCall(NAME, json_object(TOWN))]


def rendered(tokenizer: Any, *calls: dict[str, Any]) -> str:
    """An answer that is these calls, as the base writes it; nothing where it cannot."""
    made = tuple(ToolCall.model_validate(call) for call in calls)
    turn = Message(role="assistant", content="", tool_calls=made)
    if not knows_tools(tokenizer):
        return turn.text
    asked = list(native(PROBE[:1]))
    begun = probed(tokenizer, asked, tools=[TOOL], add_generation_prompt=True)
    whole = probed(tokenizer, list(native([*PROBE[:1], turn])), tools=[TOOL])
    end = tokenizer.eos_token
    answer = whole.removeprefix(begun) if whole.startswith(begun) else ""
    return answer.partition(end)[0] if end else answer


def control_tokens(tokenizer: Any) -> dict[str, int]:
    known = tokenizer.added_tokens_decoder.items()
    return {token.content: number for number, token in known if token.special}


# --- grammar --------------------------------------------------------------------------------------

# In Lark, as llguidance reads it.

HEADER = "%llguidance {}\n"
# JSON as Python writes it, and so as models are trained on calls.
WRITTEN = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
# All that is not ASCII counts as letters: an automaton of those of Unicode is too large.
LETTER = r"A-Za-z0-9_\x{80}-\x{10FFFF}"
PYTHON_LIKE = PYTHON.pattern.replace(r"[\w.]", f"[.{LETTER}]").replace(r"\w", f"[{LETTER}]")
FORMATS = re.compile(r"date(-time)?|time|duration|email|hostname|ipv[46]|uri|uuid")
CALLED = rf"{HEAD.pattern}(?s:.*){ARGUMENTS.pattern}|\{{\s*{ARGUMENTS.pattern}"


class Wanted(NamedTuple):
    """What an answer may be: calls, with words in their place or before them; or JSON."""

    tools: Tools = ()
    words: bool = True
    several: bool = True  # calls
    schema: dict[str, Any] | None = None  # of the JSON that it is instead


def json_of(schema: Any) -> str:
    known = with_known_formats(schema)
    return f"%json {as_json(known | {'x-guidance': WRITTEN} if isinstance(known, dict) else known)}"


def with_known_formats(schema: Any) -> Any:
    """A schema without the formats of texts that llguidance does not know: they are but notes."""
    if isinstance(schema, list):
        return [with_known_formats(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    noted = schema.get("format")
    left = {"format"} if isinstance(noted, str) and not FORMATS.fullmatch(noted) else set()
    return {key: with_known_formats(part) for key, part in schema.items() if key not in left}


def arguments_rules(tool: int, schema: dict[str, Any]) -> Iterator[str]:
    """The rules of a call's arguments, the first of which is `args_TOOL`."""
    properties = dict(schema.get("properties") or {})
    needed = {place for place, name in enumerate(properties) if name in schema.get("required", ())}
    plain = schema.get("additionalProperties", False) is False and not (
        schema.keys() - {"type", "properties", "required", "additionalProperties", "description"}
        or "$ref" in as_json(schema)
        or set(schema.get("required", ())) - properties.keys()
    )
    if not plain or len(properties) > MOST_IN_ANY_ORDER:
        closed = {"additionalProperties": False} if plain else {}
        yield f"args_{tool}: {json_of(closed | schema)}"
        return
    yield f'args_{tool}: "{{" left_{tool}_0'
    for place, value in enumerate(properties.values()):
        yield f"value_{tool}_{place}: {json_of(value)}"
    for told in range(1 << len(properties)):  # a bit for each argument that stands there already
        there = {place for place in range(len(properties)) if told >> place & 1}
        ways = ['"}"'] if needed <= there else []
        for place, name in enumerate(properties):
            if place not in there:
                key = as_json(f"{', ' if told else ''}{as_json(name)}: ")
                ways.append(f"{key} value_{tool}_{place} left_{tool}_{told | 1 << place}")
        yield f"left_{tool}_{told}: {' | '.join(ways)}"


class GrammarMaker:
    """Of one base, by its tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.readable = is_readable(tokenizer)
        self.form = call_form_of(tokenizer)
        self.control = control_tokens(tokenizer)
        names = sorted(map(re.escape, self.control), key=len, reverse=True)
        self.parts = re.compile("|".join([*names, r"\b\d{9}\b"]))

    def grammar(self, wanted: Wanted, name: str) -> str:
        """Raises InputError, which names what is answered."""
        if len(as_json([wanted.tools, wanted.schema])) > MOST_SIGNS:
            raise unfit(name, f"they have more than {MOST_SIGNS:,} characters")
        if wanted.schema is not None:
            return f"{HEADER}start: {json_of(wanted.schema)}"
        if self.form is None:
            raise unfit(name, "the base writes calls in no form of JSON that is known here")
        return "\n".join([HEADER, *self.of_calls(wanted, self.form)])

    def vllm_fields(self, wanted: Wanted, name: str) -> dict[str, Any]:
        """What a request to vLLM says more, so that it holds an answer to the grammar."""
        return {"structured_outputs": {"grammar": self.grammar(wanted, name)}}

    def fields_of_tools(self, tools: Tools | None, name: str) -> dict[str, Any]:
        return self.vllm_fields(Wanted(tools), name) if tools else {}

    def of_calls(self, wanted: Wanted, form: CallForm) -> Iterator[str]:
        more = ""
        if wanted.several and form.between is not None:
            more = f"({self.literal(form.between)} call){{0,{MOST_CALLS - 1}}}"
        yield f"calls: call {more} {self.literal(form.end)}"
        yield f"call: {' | '.join(f'call_{number}' for number in range(len(wanted.tools)))}"
        for number, tool in enumerate(wanted.tools):
            function = tool["function"]
            told = as_json(as_json(function["name"])[1:-1])
            yield f"call_{number}: {told} {self.literal(form.named)} args_{number}"
            yield from arguments_rules(number, function.get("parameters") or {})
        yield from self.starts(form) if wanted.words else self.start_of_calls(form)

    def start_of_calls(self, form: CallForm) -> Iterator[str]:
        before = f"({self.literal(form.lead)})?" if form.lead else ""
        yield f"start: {before} {self.literal(form.begin)} calls"

    def starts(self, form: CallForm) -> Iterator[str]:
        """Words hold nothing that is read as a call."""
        marked, control = form.begin.startswith(BEGIN), self.parts.match(form.begin)
        unread = f"{CALLED if marked or control else HEAD.pattern}|{PYTHON_LIKE}"
        yield f"WORDS: /(?s:.+)/ & ~/(?s:.*)({BEGIN}|{unread})(?s:.*)/"
        if marked:  # words that go on to the mark end with it
            yield f"ANY: /(?s:.*)/ & ~/(?s:.*)({unread})(?s:.*)/"
            yield f"opened[lazy]: ANY {as_json(BEGIN)}"
            yield f"start: WORDS? | opened {self.literal(form.begin.removeprefix(BEGIN))} calls"
        else:
            before = "WORDS?" if control else ""
            yield f"start: WORDS? | {before} {self.literal(form.begin)} calls"

    def literal(self, text: str) -> str:
        """A text in a grammar: control tokens by their numbers, and ids of calls as any ids."""
        pieces, at = list[str](), 0
        for part in self.parts.finditer(text):
            pieces.append(as_json(text[at : part.start()]))
            at = part.end()
            number = self.control.get(part[0])
            pieces.append("/[A-Za-z0-9]{9}/" if number is None else f"<[{number}]>")
        return " ".join(piece for piece in (*pieces, as_json(text[at:])) if piece != '""')


def grammars_of(base: Path) -> GrammarMaker:
    return GrammarMaker(AutoTokenizer.from_pretrained(base))


# --- sieve ----------------------------------------------------------------------------------------


class Sieve:
    """What may come next in one answer. Raises InputError where the grammar cannot be followed."""

    def __init__(self, matcher: LLMatcher, name: str) -> None:
        self.matcher = matcher
        self.name = name  # of what is answered

    def sift(self, logits: Tensor) -> None:
        """Put -inf, in place, where a token would break the grammar; logits [vocabulary]."""
        told = torch.frombuffer(bytearray(self.matcher.compute_logit_bias()), dtype=torch.uint8)
        refuse_failed(self.matcher, self.name)
        logits.masked_fill_((told == 0)[: len(logits)].to(logits.device), -inf)

    def take(self, token: int) -> None:
        self.matcher.consume_token(token)
        refuse_failed(self.matcher, self.name)


class Sieves:
    """Makes them, for one base."""

    def __init__(self, tokenizer: Any, ends: frozenset[int], vocabulary: int) -> None:
        self.maker = GrammarMaker(tokenizer)
        size = max(vocabulary, len(tokenizer))
        self.tokens = from_tokenizer(tokenizer, n_vocab=size, eos_token=sorted(ends))
        self.matcher = lru_cache(64)(self.matcher_of)

    def of(self, wanted: Wanted, name: str) -> Sieve:
        """A new one. Raises InputError, naming what is answered, for what cannot be a grammar."""
        made = self.matcher(self.maker.grammar(wanted, name))
        refuse_failed(made, name)
        return Sieve(made.deep_copy(), name)

    def matcher_of(self, grammar: str) -> LLMatcher:
        limits = LLParserLimits(verbose_errors=False)
        return LLMatcher(
            self.tokens, LLMatcher.grammar_from_lark(grammar), log_level=0, limits=limits
        )


def refuse_unheld(rows: Iterable[Row], base: Path) -> None:
    """Raise InputError where no grammar holds an answer to a row's tools; none is made."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    sieves = Sieves(tokenizer, frozenset([tokenizer.eos_token_id]), len(tokenizer))
    for row in rows:
        if row.tools:
            sieves.of(Wanted(row.tools), str(row))


def refuse_failed(matcher: LLMatcher, name: str) -> None:
    if matcher.is_error():
        lines = matcher.get_error().replace("failed to compile JSON schema: ", "").splitlines()
        raise unfit(name, shortened(lines[0], 200))


def unfit(name: str, why: str) -> InputError:
    return InputError(f"{name}: no grammar holds its answer to its schemas: {why}", field="tools")
