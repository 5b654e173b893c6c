"""Defects of a text's form, held out: not to be looked at while a check is tuned."""

from tests.curation.planted.forms import Forms, asks

FORMS: Forms = {
    "decomposed_unicode": (
        asks(
            "Wie viele U\u0308bungen und Bu\u0308cher does the numpy course name?",
            "Twelve exercises and three books.",
        ),
        asks(
            "What does math.hypot return?",
            "The square root of x\u00b2 + y\u00b2, so \uff11\uff13 for \uff15 and \uff11\uff12.",
        ),
    ),
    "control_characters": (
        asks(
            "How do I join the parts of a path?",
            "With the slash operator\x08 of pathlib, or with os.path.join.",
        ),
        asks(
            "\x02What does numpy.diff\x03 compute?",
            "The differences between neighbours\x07 along an axis.",
        ),
    ),
    "invisible_characters": (
        asks(
            "What does the \u202eesrever\u202c function of itertools do?",
            "There is none; the builtin called reversed walks a sequence backwards.",
        ),
        asks(
            "Which argument of read_csv names the index?",
            "The argument index\u2060_col, by \u200cname\u200d or by position.",
        ),
    ),
    "mojibake": (
        asks(
            "What does the author say about the na\u00c3\u00afve Bayes model?",
            "That it is fast, and good enough for words.",
        ),
        asks(
            "How should a range of pages be written in the docstring?",
            "With a dash, as in 10â€“20, and the title in â€œquotesâ€\u009d.",
        ),
    ),
    "lost_characters": (
        asks(
            "How is the p\ufffdrim\ufffdtre of a polygon computed from its corners?",
            "By summing the lengths of its sides.",
        ),
        asks(
            "Which statistic is due to Pierre-Simon Laplace?",
            "The ??????? transform and the rule of succession bear his name.",
        ),
    ),
    "literal_escapes": (
        asks(
            "What does textwrap.dedent remove?",
            "The blanks that all lines begin with.\\n\\n\\tTabs count as blanks too.",
        ),
        asks(
            "Which sign stands for the standard deviation?",
            "The small Greek letter sigma, \\u03c3, and \\xb2 for its square.",
        ),
    ),
    "html_tags": (
        asks(
            "List the moods of seaborn's themes.",
            "<ul><li>darkgrid</li><li>whitegrid</li><li>ticks</li></ul>",
        ),
        asks(
            "What does numpy.kron compute?",
            'The product of <a href="/wiki/Leopold_Kronecker">Kronecker</a> of two arrays.',
        ),
    ),
    "html_entities": (
        asks(
            "Which operators compare two series &amp; align them?",
            "None: the methods eq and lt align them, the operators refuse.",
        ),
        asks(
            "What does a lambda hold?",
            "One expression only: &quot;lambda x: x + 1&quot; is a whole function.&#8230;",
        ),
    ),
    "web_leftovers": (
        asks(
            "What does os.walk yield?",
            "For each folder its path, its folders and its files.\n\nContinue reading →",
        ),
        asks(
            "[Skip to main content] What is a masked array?",
            "An array with a mask that says which entries are invalid. Show less",
        ),
    ),
    "cookie_and_share_bars": (
        asks(
            "What does functools.lru_cache keep?",
            "The latest results of a function.\nSubscribe to our newsletter · Privacy Policy · "
            "Terms of Use · © 2021 All rights reserved",
        ),
        asks(
            "How is a generator closed early?",
            "By its close method.\n\nTweet  Pin it  Share on LinkedIn  Share on WhatsApp",
        ),
    ),
}
