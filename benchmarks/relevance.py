"""How well gold rows tell a task's rows from others, on topics of which they know nothing.

    python -m benchmarks.relevance FILE    # data_full.json of CLINC150 (clinc/oos-eval, CC BY 3.0)

Each of four domains is a task. Its gold rows are of two thirds of its intents; other rows of these
are the task's, those of the remaining intents too, and other domains and questions without any
intent are not. A row is a question alone.
"""

import argparse
import json
from pathlib import Path
from random import Random

import numpy as np

from curation.checks.embeddings import Looked, RowEmbedder
from curation.checks.relevance import GOLD_FAR, GOLD_NEAR, CheckReferences, gold_nearness
from project.model_pins import ModelChoice, locate

DOMAINS = {
    "bank": "transfer transactions balance freeze_account pay_bill interest_rate routing "
    "order_checks pin_change report_fraud account_blocked spending_history",
    "kitchen": "recipe calories nutrition_info restaurant_suggestion ingredients_list cook_time "
    "food_last meal_suggestion restaurant_reservation how_busy cancel_reservation "
    "confirm_reservation",
    "travel": "book_flight book_hotel car_rental travel_suggestion travel_alert carry_on timezone "
    "vaccines flight_status international_visa lost_luggage plug_type",
    "work": "direct_deposit pto_request taxes payday w2 pto_balance next_holiday insurance "
    "schedule_meeting pto_used meeting_schedule rollover_401k",
}
GOLD = (20, 50, 300)
DRAWN = 400  # rows of each kind
OTHERS = ("own intents", "new intents", "other domains", "no intent")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    asked = json.loads(parser.parse_args().file.read_text(encoding="utf-8"))
    by_intent: dict[str, list[str]] = {}
    for text, intent in (pair for part in asked.values() for pair in part):
        by_intent.setdefault(intent, []).append(text)
    embed = RowEmbedder(locate(ModelChoice(), "embedder"))
    print(f"| gold rows | {' | '.join(f'{one}: told, counted' for one in OTHERS)} |")
    print("| --- " * (len(OTHERS) + 1) + "|")
    for count in GOLD:
        shares = np.mean([measured(name, by_intent, count, embed) for name in DOMAINS], axis=0)
        cells = [f"{far:.1%}, {near:.1%}" for far, near in shares]
        print(f"| {count} | {' | '.join(cells)} |", flush=True)


def measured(
    domain: str, by_intent: dict[str, list[str]], count: int, embed: RowEmbedder
) -> list[tuple[float, float]]:
    """Of each kind of rows the share that is told as far, and that counts for the task."""
    draw = Random(0)
    intents = DOMAINS[domain].split()
    draw.shuffle(intents)
    known, new = intents[:8], intents[8:]
    texts = [text for intent in known for text in by_intent[intent]]
    draw.shuffle(texts)
    others = [name for rest in DOMAINS if rest != domain for name in DOMAINS[rest].split()]
    kinds = [texts[count:]] + [
        [text for name in names for text in by_intent[name]] for names in (new, others, ["oos"])
    ]
    gold = [(text, text) for text in texts[:count]]
    found = []
    for kind in kinds:
        vectors = embed(draw.sample(kind, min(DRAWN, len(kind))))
        looked = Looked(list(range(len(vectors))), vectors, vectors, embed)
        near = gold_nearness(looked, CheckReferences(gold=gold))
        assert near is not None
        found.append((float((near < GOLD_FAR).mean()), float((near >= GOLD_NEAR).mean())))
    return found


if __name__ == "__main__":
    main()
