"""A sentence that says what rows are to teach, proposed from what most of them ask."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from incumbent.init.english import FREQUENT, is_english
from project.files import write_bytes
from project.records.data import Row
from project.unicode_words import plain, words

CONTRACT = Path("datasets/contracts/sft.yaml")
NAMED = 6  # words that say what rows are about
LEAST_LETTERS, LEAST_ELSEWHERE = 4, 6  # of such a word; in languages whose small words are unknown
LEAST_SHARE = 0.01  # of the rows that have it
TEMPLATE_SHARE = 0.6  # in more of the rows than these it is of a template
# That say nothing of a subject, beside the most frequent ones.
UNSAID = """
    able about after also always another answer any based because been before being best between
    both create describe did done each ever every example explain find following generate give
    given good have here identify input into just keep know like list long look made make many
    most much myself name need never none only other output over please possible provide
    question reason same sentence short should since some someone something still such sure take
    tell text than thank thanks them thing things think through time under used using very want
    wanted well were while whom whose work write wrong years
"""
ASKING = """
    what how why when where who which can could do does is are may should
"""
QUESTIONS = frozenset(ASKING.split())
MOST = 0.5


def proposed_task(rows: Sequence[Row]) -> str | None:
    """What the rows seem to be about; None where no words stand out. It is a proposal: whoever
    knows the task says it better.
    """
    asked, english = [plain(user_text(row)) for row in rows], is_english(rows)
    named = subjects(asked, LEAST_LETTERS if english else LEAST_ELSEWHERE)
    if not named or not english:
        return ", ".join(named) or None
    questions = sum(is_question(text) for text in asked)
    kind = "answers to questions" if questions >= MOST * len(asked) else "answers to requests"
    return f"{kind} about {listed(named)}"


def write_task(task: str) -> None:
    """Say in the new project's contract what its rows are to teach."""
    line = yaml.safe_dump({"task": task}, allow_unicode=True, width=float("inf"))
    text = CONTRACT.read_text(encoding="utf-8").replace("task: null\n", line, 1)
    write_bytes(CONTRACT, text.encode())


def user_text(row: Row) -> str:
    """Of what users wrote: a system prompt is the same in all rows."""
    return "\n".join(turn.content for turn in row.prompt if turn.role == "user")


def subjects(texts: Sequence[str], letters: int) -> list[str]:
    """The words that most texts have, without those that say nothing, one of singular and plural.

    Of both the more frequent form is taken.
    """
    forms = Counter(
        word for text in texts for word in dict.fromkeys(words(text)) if is_subject(word, letters)
    )
    stems: Counter[str] = Counter()
    form: dict[str, str] = {}
    for word, count in forms.most_common():
        stems[stem(word)] += count
        form.setdefault(stem(word), word)
    least, most = max(2, LEAST_SHARE * len(texts)), TEMPLATE_SHARE * len(texts)
    return [form[one] for one, count in stems.most_common() if least <= count <= most][:NAMED]


def is_subject(word: str, letters: int) -> bool:
    return len(word) >= letters and word.isalpha() and word not in SILENT


SILENT = frozenset((FREQUENT + UNSAID).split())


def stem(word: str) -> str:
    return word.removesuffix("s") if len(word) > LEAST_LETTERS else word


def is_question(text: str) -> bool:
    first = next(iter(words(text)), "")
    return first in QUESTIONS or text.rstrip().endswith(("?", "？"))


def listed(named: Iterable[str]) -> str:
    *others, last = named
    return f"{', '.join(others)} and {last}" if others else last
