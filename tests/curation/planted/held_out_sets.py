"""Rows whose defect shows beside others, held out: not to be looked at while a check is tuned."""

from tests.curation.planted.companions import CLASSES
from tests.curation.planted.eval_items import EXACT, general_prompt
from tests.curation.planted.forms import Form, Forms, Line, asks, beside, clean, pair, talks

FORMS: Forms = {
    "exact_repeat": (
        beside(
            clean("What does abs() return for -3?", "It returns 3."),
            pair("“What does abs() return for -3?”", "It returns 3…"),
        ),
        beside(
            clean("Which keyword makes a generator?", "The keyword yield makes one."),
            Line(
                {
                    "messages": [
                        {"role": "user", "content": "Which keyword makes a generator? "},
                        {"role": "assistant", "content": "The keyword yield makes one.\n"},
                    ]
                }
            ),
        ),
    ),
    "near_duplicate": (
        beside(
            clean(
                "When my sparse matrix with ten million columns is sliced by row, which of the "
                "storage formats is the fastest, and which one wastes memory?",
                "CSR is fast by row; LIL takes the most memory.",
            ),
            pair(
                "Which one wastes memory and which of the storage formats is the fastest when "
                "my sparse matrix with ten million columns is sliced by row?",
                "By row it is CSR. The format LIL is wasteful.",
            ),
        ),
        beside(
            clean(
                "A colleague saved the weights of a pipeline with joblib on an older release "
                "of the library; can I still load this file safely today?",
                "Better train it again: versions must match.",
            ),
            pair(
                "hello, a colleague saved the weigths of a pipeline with joblib on an older "
                "release of the library, can I still load this file safely today? thanks",
                "It may load but misbehave, so fit the pipeline anew.",
            ),
        ),
    ),
    "semantic_duplicate": (
        beside(
            clean(
                "How can I check whether a file exists before I open it?",
                "Ask Path(name).exists(), which is true if it is there.",
            ),
            pair(
                "What tells me if there is a file at some path in Python?",
                "The exists method of pathlib's Path tells you.",
            ),
        ),
        beside(
            clean(
                "How do I stop a decision tree from overfitting the training data?",
                "Limit its depth, or prune it by ccp_alpha.",
            ),
            pair(
                "My tree learns its training set by heart. How can this be prevented?",
                "A smaller max_depth or cost-complexity pruning keeps it simple.",
            ),
        ),
    ),
    "conflicting_answers": (
        beside(
            pair("Does list.sort return the sorted list?", "No, it returns None."),
            pair("Does list.sort return the sorted list", "Yes, a sorted copy of the list."),
        ),
        Form(
            tuple(
                Line(
                    {
                        "messages": [
                            {"role": "system", "content": "You know the defaults of sklearn."},
                            {"role": "user", "content": "Which penalty has Ridge?"},
                            {"role": "assistant", "content": answer},
                        ]
                    }
                )
                for answer in ("The squared size of the weights.", "The sum of absolute weights.")
            )
        ),
    ),
    "label_conflict": (
        beside(
            pair(
                "Hello, could you tell me how many euros one gets for five hundred crowns?",
                "exchange_rate",
            ),
            pair(
                "Could you tell me how many euros one gets for five hundred crowns?", "new_account"
            ),
            file=CLASSES,
        ),
        beside(
            pair(
                "The terminal at the petrol station kept the notes, yet my balance went down.",
                "cash_machine",
            ),
            pair(
                "My balance went down, yet the terminal at the petrol station kept the notes.",
                "card_delivery",
            ),
            file=CLASSES,
        ),
    ),
    "leak_exact": (
        asks(f"Answer briefly and for beginners: {EXACT[3][0]}", EXACT[3][1]),
        talks(
            ("system", "You teach statistics with Python."),
            ("user", EXACT[4][0]),
            ("assistant", EXACT[4][1]),
        ),
    ),
    "leak_reworded": (
        asks(
            "If classes are of very different size, why is accuracy a bad number to look at?",
            "Always guessing the big class already looks good.",
        ),
        asks(
            "Two arrays with shapes (3, 1) and (4,) are added. What shape has the sum?",
            "It has three rows and four columns.",
        ),
    ),
    "contamination": (
        asks(
            general_prompt("commonsense-37").replace("Is it now", "Would you say it is now"),
            "Broken.",
        ),
        talks(
            ("system", "You are good at short answers."),
            ("user", general_prompt("commonsense-30").removeprefix("Complete the sentence: ")),
            ("assistant", "Sun."),
        ),
    ),
    "duplicate_id": (
        beside(
            pair("What does itertools.chain do?", "It walks several sequences in a row."),
            pair("What does itertools.cycle do?", "It repeats a sequence without an end."),
            pair("What does itertools.count do?", "It counts up from a number, step by step."),
            pair("What does itertools.tee do?", "It splits an iterator into several ones."),
            one_id=True,
        ),
        beside(
            pair("What does the json.dumps argument indent do?", "It sets how far to indent."),
            Line(
                {
                    "messages": [
                        {"role": "user", "content": "What does numpy.unwrap correct?"},
                        {"role": "assistant", "content": "Jumps of a whole turn in phases."},
                    ]
                }
            ),
            one_id=True,
        ),
    ),
}
