"""Dev answers that are bad or got worse, and the right answers that people write in their place."""

from collections.abc import Sequence
from pathlib import Path

from curation.eval_sets import changing
from evaluation.report.dev_items import DevItems
from evaluation.report.kept_report import Correction, bad, choices, correction, items_of
from evaluation.report.report_data import AnswerExample
from project.errors import InputError
from project.records.data import Message, Row
from project.records.record import Record, write_records
from registry.reader import RegistryReader
from review.frame.form_fields import NumberedPage, nth_page, page_count, written

# As `incumbent data export` writes it; `incumbent data import` reads it.
CORRECTIONS = Path("datasets/queue/corrections.jsonl")
COMMAND = f"incumbent data import {CORRECTIONS} --as corrections --replace"
MOST = 150  # items, as `data export` has it
SHOWN = 20  # items of a page


class BadItem(Record):
    """A dev item whose answer is among the worst, or lost most to the champion."""

    why: str
    row: Row
    champion: str
    challenger: str
    gain: float  # over the champion, mean over the metrics that decide
    corrected: str | None  # what a person wrote, waiting for its import


class BadItems(NumberedPage):
    """One page of them."""

    version: int | None  # of the challenger; None: it was not submitted
    items: tuple[BadItem, ...]
    waiting: int  # corrections in the file


def bad_items(registry: RegistryReader, page: int) -> BadItems:
    """Of the newest comparison. Nothing where none was made."""
    dev, waiting = newest(registry), read_corrections()
    wrote = {text_of_prompt(one): one.completion[0].content for one in waiting}
    found = bad(examples(dev), MOST) if dev else []
    return BadItems(
        version=dev.comparison.version if dev else None,
        total=len(found),
        page=page,
        pages=page_count(len(found), SHOWN),
        items=tuple(
            BadItem(
                why=why,
                row=one.row,
                champion=one.champion,
                challenger=one.challenger,
                gain=one.gain,
                corrected=wrote.get(text_of_prompt(one.row)),
            )
            for why, one in nth_page(found, page, SHOWN)
        ),
        waiting=len(waiting),
    )


def newest(registry: RegistryReader) -> DevItems | None:
    there = choices(registry)
    return items_of(registry, there[0].number) if there else None


def examples(dev: DevItems) -> list[AnswerExample]:
    """As the command line has them: sorted by the gating metrics, or by all where none is there."""
    head = dev.comparison
    better = {name: head.better[name] for name in head.gating if name in head.better}
    return [
        AnswerExample(
            row=one.row,
            champion=one.champion,
            challenger=one.challenger,
            scores=one.scores,
            better=better or head.better,
        )
        for one in dev.items
    ]


def correct(registry: RegistryReader, item: str, answer: str) -> Correction:
    """Write a right answer into the file of corrections, in place of an earlier one to this item.

    Raises InputError for a blank answer, and for what is no bad item of the newest comparison.
    """
    text = written(answer)
    if not text:
        raise InputError("write the right answer first: it is blank", field="answer")
    dev = newest(registry)
    found = bad(examples(dev), MOST) if dev else []
    why, example = next((one for one in found if one[1].row.id == item), (None, None))
    if why is None or example is None:
        raise InputError("is no bad answer of the newest comparison any more", field="item")
    made = correction(why, example).model_copy(
        update={"completion": (Message(role="assistant", content=text),)}
    )
    with changing():
        kept = [one for one in read_corrections() if text_of_prompt(one) != text_of_prompt(made)]
        write_records(CORRECTIONS, [*kept, made])
    return made


def read_corrections() -> Sequence[Correction]:
    """Raises InputError naming file and line."""
    return Correction.read_lines(CORRECTIONS) if CORRECTIONS.exists() else ()


def text_of_prompt(asked: Row | Correction) -> str:
    return "\n".join(message.content for message in asked.prompt)
