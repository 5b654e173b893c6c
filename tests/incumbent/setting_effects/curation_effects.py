"""What the keys of section `curation`, and the base's tokenizer, do to rows."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from curation import collect, curate, index, validate
from curation.curation_settings import CurateParams
from curation.eval_sets import EVAL_SETS, Extension, append_change, read_changes
from curation.sources.row_formats import read_rows
from project import paths
from project.model_pins import BaseChoice, ModelChoice, pin
from project.paths import EMBEDDER, INDEX_FILES
from project.records.data import GateReport, Row, Split, TokenCount
from project.settings import load
from tests.conftest import ROOT
from tests.curation.test_selection import selection
from tests.incumbent.setting_effects.effect import Effect, write
from tests.incumbent.setting_effects.models import REVISIONS

SOURCES = "curation.collect.sources"
FAQ, CHATS = "datasets/sources/faq.csv", "datasets/sources/chats.jsonl"
ROWS, TORN, OLD = (f"datasets/sources/{name}" for name in ("rows.jsonl", "torn.csv", "old.csv"))
RATED, TOOLS = "datasets/sources/rated.jsonl", "datasets/sources/tools.json"
REHEARSED, LABELLED = "datasets/sources/rehearsal.jsonl", "datasets/sources/labelled.jsonl"
CONTRACT = "datasets/contracts/sft.yaml"
PASSAGES, SHOWN = "datasets/sources/passages.csv", "datasets/sources/shown.jsonl"
ON_PAGES, NUMBERS = "datasets/sources/on_pages.jsonl", range(500, 524)
PAIR = {"prompt": "question", "completion": "answer"}
ON_PASSAGES = PAIR | {"evidence": "passage"}


def source(path: str, **more: Any) -> dict[str, Any]:
    return {"kind": "file", "path": path, **more}


def columns_of(path: str, **columns: Any) -> dict[str, Any]:
    return {SOURCES: [source(path, columns=columns)]}


# --- collect --------------------------------------------------------------------------------------


def collected() -> str:
    """What stage `collect` makes of a table, of chats, and of a file in an old encoding."""
    write(
        FAQ,
        "question,answer,more,topic,customer",
        "what is a bond?,a loan,to a state,money,1",
        "what is a share?,a part,of a company,money,1",
    )
    turns = ["hello", "good day", "what is a rate?", "a price"]
    chats = {"chat": said(*turns), "talk": said(*turns[:2]), "asked": "what is it?"}
    call = {"role": "tool_call", "content": '{"name": "look"}'}
    chats |= {"called": [*said("what is it?"), call]}
    write(CHATS, *(json.dumps(chats | {"facts": facts}) for facts in ("a loan", {"kind": "loan"})))
    write(ROWS, pair("what is a fee?", "a price"))
    write(TOOLS, json.dumps([{"name": "look"}]))
    write(
        PASSAGES,
        "question,answer,passage,held",
        "what is a fee?,a price,a fee is a price,yes",
        "what is a bond?,,a fee is a price,no",
    )
    write(RATED, json.dumps({"prompt": "p", "completion": "a", "label": True, "text": "a text"}))
    write(TORN, "question,answer", "one?,1,2", "two?,2")
    Path(OLD).write_bytes(b"question,answer\nwhat is h\xf5?,an answer\n")
    collect.main()
    return paths.RAW.read_text() + paths.ORIGINS.read_text()


def said(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[i % 2], "content": text} for i, text in enumerate(texts)]


CHAT = {"messages": "chat"}
FAQ_SOURCE = source(FAQ, columns=PAIR)
COLUMN_VALUES = {
    "prompt": (["question"], ["question", "more"], PAIR, FAQ),
    "completion": ("answer", "more", PAIR, FAQ),
    "messages": ("chat", "talk", CHAT, CHATS),
    "turns": ("last", "every", CHAT, CHATS),
    "json_answers": (False, True, {"prompt": "asked", "completion": "facts"}, CHATS),
    "instruction": (None, "Answer the question of a customer.", PAIR, FAQ),
    "system": (None, "You work for a bank.", PAIR, FAQ),
    "slices": ([], ["topic"], PAIR, FAQ),
    "group": (None, "customer", PAIR, FAQ),
    "evidence": ([], ["passage"], PAIR, PASSAGES),
    "answerable": (None, "held", ON_PASSAGES, PASSAGES),
    "abstention": ("nobody says", "I do not know", ON_PASSAGES | {"answerable": "held"}, PASSAGES),
}

COLLECT = {
    SOURCES: Effect(([FAQ_SOURCE], [FAQ_SOURCE, source(ROWS)]), collected),
    f"{SOURCES}.kind": Effect(
        ([FAQ_SOURCE], [{"kind": "python-api", "packages": ["json"]}]), collected, at=SOURCES
    ),
    f"{SOURCES}.packages": Effect(
        (["json"], ["wsgiref"]), collected, beside={SOURCES: [{"kind": "python-api"}]}
    ),
    f"{SOURCES}.path": Effect((FAQ, OLD), collected, beside=columns_of(FAQ, **PAIR)),
    f"{SOURCES}.columns": Effect(
        (None, {"prompt": "completion", "completion": "prompt"}),
        collected,
        beside={SOURCES: [source(ROWS)]},
    ),
    f"{SOURCES}.format": Effect(
        ("rated", "texts"), collected, beside={SOURCES: [source(RATED), source(ROWS)]}
    ),
    f"{SOURCES}.unreadable": Effect(
        ("refuse", "skip"),
        collected,
        beside=columns_of(TORN, **PAIR),
        refused=True,
    ),
    f"{SOURCES}.columns.tools": Effect(
        ("refuse", "text"),
        collected,
        beside={SOURCES: [source(CHATS, columns={"messages": "called"}), source(ROWS)]},
    ),
    f"{SOURCES}.licence": Effect(
        (None, "MIT"),
        collected,
        beside={"curation.collect.licences": "named", SOURCES: [source(ROWS)]},
        refused=True,
    ),
    "curation.collect.tools": Effect((None, TOOLS), collected, beside={SOURCES: [source(ROWS)]}),
    "curation.collect.licences": Effect(
        ("named", "any"), collected, beside={SOURCES: [source(ROWS)]}, refused=True
    ),
    f"{SOURCES}.encoding": Effect(
        ("windows-1252", "cp1250"), collected, beside=columns_of(OLD, **PAIR)
    ),
} | {
    f"{SOURCES}.columns.{name}": Effect((a, b), collected, beside=columns_of(path, **others))
    for name, (a, b, others, path) in COLUMN_VALUES.items()
}


# --- curate and validate --------------------------------------------------------------------------


def curated() -> dict[str, Any]:
    """The parts that stage `curate` makes, why rows are in none, and the rows' tokens."""
    pin(load(BaseChoice), "base").write(paths.BASE)
    write_sources()
    collect.main()
    write_selection()
    curate.main()
    return {
        "parts": {part: Row.read_lines(paths.rows_of(part)) for part in Split},
        "account": paths.ACCOUNT.read_text(),
        "tokens": TokenCount.read_lines(paths.TOKENS),
    }


def write_sources() -> None:
    """Plain questions, and one or two of everything that a setting is about."""
    write(
        FAQ,
        "question,answer",
        *(f"what is number {i}?,it is {i}" for i in range(60)),
        *(f"what does it cost to send parcel {i}?,{i} crowns" for i in range(12)),
        "who pays for it?,the bank",
        "who pays for it?,the customer",
        "how may somebody renew an expired green passport,ask us",
        "how may somebody renew an expired blue passport quickly,come here",
        "what does the attached picture show?,a bank in a street",
        "whom do I call?,Call 030 1234567 for this.",
        f"what is {'very ' * 30}long?,this",
    )
    write(REHEARSED, *(pair(f"name the colour {i}", f"blue {i}") for i in range(20)))
    coins = [pair(f"which coin has the mark {i}", f"coin {i}") for i in range(1000, 1040)]
    written = [pair(f"a note of {i}?", f"{i} it is", synthetic="a model") for i in range(40)]
    write(LABELLED, *coins, *written)
    ids = tuple(row.id for row in read_rows(Path(LABELLED)))
    fee = {"prompt": "what is a fee?", "completion": "a price [1]"}
    write(SHOWN, json.dumps(fee | {"evidence": ["a fee is a price"]}))
    asked = [
        pair(f"which sign has page {i}?", f"sign {i} [1]", evidence=[page(i)]) for i in NUMBERS
    ]
    write(ON_PAGES, *asked)
    name, at = Path(LABELLED).name, "2026-03-01T00:00:00Z"
    append_change(Extension(at=at, by="ann", reason="checked", source=name, rows=ids), EVAL_SETS)


def page(number: int) -> dict[str, str]:
    """One of two passages of a document."""
    return {"text": f"sign {number} is here", "source": f"page {number // 2}"}


def write_selection() -> None:
    """The selection that is set: three of the rows that would be trained on without it."""
    params = load(CurateParams)
    if params.selection:
        every = params.model_copy(update={"selection": None})
        parts = curate.curated(curate.read_inputs(every), read_changes(), every).parts
        rows = [row.id for row in parts[Split.TRAIN] if row.source == Path(FAQ).name]
        selection(*rows[:3]).save(params.selection)


def pair(prompt: str, completion: str, **more: Any) -> str:
    return json.dumps({"prompt": prompt, "completion": completion, **more})


def validated() -> list[tuple[str, bool, str]]:
    """Which checks stage `validate` reports on the curated rows, and what it saw."""
    contract = shutil.copy(ROOT / CONTRACT, write(CONTRACT))
    few = yaml.safe_load(Path(contract).read_text())
    few["checks"] = few["checks"][:2]
    write("datasets/contracts/few.yaml", yaml.safe_dump(few))
    curated()
    validate.main()
    checks = GateReport.read(paths.GATE_REPORT).checks
    return [(check.name, check.passed, check.observed) for check in checks]


def looked_at() -> list[tuple[str, bool, str]]:
    """The same, where an embedder looks at rows."""
    pin(load(ModelChoice), "embedder").write(paths.EMBEDDER)
    return validated()


ALL_SOURCES = {
    "base.model": "models/words",
    SOURCES: [FAQ_SOURCE, source(REHEARSED), source(LABELLED)],
}
CURATE_VALUES: dict[str, tuple[Any, Any]] = {
    "max_per_group": (None, 1),
    "max_per_template": (20, 3),
    "dev_share": (0.15, 0.4),
    "sealed_share": (0.25, 0.4),
    "dev": (None, 3),
    "sealed": (None, 3),
    "seed": (0, 1),
    "train_only": ([], ["rehearsal.jsonl"]),
    "eval_only": ([], ["faq.csv"]),
    "accepted_share": (0.5, 0.1),
    "synthetic_share": (0.2, 0.0),
    "selection": (None, "datasets/selection/few.jsonl"),
    "conflicts": ("keep", "newest"),
    "personal_data": ("refuse", "drop"),
    "faulty": ("drop", "keep"),
}
LONG = {"base.max_length": 30}
WITH_PAGES = ALL_SOURCES | {SOURCES: [*ALL_SOURCES[SOURCES], source(ON_PAGES)]}

CURATE = {
    f"curation.curate.{name}": Effect(values, curated, "parts", ALL_SOURCES, models="words")
    for name, values in CURATE_VALUES.items()
} | {
    "curation.curate.too_long": Effect(
        ("drop", "cut"), curated, "parts", ALL_SOURCES | LONG, models="words"
    ),
    "curation.curate.split_by": Effect(
        ("kin", "source"), curated, "parts", WITH_PAGES, models="words"
    ),
    "curation.validate.contract": Effect(
        (CONTRACT, "datasets/contracts/few.yaml"),
        validated,
        beside=ALL_SOURCES | {"curation.validate.embedded_rows": 0},
        models="words",
    ),
    "curation.validate.embedded_rows": Effect(
        (20, 40),
        looked_at,
        beside=ALL_SOURCES
        | {
            "base.model": "models/tiny",
            "embedder.model": "models/tiny",
            "curation.validate.contract": CONTRACT,
        },
        models="tiny",
    ),
}


# --- the base, as rows are measured by it ---------------------------------------------------------


BASE = {
    "base.model": Effect(
        ("models/words", "models/other-words"), curated, "tokens", ALL_SOURCES, models="words"
    ),
    "base.revision": Effect(
        REVISIONS,
        curated,
        "tokens",
        ALL_SOURCES | {"base.model": "bank/words"},
        models="words",
    ),
    "base.system_prompt": Effect(
        (None, "be brief"), curated, "tokens", ALL_SOURCES, models="words"
    ),
    "base.evidence_template": Effect(
        (None, "default"),
        curated,
        "tokens",
        ALL_SOURCES | {SOURCES: [*ALL_SOURCES[SOURCES], source(SHOWN)]},
        models="words",
    ),
    "base.chat_template": Effect(
        (None, "models/other-words/chat_template.jinja"),
        curated,
        "tokens",
        ALL_SOURCES,
        models="words",
    ),
    "base.max_length": Effect((512, 30), curated, "account", ALL_SOURCES, models="words"),
}

# --- the index of passages ------------------------------------------------------------------------


def indexed() -> dict[str, bytes]:
    """What the stage leaves, its digest aside."""
    for name in ("fees", "cards"):
        write(f"datasets/sources/{name}.txt", f"All about {name}.")
    pin(ModelChoice(), "embedder").write(EMBEDDER)
    index.main()
    return {path.name: path.read_bytes() for path in INDEX_FILES.rglob("*") if path.is_file()}


def indexing(a: Any, b: Any, shown: str) -> Effect:
    beside = {
        "base.evidence_template": "default",
        "retrieval.documents": ["datasets/sources/fees.txt"],
        "retrieval.embedder": False,
    }
    return Effect((a, b), indexed, shown, beside)


RETRIEVAL = {
    "retrieval.documents": indexing(
        ["datasets/sources/fees.txt"], ["datasets/sources/cards.txt"], "passages.jsonl"
    ),
    "retrieval.shown": indexing(3, 2, "index.json"),
    "retrieval.replace": indexing(False, True, "index.json"),
    "retrieval.embedder": indexing(False, True, "index.json"),
}

EFFECTS = COLLECT | CURATE | BASE | RETRIEVAL
