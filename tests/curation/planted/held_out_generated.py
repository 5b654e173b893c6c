"""What chatbots and broken generation leave, held out: not to be looked at while tuning."""

from tests.curation.planted.forms import Forms, asks, talks

FORMS: Forms = {
    "chat_markers": (
        asks(
            "What does contextlib.suppress do?",
            "<|start_header_id|>assistant<|end_header_id|>\n\nIt ignores the named exceptions.",
        ),
        asks(
            "<start_of_turn>user\nWhat does numpy.flip reverse?<end_of_turn>",
            "The order of the items along the given axes.",
        ),
    ),
    "chatbot_opening": (
        asks(
            "How is a tuple unpacked?",
            "Of course! I'd be glad to assist. Write as many names as it has items.",
        ),
        asks(
            "What does time.monotonic measure?",
            "Absolutely! Let's dive in: it is a clock that never goes backwards.",
        ),
    ),
    "ai_self_reference": (
        asks(
            "Is tea better than coffee while one writes tests?",
            "Being an artificial intelligence, I don't drink, yet tea seems to calm people.",
        ),
        asks(
            "Which release of Python is the newest?",
            "My knowledge cutoff is September 2021, and 3.9 was the newest by then.",
        ),
    ),
    "refusal": (
        asks(
            "How do I list open ports with Python?",
            "I must decline to answer this, as it goes against my guidelines.",
        ),
        asks(
            "Give an example of a regular expression for host names.",
            "Sorry, I won't be able to assist you with this request.",
        ),
    ),
    "cut_off": (
        asks(
            "What does pandas.DataFrame.explode do?",
            "Each item of a list gets a row of its own, whereas the index of the old row is",
        ),
        asks(
            "How does the garbage collector of Python work?",
            "It counts references (and looks for circles with a second pass that",
        ),
    ),
    "loop": (
        asks(
            "What is an eigenvector?",
            "A vector that keeps its direction, that is, a vector that keeps its direction, that "
            "is, a vector that keeps its direction, that is, a vector that keeps its direction.",
        ),
        asks(
            "How do I print a line of dots?",
            "Use a product of a string. hahahahahahahahahahahahahahahahahahahahahahahahahahahaha",
        ),
    ),
    "keyboard_mash": (
        asks("What does random.choices draw?", "lkjhgfdsa poiuytrewq mnbvcxz lkjhg"),
        asks(
            "aaaaaaasdfffff kjkjkjkjkj dfdfdfdf xcvxcvxcv",
            "It writes the frame to a file in the Parquet format.",
        ),
    ),
    "encoded_blob": (
        asks(
            "What is in the header of the message?",
            "=?utf-8?B?SW4gdGhlIGhlYWRlciBzdGFuZCB0aGUgc2VuZGVyIGFuZCB0aGUgc3ViamVjdA==?= "
            "=?utf-8?B?b2YgdGhlIG1lc3NhZ2UsIGFuZCB0aGUgZGF0ZSBvZiBpdHMgc2VuZGluZw==?=",
        ),
        asks(
            "Decode this for me: "
            "%48%6F%77%20%64%6F%20%49%20%73%6F%72%74%20%61%20%6C%69%73%74%20%69%6E%20%50%79",
            "It asks how a list is sorted.",
        ),
    ),
    "shouting": (
        asks(
            "PLEASE TELL ME HOW TO UNDO MY LAST COMMIT, I AM IN A HURRY",
            "Use git reset with one step back, which keeps your files.",
        ),
        asks(
            "What happens to an exception that nobody catches?",
            "THE INTERPRETER PRINTS A TRACEBACK AND ENDS. ALL THAT WAS NOT SAVED IS LOST.",
        ),
    ),
    "unfilled_template": (
        asks(
            "Hello <FIRST_NAME>, which module parses dates?",
            "The module datetime does, with strptime.",
        ),
        asks(
            "Who wrote the course on linear algebra?",
            "It was written by ${author} and revised by %AUTHOR2% last year.",
        ),
    ),
    "turn_order": (
        talks(
            ("assistant", "How can I help you with Python?"),
            ("assistant", "Are you still there?"),
            ("user", "Yes. What does id() return?"),
            ("assistant", "A number that no other living object has."),
        ),
        talks(
            ("user", "What does pandas.concat join?"),
            ("assistant", "Frames or series along an axis."),
            ("system", "You answer questions on pandas."),
            ("user", "And what does it do with the index?"),
            ("assistant", "It keeps it, unless ignore_index is set."),
        ),
    ),
}
