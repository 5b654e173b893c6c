"""Small files with one task each, whose clean rows a defect of the whole file stands out from."""

from collections.abc import Iterator

from tests.curation.planted.forms import Fields

JSON_ANSWERS = "json_answers.jsonl"
CLASSES = "classes.jsonl"
LISTS = "lists.jsonl"
SUMMARIES = "summaries.jsonl"

COLOURS = ("red", "white", "yellow", "black", "grey")
NUMBERS = ("one", "three", "five", "six", "seven", "eight")
THINGS = ("cup", "plate", "spoon", "glass", "tray")

# Of each class, how customers begin and how they go on.
UTTERANCES = {
    "lost_card": (
        ("Somebody stole my purse with the card", "I can't find my bank card", "My card is gone"),
        ("since yesterday evening", "after the concert", "at the airport", "on the bus", "again"),
    ),
    "card_delivery": (
        ("When does the new card arrive", "I still wait for my card by post", "Where is my card"),
        ("that I ordered in May", "although two weeks passed", "for my daughter", "please", "now"),
    ),
    "exchange_rate": (
        ("How many dollars do I get for pounds", "What is your rate for yen", "Convert francs"),
        ("today", "at the weekend", "for large sums", "in the app", "before I travel to Asia"),
    ),
    "cash_machine": (
        ("The machine swallowed my notes", "The dispenser paid too little", "No cash came out"),
        (
            "near the market",
            "in the shopping centre",
            "this morning",
            "in Leeds",
            "but I was billed",
        ),
    ),
    "new_account": (
        ("I would like to open an account", "Can I become a customer", "How do I sign up"),
        ("for my company", "as a student", "from abroad", "together with my wife", "online"),
    ),
    "forgotten_code": (
        ("I forgot the four digits", "My secret number slipped my mind", "Please reset my code"),
        ("of the savings book", "for online payments", "while abroad", "a third time", "by letter"),
    ),
}

SHOPPING = {
    "a pancake breakfast": ("flour", "eggs", "milk"),
    "a day at the beach": ("a towel", "sun cream", "a hat"),
    "painting a fence": ("a brush", "a bucket", "some sandpaper"),
    "a walk in the rain": ("boots", "an umbrella", "a coat"),
    "writing a letter": ("paper", "a pen", "a stamp"),
    "mending a bicycle": ("a patch", "glue", "a pump"),
    "a game of tennis": ("a racket", "three balls", "white shoes"),
    "a fruit salad": ("apples", "grapes", "lemon juice"),
    "planting tomatoes": ("seeds", "pots", "fresh soil"),
    "a night in a tent": ("a sleeping bag", "a torch", "warm socks"),
    "washing a car": ("a sponge", "soap", "a hose"),
    "baking bread": ("yeast", "rye flour", "salt"),
    "sewing on a button": ("a needle", "thread", "scissors"),
    "a long train ride": ("a book", "a sandwich", "a ticket"),
    "a chess club": ("boards", "clocks", "a quiet room"),
    "hanging a picture": ("a nail", "a hammer", "a level"),
    "making candles": ("wax", "wicks", "an old pan"),
    "a puppet show": ("two puppets", "a curtain", "a lamp"),
    "feeding garden birds": ("sunflower hearts", "a feeder", "a branch"),
    "cleaning windows": ("vinegar", "a cloth", "a ladder"),
}
ASKED = ("What do I need for {}?", "Make a list for {}.", "Which three things does {} take?")


def json_answers() -> Iterator[Fields]:
    """Orders, each answered by a JSON object."""
    for table, number in enumerate(NUMBERS, start=10):
        for thing in THINGS:
            for colour in COLOURS:
                prompt = f"Read the order: {number} {colour} {thing}s for table {table}."
                answer = f'{{"item": "{thing}", "colour": "{colour}", "table": {table}}}'
                yield {"prompt": prompt, "completion": answer}


def classes() -> Iterator[Fields]:
    """What customers of a bank say, each answered by the name of a class."""
    for name, (starts, ends) in UTTERANCES.items():
        for start in starts:
            for end in ends:
                yield {"prompt": f"{start} {end}.", "completion": name}


def lists() -> Iterator[Fields]:
    """Questions that are each answered by a list of three."""
    for occasion, things in SHOPPING.items():
        for asked in ASKED:
            answer = "\n".join(f"- {thing}" for thing in things)
            yield {"prompt": asked.format(occasion), "completion": answer}
