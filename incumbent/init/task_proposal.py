"""What rows are to teach, in a sentence made of what most ask; and whether they are in English."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from project.files import write_bytes
from project.model_pins import EMBEDDED, BaseChoice
from project.records.data import Row
from project.unicode_words import plain, words

# --- english --------------------------------------------------------------------------------------

# Whether rows are in English, which is what the embedded models read.

# The most frequent words of English texts, without those of other languages ("in", "a", "was").
FREQUENT = """
    the of and to is it you that for are with as i they be have this from or but not what we
    when your can there which how their if will about out then these some would into has more
    could my than been who its did get does where why should please
"""
SHARE = 0.12  # of all words at least: English texts have 0.28 and more, Dutch ones 0.05
LEAST = 5  # words of a prompt; of a shorter one, the answer is looked at too


def is_english(rows: Iterable[Row]) -> bool:
    """Whether they are, or nearly half of them; what is too short to tell is taken for English."""
    frequent = frozenset(FREQUENT.split())
    told = [word for row in rows if len(found := told_words(row)) >= LEAST for word in found]
    return sum(word in frequent for word in told) >= SHARE * len(told)


def told_words(row: Row) -> list[str]:
    """The words of the prompt alone, if these are enough: an answer may be code."""
    asked = words(row.prompt_text)
    return asked if len(asked) >= LEAST else [*asked, *words(row.completion_text)]


def language_notes(rows: Iterable[Row], base: BaseChoice) -> list[str]:
    """What to name in place of the embedded models where the rows are not in English."""
    if is_english(rows):
        return []
    found = [
        "most rows seem not to be in English, the one language of the embedded embedder: name "
        "another in params.yaml, embedder.model and its revision, such as "
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    ]
    if base.model == EMBEDDED:
        found.append(
            "the embedded base reads English alone too: name another with --base and --revision, "
            "such as Qwen/Qwen2.5-0.5B-Instruct"
        )
    return found


# --- task proposal --------------------------------------------------------------------------------

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
    """What the rows seem to be about; None where no words stand out. A person says it better."""
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
    """The text that users wrote: a system prompt is the same in all rows."""
    return "\n".join(turn.content for turn in row.prompt if turn.role == "user")


def subjects(texts: Sequence[str], letters: int) -> list[str]:
    """The words that most texts have, in the more frequent form of singular and plural."""
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
