"""What the gate says of a check that fails: what was found, in which rows, and what can be done."""

from collections.abc import Iterator, Sequence
from datetime import date
from shlex import quote
from textwrap import fill
from typing import NamedTuple

from project.personal_data import Kind
from project.records.data import Check, counted

WIDTH = 80
SHOWN = 5  # row ids
NAMED = 2  # row ids in a command; of more it takes all that fail
SAFE = frozenset(" '-_.,:;()=%/")  # with letters and digits: what double quotes hold in any shell


def failure(check: Check, today: date, until: date) -> str:
    """A block of lines on a check that fails today, and how to waive it until a day."""
    head = f"{check.name} ({check.severity}): {check.crashed or check.observed}"
    return "\n".join([wrapped(head), *details(check, today), *remedies(check, today, until)])


def details(check: Check, today: date) -> Iterator[str]:
    yield wrapped(f"  limit: {check.limit}")
    if rows := check.unexcused(today):
        more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
        left = f" {'is' if len(rows) == 1 else 'are'} not waived" if check.waived else ""
        yield wrapped(f"  {counted(len(rows), 'row')}{left}: {', '.join(rows[:SHOWN])}{more}")
    for waived in check.expired(today):
        expired = f"the waiver of {waived.by} ({waived.extent}) expired on {waived.until}"
        yield wrapped(f"  {expired}")


def remedies(check: Check, today: date, until: date) -> Iterator[str]:
    """The commands that let a check pass; none for one that broke, since it was not made."""
    if check.crashed:
        yield wrapped("  the check itself broke: mend the contract")
        return
    if commands := allow_commands(check):
        yield wrapped("  if they are your organisation's own, they are no personal data:")
        yield from (f"    {command}" for command in commands)
    yield wrapped("  if they may stay as they are for a time, by your name:")
    yield from broken(waive_command(check, until.isoformat(), check.unexcused(today)))


def allow_commands(check: Check) -> list[str]:
    """The commands that name an organisation's own contacts, of the kinds that a check found."""
    if check.column not in ("contact_data", "personal_data"):
        return []
    options = {"--phone": Kind.PHONE, "--email": Kind.EMAIL, "--domain": Kind.EMAIL}
    found = (option for option, kind in options.items() if kind in check.observed)
    return [f'incumbent data allow {option} "…"' for option in found]


def waive_command(check: Check, until: str, rows: Sequence[str]) -> list[str]:
    """The command, in parts, that excuses rows of a check; of many, all that fail now."""
    which = [] if check.failing_rows else ["--all"]
    if 0 < len(rows) <= NAMED and not any("," in row for row in rows):
        which = [f"--rows {quote(','.join(rows))}"]
    return [
        f"incumbent data waive {quoted(check.name)}",
        *which,
        f"--until {until}",
        '--reason "…"',
    ]


def quoted(text: str) -> str:
    return f'"{text}"' if all(c.isalnum() or c in SAFE for c in text) else quote(text)


def broken(command: Sequence[str]) -> Iterator[str]:
    """A command on as many lines as the width asks for, as a shell reads them."""
    line = f"    {command[0]}"
    for part in command[1:]:
        if len(f"{line} {part} \\") > WIDTH:
            yield f"{line} \\"
            line = "     "
        line = f"{line} {part}"
    yield line


def wrapped(text: str) -> str:
    """A paragraph of at most the width, but for words that are longer, its further lines set in."""
    inner = " " * (len(text) - len(text.lstrip()) + 2)
    return fill(
        text, WIDTH, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False
    )


# --- advice ---------------------------------------------------------------------------------------

# What a column is looked at for, and what to do with rows that fail: words for the gate's page.

MEND = "Mend the rows in their source."
OUT = "Take the rows out of their source."


class Advice(NamedTuple):
    why: str
    todo: str = MEND


NO_ADVICE = Advice("The contract asks for it.")
FORM = "The model learns to write what it reads, stray characters and markup too."
PERSONAL = Advice(
    "A model can repeat personal data and secrets to anybody.",
    "Replace them by made-up ones or take the rows out. A secret that was in a file is known: "
    "make a new one.",
)
TWICE = Advice(
    "Rows that say the same count twice, and may stand on both sides of the split.",
    "Keep one of each.",
)
EXAMINED = Advice(
    "What is taught cannot be evaluated: scores would rise and tell nothing.",
    "Take the training rows out, or the items.",
)
EMPTY = Advice("There is nothing to learn.", OUT)
UNANSWERABLE = Advice("The model cannot see what the row speaks of, and learns to guess.", OUT)
CONFLICT = Advice(
    "The model cannot learn two answers to one question.",
    "Keep the right one, or say in the question what tells them apart.",
)
BROKEN = Advice("A model that learns from broken answers breaks its own.")
PHRASES = Advice("The model would learn phrases that answer nothing.", "Delete the phrases.")
REFUSAL = Advice(
    "The model would learn to refuse what it could answer.",
    "Write the answer, or take the rows out. Those that are to be refused may stay by a waiver.",
)
ECHO = Advice("A model that learns to say the prompt again answers nothing.", "Write the answer.")
PAIR = Advice("A pair teaches by what its two answers differ in.", "Take the pairs out.")
SIZE = Advice(
    "Longer and shorter answers than usual are often a fault of the export.",
    "Look at them; shorten or complete what is wrong.",
)
FEW = Advice(
    "From few rows a model learns their words by heart, and few items tell little of it.",
    "Bring more rows: of people, of traffic that somebody corrected, or reviewed synthetic ones.",
)
SAME = Advice(
    "However many rows there are, a few that repeat teach only themselves.",
    "Keep one of each and bring rows that differ.",
)
TOPIC = Advice(
    "What is not about the task takes room from it.",
    "Take the rows out, or say in the contract's `task` what they are for.",
)
OTHER_TASK = Advice(
    "From rows of another task a model learns another task, however good they are.",
    "See that the file is the right one, and that `task` and `gold` in the contract say what the "
    "rows are for.",
)
UNRELATED = Advice(
    "Answers that fit any question as well as their own teach nothing.",
    "See that the columns belong together and that answers are no filler text.",
)
SHIFT = Advice(
    "Where rows changed much, the new version may be good at something else than the last.",
    "See which source is new, and whether it is meant. Then name the new rows as `reference`.",
)
HINT = Advice("An embedder expected another answer. It is a hint, not a proof.", "Read the rows.")
FORMAT = Advice(
    "Whoever reads the answers by a program relies on one form.",
    "Bring the answers into the form of the others.",
)
SIDES = Advice(
    "What is trained on must not be evaluated on.",
    "Leave the split to `incumbent run`, and the curated files alone.",
)

ADVICE: dict[str, Advice] = {
    "id": Advice("A row is found by its id, in reports and waivers.", "Give each row its own."),
    "duplicate_id": Advice(
        "A row is found by its id, in reports and waivers.", "Give each row its own."
    ),
    "split": Advice("Without dev and sealed rows nothing can be decided.", FEW.todo),
    "splits_of_group": SIDES,
    "splits_of_prompt": SIDES,
    **dict.fromkeys(
        ["personal_data", "account_data", "contact_data", "person_name", "secret"], PERSONAL
    ),
    "toxicity": Advice("The model would learn to insult.", OUT),
    **dict.fromkeys(["repeat", "near_duplicate", "semantic_duplicate", "completion"], TWICE),
    **dict.fromkeys(["leak", "contaminated"], EXAMINED),
    **dict.fromkeys(["conflict", "conflict_refused", "label_conflict"], CONFLICT),
    **dict.fromkeys(["no_answer", "no_prompt", "gibberish"], EMPTY),
    **dict.fromkeys(["unseen", "not_in_source"], UNANSWERABLE),
    **dict.fromkeys(["boilerplate", "web_leftovers"], PHRASES),
    "refusal": REFUSAL,
    "echo": ECHO,
    **dict.fromkeys(["equal_answers", "rejected_empty"], PAIR),
    "both_ways": Advice("One judgement says the contrary of another.", "Keep the right one."),
    "chosen_longer_share": Advice(
        "Where the better answer is the longer one, the model learns to write more.",
        "Bring pairs in which the shorter answer is the better one.",
    ),
    "good_share": Advice(
        "From good answers alone, or from bad ones alone, nothing tells them apart.",
        "Bring some of the other kind.",
    ),
    **dict.fromkeys(
        ["cut_off", "loop", "broken_json", "open_fence", "several_in_one", "turn_order"],
        BROKEN,
    ),
    **dict.fromkeys(
        [
            "unicode",
            "control_characters",
            "invisible_characters",
            "mojibake",
            "lost_characters",
            "literal_escapes",
            "markup",
            "chat_markers",
            "shouting",
            "unfilled",
        ],
        Advice(FORM),
    ),
    "odd_format": FORMAT,
    **dict.fromkeys(
        ["length", "prompt_chars", "completion_chars", "completion_words", "too_long"], SIZE
    ),
    "other_language": Advice("The model would learn to change the language in between."),
    "off_topic": TOPIC,
    **dict.fromkeys(["gold_share", "task_share"], OTHER_TASK),
    "answer_fit": UNRELATED,
    "unfilled_share": Advice("The model would learn to write the blanks.", "Fill them in."),
    "disagreement": HINT,
    "rows": FEW,
    **dict.fromkeys(
        [
            "distinct_rows_share",
            "effective_clusters",
            "largest_cluster_share",
            "vendi",
            "distinct_1",
            "distinct_2",
        ],
        SAME,
    ),
    "shift": SHIFT,
}


def advice_on(column: str | None) -> Advice:
    return ADVICE.get(column or "", NO_ADVICE)
