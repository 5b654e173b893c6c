"""After the promotion: customers ask at the gateway, a new product comes, and a third round.

The bank's own search puts passages into each request; the gateway names them in its response, and
the traffic log keeps them. The new product's document is published on the day it is first asked
about. A night finds it; experts answer what was asked, on the passages that were shown; and the
next round learns that beside old rows. It is run by hand, as reviewers vote on it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

from openai import OpenAI

from evaluation.metrics.answer_sentences import sentences_of
from examples.bank.facts import HERE, read
from examples.bank.grounded_rows import SHOWN, with_citation
from examples.bank.passages import cut, passages
from examples.bank.rows import ABSTENTION
from examples.bank.steps import command
from examples.story_gateway import RunningGateway, annotated, midnight, night_of, serving
from monitoring.trigger.labels import LABEL_QUEUE
from project.records.data import EvidencePassage, Row
from project.records.drift import Action, DriftVerdict, Night
from retrieval.retriever import Retriever

DOCUMENT = HERE / "new_product" / "10-spinnaker-wallet.md"
START = date(2026, 3, 2)
BEFORE, QUIET, MOST = 3, 1, 6  # days of traffic: the reference, as before, and with the new product
A_DAY, CUSTOMERS = 140, 700
NEW_SHARE = 0.5  # of the questions, once the product is there


@dataclass(frozen=True)
class NewFact:
    """What customers ask about the new product, and the phrase that answers it."""

    ask: Sequence[str]
    stands: str
    later: Sequence[str] = ()  # asked by nobody until the third round was trained


def new_facts() -> list[NewFact]:
    return [NewFact(**one) for one in read("new_product/questions.yaml")]


def served(old: Sequence[str]) -> dict[str, Any]:
    """Days at the gateway, with `old` questions and then new ones, until a night wants labels."""
    days = [START + timedelta(days=number) for number in range(BEFORE + QUIET + MOST)]
    nights = []
    with serving(START, print) as gateway:
        customers = Customers(gateway, old)
        for number, day in enumerate(days):
            customers.ask(day, NEW_SHARE if number >= BEFORE + QUIET else 0)
            if number < BEFORE:
                continue
            command("nightly", "--date", str(day))
            nights.append(night_of(day))
            if nights[-1].action is Action.LABEL:
                break
    labels = accept_labels()
    return {
        "asked": customers.asked,
        "evidence named": customers.named,
        "nights": [told(one, number >= QUIET) for number, one in enumerate(nights)],
        "labels": labels,
    }


def told(night: Night, new: bool) -> dict[str, Any]:
    return {
        "night": night.date,
        "new product": new,
        "alarm": night.verdict is DriftVerdict.DRIFT,
        "topics": [one.name for one in night.topics if one.new],
        "action": night.action.value,
    }


@dataclass(frozen=True)
class Question:
    at: datetime
    customer: str
    text: str


class Customers:
    """People who ask what the bank's documents say; a search of the bank finds the passages."""

    def __init__(self, gateway: RunningGateway, old: Sequence[str]) -> None:
        self.gateway, self.old = gateway, list(old)
        self.new = [text for one in new_facts() for text in one.ask]
        self.random = Random(0)
        self.client = OpenAI(base_url=f"{gateway.address}/v1", api_key="none")
        self.asked = self.named = 0

    def ask(self, day: date, new_share: float) -> None:
        """A day's questions, some at a time, spread over its hours."""
        search = Retriever.over([*passages(), *(new_passages() if new_share else ())])
        questions = [
            Question(
                midnight(day) + number * timedelta(days=1) / A_DAY,
                f"customer-{number * 7919 % CUSTOMERS}-{day:%d}",
                self.random.choice(self.new if self.random.random() < new_share else self.old),
            )
            for number in range(A_DAY)
        ]
        for named in self.gateway.answers(day, partial(self.ask_one, search), questions):
            self.asked += 1
            self.named += named

    def ask_one(self, search: Retriever, question: Question) -> bool:
        """Whether the response names the passages that the request brought."""
        self.gateway.now = question.at
        found = [one.model_dump() for one in search.find(question.text, SHOWN)]
        answer = self.client.chat.completions.create(
            model="lindmoor-bank",
            messages=[{"role": "user", "content": question.text}],
            user=question.customer,
            extra_body={"incumbent": {"evidence": found}},
        )
        told = (answer.model_extra or {}).get("incumbent", {}).get("evidence", [])
        return [one["id"] for one in told] == [one["id"] for one in found]


def new_passages() -> list[EvidencePassage]:
    return list(cut(DOCUMENT.name, DOCUMENT.read_text()))


def new_items() -> list[Row]:
    """What shows whether the third round answers of the new product, with experts' answers."""
    search = Retriever.over([*passages(), *new_passages()])
    return [
        new_item(f"spinnaker-wallet.{number}.{form}", text, one.stands, search.find(text, SHOWN))
        for number, one in enumerate(new_facts())
        for form, text in enumerate(one.later)
    ]


def new_item(row_id: str, text: str, stands: str, shown: Sequence[EvidencePassage]) -> Row:
    answer = expert_answer(stands, shown)
    row = Row.of(text, answer, group=row_id, source=DOCUMENT.name, row_id=row_id)
    given = {"evidence": tuple(shown), "answerable": answer != ABSTENTION}
    return row.model_copy(update=given)


def accept_labels() -> int:
    """Experts answer what the queue asks about the new product, on the passages that were shown."""
    facts = {text: one.stands for one in new_facts() for text in one.ask}
    tasks: list[dict[str, Any]] = json.loads(LABEL_QUEUE.read_bytes())
    asked = {task["data"]["prompt"]: task for task in tasks}.values()
    answered = []
    for task in asked:
        if stands := facts.get(task["data"]["prompt"]):
            shown = [EvidencePassage.model_validate(one) for one in task["data"]["evidence"]]
            answered.append(annotated(task, expert_answer(stands, shown)))
    export = LABEL_QUEUE.with_name("export.json")
    export.write_text(json.dumps(answered))
    command("data", "labels", str(export), "--reason", "experts answered from the new document")
    return len(answered)


def expert_answer(stands: str, shown: Sequence[EvidencePassage]) -> str:
    """The sentence with that phrase, cited; where no passage has it, that they do not say it."""
    for number, one in enumerate(shown, start=1):
        heading, _, text = one.text.partition(": ")
        for sentence in sentences_of(text):
            if stands in sentence:
                named = sentence if heading in sentence else f"{heading}: {sentence}"
                return with_citation(named, number)
    return ABSTENTION
