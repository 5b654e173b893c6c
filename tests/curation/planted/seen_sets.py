"""Rows whose defect shows beside other rows, for tuning: repeats, conflicts, leaks."""

from tests.curation.planted.companions import CLASSES
from tests.curation.planted.eval_items import EXACT, general_prompt
from tests.curation.planted.forms import Forms, Line, asks, beside, clean, pair

FORMS: Forms = {
    "exact_repeat": (
        beside(
            clean("Which method empties a Python list?", "Its method clear empties it."),
            pair("Which method empties a Python list?", "Its method clear empties it."),
        ),
        beside(
            clean("How does pandas spell the mode of a column?", "The method is called mode."),
            pair("how does Pandas spell the mode of a column", "THE METHOD is called mode"),
        ),
        beside(
            clean("What does numpy.rint round to?", "It rounds to the nearest whole number."),
            pair("What does  numpy.rint\n\nround to ?", "It rounds - to the nearest whole number!"),
        ),
    ),
    "near_duplicate": (
        beside(
            clean(
                "Which scipy routine smooths a noisy spectrum with a moving polynomial while "
                "it keeps the height and the width of the peaks?",
                "That is savgol_filter in the signal module.",
            ),
            pair(
                "Which scipy routine smooths a noisy spectrum with a moving polynomal while "
                "it keeps the height and the width of the peaks?",
                "Use savgol_filter for it; it lives under signal.",
            ),
        ),
        beside(
            clean(
                "How can a program that trains a forest with many trees use every processor "
                "core of the machine at once?",
                "Set n_jobs to minus one.",
            ),
            pair(
                "How can a program that trains a forest with many trees use every processor "
                "core of the computer at once?",
                "By the argument n_jobs, whose value -1 means all.",
            ),
        ),
        beside(
            clean(
                "Why does reading a huge table in chunks need less memory than one call does?",
                "Only a single chunk, made of the rows that chunksize asks for, is in memory "
                "at any time, and the parser forgets the chunk before it.",
            ),
            pair(
                "What is the gain of the chunksize argument?",
                "Only a single chunk, made of the rows that chunksize asks for, is in memory "
                "at any time, and the parser forgets the chunk before it, so to say.",
            ),
        ),
    ),
    "semantic_duplicate": (
        beside(
            clean(
                "How do I remove rows with missing values from a DataFrame?",
                "Call dropna, which deletes every row that has a gap.",
            ),
            pair(
                "What is the way to get rid of records that contain NaN in pandas?",
                "The dropna method throws out all records with nulls.",
            ),
        ),
        beside(
            clean(
                "How can I measure how long my Python code takes to run?",
                "Take time.perf_counter before and after it, and subtract.",
            ),
            pair(
                "What's a good way of timing the execution of a script in Python?",
                "Read perf_counter at the start and the end; the difference is the duration.",
            ),
        ),
        beside(
            clean(
                "How do I merge two dictionaries into a new one?",
                "Join them with the pipe operator, as in a | b.",
            ),
            pair(
                "Which syntax combines a pair of dicts to a third one?",
                "Since Python 3.9 the vertical bar combines both.",
            ),
        ),
    ),
    "conflicting_answers": (
        beside(
            pair("What is the default axis of numpy.concatenate?", "The first one, axis 0."),
            pair("What is the default axis of numpy.concatenate?", "The last one, axis -1."),
        ),
        beside(
            pair("Is the upper end of range() included?", "No, it stops one step before."),
            pair("is the upper end of range() included?", "Yes, the upper end belongs to it."),
        ),
        beside(
            pair(
                "How many folds does cross_val_score make by default?",
                "Five folds since version 0.22.",
            ),
            pair(
                "How many folds does cross_val_score make  by default?\n",
                "It makes three of them if cv is not given.",
            ),
        ),
    ),
    "label_conflict": (
        beside(
            pair("The app shows a transfer to my landlord twice.", "cash_machine"),
            pair("The app shows a transfer to my landlord twice!", "exchange_rate"),
            file=CLASSES,
        ),
        beside(
            pair(
                "I have waited for the blue debit plastic in the mail since the end of June.",
                "card_delivery",
            ),
            pair(
                "I have waited for the blue debit plastic in the mail since the end of July.",
                "lost_card",
            ),
            file=CLASSES,
        ),
        beside(
            pair(
                "Is it possible that my brother and I share one single account at your bank?",
                "new_account",
            ),
            pair(
                "is it possible my brother and I share one single account at your bank",
                "forgotten_code",
            ),
            file=CLASSES,
        ),
    ),
    "leak_exact": (
        asks(*EXACT[0]),
        asks(EXACT[1][0], "The mean of the squares, whose root is the usual size of an error."),
        asks(EXACT[2][0].lower().replace("?", ""), EXACT[2][1]),
    ),
    "leak_reworded": (
        asks(
            "Say which part of a frame is picked by the loc accessor if it gets labels.",
            "Rows and columns that carry those labels.",
        ),
        asks(
            "For what reason does my random forest give another score on each run?",
            "Its seed, random_state, is not fixed.",
        ),
        asks(
            "By which command can I put all packages of an environment down in a file?",
            "Let pip freeze write them to requirements.txt.",
        ),
    ),
    "contamination": (
        asks(general_prompt("commonsense-15"), "Hammer."),
        asks(general_prompt("instructions-05").upper().rstrip("."), "A GREY CAT sits there."),
        asks(
            "You are a patient teacher of small children. "
            + general_prompt("commonsense-46")
            + " Think before you answer.",
            "It is in the attic.",
        ),
    ),
    "duplicate_id": (
        beside(
            pair("What does numpy.trace add up?", "The entries on the diagonal."),
            pair("What does os.getcwd return?", "The path of the folder one is in."),
            one_id=True,
        ),
        beside(
            pair("What does math.gcd compute?", "The greatest common divisor of numbers."),
            pair("What does uuid.uuid4 make?", "A random identifier of 128 bits."),
            pair("What does csv.Sniffer guess?", "The dialect in which a table is written."),
            one_id=True,
        ),
        beside(
            pair("What does str.zfill do?", "It fills a number with zeros on the left."),
            Line(
                {
                    "prompt": "What does str.title do?",
                    "completion": "It begins every word with a capital letter.",
                    "slices": {"package": "builtins"},
                }
            ),
            one_id=True,
        ),
    ),
}
