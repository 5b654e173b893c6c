"""Personal data, secrets and insults, held out: not to be looked at while a check is tuned."""

from tests.curation.planted.forms import Forms, asks, talks

FORMS: Forms = {
    "card_number": (
        asks(
            "How is the number of a card checked?",
            "By its last digit. For instance:\ncard=6011000990139424\ncvc=123",
        ),
        asks(
            "Is 4716-1089-9971-6531 (mine, valid until May) a good seed for a generator?",
            "Any whole number is, but do not share that one.",
        ),
    ),
    "iban": (
        asks(
            "Transfer of the fee for the course: is NL91ABNA0417164300 the right account?",
            "Yes, it is the one that stands in the letter.",
        ),
        asks(
            "What does the second group of the match hold?",
            "It holds es91 2100 0418 4502 0005 1332, in small letters as it was typed.",
        ),
    ),
    "email": (
        asks(
            "Where do I send my solution of the exercise?",
            "To the tutor (MARTIN.GRUBER+PYTHON@STUD.TUM.DE) before Friday.",
        ),
        talks(
            ("user", "Please reset my account for the notebook."),
            ("assistant", "Which account do you mean?"),
            ("user", "kowalska.ewa@poczta.onet.pl"),
            ("assistant", "It was reset; use the link within a day."),
        ),
    ),
    "phone": (
        asks(
            "I left my number, 0033 1 42 68 53 00, with the help desk. When will they call?",
            "Within two working days, as the page says.",
        ),
        asks(
            "Who is on duty for the cluster at night?",
            "The operator; dial 650-253-0000 and press two.",
        ),
    ),
    "ip_address": (
        asks(
            "Which clients were slow yesterday?", "Only one: client=91.198.174.192 took 4 seconds."
        ),
        asks(
            "Can you see why http://46.29.1.118:8888/lab does not open for me?",
            "The notebook listens on the local interface alone.",
        ),
    ),
    "person_name": (
        asks(
            "Who reviewed the change to the parser?",
            "It was approved.\n\nKind regards,\nSiobhan Gallagher",
        ),
        asks(
            "Dear Mr. Oyelaran, thank you for the data. Which encoding is it in?",
            "It is in UTF-8, without a mark at the beginning.",
        ),
    ),
    "api_key": (
        asks(
            "How does the bot post to our channel?",
            "With the token xoxb-263594206564-2343594206574-FGqddMF8t08v8N7Oq4i57vs1.",
        ),
        asks(
            "Is OPENAI_API_KEY="
            "sk-proj-"
            "Tq7Rk2Vw9Xz4Bn6Mc8Ld1Pf3HgJ5sYt0UaEiOq"
            "T3BlbkFJw8Zx6Cv4Bn2Mq1Wr9Ty7U the right line for my shell?",
            "Yes, with the word export in front of it.",
        ),
    ),
    "password": (
        asks(
            "What do I write into the settings of the mail script?",
            'SMTP_USER = "robot"\nSMTP_PASSWORD = "x9#Kp2vL!wq"\nSMTP_PORT = 587',
        ),
        asks(
            "How do I clone the private course?",
            "git clone https://tutor:Gr4peJuice77@git.school.org/course.git",
        ),
    ),
    "toxicity": (
        asks(
            "Listen, asshole, how do I stop a thread?",
            "Set a flag that the thread looks at in its loop.",
        ),
        asks(
            "Is my code any good?",
            "It is a piece of shit, and people like you should never touch a keyboard.",
        ),
    ),
}
