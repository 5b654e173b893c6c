"""What planted rows leak: items of an eval set, and of the general-ability suite."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.curation.planted.forms import Fields

GENERAL = Path(__file__).parents[3] / "datasets/general"

# Items that training rows ask word by word.
EXACT = (
    (
        "Which distance does sklearn.neighbors.KNeighborsClassifier take if one names none?",
        "The distance of Minkowski with p = 2, which is the Euclidean one.",
    ),
    (
        "What does the function mean_squared_error tell about the forecasts of a regression?",
        "How large their squared errors are on average.",
    ),
    (
        "Which argument of pandas.read_excel chooses the sheet of a workbook with many sheets?",
        "The argument sheet_name, by name or by number.",
    ),
    (
        "Why are floats such as 0.1 and 0.2 not added up to exactly 0.3 by the machine?",
        "None of them has a finite binary fraction.",
    ),
    (
        "What does a small p-value of scipy.stats.shapiro say about the sample?",
        "That it hardly comes from a normal distribution.",
    ),
)
# Items that training rows ask in other words.
REWORDED = (
    ("Given labels, what does DataFrame.loc select?", "The rows and columns of these labels."),
    (
        "Why do the scores of RandomForestClassifier differ from run to run?",
        "Because random_state was not set.",
    ),
    (
        "How can I save the list of the packages installed in my virtual environment?",
        "Run pip freeze and redirect it to requirements.txt.",
    ),
    (
        "Why does accuracy mislead on imbalanced classes?",
        "A model that always names the largest class scores high.",
    ),
    (
        "What is the result's shape when numpy adds an array of shape (3, 1) to one of shape (4,)?",
        "Its shape is (3, 4), by broadcasting.",
    ),
)


def eval_items() -> Iterator[Fields]:
    for number, (prompt, completion) in enumerate((*EXACT, *REWORDED), start=1):
        yield {"id": f"eval-{number}", "prompt": prompt, "completion": completion}


@cache
def general_prompt(item: str) -> str:
    """The prompt of an item of the general-ability suite."""
    for file in sorted(GENERAL.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            fields = json.loads(line)
            if fields["id"] == item:
                return str(fields["prompt"])
    raise KeyError(item)
