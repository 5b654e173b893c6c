"""Rows that do not fit the task: language, format, source, length and topic; for tuning."""

from tests.curation.planted.companions import CLASSES, JSON_ANSWERS, LISTS, SUMMARIES
from tests.curation.planted.forms import Forms, asks, beside, pair
from tests.curation.planted.long_texts import documentation

FORMS: Forms = {
    "other_language": (
        asks(
            "Was macht die Funktion sorted mit einer Liste von Wörtern?",
            "Sie gibt eine neue Liste zurück, in der die Wörter nach dem Alphabet geordnet sind.",
        ),
        asks(
            "What does the method fillna of a frame do?",
            "Elle remplace les valeurs manquantes par une valeur donnée, ou par la précédente.",
        ),
        asks(
            "¿Cómo puedo leer un archivo de texto muy grande sin agotar la memoria?",
            "Loop over its lines; only one of them is in memory at a time.",
        ),
    ),
    "broken_json": (
        asks(
            "Give the settings of the tree as JSON.",
            '{"max_depth": 4, "criterion": "gini", "min_samples_leaf": 2',
        ),
        asks(
            "Write the shape of the array as a JSON object.",
            "{'rows': 3, 'columns': 4, 'order': 'C'}",
        ),
        asks("Return the two columns as a JSON list.", '["price", "weight",]'),
    ),
    "open_fence": (
        asks("Show how a list is reversed.", "```python\nitems.reverse()\n"),
        asks(
            "How do I import numpy under its short name?",
            "Like this:\n\n```\nimport numpy as np\n\nAll examples use that name.",
        ),
        asks(
            "What is wrong here?\n~~~python\nfor i in range(3)\n    print(i)",
            "The colon behind the bracket is missing.",
        ),
    ),
    "not_in_source": (
        asks(
            "How much memory does the index take?",
            "It takes 512 MB for every million rows.",
            context="The index is kept in memory and takes 80 MB for every million rows.",
        ),
        asks(
            "Who maintains the parser?",
            "The parser is maintained by Dmitri Volkov in Lisbon.",
            context="The parser was written in 2019 and is maintained by the Berlin team.",
        ),
        asks(
            "Since when is the argument deprecated?",
            "It is deprecated since version 2.7 and goes away in March 2031.",
            context="The argument `squeeze` is deprecated since version 1.4. Use the method "
            "of the same name.",
        ),
    ),
    "odd_format": (
        beside(
            pair("Read the order: two blue mugs for table nine.", "Two mugs, blue, table nine."),
            file=JSON_ANSWERS,
        ),
        beside(
            pair(
                "My card was eaten by the machine at the station.",
                "The customer wants a new card since the machine has kept the old one.",
            ),
            file=CLASSES,
        ),
        beside(
            pair(
                "What do I need for a birthday party?",
                "You need some balloons and a cake, and music would be nice as well.",
            ),
            file=LISTS,
        ),
    ),
    "too_long_answer": (
        asks("In one short sentence, what does numpy.where do?", documentation("numpy", "where")),
        asks(
            "In one short sentence, what does the module statistics do?",
            documentation("statistics"),
        ),
        asks("In one short sentence, what does the module shelve do?", documentation("shelve")),
    ),
    "too_short_answer": (
        beside(pair("In one short sentence, what does numpy.lcm do?", "lcm"), file=SUMMARIES),
        beside(pair("In one short sentence, what does shlex.split do?", "Yes."), file=SUMMARIES),
        beside(pair("In one short sentence, what does heapq.merge do?", "5"), file=SUMMARIES),
    ),
    "off_topic": (
        asks(
            "How long should I roast a chicken of two kilos?",
            "Roast it for ninety minutes at 190 degrees, and let it rest before you carve it.",
        ),
        asks(
            "What does the moon in Scorpio mean for my love life this week?",
            "Passion rises on Tuesday, but be patient with your partner until the full moon.",
        ),
        asks(
            "Which exercises help against pain in the lower back?",
            "Gentle stretching, the bridge and walks of half an hour help most people.",
        ),
    ),
}
