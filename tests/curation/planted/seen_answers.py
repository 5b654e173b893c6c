"""Rows that ask or answer nothing usable, for tuning."""

from tests.curation.planted.forms import Forms, asks

FORMS: Forms = {
    "empty_answer": (
        asks("What does numpy.nanmax leave out?", ""),
        asks("Which method of a set adds many items at once?", "  \n\n\t"),
        asks("How is a frozen dataclass declared?", "\u00a0\u200b"),
    ),
    "placeholder_answer": (
        asks("What does scipy.linalg.expm compute?", "N/A"),
        asks("Which flag makes grep count lines?", "<No Output>"),
        asks("What is the use of pandas.factorize?", "TODO: write this answer"),
    ),
    "empty_prompt": (
        asks("", "Returns the indices that would sort an array."),
        asks(" \n ", "Splits a string at each comma into a list of parts."),
        asks("\u3000\u00a0", "Counts how often each distinct value stands in a series."),
    ),
    "placeholder_prompt": (
        asks("n/a", "It draws random samples from a normal distribution."),
        asks("None", "Closes the file and frees what the system held for it."),
        asks("???", "Reads a table of fixed-width lines into a frame."),
    ),
    "merged_instructions": (
        asks(
            "Instruction: What does numpy.argmin return?\n"
            "Response: The place of the least value.\n"
            "Instruction: What does numpy.argmax return?",
            "The place of the greatest value.",
        ),
        asks(
            "What does str.strip remove?",
            "Blanks at both ends.\n\n### Instruction:\nWhat does str.lstrip remove?\n\n"
            "### Response:\nBlanks at the left end.",
        ),
        asks(
            "Q: What does any() test?\nA: Whether one item is true.\nQ: What does all() test?\n"
            "A: Whether each item is true.\nQ: What does sum() add?",
            "A: The items, from left to right.\nQ: What does max() pick?\nA: The greatest item.",
        ),
    ),
    "echo": (
        asks(
            "Describe in your own words what pandas.merge_asof does with two sorted tables.",
            "Describe in your own words what pandas.merge_asof does with two sorted tables.",
        ),
        asks(
            "Which order do the keys of a Python dictionary have when I loop over it?",
            "Which order do the keys of a Python dictionary have when I loop over it? "
            "The order of insertion.",
        ),
        asks(
            "Please explain when numpy.reshape has to copy the data of an array",
            "please explain when numpy.reshape has to copy the data of an array!!",
        ),
    ),
    "unseen_picture": (
        asks(
            "What can be seen in the picture of this scatter plot?",
            "Two clusters that overlap a little in the middle.",
        ),
        asks(
            "How many layers does the network have?",
            "As shown in Figure 3, it has four layers with dropout between them.",
        ),
        asks(
            "Why does my plot stay empty? <image>",
            "The call to show is missing at the end of your script.",
        ),
    ),
    "unseen_link": (
        asks(
            "Where is the rolling window of pandas explained?",
            "https://pandas.pydata.org/docs/user_guide/window.html",
        ),
        asks(
            "Summarise this page for me: https://numpy.org/doc/stable/user/absolute_beginners.html",
            "It explains what arrays are and how they are made and changed.",
        ),
        asks(
            "How do I pick the number of clusters?",
            "See www.example.org/blog/elbow-method for the answer.",
        ),
    ),
    "unseen_attachment": (
        asks(
            "Find the error in the attached notebook.",
            "The third cell uses a frame that the second one has deleted.",
        ),
        asks(
            "According to the table above, which solver is the fastest?",
            "The one that is called saga, by a factor of two.",
        ),
        asks(
            "How many rows has the file?",
            "I opened the spreadsheet that you uploaded, and it has 5,210 rows.",
        ),
    ),
}
