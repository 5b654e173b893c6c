"""The bank after its promotion: what customers ask of the new product, and what experts answer."""

from curation.faults.ungrounded import ungrounded
from examples.bank.grounded_rows import SHOWN
from examples.bank.passages import passages
from examples.bank.rows import ABSTENTION
from examples.bank.served import expert_answer, new_facts, new_items, new_passages
from project.records.data import EvidencePassage
from retrieval.retriever import Retriever


def test_each_question_about_the_new_product_is_answered_by_one_passage_of_its_document() -> None:
    told = [one.text for one in new_passages()]
    for fact in new_facts():
        assert sum(fact.stands in text for text in told) == 1, fact.stands
        assert not [one for one in passages() if fact.stands in one.text]


def test_an_expert_cites_the_passage_that_was_shown_or_says_that_none_answers() -> None:
    search = Retriever.over([*passages(), *new_passages()])
    asked = [(text, one.stands) for one in new_facts() for text in one.ask]
    answers = [expert_answer(stands, search.find(text, SHOWN)) for text, stands in asked]
    assert sum(answer != ABSTENTION for answer in answers) > len(answers) / 2
    other = EvidencePassage(id="b", text="Spinnaker Wallet: It is free.", source="b")
    gold = EvidencePassage(
        id="a", text="Spinnaker Wallet: A phone pays. It is 2 crowns.", source="a"
    )
    assert expert_answer("2 crowns", [other, gold]) == "Spinnaker Wallet: It is 2 crowns [2]."
    assert expert_answer("2 crowns", [other]) == ABSTENTION


def test_what_the_third_round_is_asked_was_asked_by_no_customer_before() -> None:
    items = new_items()
    asked = {text for one in new_facts() for text in one.ask}
    assert len({item.prompt_text for item in items} - asked) == len(items) > 20
    assert not [item.id for item in items if ungrounded(item)]
    assert {item.answerable for item in items} == {True, False}
