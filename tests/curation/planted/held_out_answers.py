"""Rows that ask or answer nothing usable, held out: not to be looked at while a check is tuned."""

from tests.curation.planted.forms import Forms, asks, talks

FORMS: Forms = {
    "empty_answer": (
        talks(
            ("system", "You explain Python in one sentence."),
            ("user", "What does the walrus operator do?"),
            ("assistant", ""),
        ),
        asks("What does math.isclose compare?", "\r\n \u2003 \r\n"),
    ),
    "placeholder_answer": (
        asks("How do I silence a warning in Python?", "[no response]"),
        asks("What does numpy.outer multiply?", "Answer goes here."),
    ),
    "empty_prompt": (
        talks(("user", "\t"), ("assistant", "Builds a tree of intervals for fast look-ups.")),
        asks("\u200b\ufeff", "Draws a histogram of one column with thirty bins."),
    ),
    "placeholder_prompt": (
        asks("<prompt>", "It rounds each value to the next whole number below."),
        asks("(blank)", "Removes the first item that equals the given value."),
    ),
    "merged_instructions": (
        asks(
            "1. What does list.append do?\n2. What does list.extend do?\n3. What does "
            "list.insert do?",
            "1. It adds one item at the end.\n2. It adds all items of another list.\n"
            "3. It adds one item at a place.",
        ),
        asks(
            "What does open() return?",
            "A file object. User: And what does close() do? Assistant: It flushes the buffer. "
            "User: Is a with block better? Assistant: Yes, it closes by itself.",
        ),
    ),
    "echo": (
        asks(
            "Tell me how the method groupby of a frame treats keys that are missing values.",
            "You asked: Tell me how the method groupby of a frame treats keys that are missing "
            "values.",
        ),
        asks(
            "What is the difference between a shallow copy and a deep copy of a nested list?",
            '"What is the difference between a shallow copy and a deep copy of a nested list"',
        ),
    ),
    "unseen_picture": (
        asks(
            "Look at the screenshot below and tell me which button starts the debugger.",
            "The green triangle at the top of the side bar.",
        ),
        asks(
            "Which axis is logarithmic?",
            "![chart](plots/loss_curve.png) The vertical one, as the image makes clear.",
        ),
    ),
    "unseen_link": (
        asks(
            "How can I speed up a loop over rows?", "Watch this video: https://youtu.be/Qm4yT1xZr0k"
        ),
        asks(
            "http://scikit-learn.org/stable/modules/svm.html",
            "Support vector machines separate classes by a wide margin.",
        ),
    ),
    "unseen_attachment": (
        asks(
            "I have attached my_script.py to this message. Why does it never stop?",
            "Its while loop changes the wrong counter, so the test stays true.",
        ),
        asks(
            "Which column has outliers?",
            "In the following document (see enclosed PDF, page 4) it is the column of prices.",
        ),
    ),
}
