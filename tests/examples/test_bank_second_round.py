"""The second round of examples/bank: what it learns from, how rounds compare, and the table."""

import json
from pathlib import Path

from examples.bank.measures import (
    METRICS,
    Item,
    System,
    difference,
    mean_of,
    read_systems,
    write_systems,
)
from examples.bank.rows import Triplet
from examples.bank.second_round import second_round
from examples.bank.table import write_results


def row(about: str, number: int, topic: str = "card") -> Triplet:
    name = f"{about}.{number}"
    return Triplet(name, f"question {name}", "", f"answer {name}", topic, about)


def corrections(folder: Path, *failed: Triplet) -> Path:
    """As `incumbent data export` writes them."""
    path = folder / "corrections.jsonl"
    prompts = [[{"role": "user", "content": one.prompt}] for one in failed]
    path.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in prompts))
    return path


def test_the_first_row_about_a_failed_fact_is_learnt_and_the_second_is_a_sister(
    tmp_path: Path,
) -> None:
    failed, fine = row("sloop.fee", 1), row("sloop.late", 1)
    reserve = [row("sloop.fee", 2), row("sloop.fee", 3), row("sloop.late", 2)]
    found = second_round(corrections(tmp_path, failed), [failed, fine], reserve)
    assert found.bad == ["sloop.fee.1"]
    assert found.rows[0] == reserve[0]
    assert found.sisters == [reserve[1]]


def test_rows_about_the_same_aspect_then_those_about_the_same_topic_are_learnt_after_them(
    tmp_path: Path,
) -> None:
    failed = row("sloop.fee", 1)
    loan, other, aspect = row("keel.fee", 1, "loan"), row("cutter.late", 1), row("cutter.fee", 1)
    reserve = [loan, other, aspect, same := row("sloop.fee", 2)]
    path = corrections(tmp_path, failed)
    assert second_round(path, [failed], reserve).rows == [same, aspect, other]
    assert second_round(path, [failed], reserve, most=1).rows == [same]


def test_what_stands_in_the_documents_alone_is_learnt_from_no_row(tmp_path: Path) -> None:
    failed = row("documents", 7, "documents")
    found = second_round(corrections(tmp_path, failed), [failed], [row("sloop.fee", 2)])
    assert found.bad == ["documents.7"]
    assert not found.rows
    assert not found.sisters


def system(name: str, *kept: float, won: int = 0) -> System:
    items = [
        Item(
            id=f"item-{i}",
            topic="loan",
            fact="trained",
            answer="an answer",
            scores=dict.fromkeys(METRICS, value),
            unwanted=["no_warning"] if value < 0.5 else [],
        )
        for i, value in enumerate(kept)
    ]
    return System(name, items, tokens=30.0, prompt_tokens=40.0, seconds=None, won=won)


def test_rounds_are_compared_item_by_item_on_those_that_are_asked_for() -> None:
    old, new = system("old", 0.2, 0.4, 0.9), system("new", 0.4, 0.6, 0.6)
    assert difference(new, old, "rougeL", [item.id for item in new.items]).n == 3
    first = difference(new, old, "rougeL", ["item-0", "item-1"])
    assert str(first) == "0.200 ± 0.000"
    assert str(mean_of([])) == "-"


def test_systems_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = [system("one", 0.1, 0.9, won=2)]
    write_systems(tmp_path / "systems.json", found)
    assert read_systems(tmp_path / "systems.json") == found


def test_the_table_has_a_row_for_each_system_and_says_how_the_second_round_did(
    tmp_path: Path,
) -> None:
    told = {
        "domain": {"loss_before": 1.0, "loss_after": 0.5, "tokens": 10},
        "terms": {"before": {"n": 4, "right": 1, "logprob": -2.0}},
        "verdicts": {"first": "PROMOTE", "second": "HOLD"},
        "sealed": {"second": {"reasons": ["rougeL is not clearly better"]}},
        "second_round": {"bad": ["item-0", "left-dev"], "rows": 5, "sisters": {}},
        "steps": {"domain": {"minutes": 2.0, "processor_minutes": 3.0}},
    }
    systems = [
        system("base", 0.1, 0.2),
        system("first", 0.4, 0.6, won=2),
        system("second", 0.5, 0.5),
    ]
    text = write_results(tmp_path, systems, told)
    assert "| first | 0.500 ± 0.100 |" in text
    assert "2 of 2 | 30 | - | PROMOTE |" in text
    assert "| metric | 1 bad answers | the other 1 |" in text
    assert "| rougeL | 0.100 ± 0.000 | -0.100 ± 0.000 |" in text
    assert "| base | 0 of 2 | 2 of 2 |" in text
    assert "rougeL is not clearly better" in text
    assert json.loads((tmp_path / "table.json").read_bytes())["second_round"]["rows"] == 5
