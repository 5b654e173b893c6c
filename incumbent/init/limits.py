"""What a first run starts from, by the rows that there are: limits, recipe, task and language."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import yaml

from curation.curate_others import Others
from evaluation.decision.policy import Policy
from evaluation.decision.policy_checks import LEAST_DF
from evaluation.decision.statistics import satterthwaite
from incumbent.planning.row_lengths import Beside, RowLengths, RunSettings
from incumbent.planning.run_cost import Setup, trains
from incumbent.planning.run_plan import plan_run, sealed_set_lines
from incumbent.planning.workload import unknown_work
from project.files import write_bytes
from project.model_pins import EMBEDDED, BaseChoice
from project.records.data import Row, Split, TokenCount
from project.settings import load
from project.unicode_words import plain, words
from training.cost.base_shape import shape_of
from training.cost.machines import GB, this_machine

MOST = 0.99  # of the rows are to fit
STEP = 8  # tokens; limits are multiples of it
SHORTEST = 128  # of max_length: less would leave out later rows, and saves nothing
ENDLESS = 1_000_000  # tokens: a window that nobody knows sets no limit
LONGEST_ANSWER = 1024  # tokens; a longer one costs every evaluation its time


@dataclass(frozen=True)
class Limits:
    """The limits in tokens. Where the window is the smaller one, fewer rows fit than most."""

    max_length: int  # of a row
    max_new_tokens: int  # of an answer
    rows: int  # that most rows have at most
    answers: int  # that most answers have at most
    window: int | None  # of the base, if it says so
    memory: int | None  # the longest row that this machine can train, where that is the limit
    too_long: int  # rows beyond max_length
    cut: int  # answers beyond max_new_tokens, of the other rows


def limits_of(
    counts: Sequence[TokenCount],
    window: int | None,
    longest_trained: Callable[[int], int] = lambda length: length,
) -> Limits:
    """The limits that fit 99 % of the rows, as far as the window does, and the memory: of a length
    `longest_trained` says how much of it this machine can train.

    Whatever prompt a row of max_length has, an answer of max_new_tokens fits behind it; or where
    that would leave rows out, whatever prompt these rows have.
    """
    rows = percentile([c.prompt + c.completion for c in counts])
    answers = percentile([c.completion for c in counts])
    most = window or ENDLESS
    new = min(rounded_tokens(answers), LONGEST_ANSWER, max(most // 2, 1))
    length = min(max(rounded_tokens(rows), SHORTEST), most)
    if length > most - new:
        length = max(most - new, longest_with_room(counts, length, most - new))
    trained = longest_trained(length)
    memory = trained if trained < length else None
    length = min(length, trained)
    return Limits(
        max_length=length,
        max_new_tokens=new,
        rows=rows,
        answers=answers,
        window=window,
        memory=memory,
        too_long=sum(c.prompt + c.completion > length for c in counts),
        cut=sum(c.completion > new for c in counts if c.prompt + c.completion <= length),
    )


def longest_with_room(counts: Sequence[TokenCount], length: int, prompt: int) -> int:
    """The most tokens, up to a length, that no prompt of a row with at most as many exceeds."""
    longest = 0
    for row in sorted(counts, key=lambda count: count.prompt + count.completion):
        if row.prompt > prompt or row.prompt + row.completion > length:
            break
        longest = row.prompt + row.completion
    return longest


def percentile(values: Sequence[int]) -> int:
    """The least value that most of the values do not exceed."""
    return sorted(values)[ceil(MOST * len(values)) - 1]


def rounded_tokens(tokens: int) -> int:
    return ceil(tokens / STEP) * STEP


# --- outlook --------------------------------------------------------------------------------------

# What a first run will take here, and what its sealed eval set can show.

LEAST = 64  # tokens: where not even these can be trained, the plan says so
HOUR = 60  # minutes
STEPS = {
    "domain": "the raw text (training.domain.epochs: 0 leaves it out)",
    "dpo": "the preference pairs (training.dpo.epochs: 0 leaves them out)",
    "kto": "the rated answers (training.kto.epochs: 0 leaves them out)",
}
EFFECT = 0.03  # a gain that users would notice, for what a set can show


def longest_trained(base: BaseChoice, length: int) -> int:
    """How many tokens a row may have for this machine's memory, with a new project's settings."""
    settings = RunSettings(base=base.model_copy(update={"max_length": length}))
    machine = this_machine(base.precision)
    setup = Setup(shape_of(base), settings, unknown_work(settings), machine.computing)
    if trains(setup):
        return length
    fits, too_long = min(LEAST, length), length
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if trains(setup.with_rows_of(middle)):
            fits = middle
        else:
            too_long = middle
    return fits


def run_lines(lengths: Mapping[Split, Sequence[TokenCount]], others: Others) -> Iterator[str]:
    """Of the project in the current folder, whose rows are so long, with what is beside them."""
    beside = Beside(tuple(others.documents), tuple(others.preferences))
    plan = plan_run(rows=RowLengths(lengths, beside=beside))
    here = plan.here
    if here is None:
        return
    if here.minutes:
        total = about_minutes(here.minutes.total)
        yield f"{total} on this machine; `incumbent plan` has GPUs and prices"
        if busy := here.minutes.beside_others:
            yield f"  {busy}"
        steps = {name: part for name, part in here.minutes.steps.items() if name != "sft"}
        yield from (
            f"  of it {about_minutes(part)} for {STEPS[name]}" for name, part in steps.items()
        )
    if not (here.trains and here.answers):
        needs = max(here.training.total, here.answering.total) / GB
        yield f"it needs {needs:.1f} GB of memory at its peak, of {here.memory / GB:.0f} GB here:"
        for option in plan.lighter:
            yield f"  {option.change}: {option.needs / GB:.1f} GB"


def sealed_lines(items: int) -> Iterator[str]:
    """A line on each metric that the policy gates on and whose spread is known."""
    yield from sealed_set_lines(items, load(Policy), effect=EFFECT)


def about_minutes(minutes: float) -> str:
    if minutes < HOUR:
        return f"about {max(round(minutes), 1)} min"
    return f"about {minutes / HOUR:.1f} h"


# --- first run ------------------------------------------------------------------------------------

# Which settings a first run starts from, by how many rows there are, and why.

FEW, SOME, MANY = 100, 400, 1000  # rows
# Of the eval sets: enough to find what matters, and no more than answering them is worth.
SEALED_SHARE, MOST_SEALED = 0.2, 300
GROUPS = LEAST_DF + 1  # of items alike, that a verdict needs
LARGER_SHARES = (0.35, 0.5)  # of sealed groups, where the first share has too few for a verdict
DEV_SHARE, MOST_DEV = 0.1, 120
SCARCE_SHARES = 0.3, 0.65  # of dev and sealed, where few rows can be items
FEWEST_ROWS = 30  # rows, of which three parts can be made
SHOTS = 3
MOST_PAIRS = 240  # training rows that a reward model learns from


@dataclass(frozen=True)
class Shares:
    """The shares of the groups of near-duplicates."""

    dev: float
    sealed: float


@dataclass(frozen=True)
class FirstRunSettings:
    """Settings of a first run; `why` is for the person who starts it."""

    epochs: int
    batch_size: int
    reward_rows: int
    shots: int
    why: tuple[str, ...]


def shares_of(rows: int, *, scarce: bool = False) -> Shares:
    """The shares for so many rows that can be trained on or compared by; `scarce`, where there are
    others to train on, and items can come of these alone.
    """
    dev, sealed = SCARCE_SHARES if scarce else (DEV_SHARE, SEALED_SHARE)
    return Shares(
        dev=rounded_share(min(dev, MOST_DEV / rows)),
        sealed=rounded_share(min(sealed, MOST_SEALED / rows)),
    )


def rounded_share(share: float) -> float:
    """The share rounded to two digits that say something, however small it is."""
    return float(f"{share:.2g}")


def recipe_of(trained: int, rows: int, max_length: int, window: int | None) -> FirstRunSettings:
    """For so many training rows of so many in all, each of at most max_length tokens."""
    fits = window is None or (SHOTS + 2) * max_length <= window
    return FirstRunSettings(
        epochs=epochs_of(trained),
        batch_size=2,
        reward_rows=min(MOST_PAIRS, trained),
        shots=SHOTS if fits else 0,
        why=tuple(advice(rows, trained)),
    )


def epochs_of(rows: int) -> int:
    """Few rows are read more often: a run of very few steps learns the format and no more."""
    return 3 if rows < SOME else 2 if rows < MANY else 1


def advice(rows: int, trained: int) -> list[str]:
    epochs = epochs_of(trained)
    times = {1: "once", 2: "twice", 3: "three times"}[epochs]
    lines = [f"each of the {trained:,} training rows is read {times} (training.sft.epochs)"]
    if rows < FEW:
        lines.append(
            f"{rows} rows are few. Look first at `few-shot`, which is the base with examples in "
            "its prompt: each run shows it, and fine-tuning may not beat it"
        )
    return lines


def groups_in(rows: Sequence[Row]) -> float:
    """As how many groups of one size they count for a verdict: rows alike are one piece of
    evidence.
    """
    sizes = np.array([*Counter(row.group or row.id for row in rows).values()], dtype=float)
    return satterthwaite(sizes) + 1 if len(sizes) > 1 else 1.0


def group_notes(sealed: Sequence[Row]) -> Iterator[str]:
    """That no verdict but HOLD can come of so few groups."""
    if (count := groups_in(sealed)) < GROUPS:
        yield (
            f"the {len(sealed):,} sealed rows count as {count:.1f} groups of rows alike, and a "
            f"promotion needs {GROUPS}: bring rows that ask other things"
        )


# --- english --------------------------------------------------------------------------------------

# Whether rows are in English, which is what the embedded models read.

# The most frequent words of English texts, without those of other languages ("in", "a", "was").
FREQUENT = """
    the of and to is it you that for are with as i they be have this from or but not what we
    when your can there which how their if will about out then these some would into has more
    could my than been who its did get does where why should please
"""
SHARE = 0.12  # of all words at least: English texts have 0.28 and more, Dutch ones 0.05
LEAST_WORDS = 5  # words of a prompt; of a shorter one, the answer is looked at too


def is_english(rows: Iterable[Row]) -> bool:
    """Whether they are, or nearly half of them; what is too short to tell is taken for English."""
    frequent = frozenset(FREQUENT.split())
    told = [
        word
        for row in rows
        if len(row_words := told_words(row)) >= LEAST_WORDS
        for word in row_words
    ]
    return sum(word in frequent for word in told) >= SHARE * len(told)


def told_words(row: Row) -> list[str]:
    """The words of the prompt alone, if these are enough: an answer may be code."""
    asked = words(row.prompt_text)
    return asked if len(asked) >= LEAST_WORDS else [*asked, *words(row.completion_text)]


def language_notes(rows: Iterable[Row], base: BaseChoice) -> list[str]:
    """What to name in place of the embedded models where the rows are not in English."""
    if is_english(rows):
        return []
    notes = [
        "most rows seem not to be in English, the one language of the embedded embedder: name "
        "another in params.yaml, embedder.model and its revision, such as "
        "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
    ]
    if base.model == EMBEDDED:
        notes.append(
            "the embedded base reads English alone too: name another with --base and --revision, "
            "such as Qwen/Qwen2.5-0.5B-Instruct"
        )
    return notes


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
MOST_QUESTIONS = 0.5


def proposed_task(rows: Sequence[Row]) -> str | None:
    """What the rows seem to be about; None where no words stand out. A person says it better."""
    asked, english = [plain(user_text(row)) for row in rows], is_english(rows)
    named = subjects(asked, LEAST_LETTERS if english else LEAST_ELSEWHERE)
    if not named or not english:
        return ", ".join(named) or None
    questions = sum(is_question(text) for text in asked)
    kind = (
        "answers to questions"
        if questions >= MOST_QUESTIONS * len(asked)
        else "answers to requests"
    )
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
    return [form[key] for key, count in stems.most_common() if least <= count <= most][:NAMED]


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
