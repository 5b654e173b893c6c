"""The item explorer: who moved on which dev item, and an item with every version's answer."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluation.generation.answers import SIDES, Answer, answers_of
from evaluation.report.dev_items import (
    DevComparison,
    DevItem,
    DevItems,
    keep_dev_items,
    kept_item,
    kept_path,
)
from evaluation.report.kept_report import choices
from evaluation.report.shown_answers import marked
from project.errors import InputError
from project.files import write_lines
from project.paths import ADAPTER, CHAMPION, DIRECTIONS, SCORES, rows_of
from project.records.adapters import Adapter, AdapterVersion, Opponent
from project.records.data import EvidencePassage, Row, Split
from project.records.record import write_records
from project.records.scores import Directions, Flags, ItemScore
from project.settings import PARAMS
from registry.store import Registry
from review.challenger.item_list import ItemList, ItemQuery, item_list
from review.challenger.item_page import item_view, marked_answers, near_rows
from tests.places import submit
from tests.review.conftest import Browser

MakeAdapter = Callable[[str], tuple[Adapter, Path]]
HOSTILE = "<script>alert(1)</script> \"' & 王小明 אבג " + "word " * 800


def row(name: str, prompt: str | None = None, **slices: str) -> Row:
    made = Row.of(prompt or f"what is {name}?", f"{name} is it", group=name, source="t", **slices)
    return made.model_copy(update={"id": name})


def item(name: str, champion: float, challenger: float, **more: float) -> DevItem:
    """An item that both sides answered; `more` are metrics in which they are equal."""
    slices = {"topic": "cards" if name < "c" else "loans"}
    return DevItem(
        row=row(name, **slices),
        champion=f"the champion on {name}",
        challenger=f"the challenger on {name}",
        scores=ItemScore(
            item=name,
            slices=tuple(f"{k}={v}" for k, v in slices.items()),
            champion={"f1": champion, **more},
            challenger={"f1": challenger, **more},
        ),
    )


SEVERAL = (
    item("a", 0.9, 0.2, assertions=1.0),
    item("b", 0.2, 0.9, assertions=0.5),
    item("c", 0.6, 0.6, assertions=1.0),
    item("d", 0.6, 0.55, assertions=1.0),
)


def comparison(
    number: int | None = 2, champion: int | None = 1, way: str = "more"
) -> DevComparison:
    return DevComparison.model_validate(
        {
            "version": number,
            "opponent": Opponent(version=champion),
            "better": {"f1": way},
            "gating": ("preference", "f1"),
        }
    )


def dev(items: Sequence[DevItem] = SEVERAL, way: str = "more") -> DevItems:
    return DevItems(comparison=comparison(way=way), items=tuple(items))


def keep(number: int, items: Sequence[DevItem] = SEVERAL, champion: int | None = 1) -> None:
    """As `incumbent submit` keeps them for version `number` of family "test"."""
    head = comparison(number, champion)
    write_lines(kept_path("test", number), [one.canonical() for one in (head, *items)])


def asked(items: Sequence[DevItem] = SEVERAL, way: str = "more", **query: Any) -> list[str]:
    found = item_list(dev(items, way), ItemQuery.model_validate(query))
    return [line.item for line in found.items]


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ({}, "adcb"),  # the worst change first
        ({"flips": "all"}, "adcb"),
        ({"flips": "lost"}, "ad"),
        ({"flips": "lost", "moved": 0.1}, "a"),
        ({"flips": "same", "moved": 0.1}, "dc"),
        ({"flips": "gained"}, "b"),
        ({"flips": "broke"}, "a"),
        ({"flips": "fixed"}, "b"),
        ({"low": 0.5, "high": 0.6}, "dc"),
        ({"high": 0}, ""),
        ({"slice": "topic=loans"}, "dc"),
        ({"assertion": "assertions"}, "b"),
        ({"q": "CHALLENGER ON C"}, "c"),
        ({"q": "no such words"}, ""),
        ({"flips": "lost", "slice": "topic=cards"}, "a"),
        ({"page": 2}, ""),
    ],
)
def test_items_are_filtered_by_how_they_moved(query: dict[str, Any], items: str) -> None:
    assert asked(**query) == list(items)


def test_less_may_be_better() -> None:
    assert asked(way="less", flips="lost") == ["b"]
    assert asked(way="less", flips="broke") == ["b"]


def test_what_could_not_be_measured_is_no_change_and_comes_last() -> None:
    unread = item("a", 0.9, 0.1)
    scores = unread.scores.model_copy(update={"unread": ("f1",)})
    several = [unread.model_copy(update={"scores": scores}), *SEVERAL[1:]]
    assert asked(several) == ["d", "c", "b", "a"]
    assert asked(several, flips="lost") == ["d"]


def test_a_preference_is_a_score_of_both_sides() -> None:
    judged = SEVERAL[0].scores.model_copy(update={"preference": 0.25})
    found = item_list(
        dev([SEVERAL[0].model_copy(update={"scores": judged})]), ItemQuery(score="preference")
    )
    assert (found.items[0].champion, found.items[0].challenger) == (0.75, 0.25)


@pytest.mark.parametrize("query", [{"score": "no"}, {"slice": "a=b"}, {"assertion": "f1"}])
def test_a_name_that_no_item_has_is_refused_with_those_that_they_have(
    query: dict[str, Any],
) -> None:
    with pytest.raises(InputError, match="there are"):
        asked(**query)


def test_right_and_wrong_need_a_score_from_0_to_1() -> None:
    with pytest.raises(InputError, match="choose lost or gained"):
        asked([item("a", 3.0, 1.0)], flips="broke")


# --- what is kept ---------------------------------------------------------------------------------


@pytest.fixture
def stages() -> Iterator[None]:
    """What the stages leave of two dev items, and sealed files that nobody may read."""
    PARAMS.write_text("registry: {family: test}\n")
    rows = [row("a"), row("b")]
    write_records(rows_of(Split.DEV), rows)
    for side in SIDES:
        made = [
            Answer(item=name, text=f"{side} {sample} {name}", tokens=1, prompt_tokens=1, sample=n)
            for name in "ab"
            for n, sample in enumerate(["first", "second"])
        ]
        write_records(answers_of(side, Split.DEV), made)
    scores = [
        ItemScore(item=name, sample=n, champion={"f1": 0.5}, challenger={"f1": value})
        for name in "ab"
        for n, value in enumerate([0.0, 1.0])
    ]
    write_records(SCORES / "dev.jsonl", scores)
    Flags(items={"truncated": ("b",)}).write(SCORES / "dev.flags.json")
    Directions(better={"f1": "more"}).write(DIRECTIONS)
    Opponent(version=1).write(CHAMPION)
    rows_of(Split.SEALED).write_bytes(row("sealed").canonical() + b"\n")
    rows_of(Split.SEALED).chmod(0)
    yield
    rows_of(Split.SEALED).chmod(0o600)


@pytest.fixture
def version(registry: Registry, make_adapter: MakeAdapter) -> AdapterVersion:
    return registry.submit(*make_adapter("x"), "try")


def test_a_submitted_version_keeps_its_dev_items(stages: None, version: AdapterVersion) -> None:
    keep_dev_items(version)
    found = DevItems.kept(kept_path("test", version.number))
    assert found.comparison.opponent == Opponent(version=1)
    assert [(one.row.id, one.champion, one.flags) for one in found.items] == [
        ("a", "champion first a", None),
        ("b", "champion first b", ("truncated",)),
    ]
    assert found.items[0].scores.challenger == {"f1": 0.5}  # the mean of two answers


def test_an_item_that_a_run_has_not_answered_yet_is_left_out(
    stages: None, version: AdapterVersion
) -> None:
    write_records(rows_of(Split.DEV), [row("a"), row("new")])
    keep_dev_items(version)
    found = DevItems.kept(kept_path("test", version.number))
    assert [one.row.id for one in found.items] == ["a"]


def test_the_last_run_can_be_looked_at_before_anybody_submits_it(
    stages: None, registry: Registry, make_adapter: MakeAdapter, version: AdapterVersion
) -> None:
    assert choices(registry) == []
    make_adapter("y")[0].write(ADAPTER)
    assert [one.number for one in choices(registry)] == [0]
    version.adapter.write(ADAPTER)
    assert [one.label for one in choices(registry)] == ["test v1"]


def test_a_damaged_file_is_told_with_its_line() -> None:
    keep(2)
    path = kept_path("test", 2)
    path.write_bytes(path.read_bytes() + b'{"id":"a"\n')
    with pytest.raises(InputError, match=r"test-v2\.dev\.jsonl:6"):
        DevItems.kept(path)


def test_one_item_is_found_whatever_its_id_is() -> None:
    odd = 'ü/"?\\id":"a'
    named = SEVERAL[0].row.model_copy(update={"id": odd})
    keep(2, [SEVERAL[0].model_copy(update={"row": named}), SEVERAL[1]])
    found = kept_item(kept_path("test", 2), odd)
    assert found and found.row.id == odd
    assert kept_item(kept_path("test", 2), "a") is None
    assert kept_item(kept_path("test", 2), "\ud800") is None


# --- one item -------------------------------------------------------------------------------------


def test_an_item_shows_every_versions_answer_the_newest_one_first(registry: Registry) -> None:
    keep(1, champion=None)
    keep(2)
    keep(3, SEVERAL[1:], champion=2)
    view = item_view(registry, "a")
    assert view is not None
    assert [one.key for one in view.answers] == ["v2", "v1", "base"]
    assert [one.version for one in view.comparisons] == [2, 1]
    (plain,), (marks,) = (marked_answers(view, "v1")[key] for key in ("v1", "v2"))
    assert plain.words == (("the champion on a", False),)
    assert ("challenger ", True) in marks.words


def test_what_could_not_be_measured_is_no_score_of_an_answer(registry: Registry) -> None:
    whole = item("a", 0.9, 0.1, assertions=0.0)
    scores = whole.scores.model_copy(update={"unread": ("assertions",)})
    keep(1, [whole.model_copy(update={"scores": scores})], champion=None)
    view = item_view(registry, "a")
    assert view
    assert [one.scores for one in view.answers] == [{"f1": 0.1}, {"f1": 0.9}]
    assert not any(one.broken for one in view.answers)


def test_of_very_many_versions_the_newest_come_first_and_the_others_on_request(
    registry: Registry,
) -> None:
    for number in range(2, 20):
        keep(number)
    view = item_view(registry, "a")
    assert view is not None and view.older == 8
    older = item_view(registry, "a", before=view.older)
    assert older is not None and [one.version for one in older.comparisons] == [7, 6, 5, 4, 3, 2]


def test_what_differs_is_marked_and_no_blank_is_lost() -> None:
    for a, b in [
        ("one  two\nthree", "one two\n four"),
        ("我是王小明吗", "我不是王明吗"),
        ("", "x"),
    ]:
        assert tuple("".join(text for text, _ in words) for words in marked(a, b)) == (a, b)
    assert [text for text, new in marked("我是王小明吗", "我是王明吗")[0] if new] == ["小"]


def test_what_has_too_many_lines_to_compare_is_shown_without_marks() -> None:
    long = "one\n" * 20_000
    assert marked(long, "two") == (((long, False),), (("two", False),))


def test_the_nearest_training_rows_share_rare_words() -> None:
    assert near_rows("anything") == []  # before anything is curated
    rows = [row(f"r{i}", f"what is the cost of number{i}?") for i in range(30)]
    write_records(rows_of(Split.TRAIN), [*rows, row("card", "who may block a lost card?")])
    nearest, *_ = near_rows("a lost card: who may block it")
    assert nearest.row.id == "card" and nearest.likeness > 0.5
    assert near_rows("王小明") == []


# --- the pages ------------------------------------------------------------------------------------


def test_the_list_and_its_twin_say_the_same(client: Browser) -> None:
    keep(2)
    shown = client.get("/items?flips=lost&moved=0.1&low=&q=")
    twin = ItemList.model_validate(client.get("/api/items?flips=lost&moved=0.1").json())
    assert shown.status_code == 200 and "1 of 4 items" in shown.text
    assert [line.item for line in twin.items] == ["a"]
    assert twin.opponent == "v1 (champion then)"


def test_without_items_the_page_says_what_keeps_them(client: Browser) -> None:
    assert "incumbent submit" in client.get("/items").text
    assert client.get("/api/items").status_code == 404


def test_a_version_without_items_has_a_page_that_says_so(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    keep(2)
    shown = client.get("/items?version=1")
    assert shown.status_code == 200
    assert "No dev items are kept of v1" in shown.text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("version=99", 400),
        ("score=%00", 400),
        ("slice=no", 400),
        ("flips=sideways", 422),
        ("page=-1", 422),
        ("version=99999999999999999999999", 422),
        ("low=nan", 422),
        ("moved=1e999", 422),
        ("q=%00%ff", 200),
        ("page=1000000000", 200),
    ],
)
def test_nonsense_is_answered_and_never_breaks_the_server(
    client: Browser, query: str, status: int
) -> None:
    keep(2)
    assert client.get(f"/api/items?{query}").status_code == status
    assert client.get(f"/items?{query}").status_code == status


def test_an_item_has_an_address_of_its_own(client: Browser) -> None:
    keep(2)
    shown, twin = client.get("/items/a?against=reference"), client.get("/api/items/a")
    assert shown.status_code == twin.status_code == 200
    assert "<mark>challenger </mark>" in client.get("/items/a").text
    assert [one["key"] for one in twin.json()["answers"]] == ["v2", "v1"]
    assert client.get("/items/a?against=nobody").text == client.get("/items/a").text


def test_an_item_shows_its_passages_and_which_sentences_they_bear_out(client: Browser) -> None:
    own = "evaluation: {scoring: {metrics: [{metric: grounding, options: {phrasings: [ask us]}}]}}"
    PARAMS.write_text(f"{PARAMS.read_text()}\n{own}\n")
    fees = EvidencePassage(id="fees", text=f"A card costs EUR 9. {HOSTILE}", source="fees.md")
    asked = row("a", "What does a card cost?").model_copy(update={"evidence": (fees,)})
    said = "A card costs EUR 9 [1]. It comes within 3 days [2]."
    one = SEVERAL[0].model_copy(update={"row": asked, "challenger": said, "champion": "Ask us."})
    keep(2, [one])
    shown = client.get("/items/a").text
    for told in ("<b>[1]</b>", "fees.md", "cited by v2", "“3 days” stands neither", "[2] is no"):
        assert told in shown
    assert shown.count('aria-label="borne out:"') == shown.count('aria-label="not borne out:"') == 1
    assert "<script>alert" not in shown
    assert "fees.md" in client.get("/data/regressed").text


def test_marking_differences_stays_on_the_page_of_older_versions(client: Browser) -> None:
    for number in range(1, 15):
        keep(number, champion=None)
    shown = client.get("/items/a?before=3&against=v14")  # whose answer is on the page before
    assert shown.status_code == 200
    assert '<input type="hidden" name="before" value="3">' in shown.text
    assert 'name="before"' not in client.get("/items/a").text


def test_texts_of_a_model_are_shown_and_never_run(client: Browser) -> None:
    hostile = SEVERAL[0].model_copy(
        update={"row": row("a", HOSTILE), "champion": HOSTILE, "challenger": f"{HOSTILE}<img>"}
    )
    keep(2, [hostile])
    write_records(rows_of(Split.TRAIN), [row("near", HOSTILE)])
    for address in ("/items", "/items/a"):
        shown = client.get(address).text
        assert "<script>alert" not in shown and "<img>" not in shown
        assert "&lt;script&gt;alert(1)" in shown and "王小明" in shown


def test_a_sealed_item_is_not_there_and_its_file_is_not_read(
    stages: None, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(2)
    opened: list[str] = []
    really = Path.open

    def spied(path: Path, *how: Any, **more: Any) -> Any:
        opened.append(path.name)
        return really(path, *how, **more)

    monkeypatch.setattr(Path, "open", spied)
    write_records(rows_of(Split.TRAIN), [row("near", "what is a near?")])
    assert client.get("/items/sealed").status_code == 404
    assert client.get("/api/items/sealed").status_code == 404
    assert client.get("/items/a").status_code == 200
    assert opened and not [name for name in opened if "sealed" in name]
