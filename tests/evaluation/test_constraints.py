"""With `evaluation.decoding.constrained` an answer is words, or calls of known tools in JSON."""

from importlib.resources import files
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from transformers import AutoTokenizer

from evaluation.evaluation_settings import Decoding
from evaluation.generation.answering_model import AnsweringModel
from evaluation.generation.constraints import (
    MOST_SIGNS,
    Sieve,
    Sieves,
    Wanted,
    call_form_of,
    refuse_unheld,
)
from evaluation.generation.systems import respondent
from project.errors import InputError
from project.records.adapters import Contestant, Engine
from project.records.data import Row
from project.written_calls import WrittenCall, written_calls
from tests.conftest import BASE, NUMERICS
from tests.evaluation.test_tool_answers import hosted

pytestmark = pytest.mark.slow


def tool(name: str, properties: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties or {}, **more}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


PAY = tool(
    "pay",
    {"amount": {"type": "integer", "minimum": 0, "maximum": 99}, "to": {"enum": ["rent", "tax"]}},
    required=["amount", "to"],
)
TOOLS = (PAY, tool("hang_up"), tool("lock", {"on": {"type": "boolean"}}))
SCHEMAS = {one["function"]["name"]: one["function"]["parameters"] for one in TOOLS}
PAYS = '{"name": "pay", "arguments": {"to": "tax", "amount": 30}}'
MARKED = f"<tool_call>\n{PAYS}\n</tool_call>"
ENDS = '<tool_call>\n{"name": "hang_up", "arguments": {}}\n</tool_call>'
BARE = PAYS.replace("arguments", "parameters")
LIST = f'[TOOL_CALLS] [{PAYS[:-1]}, "id": "a1b2c3d4e"}}]'
PYTHON = "[pay(amount=30, to='tax')]"
MISTRAL = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ m.content }}"
    "{% if m.tool_calls %}[TOOL_CALLS] [{% for t in m.tool_calls %}"
    '{"name": "{{ t.function.name }}", "arguments": {{ t.function.arguments | tojson }}, '
    '"id": "{{ t.id }}"}{{ ", " if not loop.last }}{% endfor %}]{{ eos_token }}{% endif %}'
    "{% endfor %}"
)


def tokenizer_of(base: Path, template: str | None) -> Any:
    found = AutoTokenizer.from_pretrained(base)
    if template == "mistral":
        found.chat_template = MISTRAL
        found.add_special_tokens({"additional_special_tokens": ["[TOOL_CALLS]"]})
    elif template:
        found.chat_template = (files("trl") / f"chat_templates/{template}.jinja").read_text()
    return found


def sieves_of(base: Path, template: str | None = None) -> tuple[Any, Sieves]:
    tokenizer = tokenizer_of(base, template)
    return tokenizer, Sieves(tokenizer, frozenset([tokenizer.eos_token_id]), len(tokenizer))


def takes(tokenizer: Any, sieve: Sieve, text: str) -> bool:
    """Whether an answer may be this text, token by token, and end there."""
    import torch

    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    for token in (*tokens, tokenizer.eos_token_id):
        logits = torch.zeros(len(tokenizer))
        sieve.sift(logits)
        if logits[token]:
            return False
        sieve.take(token)
    return True


# A text, and whether it may be an answer: with words, and where a call is required.
OWN = [
    ("30 francs are left [see below](x).", True, False),
    ("", True, False),
    ('{"name": "Bob"}', True, False),
    (MARKED, True, True),
    (f"I pay it.\n{MARKED}", True, False),
    (f"{MARKED}\n{ENDS}", True, True),
    (f"{MARKED} Done.", False, False),
    (MARKED.replace("30", '"30"'), False, False),
    (MARKED.replace("tax", "gas"), False, False),
    (MARKED.replace(', "amount": 30', ""), False, False),
    (MARKED.replace("30", '30, "more": 1'), False, False),
    (MARKED.replace('"pay"', '"steal"'), False, False),
    (MARKED[:-5], False, False),
    (PAYS, False, False),
    (PYTHON, False, False),
]
FORMS: dict[str | None, list[tuple[str, bool, bool]]] = {
    None: OWN,
    "qwen2_5": OWN,
    "qwen3": [*OWN, (f"<think>\n\n</think>\n\n{MARKED}", True, True)],
    "llama3_1": [
        ("Hello {there}.", True, False),
        (f"{BARE}<|eot_id|>", True, True),
        (f"{BARE}; {BARE}<|eot_id|>", False, False),
        (PAYS, False, False),
        (MARKED, False, False),
    ],
    "mistral": [
        (LIST, True, True),
        (f"I pay it. {LIST}", True, False),
        (LIST.replace("tax", "gas"), False, False),
        ("Hello [there].", True, False),
    ],
}


@pytest.mark.parametrize("template", FORMS)
def test_each_base_writes_calls_in_its_own_form(template: str | None, base_model: Path) -> None:
    tokenizer, sieves = sieves_of(base_model, template)
    for text, *expected in FORMS[template]:
        both = [sieves.of(Wanted(TOOLS, words=words), "a row") for words in (True, False)]
        assert [takes(tokenizer, one, text) for one in both] == expected, text


DRAWN_FROM = f"{MARKED} {BARE} {PYTHON} [f (a)] [x](y) äöü 日本 </think> <think> {{ }} ' , _"


@pytest.mark.parametrize("template", FORMS)
def test_whatever_is_drawn_a_whole_answers_calls_are_of_its_tools(
    template: str | None, base_model: Path
) -> None:
    import torch

    tokenizer, sieves = sieves_of(base_model, template)
    liked = sorted(set(tokenizer(DRAWN_FROM)["input_ids"]))
    end, chance, calls = tokenizer.eos_token_id, Random(1), list[WrittenCall]()
    for run in range(60):
        sieve, tokens = sieves.of(Wanted(TOOLS, words=run % 3 > 0), "a"), list[int]()
        while len(tokens) < 150 and tokens[-1:] != [end]:
            logits = torch.zeros(len(tokenizer))
            sieve.sift(logits)
            may = [token for token in liked if not logits[token]]
            others = (logits == 0).nonzero().flatten().tolist()
            tokens.append(chance.choice(may if may and chance.random() < 0.9 else others))
            if not logits[end] and chance.random() < 0.1:
                tokens[-1] = end
            sieve.take(tokens[-1])
        if tokens[-1] == end:
            calls += written_calls(tokenizer.decode(tokens, skip_special_tokens=True))
    assert len(calls) > 4
    for call in calls:
        Draft202012Validator(SCHEMAS[str(call.name)]).validate(call.arguments)


def test_one_call_or_json_of_a_schema_can_be_asked_for(base_model: Path) -> None:
    tokenizer, sieves = sieves_of(base_model)
    one = Wanted(TOOLS, words=False, several=False)
    assert takes(tokenizer, sieves.of(one, "a"), MARKED)
    assert not takes(tokenizer, sieves.of(one, "a"), f"{MARKED}\n{ENDS}")
    plain = Wanted(schema=PAY["function"]["parameters"])
    assert takes(tokenizer, sieves.of(plain, "a"), '{"amount": 3, "to": "tax"}')
    assert not takes(tokenizer, sieves.of(plain, "a"), "three")


def test_a_base_whose_calls_are_no_json_is_refused(base_model: Path) -> None:
    tokenizer, sieves = sieves_of(base_model, "lfm2_v2")
    assert call_form_of(tokenizer) is None
    with pytest.raises(InputError, match=r"a row: .* in no form of JSON"):
        sieves.of(Wanted(TOOLS), "a row")


class Caller(AnsweringModel):
    """Of random weights: it would never begin a call."""

    def sieve(self, row: Row) -> Sieve | None:
        wanted = Wanted(row.tools or (), words=False, several=False)
        return self.sieves.of(wanted, "a") if self.sieves else None


def test_an_answer_is_held_to_the_tools_of_its_row(tiny_base: Path) -> None:
    plain = Row.of("What is left?", "90.", group="g", source="s")
    rows = [plain.model_copy(update={"tools": TOOLS, "id": name}) for name in "abcd"]
    told: dict[str, Any] = {"max_new_tokens": 64, "temperature": 1.0, "samples": 4}
    free = Caller(tiny_base, None, Decoding(**told), "float32")
    assert not any(written_calls(one.text) for one in free.answer(rows, 4))
    held = Caller(tiny_base, None, Decoding(constrained=True, **told), "float32")
    whole = [one for one in held.answer(rows, 4) if one.tokens < 64]
    assert len(whole) > 4
    for answer in whole:
        calls = written_calls(answer.text)
        assert calls
        for call in calls:
            Draft202012Validator(SCHEMAS[str(call.name)]).validate(call.arguments)
    alone = AnsweringModel(tiny_base, None, Decoding(constrained=True), "float32")
    assert alone.sieve(plain) is None and alone.sieve(rows[0]) is not None


def bomb(levels: int) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        made = {"anyOf": [{"type": "object", "properties": {key: made}} for key in "ab"]}
    return {"x": made}


HOSTILE = {
    "schemas that double": (bomb(12), "more than"),
    "a huge list of values": ({"x": {"enum": ["v" * 9] * MOST_SIGNS}}, "more than"),
    "what the library lacks": ({"x": {"not": {"type": "string"}}}, "Unimplemented"),
    "an address": ({"x": {"$ref": "http://127.0.0.1:1/x"}}, "127"),
    "nothing that fits": ({"x": {"type": "integer", "minimum": 2, "maximum": 1}}, "Unsatisfiable"),
    "a file": ({"x": {"$ref": "file:///etc/passwd"}}, "passwd"),
    "looking ahead": ({"x": {"type": "string", "pattern": "(?=a)b"}}, "regex"),
}
HARMLESS = {
    "itself": {"x": {"$ref": "#/properties/x"}},
    "a tree": {"x": {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}}},
    "long patterns": {"x": {"type": "string", "pattern": "((a{1,100}){1,100}){1,100}"}},
    "long texts": {"x": {"type": "string", "minLength": 10**6, "maxLength": 10**9}},
    "a format of one's own": {"x": {"type": "string", "format": "iban"}},
    "many arguments": {f"x{i}": {"type": "string"} for i in range(500)},
}


def test_schemas_that_no_grammar_holds_are_refused_by_the_name_of_their_row(
    base_model: Path,
) -> None:
    tokenizer, sieves = sieves_of(base_model)
    began = monotonic()
    for case, (properties, why) in HOSTILE.items():
        with pytest.raises(InputError, match=f"tools: row 7: .*{why}"):
            sieves.of(Wanted([tool("f", properties)]), "row 7")
            pytest.fail(case)
    for case, properties in HARMLESS.items():
        sieve = sieves.of(Wanted([tool("f", properties)]), "row 7")
        assert takes(tokenizer, sieve, "Hello."), case
    assert monotonic() - began < 20


def test_a_row_that_no_grammar_holds_is_named_before_any_is_answered(base_model: Path) -> None:
    """So that no look is spent on a sealed one."""
    asked = Row.of("What is left?", "90.", group="g", source="s", row_id="sealed-7")
    held = asked.model_copy(update={"tools": (tool("f", HARMLESS["long texts"]),)})
    refuse_unheld([asked, held], base_model)
    properties, why = HOSTILE["what the library lacks"]
    broken = asked.model_copy(update={"tools": (tool("f", properties),)})
    with pytest.raises(InputError, match=f"tools: row sealed-7 .*{why}"):
        refuse_unheld([held, broken], base_model)


def test_no_server_is_taken_for_one_that_is_held_to_grammars() -> None:
    Path("params.yaml").write_text("version: 2\n")
    held, by = Decoding(constrained=True), "evaluation.decoding.constrained: a server answers"
    engine = NUMERICS.model_copy(update={"engine": Engine(name="sglang", version="1", model="m")})
    for base, numerics in ((hosted().pin, NUMERICS), (BASE, engine)):
        with pytest.raises(InputError, match=by):
            respondent(Contestant(base=base), None, held, numerics)
    ours = respondent(Contestant(base=BASE), None, held, NUMERICS).system
    free = respondent(Contestant(base=BASE), None, Decoding(), NUMERICS).system
    assert ours.libraries[:-1] == free.libraries and ours.code != free.code
