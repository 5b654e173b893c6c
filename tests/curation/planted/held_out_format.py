"""Rows that do not fit the task, held out: not to be looked at while a check is tuned."""

from tests.curation.planted.companions import CLASSES, JSON_ANSWERS, SUMMARIES
from tests.curation.planted.forms import Forms, asks, beside, pair
from tests.curation.planted.long_texts import documentation

FORMS: Forms = {
    "other_language": (
        asks(
            "Which function reads a table from a file?",
            "Функция читает таблицу из файла и возвращает новый объект с именами столбцов.",
        ),
        asks(
            "Come si calcola la media di una colonna quando mancano alcuni valori?",
            "La media ignora i valori mancanti, se non si chiede altrimenti con un argomento.",
        ),
    ),
    "broken_json": (
        asks(
            "Describe the model as JSON.",
            '```json\n{"kernel": "rbf", "C": 1.0 "gamma": "scale"}\n```',
        ),
        asks(
            "Which fields does the record have? Answer in JSON.",
            '{"id": 17, "label": "spam, "score": 0.93}',
        ),
    ),
    "open_fence": (
        asks(
            "How do I time a snippet in a notebook?",
            "With the magic command:\n```ipython\n%timeit f(x)\n```\n\nFor a whole cell:\n"
            "```ipython\n%%timeit\nf(x)",
        ),
        asks(
            "Why does this fail?\n\n```python\nprint 'hello'\n",
            "Since Python 3 print is a function, so it needs brackets.",
        ),
    ),
    "not_in_source": (
        asks(
            "When does the nightly job start?",
            "It starts at 04:45 and ends before seven.",
            context="The nightly job starts at 02:30 UTC, and writes its log to the usual place.",
        ),
        asks(
            "Which library does the loader need?",
            "The loader needs TensorFlow, and Keras for the tests.",
            context="The loader needs PyArrow alone. For the tests, pytest must be installed.",
        ),
    ),
    "odd_format": (
        beside(
            pair("Read the order: four green bowls for table two.", "item: bowl\ncount: 4"),
            file=JSON_ANSWERS,
        ),
        beside(pair("I can't remember the code of my card any more.", "3"), file=CLASSES),
    ),
    "too_long_answer": (
        asks(
            "In one short sentence, what does the module configparser do?",
            documentation("configparser"),
        ),
        asks("In one short sentence, what does the module heapq do?", documentation("heapq")),
    ),
    "too_short_answer": (
        beside(
            pair("In one short sentence, what does glob.iglob do?", "-> iterator"), file=SUMMARIES
        ),
        beside(pair("In one short sentence, what does math.comb do?", "Math."), file=SUMMARIES),
    ),
    "off_topic": (
        asks(
            "Who scored the winning goal of the cup final last night?",
            "The young striker did, with a header in the last minute of extra time.",
        ),
        asks(
            "Write a short poem about my grandmother's garden in spring.",
            "The tulips bow where she once knelt, and robins sing the songs she felt.",
        ),
    ),
}
