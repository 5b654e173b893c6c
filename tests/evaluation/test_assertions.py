"""Assertions say of an answer what a program can tell, and are scores that a policy gates on."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from evaluation.decision.policy import Policy
from evaluation.evaluation_settings import ScoringParams
from evaluation.generation.answers import Answer
from evaluation.score import directions, eval_set_of
from evaluation.scoring import json_schemas
from evaluation.scoring.assertion_check import holds
from evaluation.scoring.built_in import named_files
from evaluation.scoring.json_schemas import matches_pattern
from evaluation.scoring.scorers import (
    Scores,
    computed,
    load_scorers,
    refuse_broken_assertions,
    score,
)
from project.errors import InputError
from project.records.assertion_kinds import Assertion, Dialect
from project.records.data import Row
from project.settings import load
from project.unicode_words import LANGUAGES, detector
from tests.conftest import ROOT

ONE = TypeAdapter[Assertion](Assertion)
DRAFT_4, DRAFT_7 = (f"http://json-schema.org/draft-0{n}/schema#" for n in (4, 7))
FENCED = "Here it is:\n```python\nx = 1\n```\nand\n```sql\nnot python\n```\n"


def assertion(kind: str, **fields: Any) -> Assertion:
    return ONE.validate_python({"kind": kind, **fields})


def held(answer: str, kind: str, **fields: Any) -> bool | None:
    return holds(assertion(kind, **fields), answer)


@pytest.mark.parametrize(
    ("answer", "text", "there"),
    [
        ("This is NOT\n  legal advice.", "not legal advice", True),
        ("It’s the bank‑wide rule", "It's the bank-wide rule", True),
        ("It costs $50.", "$50", True),
        ("It costs $500.", "$50", False),
        ("It costs €50.", "$50", False),
        ("Our loans are cheap.", "loan", False),
        ("A loan is cheap.", "loan", True),
        ("C is old.", "C++", False),
        ("本服务不构成法律建议。", "法律建议", True),
        ("ｌｏａｎ", "loan", True),
        ("Der FUSSBALL.", "Fußball", True),
        ("", "loan", False),
    ],
)
def test_a_phrase_is_found_as_a_reader_sees_it(answer: str, text: str, there: bool) -> None:
    assert held(answer, "contains", texts=[text]) is there
    assert held(answer, "excludes", texts=[text]) is not there


def test_capitals_and_parts_of_words_count_where_they_are_asked_for() -> None:
    assert not held("our app", "contains", texts=["APP"], cased=True)
    assert held("Our APP", "contains", texts=["APP"], cased=True)
    assert held("Our loans", "contains", texts=["loan"], whole_words=False)


def test_all_texts_are_needed_or_any_of_them() -> None:
    texts = ["Kind regards", "Best wishes"]
    assert not held("Best wishes, Ann", "contains", texts=texts)
    assert held("Best wishes, Ann", "contains", texts=texts, need="any")
    assert not held("Best wishes, Ann", "excludes", texts=texts)


def test_a_pattern_is_found_absent_or_the_whole() -> None:
    assert held("IBAN DE12", "regex", pattern=r"\bDE\d+")
    assert not held("IBAN DE12", "regex", pattern=r"\bDE\d+", absent=True)
    assert not held("IBAN DE12", "regex", pattern=r"DE\d+", whole=True)


def test_a_pattern_that_would_hang_is_an_error() -> None:
    with pytest.raises(InputError, match=r"aa\)\+\$' takes longer than 0\.05 s"):
        matches_pattern(r"(a|aa)+$", "a" * 60 + "!", seconds=0.05)


@pytest.mark.parametrize(
    ("answer", "unit", "least", "most", "right"),
    [
        ("one two three", "words", 3, 3, True),
        ("one two three", "words", 0, 2, False),
        ("一二三", "words", 3, 3, True),
        ("e\u0301", "characters", 1, 1, True),
        ("", "words", 1, None, False),
    ],
)
def test_lengths_are_counted_in_every_script(
    answer: str, unit: str, least: int, most: int | None, right: bool
) -> None:
    assert held(answer, "length", unit=unit, least=least, most=most) is right


def test_a_language_holds_breaks_or_cannot_be_told() -> None:
    german = "Wir senden Ihnen die Karte in den nächsten Tagen zu."
    assert held(german, "language", languages=["de", "fr"])
    assert held(german, "language", languages=["en"]) is False
    assert held("ok", "language", languages=["de"]) is None


def test_the_languages_are_those_of_the_model() -> None:
    told = detector().detect("Das ist ein Test.", model="lite", k=1000, threshold=-1.0)
    assert {one["lang"] for one in told} == LANGUAGES


def test_the_dialects_are_known_to_the_parser() -> None:
    from sqlglot import Dialect as Known

    assert set(get_args(Dialect)) <= Known.classes.keys()


@pytest.mark.parametrize(
    ("syntax", "answer", "right"),
    [
        ("python", "def f(x):\n    return '\\d'", True),
        ("python", "x = [", False),
        ("python", "Sorry", False),
        ("python", "Yes, sure", False),
        ("python", "", False),
        ("python", "(" * 500 + ")" * 500, False),
        ("json", '{"a": 1}', True),
        ("json", "NaN", False),
        ("json", "[" * 100_000, False),
        ("sql", "SELECT a FROM t WHERE b = 1; DROP TABLE t", True),
        ("sql", "WITH x AS (SELECT 1) SELECT * FROM x UNION SELECT 2", True),
        ("sql", "SELECT * FORM t", False),
        ("sql", "This is a test", False),
        ("sql", "hello", False),
        ("sql", "EXPLAIN everything to me", False),
        ("sql", "COMMIT", False),
        ("sql", "-- nothing", False),
        ("sql", "", False),
    ],
)
def test_programs_parse_or_not(syntax: str, answer: str, right: bool) -> None:
    assert held(answer, "parses", syntax=syntax) is right


def test_a_dialect_has_its_own_quotes() -> None:
    assert not held("SELECT `a` FROM `t`", "parses", syntax="sql", dialect="postgres")
    assert held("SELECT `a` FROM `t`", "parses", syntax="sql", dialect="mysql")


@pytest.mark.parametrize(
    ("answer", "whole", "fence", "blocks"),
    [
        ("x = 1", True, True, False),
        ("```py\nx = 1\n```", False, True, True),
        ("```\nx = 1\n```", False, True, True),
        ("```js\nx = 1\n```", False, False, False),
        (FENCED, False, False, True),
        ("```python\nx = 1\n```\n```python\nx =\n```", False, False, False),
    ],
)
def test_fences_and_words_around_are_let_pass_where_asked(
    answer: str, whole: bool, fence: bool, blocks: bool
) -> None:
    expected = {"whole": whole, "fence": fence, "blocks": blocks}
    found = {where: held(answer, "parses", syntax="python", where=where) for where in expected}
    assert found == expected


def test_json_is_held_against_a_schema() -> None:
    schema = {"type": "object", "required": ["a"]}
    assert held('{"a": 1}', "json_schema", inline=schema)
    assert not held('{"b": 1}', "json_schema", inline=schema)
    assert held('```json\n{"a": 1}\n```', "json_schema", inline=schema, where="fence")


SLOW = r"(a|aa)+$"
LONG = "a" * 60 + "!"


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        ({"pattern": SLOW}, json.dumps(LONG)),
        ({"patternProperties": {SLOW: {}}}, json.dumps({LONG: 1})),
        ({"additionalProperties": False, "patternProperties": {SLOW: {}}}, json.dumps({LONG: 1})),
        ({"items": {"$schema": DRAFT_7, "pattern": SLOW}}, json.dumps([LONG])),
    ],
)
def test_a_schemas_pattern_that_would_hang_is_an_error(
    schema: dict[str, Any], answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_schemas, "SECONDS", 0.05)
    with pytest.raises(InputError, match=r"aa\)\+\$' takes longer than 0\.05 s"):
        held(answer, "json_schema", inline=schema)


@pytest.mark.parametrize("draft", [None, DRAFT_4, DRAFT_7])
def test_keys_are_held_against_patterns_and_what_else_is_allowed(draft: str | None) -> None:
    keys = {"properties": {"a": {}}, "patternProperties": {"^x": {"type": "integer"}}}
    schema = keys | ({"$schema": draft} if draft else {})
    closed, whole = (schema | {"additionalProperties": p} for p in (False, {"type": "integer"}))
    for answer, in_closed, in_whole in [
        ('{"a": "1", "x1": 1}', True, True),
        ('{"x1": "1"}', False, False),
        ('{"b": 1}', False, True),
        ('{"b": "1"}', False, False),
        ("[1]", True, True),
    ]:
        assert held(answer, "json_schema", inline=closed) is in_closed
        assert held(answer, "json_schema", inline=whole) is in_whole
    assert held('{"b": "1"}', "json_schema", inline=schema)
    assert not held('"xyz"', "json_schema", inline=schema | {"pattern": "^a"})


def test_a_number_beyond_all_numbers_is_not_valid() -> None:
    assert held("1e400", "json_schema", inline={"multipleOf": 0.1}) is False


@pytest.mark.parametrize(
    ("schema", "complaint"),
    [
        ({"$schema": 5}, r'"\$schema" must be a text'),
        ({"type": "strin"}, "no JSON schema: 'strin'"),
        ({"properties": {"a": {"$ref": "#/no"}}}, "refers to what is not in it"),
        ({"properties": {"a": {"$ref": "#/x"}}, "x": {"type": "strin"}}, "part that is no schema"),
        ({"pattern": "("}, "is not a 'regex'"),
        ({"unevaluatedProperties": False, "patternProperties": {"a": {}}}, "leave one of them out"),
    ],
)
def test_what_is_no_schema_is_told(schema: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        held('"a"', "json_schema", inline=schema)


def test_a_word_that_is_data_in_a_schema_refers_to_nothing() -> None:
    assert held('{"$ref": "#/no"}', "json_schema", inline={"const": {"$ref": "#/no"}})


@pytest.mark.parametrize("pattern", ["(" * 900 + ")" * 900, "a" * 2_001, "("])
def test_a_pattern_that_cannot_be_read_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"no regular expression|at most 2000 characters"):
        assertion("regex", pattern=pattern)


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ({"kind": "json_schema", "inline": {"type": "strin"}}, "no JSON schema"),
        ({"kind": "json_schema", "inline": {"allOf": [{"$ref": "#/no"}]}}, "not in it"),
    ],
)
def test_a_row_whose_assertion_cannot_be_checked_is_named(
    own: dict[str, Any], complaint: str
) -> None:
    rows = [row(0), row(1, {"kind": "length", "most": 9}, own)]
    told = rf"^rows\.jsonl: assertions\.1: row '1' has one that cannot be checked: .*{complaint}"
    with pytest.raises(InputError, match=told):
        refuse_broken_assertions(chosen(OPTIONS), rows, Path("rows.jsonl"))
    refuse_broken_assertions(chosen(OPTIONS), rows[:1], Path("rows.jsonl"))
    refuse_broken_assertions(ScoringParams(), rows, Path("rows.jsonl"))  # which reads none


BASE = {"prompt": "q", "completion": "This is not advice.", "group": "g", "source": "s"}


def row(number: int, *own: dict[str, Any], **slices: str) -> Row:
    made = Row.of("q", "This is not advice.", group="g", source="s", **slices)
    fields = made.model_dump() | {"id": str(number), "assertions": list(own) or None}
    return Row.model_validate(fields)


def scored(options: str, rows: list[Row], *texts: str) -> Scores:
    answers = [
        Answer(item=r.id, text=t, tokens=1, prompt_tokens=1, reference_logprob=0.0)
        for r, t in zip(rows, texts, strict=True)
    ]
    return score(load_scorers(chosen(options), Path("no-embedder")), rows, answers)


def chosen(options: str) -> ScoringParams:
    head = "evaluation:\n  scoring:\n    metrics:\n    - metric: assertions\n      options:\n"
    Path("params.yaml").write_text(head + options)
    return load(ScoringParams)


OPTIONS = """
        everywhere:
        - {kind: contains, texts: [not advice], name: disclaimer}
        - {kind: length, most: 6}
        slices:
          topic=loans:
          - {kind: excludes, texts: [cheap], name: voice}
"""
ROWS = [
    row(0),
    row(1, topic="loans"),
    row(2, {"kind": "contains", "texts": ["42"]}, topic="cards"),
]


def test_what_applies_to_an_item_is_of_all_of_its_slices_and_its_own() -> None:
    found = scored(OPTIONS, ROWS, "This is not advice.", "Cheap! Not advice.", "43")
    assert found.values == {
        "assertions": (1.0, 1 - 1 / 3, 1 - 2 / 3),
        "assert_disclaimer": (1.0, 1.0, 0.0),
        "assert_voice": (1.0, 0.0, 1.0),
    }


def test_each_name_is_a_metric_that_can_gate() -> None:
    scorers = load_scorers(chosen(OPTIONS), Path("no-embedder"))
    names = ("assertions", "assert_disclaimer", "assert_voice")
    assert directions(scorers) == dict.fromkeys(names, "more")


def test_an_item_without_assertions_an_untold_language_and_a_bad_reference_are_flagged() -> None:
    options = """
        slices:
          topic=loans: [{kind: language, languages: [de]}]
          topic=cards: [{kind: length, least: 9}]
"""
    found = scored(options, ROWS, "", "ok", "so")
    assert found.flags.items == {
        "no assertion applies": ("0",),
        "language cannot be told": ("1",),
        "the reference itself breaks an assertion": ("2",),
    }
    assert found.values == {"assertions": (1.0, 1.0, 0.0)}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("everywhere: [{kind: contain}]", r"yaml:6: \S+0\.options\.everywhere\.0: .*'contain' f"),
        ("everywhere: [{kind: contains, text: a}]", r"0\.contains\.texts: Field required"),
        ("everywhere: [{kind: regex, pattern: '('}]", r"\.pattern: .*no regular expr.*: missing"),
        ("everywhere: [{kind: language, languages: [deutsch]}]", r"no language 'deutsch': name"),
        ("everywhere: [{kind: json_schema, file: none.json}]", r"^none\.json: No such file"),
        ("everywhere: [{kind: json_schema, file: params.yaml}]", r"^params\.yaml: not JSON"),
        ("everywhere: [{kind: json_schema, inline: {type: objekt}}]", r"no JSON schema: 'objekt'"),
        ("everywhere: [{kind: parses, syntax: sql, dialect: access}]", r"\.dialect: .*'postgres'"),
        ("everywhere: [{kind: length, least: 3, most: 2}]", r"no length is at least 3 and"),
        ("everywhere: [{kind: length, most: 2, name: a b}]", r"\.name: .*pattern"),
        ("slices: {loans: []}", r"options\.slices\.loans\S*: .*pattern"),
        ("all: []", r"assertions has no option 'all'; there are: everywhere, slices"),
    ],
)  # fmt: skip
def test_what_is_no_assertion_is_named_with_its_place(options: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        load_scorers(chosen(f"        {options}\n"), Path("no-embedder"))


def test_a_slice_that_no_item_has_is_an_error_of_a_whole_set_alone() -> None:
    """Where answers are rewarded, a batch is a few of its rows."""
    options = "        slices: {topic=loan: [{kind: length, most: 2}]}\n"
    with pytest.raises(InputError, match=r"no item is in slice 'topic=loan'; .* topic=loans"):
        scored(options, ROWS, "", "", "")
    (scorer,) = load_scorers(chosen(options), Path("no-embedder"))
    answers = [Answer(item=ROWS[0].id, text="", tokens=1, prompt_tokens=1)]
    assert computed(scorer, ROWS[:1], answers)["assertions"] == [1.0]


def test_a_schema_file_is_read_and_counts_as_a_part_of_the_scorer() -> None:
    Path("schema.json").write_text('{"type": "object"}')
    params = chosen("        everywhere: [{kind: json_schema, file: schema.json}]\n")
    assert named_files(params.metrics[0]) == [Path("schema.json")]
    options = "        everywhere: [{kind: json_schema, file: schema.json}]\n"
    assert scored(options, [row(0)], "{}").values == {"assertions": (1.0,)}


def test_a_rows_own_assertions_are_part_of_what_the_item_is() -> None:
    plain, own = row(0), row(0, {"kind": "length", "most": 3})
    assert b"assertions" not in plain.canonical()
    assert Row.parse(own.canonical(), Path("rows.jsonl")) == own
    assert eval_set_of([plain]) != eval_set_of([own])


@pytest.mark.parametrize(
    ("own", "complaint"),
    [
        ({"kind": "lenght"}, r"^rows\.jsonl:3: assertions\.0: .*'lenght' found using 'kind'"),
        ({"kind": "json_schema", "file": "a.json"}, r"^rows\.jsonl:3: assertions: .*names a file"),
        ({"kind": "regex", "pattern": "[z-a]"}, r"^rows\.jsonl:3: assertions\.0\S*pattern: .*bad"),
    ],
)
def test_a_rows_bad_assertion_is_named_by_file_line_and_field(
    own: dict[str, Any], complaint: str
) -> None:
    from curation.sources.row_formats import read_row

    line = json.dumps({"instruction": "q", "output": "a", "assertions": [own]}).encode()
    with pytest.raises(InputError, match=complaint):
        read_row(line, Path("rows.jsonl"), 3)


@pytest.mark.parametrize("count", [1, 3])
def test_a_file_of_rows_with_assertions_is_read_as_such(count: int) -> None:
    from curation.sources.source_file import guess_format

    fields = {"instruction": "q", "output": "a", "assertions": [{"kind": "length", "most": 9}]}
    Path("mine.jsonl").write_text(f"{json.dumps(fields)}\n" * count)
    assert guess_format(Path("mine.jsonl")) == "rows"


def test_redaction_reaches_what_is_looked_for() -> None:
    from curation.mending import redacted

    texts = {"kind": "contains", "texts": ["ann.lee@roe.io", "30 euros"]}
    pattern = {"kind": "regex", "pattern": "ann.lee@roe.io"}
    found, _ = redacted(row(0, texts, pattern, {"kind": "length", "most": 9}))
    assert isinstance(found, Row)
    assert found.assertions
    assert [one.kind for one in found.assertions] == ["contains", "length"]
    assert found.assertions[0].model_dump()["texts"] == ("[email]", "30 euros")


def test_the_settings_of_the_documentation_can_be_loaded() -> None:
    page = (ROOT / "docs" / "explain" / "facts-and-assertions.md").read_text()
    Path("params.yaml").write_text(page.split("```yaml\n")[1].partition("```")[0])
    made = load_scorers(load(ScoringParams), Path("no-embedder"))
    names = {name for scorer in made for name in scorer.better}
    assert load(Policy).floors.keys() < names
    assert {"assert_voice", "assertions"} < names


def test_the_row_of_the_documentation_can_be_read() -> None:
    from curation.sources.row_formats import read_row

    page = (ROOT / "docs" / "explain" / "facts-and-assertions.md").read_text()
    line = page.split("```json\n")[1].partition("```")[0]
    assert read_row(line.encode(), Path("rows.jsonl"), 1).assertions
