"""What a column is looked at for, and what to do with rows that fail: words for the gate's page."""

from typing import NamedTuple

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
