"""YAML as people have it: FAQ files of rasa and ChatterBot, and lists of records."""

from pathlib import Path
from typing import Any

import pytest

from curation.sources.columns.column_guess import guess
from curation.sources.table_rows import NamedColumns
from curation.sources.tables.read_table import read_tables
from project.errors import InputError

NLU = """
version: "3.1"
nlu:
- intent: faq/fees
  examples: |
    - What does an account cost?
    - fees of [the premium account](account_kind) please
- intent: card_lost
  examples: |
    - I lost my card in [Bonn]{"entity": "city"}
- regex: iban
  examples: |
    - [A-Z]{2}
"""
ANSWERS = """
responses:
  utter_faq/fees:
  - text: It costs nothing.
  - text: Nothing at all.
  utter_block_card:
  - text: |
      Call us.
      We block it.
rules:
- rule: lost cards
  steps:
  - intent: card_lost
  - action: utter_block_card
"""
CHATTERBOT = """
categories:
- banking
conversations:
- - What is a bond?
  - A loan that can be traded.
- - Yes or no?
  - no
  - Sure?
  - yes
"""


def records(path: Path) -> list[dict[str, Any]]:
    return [row.fields for table in read_tables(path) for row in table.rows]


def test_rasas_questions_are_answered_out_of_all_files_of_a_folder() -> None:
    Path("data").mkdir()
    Path("data/nlu.yml").write_text(NLU)
    answers, rules = ANSWERS.split("rules:")
    Path("data/domain.yml").write_text(answers)
    Path("data/rules.yml").write_text(f"rules:{rules}")
    Path("data/config.yml").write_text("pipeline:\n- name: A\npolicies:\n- rank: 1\n")
    fees, lost = {"intent": "faq/fees", "answer": "It costs nothing."}, "Call us.\nWe block it.\n"
    assert records(Path("data")) == [
        {"question": "What does an account cost?", **fees},
        {"question": "fees of the premium account please", **fees},
        {"question": "I lost my card in Bonn", "intent": "card_lost", "answer": lost},
    ]
    columns = guess(read_tables(Path("data")), NamedColumns()).columns
    assert (columns.prompt, columns.completion) == (("question",), "answer")


def test_without_answers_rasas_intents_are_what_is_learnt() -> None:
    Path("nlu.yml").write_text(NLU)
    assert [tuple(one.values()) for one in records(Path("nlu.yml"))] == [
        ("What does an account cost?", "faq/fees"),
        ("fees of the premium account please", "faq/fees"),
        ("I lost my card in Bonn", "card_lost"),
    ]


def test_chatterbots_turns_are_conversations_and_their_words_stay_words() -> None:
    Path("banking.yml").write_text(CHATTERBOT)
    (table,) = read_tables(Path("banking.yml"))
    assert [row.line for row in table.rows] == [5, 7]
    turns = [[one["content"] for one in row.fields["messages"]] for row in table.rows]
    assert turns == [
        ["What is a bond?", "A loan that can be traded."],
        ["Yes or no?", "no", "Sure?", "yes"],
    ]
    assert guess([table], NamedColumns()).columns.messages == "messages"


@pytest.mark.parametrize(
    "text",
    [
        "- question: What?\n  answer: yes\n",
        "bank:\n  faq:\n  - {question: What?, answer: yes}\n",
        "q1: {question: What?, answer: yes}\nq2: {question: What?, answer: yes}\n",
        "title: FAQ\nsections:\n- name: a\n  faqs:\n  - question: What?\n    answer: yes\n",
        "---\nquestion: What?\nanswer: yes\n---\nquestion: What?\nanswer: yes\n",
    ],
)
def test_records_may_lie_as_deep_as_in_json(text: str) -> None:
    Path("faq.yaml").write_text(text)
    found = records(Path("faq.yaml"))
    assert found and all((one["question"], one["answer"]) == ("What?", "yes") for one in found)


def test_beside_tables_yaml_is_settings() -> None:
    Path("data").mkdir()
    Path("data/faq.csv").write_text("question,answer\nWhat?,That.\n")
    Path("data/config.yml").write_text("pipeline: []\n")
    assert records(Path("data")) == [{"question": "What?", "answer": "That."}]


def test_a_folder_of_settings_alone_says_what_is_read() -> None:
    Path("data").mkdir()
    Path("data/config.yml").write_text("pipeline: []\n")
    with pytest.raises(InputError, match=r"^data/config\.yml: holds no records: of YAML, rasa's"):
        records(Path("data"))
