"""What DPO and KTO learn from: where it comes from, what is left out, and what a judge may add."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.eval_sets import Rotation, append_change
from evaluation import preference_data
from evaluation.evaluation_settings import JudgedPairsParams
from evaluation.preference.ballots.ballot_files import answer_digest
from evaluation.preference.judged_pairs import (
    DISPUTED,
    JUDGES_DIFFER,
    ONE_ANSWER,
    OVER,
    PEOPLE_SPOKE,
    RATED,
    REPEATED,
    SAID_BY_ROW,
    UNSURE,
    GoodAnswers,
    TwoAnswers,
    capped,
    judged_pairs,
    learnable,
    learnable_of_judge,
    pairs_by_judge,
    undisputed,
)
from evaluation.preference.preference_pairs import (
    PREFERENCES,
    AnswerPair,
    Judgement,
    given_preferences,
)
from evaluation.preference_data import (
    BALLOTS,
    NO_WINNER,
    ON_ITEM,
    SHEETS,
    UNKNOWN,
    ballot_preferences,
    under_row_prompts,
)
from project.canonical import digest_json
from project.errors import InputError
from project.item_prompts import bare, prompt_digest
from project.paths import CALIBRATION, PREFERENCE_COUNTS, PREFERENCE_DATA, rows_of
from project.records.ballots import Ballot, VotingPair
from project.records.data import EvidencePassage, Message, Row, Split
from project.records.preferences import (
    Preference,
    PreferencePair,
    RatedAnswer,
    read_preferences,
)
from project.records.record import Record, write_records
from tests.evaluation.test_decision import calibration

FEE = Row.of("What is the fee?", "Ten euros a month.", group="fee", source="faq.csv")
CARD = Row.of("Who can block my card?", "Call us at night too.", group="c", source="labelled.jsonl")
DEV = Row.of("Where is the branch in town?", "In Mill Lane.", group="d", source="faq.csv")
SEALED = Row.of("When do you open on Saturdays?", "At nine.", group="s", source="faq.csv")
TOOL = {"type": "function", "function": {"name": "get_fee", "parameters": {"type": "object"}}}


def pair(prompt: str, chosen: str, rejected: str, **more: Any) -> PreferencePair:
    return PreferencePair(prompt=prompt, chosen=chosen, rejected=rejected, **more)


def rated(prompt: str, completion: str, *, good: bool = False) -> RatedAnswer:
    return RatedAnswer(prompt=prompt, completion=completion, label=good, source="mine.jsonl")


@pytest.fixture
def project(isolate: Path) -> None:
    """Rows in their parts, a general suite of one item, and settings that are the defaults."""
    Path("params.yaml").write_text("")
    for part, rows in zip(Split, ([FEE, CARD], [DEV], [SEALED]), strict=True):
        write_records(rows_of(part), rows)
    item = {"id": "g", "ability": "sums", "prompt": "What is 6 + 7?", "expected": "13"}
    check = {"check": {"kind": "number", "value": 13}}
    path = Path("datasets/general/sums.jsonl")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(item | check) + "\n")


def gathered(*given: Preference) -> tuple[Preference, ...]:
    write_records(PREFERENCES / "mine.jsonl", given)
    preference_data.main()
    return read_preferences(PREFERENCE_DATA)


def left_out() -> dict[str, int]:
    found: dict[str, int] = json.loads(PREFERENCE_COUNTS.read_bytes())["left_out"]
    return found


# --- never an eval item ---------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_nothing_that_asks_what_an_item_of_dev_sealed_or_a_suite_asks_is_learnt_from() -> None:
    prompts = (DEV.prompt_text.upper(), SEALED.prompt_text, "What is 6 + 7?", "Where's the branch?")
    found = gathered(*(rated(prompt, "No idea.") for prompt in prompts))
    assert [one.prompt for one in found] == ["Where's the branch?"]
    assert left_out() == {"that ask what an item of an eval set or a suite asks, or nearly so": 3}


@pytest.mark.usefixtures("project")
def test_near_duplicates_of_an_item_are_not_learnt_from() -> None:
    assert gathered(pair("Where is the branch, in town please?", "There.", "Here.")) == ()


@pytest.mark.usefixtures("project")
def test_an_item_that_left_the_eval_sets_is_not_learnt_from() -> None:
    gone = Row.of("What does a new card cost?", "Five euros.", group="g", source="faq.csv")
    gone_as = Rotation.of(
        [gone], at="2026-01-01T00:00:00Z", by="ana", reason="worn out", part=Split.DEV
    )
    append_change(gone_as)
    assert gathered(rated("what does a new card cost", "Nothing.")) == ()
    assert left_out() == {"that ask what an item asked which left the eval sets": 1}


@pytest.mark.parametrize(
    ("prompt", "noted"), [("What’s a CARD?", ["what", "s", "a", "card"]), ("...", "..."), ("", "")]
)
def test_the_record_of_the_eval_sets_notes_the_words_of_a_prompt(prompt: str, noted: Any) -> None:
    assert prompt_digest(prompt) == digest_json(noted)


# --- files: pairs, negative examples, corrections -------------------------------------------------


def learnt(*given: Preference, rows: Sequence[Row] = (FEE, CARD)) -> list[Preference]:
    good = GoodAnswers(rows, given)
    return learnable(given, good, Counter())


def said(found: Sequence[Preference]) -> list[tuple[str | None, ...]]:
    return [
        (one.origin, one.chosen, one.rejected)
        if isinstance(one, PreferencePair)
        else (one.origin, one.completion, str(one.label))
        for one in found
    ]


def test_a_pair_is_learnt_as_it_is() -> None:
    assert said(learnt(pair("What is the fee?", "Ten.", "None."))) == [("pair", "Ten.", "None.")]


def test_a_bad_answer_is_paired_with_the_training_rows() -> None:
    found = learnt(rated("what is  the FEE?", "No fee, guaranteed!"))
    assert said(found) == [("negative example", "Ten euros a month.", "No fee, guaranteed!")]


@pytest.mark.parametrize(
    ("others", "prompt"),
    [
        ((), "You work for a bank.\nWhat does a transfer cost?"),
        (("You work for a shop.",), "What does a transfer cost?"),  # which one is meant?
    ],
)
@pytest.mark.usefixtures("project")
def test_a_bad_answer_is_matched_by_the_question_where_the_row_has_a_system_prompt(
    others: tuple[str, ...], prompt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [under_system(one) for one in ("You work for a bank.", *others)]
    write_records(rows_of(Split.TRAIN), [FEE, CARD, *asked])
    (found,) = gathered(rated("what does a  transfer cost?", "Nothing, ever!"))
    assert found.prompt == prompt or bare(found.prompt) == bare(prompt)
    assert isinstance(found, PreferencePair) != bool(others)
    assert ("no training row asks this" in capsys.readouterr().out) == bool(others)
    assert (found.messages == asked[0].prompt) != bool(others)


def under_system(prompt: str) -> Row:
    row = Row.of("What does a transfer cost?", "One euro.", group=prompt, source="faq.csv")
    return row.model_copy(update={"prompt": (Message(role="system", content=prompt), *row.prompt)})


@pytest.mark.usefixtures("project")
def test_a_bad_answer_to_an_items_question_under_a_system_prompt_is_not_learnt_from() -> None:
    write_records(rows_of(Split.DEV), [DEV, under_system("You work for a bank.")])
    assert gathered(rated("What does a transfer cost?", "Nothing!")) == ()


def test_a_bad_answer_without_a_good_one_is_left_for_kto() -> None:
    found = learnt(rated("Open today?", "Who knows."))
    assert said(found) == [("negative example", "Who knows.", "False")]


def test_a_bad_answer_is_paired_with_an_answer_that_was_found_good() -> None:
    found = learnt(rated("Open today?", "Until six.", good=True), rated("Open today?", "Perhaps."))
    assert said(found) == [
        ("good answer", "Until six.", "True"),
        ("negative example", "Until six.", "Perhaps."),
    ]


def test_a_correction_is_the_better_answer_whatever_a_pair_says() -> None:
    given = pair(CARD.prompt_text, "Write us a letter.", "Nobody can.", source="round2.jsonl")
    (found,) = learnt(given, rated(CARD.prompt_text, "Nobody can."))
    assert said([found]) == [("correction", "Call us at night too.", "Nobody can.")]
    assert found.source == "labelled.jsonl"


def test_a_bad_answer_that_the_training_row_gives_says_that_the_row_is_to_be_corrected() -> None:
    lost = Counter[str]()
    given: list[Preference] = [rated(FEE.prompt_text, FEE.completion_text)]
    given.append(pair("q", "a", "a "))
    assert learnable(given, GoodAnswers([FEE], given), lost) == []
    assert lost == {SAID_BY_ROW: 1, ONE_ANSWER: 1}


def test_what_people_disagree_on_is_not_learnt() -> None:
    lost = Counter[str]()
    kept: list[Preference] = [pair("q", "a", "c"), rated("q", "d")]
    disputed: list[Preference] = [pair("q", "a", "b"), pair("q", "b", "a"), rated("q", "c")]
    assert undisputed([*kept, *disputed, rated("q", "c", good=True)], lost) == kept
    assert lost == {DISPUTED: 4}


def test_the_turns_of_a_row_that_asks_the_same_are_kept() -> None:
    turns = Message(role="user", content="Hello"), Message(role="assistant", content="Yes?")
    row = FEE.model_copy(update={"prompt": (*turns, *FEE.prompt)})
    found = learnt(rated("Hello\nYes?\nWhat is the fee?", "None."), rows=[row])
    assert found[0].messages == row.prompt


def test_what_no_row_asks_keeps_its_own_turns_and_tools() -> None:
    turns = Message(role="system", content="Be kind."), Message(role="user", content="Balance?")
    asked = {"messages": turns, "tools": (TOOL,)}
    given = pair("Be kind.\nBalance?", "90.", "9.").model_copy(update=asked)
    assert learnt(given) == [given.model_copy(update={"origin": "pair"})]


def test_an_answer_is_good_with_the_tools_of_its_row_alone() -> None:
    row = FEE.model_copy(update={"tools": (TOOL,)})
    bad = rated("What is the fee?", "None.")
    (without,) = learnt(bad, rows=[row])
    (same,) = learnt(bad.model_copy(update={"tools": (TOOL,)}), rows=[row])
    assert isinstance(without, RatedAnswer)
    assert isinstance(same, PreferencePair) and same.tools == (TOOL,)


# --- ballots --------------------------------------------------------------------------------------


def sheet(item: str, prompt: str, left: str, right: str) -> VotingPair:
    return VotingPair(
        item=item,
        prompt=prompt,
        left="v1",
        right="v2",
        left_text=left,
        right_text=right,
        left_answer=answer_digest(left),
        right_answer=answer_digest(right),
    )


def ballot(item: str, choice: Any, who: str, *texts: str) -> Ballot:
    left, right = (answer_digest(text) for text in texts) if texts else (None, None)
    return Ballot(
        item=item,
        reviewer=who,
        left="v1",
        right="v2",
        left_answer=left,
        right_answer=right,
        choice=choice,
        at="2026-01-31T12:00:00Z",
    )


def voted(*records: Record) -> tuple[list[Preference], Counter[str]]:
    """What ballots and sheets say, where FEE is a training row and DEV an item."""
    sheets = [one for one in records if isinstance(one, VotingPair)]
    write_records(SHEETS / "sheet.jsonl", sheets)
    write_records(BALLOTS / "round" / "b.jsonl", [one for one in records if one not in sheets])
    lost = Counter[str]()
    return ballot_preferences(BALLOTS, [FEE], [DEV], lost), +lost


def test_most_ballots_make_a_pair_of_the_answers_that_the_sheet_shows() -> None:
    shown = sheet("t1", "May I pay late?", "Yes, once.", "Never.")
    cast = (("left", "ann"), ("left", "ben"), ("right", "eve"))
    votes = [ballot("t1", choice, who) for choice, who in cast]
    (found,), lost = voted(shown, *votes)
    assert (found.prompt, *said([found])[0]) == (
        "May I pay late?",
        "ballot",
        "Yes, once.",
        "Never.",
    )
    assert (found.source, lost) == ("b.jsonl", {})


def test_ballots_on_answers_to_one_question_on_other_passages_are_of_other_answers() -> None:
    shown = sheet("t1", "May I pay late?", "Yes, once.", "Never.")
    fees, rules = (EvidencePassage(id=text, text=text) for text in ("Fees.", "Rules."))
    sheets = [
        shown.model_copy(update={"item": item, "evidence": (one,)})
        for item, one in (("t1", fees), ("t2", rules))
    ]
    found, _ = voted(*sheets, ballot("t1", "left", "ann"), ballot("t2", "right", "ann"))
    assert [(one.evidence, one.chosen) for one in found if isinstance(one, PreferencePair)] == [
        ((fees,), "Yes, once."),
        ((rules,), "Never."),
    ]


def test_ballots_on_eval_items_are_counted_and_never_looked_up() -> None:
    shown = sheet(DEV.id, DEV.prompt_text, "In town.", "Nowhere.")
    assert voted(shown, ballot(DEV.id, "left", "ann")) == ([], {ON_ITEM: 1})


def test_ballots_on_whole_conversations_teach_nothing() -> None:
    turns = (Message(role="assistant", content="Yes?"), Message(role="user", content="Bye."))
    talk = sheet("t1", "Hello", "Assistant: Yes?\nUser: Bye.", "Assistant: No.")
    shown = talk.model_copy(update={"left_turns": turns, "right_turns": turns[:1]})
    assert voted(shown, ballot("t1", "left", "ann"))[0] == []


@pytest.mark.usefixtures("project")
def test_a_ballot_on_another_item_that_asks_what_an_item_asks_teaches_nothing() -> None:
    write_records(SHEETS / "s.jsonl", [sheet("t1", DEV.prompt_text, "In town.", "Nowhere.")])
    write_records(BALLOTS / "b.jsonl", [ballot("t1", "left", "ann")])
    assert gathered() == ()


def test_a_ballot_that_is_bound_to_other_answers_than_the_sheet_shows_is_not_counted() -> None:
    shown = sheet("t1", "May I pay late?", "Yes, once.", "Never.")
    assert voted(shown, ballot("t1", "left", "ann", "Yes.", "No.")) == ([], {UNKNOWN: 1})


def test_a_ballot_on_a_training_row_finds_the_rows_own_answer_by_its_digest() -> None:
    other = sheet("other", "Another question?", "No fee at all.", "Yes.")
    cast = ballot(FEE.id, "right", "ann", "No fee at all.", FEE.completion_text)
    (found,), _ = voted(other, cast)
    assert (found.prompt, *said([found])[0][1:]) == (
        FEE.prompt_text,
        FEE.completion_text,
        "No fee at all.",
    )


def test_two_answers_that_most_call_bad_are_two_negative_examples() -> None:
    shown = sheet("t1", "May I pay late?", "Yes.", "No.")
    found, _ = voted(shown, ballot("t1", "both_bad", "ann"))
    assert said(found) == [("ballot", "No.", "False"), ("ballot", "Yes.", "False")]


def test_a_tie_teaches_nothing() -> None:
    shown = sheet("t1", "May I pay late?", "Yes.", "No.")
    votes = [ballot("t1", "left", "ann"), ballot("t1", "right", "ben")]
    assert voted(shown, *votes) == ([], {NO_WINNER: 1})


# --- the judge ------------------------------------------------------------------------------------


class Longer:
    """Is the surer that the longer answer is better, the longer it is."""

    source = "a judge of length"

    def prefer(self, comparisons: Sequence[AnswerPair]) -> list[Judgement]:
        return [
            Judgement(win_probability=len(c.challenger) / (len(c.challenger) + len(c.champion)))
            for c in comparisons
        ]


def both(prompt: str, one: str, other: str) -> TwoAnswers:
    return TwoAnswers(Row.of(prompt, one, group=prompt, source="s"), one, other)


def test_a_judges_choices_are_marked_and_kept_where_it_is_sure_the_surest_first() -> None:
    asked = [both("p", "aa", "bbb"), both("q", "a" * 3, "b" * 9), both("r", "a" * 9, "b")]
    lost = Counter[str]()
    found = judged_pairs(asked, Longer(), 0.2, lost)
    assert [(one.prompt, one.chosen[0]) for one in found] == [("r", "a"), ("q", "b")]
    assert {(one.origin, one.source) for one in found} == {("judge", "a judge of length")}
    assert lost[UNSURE] == 1


@pytest.mark.parametrize(
    ("others", "share", "kept"), [(10, 0.5, 10), (10, 0.2, 2), (0, 0.5, 0), (10, 0, 0), (0, 1, 20)]
)
def test_a_judges_pairs_are_no_more_than_a_share_of_all(
    others: int, share: float, kept: int
) -> None:
    lost = Counter[str]()
    pairs = [pair("q", f"a{i}", "b", origin="judge") for i in range(20)]
    assert capped(pairs, others, share, lost) == pairs[:kept]
    assert lost[OVER] == 20 - kept


def test_what_a_judge_chose_teaches_and_calibrates_no_judge() -> None:
    own, judged = pair("q", "a", "b"), pair("r", "a", "b", origin="judge", source="a judge")
    write_records(PREFERENCES / "mine.jsonl", [own, judged])
    assert given_preferences() == [own]


@pytest.mark.usefixtures("project")
def test_a_marked_pair_in_a_file_is_the_judges_still_and_counts_against_its_share() -> None:
    judged = [pair(f"Question {i}?", "a", "b", origin="judge") for i in range(3)]
    found = gathered(pair("Who are you?", "A bank.", "Nobody."), *judged)
    assert [one.origin for one in found] == ["pair", "judge"]
    assert left_out() == {OVER: 2}


def judged(prompt: str, chosen: str, rejected: str) -> PreferencePair:
    return pair(prompt, chosen, rejected, origin="judge", source="a judge")


Q = judged("q", "a", "b")


@pytest.mark.parametrize(
    ("given", "kept", "left_out"),
    [
        ([judged("what is  the FEE?", "None.", FEE.completion_text)], 0, {PEOPLE_SPOKE: 1}),
        ([judged("q", "a", "a ")], 0, {ONE_ANSWER: 1}),
        ([Q, judged("r", "a", "b"), judged("q", "a", "b")], 2, {REPEATED: 1}),
        ([Q, judged("q", "b", "a")], 0, {JUDGES_DIFFER: 2}),
        ([rated("q", "a").model_copy(update={"origin": "judge"})], 0, {RATED: 1}),
    ],
    ids=["people spoke of it", "of one answer", "made again", "and its opposite", "a rating"],
)
def test_of_what_a_judge_chose_some_is_counted_and_not_learnt(
    given: list[Preference], kept: int, left_out: dict[str, int]
) -> None:
    lost = Counter[str]()
    people = [rated(FEE.prompt_text, "None.")]
    assert learnable_of_judge(given, people, lost) == given[:kept]
    assert +lost == left_out


@pytest.mark.usefixtures("project")
def test_a_judges_pairs_in_files_come_under_the_rules_of_the_stage() -> None:
    people = [pair("Who are you?", "A bank.", "Nobody."), pair("Open?", "Yes.", "No.")]
    disputed = [pair("Why?", "So.", "No."), pair("Why?", "No.", "So.")]
    same = judged("Who are you?", "A bank.", "Nobody.")
    marked = [same, judged("open?", "No.", "Yes."), judged("Why?", "So.", "No.")]
    kept = judged("May I pay late?", "Yes.", "No.")
    found = gathered(*people, *disputed, *marked, kept, kept, judged("How?", "So.", "So."))
    assert said(found) == [
        ("pair", "A bank.", "Nobody."),
        ("pair", "Yes.", "No."),
        ("judge", "Yes.", "No."),
    ]
    assert left_out() == {DISPUTED: 2, PEOPLE_SPOKE: 3, REPEATED: 1, ONE_ANSWER: 1}


def test_an_advisory_judge_is_not_asked() -> None:
    Path("params.yaml").write_text("")
    calibration(accuracy=0.5).write(CALIBRATION)
    lost = Counter[str]()
    assert pairs_by_judge([FEE, CARD], JudgedPairsParams(rows=1), lost) == []
    assert list(lost.values()) == [1]


def test_where_people_are_the_source_of_preference_no_stage_asks_them() -> None:
    Path("params.yaml").write_text(
        "evaluation: {preference: {source: ballots, ballots: datasets/ballots/b.jsonl}}"
    )
    calibration(accuracy=0.5).write(CALIBRATION)
    with pytest.raises(InputError, match=r"judge.rows: people are the source of preference"):
        pairs_by_judge([FEE], JudgedPairsParams(rows=1), Counter())


@pytest.mark.usefixtures("project")
def test_a_judge_is_not_asked_about_rows_of_which_people_said_something() -> None:
    people = [rated("what is the fee?", "None.")]
    assert preference_data.rows_without_preferences([FEE, CARD], people) == [CARD]


# --- what is said of it ---------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
def test_each_source_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    gathered(pair("Who are you?", "A bank.", "Nobody.", source="a.jsonl"), rated("Open?", "Hm."))
    counts = json.loads(PREFERENCE_COUNTS.read_bytes())
    assert counts["origins"] == {
        "negative example": {"pairs": 0, "rated": 1},
        "pair": {"pairs": 1, "rated": 0},
    }
    assert counts["sources"] == {"a.jsonl": 1, "mine.jsonl": 1}
    assert "pair: 1 pair, 0 rated answers alone" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_the_same_inputs_give_the_same_bytes() -> None:
    written = set[bytes]()
    for _ in range(2):
        gathered(pair("Who are you?", "A bank.", "Nobody."), rated("Open?", "Hm."))
        written.add(PREFERENCE_DATA.read_bytes())
    assert len(written) == 1


@pytest.mark.usefixtures("project")
def test_without_preferences_the_file_is_there_and_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    preference_data.main()
    assert PREFERENCE_DATA.read_bytes() == b""
    assert "nothing for DPO or KTO to learn from" in capsys.readouterr().out


# --- passages -------------------------------------------------------------------------------------


def on(answer: str, *texts: str, prompt: str = "What is the fee?", **more: Any) -> Row:
    row = Row.of(prompt, answer, group="g", source="rows.jsonl")
    passages = tuple(EvidencePassage(id=str(i), text=text) for i, text in enumerate(texts))
    return row.model_copy(update={"evidence": passages, **more})


def test_an_answer_is_good_on_the_passages_that_it_stands_on_alone() -> None:
    """A figure that is right on one passage is no good answer where another one is shown."""
    known, unknown = on("EUR 9 [1].", "The fee is EUR 9."), on("I do not know.", "We open at nine.")
    bad = RatedAnswer(prompt="What is the fee?", completion="EUR 7 [1].", label=False)
    given = [bad.model_copy(update={"evidence": row.evidence}) for row in (known, unknown)]
    found = learnable(given, GoodAnswers([known, unknown], given), Counter())
    assert [(one.chosen, one.evidence) for one in found if isinstance(one, PreferencePair)] == [
        ("EUR 9 [1].", known.evidence),
        ("I do not know.", unknown.evidence),
    ]
    turned = found[0].model_copy(
        update={"chosen": "EUR 7 [1].", "rejected": "EUR 9 [1].", "evidence": unknown.evidence}
    )
    assert undisputed([found[0], turned], Counter()) == [found[0], turned]


def test_a_preference_gets_the_passages_of_the_row_that_asks_its_question() -> None:
    system = Message(role="system", content="You are a bank.")
    row = on("EUR 9 [1].", "The fee is EUR 9.")
    under = on("No [1].", "We close at six.", prompt="Open at seven?")
    under = under.model_copy(update={"prompt": (system, *under.prompt)})
    given = [
        RatedAnswer(prompt=prompt, completion="EUR 7.", label=False)
        for prompt in ("What is the fee?", "Open at seven?", "Something else?")
    ]
    found = under_row_prompts(given, [row, under])
    assert [one.evidence for one in found] == [row.evidence, under.evidence, None]
