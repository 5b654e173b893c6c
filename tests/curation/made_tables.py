"""Tables with the columns of well-known public ones, and texts that stand for theirs."""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from curation.sources.tables.table import Table, TableRow

ROWS = 60
Values = Sequence[Any]

WORDS = {
    "en": "the card account to open a balance we your transfer bank order is late by month with"
    " fee invoice and can branch payment limit online statement of credit loan in"
    " interest check",
    "de": "die Karte das Konto wir eröffnen Überweisung Ihre Bank ist zu spät im Monat mit"
    " Gebühr und Filiale Zahlung Limit online Auszug Kredit Zinsen prüfen der den nicht",
    "es": "la tarjeta cuenta abrir el saldo su transferencia banco pedido es tarde por mes con"
    " cuota factura y sucursal pago límite crédito préstamo en interés revisar",
    "fr": "la carte compte ouvrir le solde votre virement banque commande est en retard par"
    " mois avec frais facture et agence paiement limite crédit prêt intérêt vérifier",
    "ru": "карта счёт открыть баланс перевод банк заказ поздно месяц комиссия счёт филиал"
    " платёж лимит выписка кредит заём процент проверить ваш наш для без",
    "ar": "البطاقة الحساب فتح الرصيد التحويل البنك الطلب متأخر الشهر الرسوم الفاتورة الفرع"
    " الدفع الحد الكشف الائتمان القرض الفائدة تحقق من في على",
    "lt": "kortelė sąskaita atidaryti likutis pavedimas bankas užsakymas vėluoja mėnuo mokestis"
    " skyrius mokėjimas limitas išrašas kreditas paskola palūkanos patikrinti jūsų",
    "zh": "银行 账户 转账 余额 订单 发票 贷款 利息 手续费 网点 限额 信用卡 我们 您的 可以 办理"
    " 查询 每月",
    "ja": "銀行 口座 振込 残高 注文 請求書 融資 利息 手数料 支店 限度額 カード 私たち お客様"
    " できます",
    "ko": "은행 계좌 이체 잔액 주문 청구서 대출 이자 수수료 지점 한도 카드 고객님 가능합니다"
    " 매월 확인",
}
UNSPACED = ("zh", "ja")
ASK = {
    "en": ("How do I", "Why is", "When can", "Where do I find", "Can I get", "What is"),
    "de": ("Wie kann ich", "Warum ist", "Wann", "Wo finde ich"),
    "es": ("¿Cómo puedo", "¿Por qué", "¿Cuándo", "¿Dónde"),
    "fr": ("Comment", "Pourquoi", "Quand", "Où trouver"),
    "ru": ("Как", "Почему", "Когда", "Где"),
    "ar": ("كيف", "لماذا", "متى", "أين"),
    "lt": ("Kaip", "Kodėl", "Kada", "Kur"),
    "zh": ("请问", "为什么", "怎么"),
    "ja": ("どうすれば", "なぜ", "いつ"),
    "ko": ("어떻게", "왜", "언제"),
}
MARK = {"ar": "؟", "zh": "？", "ja": "？"}


class Texts:
    """Texts by chance, the same in every run."""

    def __init__(self, seed: int = 0, rows: int = ROWS) -> None:
        self.draw = random.Random(seed)
        self.rows = rows

    def words(self, low: int, high: int, language: str = "en") -> str:
        chosen = self.draw.choices(WORDS[language].split(), k=self.draw.randint(low, high))
        return ("" if language in UNSPACED else " ").join(chosen)

    def many(self, make: Callable[[], Any]) -> list[Any]:
        return [make() for _ in range(self.rows)]

    def question(self, language: str = "en") -> str:
        gap = "" if language in UNSPACED else " "
        start = self.draw.choice(ASK[language])
        return f"{start}{gap}{self.words(4, 9, language)}{MARK.get(language, '?')}"

    def questions(self, language: str = "en") -> list[str]:
        return self.many(lambda: self.question(language))

    def sentences(self, low: int = 8, high: int = 30, language: str = "en") -> list[str]:
        return self.many(lambda: f"{self.words(low, high, language).capitalize()}.")

    def titles(self, language: str = "en") -> list[str]:
        return self.many(lambda: self.words(3, 6, language).capitalize())

    def tasks(self) -> list[str]:
        verbs = ("Write", "Explain", "List", "Describe", "Summarize", "Translate")
        return self.many(lambda: f"{self.draw.choice(verbs)} {self.words(4, 10)}.")

    def one_of(self, *values: Any) -> list[Any]:
        return self.many(lambda: self.draw.choice(values))

    def numbers(self, most: int = 10_000) -> list[int]:
        return self.many(lambda: self.draw.randint(0, most))

    def ids(self, letters: int = 24) -> list[str]:
        return self.many(lambda: f"{self.draw.getrandbits(4 * letters):0{letters}x}")

    def dates(self) -> list[str]:
        return self.many(
            lambda: f"2023-{self.draw.randint(1, 12):02}-{self.draw.randint(1, 28):02}"
        )

    def times(self) -> list[str]:
        return [f"{date} {self.draw.randint(10, 23)}:04:59" for date in self.dates()]

    def links(self) -> list[str]:
        return [f"https://example.org/{page}" for page in self.ids(8)]

    def people(self) -> list[str]:
        first, last = ("Ann", "Bo", "Cem", "Dee", "Eli"), ("Berg", "Kim", "Lopez", "Novak", "Sato")
        return self.many(lambda: f"{self.draw.choice(first)} {self.draw.choice(last)}")

    def chats(self, *, last: str | None = None, most: int = 4) -> list[list[tuple[str, str]]]:
        """Turns of user and assistant; some end in the same words where `last` gives them."""

        def chat() -> list[tuple[str, str]]:
            turns = []
            for _ in range(self.draw.randint(1, most)):
                turns.append(("user", self.question()))
                turns.append(("assistant", f"{self.words(5, 20).capitalize()}."))
            if last and self.draw.random() < 0.3:
                turns += [("user", "Thanks, bye!"), ("assistant", last)]
            return turns

        return self.many(chat)


def table(name: str = "rows.csv", **columns: Values) -> Table:
    return named(columns, name)


def named(columns: dict[str, Values], name: str = "rows.csv") -> Table:
    rows = zip(*columns.values(), strict=True)
    return Table(
        path=Path(name),
        format="csv",
        columns=tuple(columns),
        rows=tuple(
            TableRow(line, dict(zip(columns, row, strict=True)))
            for line, row in enumerate(rows, start=2)
        ),
    )


def some(values: Iterable[Any], every: int) -> list[Any]:
    """Every so manieth value, and nothing for the others."""
    return [value if i % every == 0 else "" for i, value in enumerate(values)]


def messages(turns: Sequence[tuple[str, str]], who: str = "role", what: str = "content") -> Any:
    return [{who: role, what: text} for role, text in turns]


def sharegpt(turns: Sequence[tuple[str, str]]) -> Any:
    names = {"user": "human", "assistant": "gpt"}
    return messages([(names[role], text) for role, text in turns], "from", "value")


def chatml(turns: Sequence[tuple[str, str]]) -> str:
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)


def transcript(turns: Sequence[tuple[str, str]]) -> str:
    names = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{names[role]}: {text}" for role, text in turns)


def alpaca_text(asked: str, told: str) -> str:
    return (
        "Below is an instruction that describes a task. Write a response that completes it.\n\n"
        f"### Instruction:\n{asked}\n\n### Response:\n{told}"
    )


def as_json(values: Iterable[Any]) -> list[str]:
    return [json.dumps(value) for value in values]


T = Texts()

TABLES: dict[str, Table] = {
    "bank FAQ": table(
        Question=T.questions(), Answer=T.sentences(), Class=T.one_of("loans", "cards", "fees")
    ),
    "support tickets": named(
        {
            "Ticket ID": list(range(ROWS)),
            "Customer Name": T.people(),
            "Customer Email": [f"user{i}@example.org" for i in range(ROWS)],
            "Customer Age": T.numbers(80),
            "Product Purchased": T.one_of("Phone", "Laptop", "Camera", "Watch"),
            "Date of Purchase": T.dates(),
            "Ticket Type": T.one_of("Refund", "Technical", "Billing"),
            "Ticket Subject": T.one_of("Setup", "Battery life", "Hardware issue"),
            "Ticket Description": T.sentences(20, 60),
            "Ticket Status": T.one_of("Open", "Closed"),
            "Resolution": some(T.sentences(6, 10), 3),
            "First Response Time": T.times(),
            "Time to Resolution": T.times(),
            "Customer Satisfaction Rating": T.one_of(1.0, 2.0, 3.0, 4.0, 5.0),
        }
    ),
    "tickets in camel case": table(
        ticketId=T.ids(8), ticketDescription=T.sentences(), agentReply=T.sentences()
    ),
    "mails to a support": table(
        subject=T.titles(),
        body=T.sentences(20, 60),
        answer=T.sentences(20, 60),
        type=T.one_of("Incident", "Request", "Problem", "Change"),
        queue=T.one_of("Billing", "IT", "Sales"),
        priority=T.one_of("low", "medium", "high"),
        language=T.one_of("en", "de"),
        tag_1=T.one_of("Outage", "Login", "Data"),
    ),
    "intents with responses": table(
        flags=T.one_of("B", "BL", "BLQ", "BI"),
        instruction=T.questions(),
        category=T.one_of("ORDER", "REFUND", "ACCOUNT"),
        intent=T.one_of("cancel_order", "get_refund", "edit_account", "track_order"),
        response=T.sentences(),
    ),
    "alpaca": table(instruction=T.tasks(), input=some(T.sentences(4, 9), 3), output=T.sentences()),
    "alpaca with its text": (
        lambda asked, told: table(
            instruction=asked,
            input=[""] * ROWS,
            output=told,
            text=list(map(alpaca_text, asked, told)),
        )
    )(T.tasks(), T.sentences()),
    "dolly": table(
        instruction=T.tasks(),
        context=some(T.sentences(40, 80), 4),
        response=T.sentences(),
        category=T.one_of("open_qa", "closed_qa", "brainstorming", "classification"),
    ),
    "squad": table(
        id=T.ids(),
        title=T.one_of("Normans", "Oxygen", "Warsaw", "Kenya", "Rhine", "Islam"),
        context=T.sentences(60, 120),
        question=T.questions(),
        answers=[{"text": [text], "answer_start": [3]} for text in T.titles()],
    ),
    "answers in parts": table(
        question=T.questions(),
        answer=[{"intent": text, "slots": {"place": text}} for text in T.titles()],
    ),
    "squad with flat answers": (
        lambda contexts: table(
            title=T.one_of("Normans", "Oxygen", "Warsaw"),
            context=contexts,
            question=T.questions(),
            answer=[" ".join(text.split()[5:8]) for text in contexts],
        )
    )(T.sentences(60, 120)),
    "multiple choice": table(
        question=T.questions(),
        A=T.titles(),
        B=T.titles(),
        C=T.titles(),
        D=T.titles(),
        answer=T.one_of("A", "B", "C", "D"),
    ),
    "multiple choice with an explanation": table(
        question=T.questions(),
        choices=[["red", "blue"]] * ROWS,
        subject=T.one_of("anatomy", "law", "physics"),
        answer=T.one_of(0, 1, 2, 3),
        explanation=T.sentences(),
    ),
    "orca": table(
        id=[f"niv.{i}" for i in range(ROWS)],
        system_prompt=T.one_of("You are a helpful assistant.", "Think step by step.", ""),
        question=T.questions(),
        response=T.sentences(),
    ),
    "two languages": table(
        id=list(range(ROWS)),
        question_en=T.questions(),
        answer_en=T.sentences(),
        question_fr=T.questions("fr"),
        answer_fr=T.sentences(language="fr"),
    ),
    "forum": table(
        title=T.titles(),
        body=T.sentences(30, 60),
        answer=T.sentences(30, 60),
        score=T.numbers(50),
        author=T.people(),
        link=T.links(),
    ),
    "forum without answers": table(
        title=T.titles(), body=T.sentences(30, 60), score=T.numbers(50), author=T.people()
    ),
    "questions in articles": table(
        title=T.titles(), body=T.sentences(30, 60), question=T.questions(), answer=T.sentences()
    ),
    "sharegpt": table(id=T.ids(7), conversations=[sharegpt(turns) for turns in T.chats()]),
    "messages": table(
        prompt_id=T.ids(32), messages=[messages(turns) for turns in T.chats(last="You too!")]
    ),
    "messages in a CSV file": table(
        source=T.one_of("web", "app"), dialog=as_json(messages(turns) for turns in T.chats())
    ),
    "chat templates": table(text=[chatml(turns) for turns in T.chats()]),
    "raw text": table(text=T.sentences(40, 90)),
    "turns of a tree": table(
        message_id=T.ids(32),
        parent_id=T.ids(32),
        text=T.sentences(),
        role=T.one_of("prompter", "assistant"),
        lang=T.one_of("en", "es"),
    ),
    "preferred conversations": table(
        chosen=[transcript(turns) for turns in T.chats()],
        rejected=[transcript(turns) for turns in T.chats()],
    ),
    "preferred answers": table(
        prompt=T.questions(), chosen=T.sentences(), rejected=T.sentences(), score=T.numbers()
    ),
    "preferences with messages": (
        lambda chats: table(
            prompt=[turns[0][1] for turns in chats],
            messages=[messages(turns) for turns in chats],
            chosen=[messages(turns) for turns in chats],
            rejected=[messages(turns) for turns in T.chats(most=1)],
        )
    )(T.chats(most=1)),
    "binary feedback": table(
        prompt=T.questions(), completion=T.sentences(), label=T.one_of(True, False)
    ),
    "reviews": table(
        product=T.one_of("Phone", "Laptop", "Camera"),
        review_title=T.titles(),
        review_text=T.sentences(20, 60),
        rating=T.one_of(1, 2, 3, 4, 5),
        date=T.dates(),
    ),
    "sentiment": table(text=T.sentences(), label=T.one_of("positive", "negative", "neutral")),
    "numbered classes": table(text=T.sentences(), label=T.one_of(0, 1)),
    "one instruction for all": table(
        instruction=["What is the sentiment of this news? Answer good or bad."] * ROWS,
        input=T.sentences(),
        output=T.one_of("good", "bad"),
    ),
    "news": table(article=T.sentences(60, 90), highlights=T.sentences(20, 30), id=T.ids(40)),
    "turns with threads": table(
        conversation_id=[i // 3 for i in range(ROWS)],
        turn=[i % 3 for i in range(ROWS)],
        customer_message=T.sentences(),
        agent_reply=T.sentences(),
        split=T.one_of("train", "test"),
    ),
    "prompts beside messages": (
        lambda chats: table(
            prompt=[turns[0][1] for turns in chats],
            prompt_id=T.ids(64),
            messages=[messages(turns) for turns in chats],
            category=T.one_of("Generation", "Open QA", "Chat"),
        )
    )(T.chats()),
    "binary feedback on conversations": table(
        messages=[messages(turns) for turns in T.chats()], label=T.one_of(True, False)
    ),
    "answers of experts": table(
        questionID=[i // 3 for i in range(ROWS)],
        questionTitle=T.questions(),
        questionText=T.sentences(30, 60),
        questionLink=T.links(),
        topic=T.one_of("anxiety", "family", "grief"),
        therapistInfo=T.titles(),
        answerText=T.sentences(40, 80),
        upvotes=T.numbers(9),
    ),
    "several answers": named(
        {
            "Category": T.one_of("Health", "Law", "Fiction"),
            "Question": T.questions(),
            "Best Answer": T.sentences(4, 10),
            "Correct Answers": T.sentences(),
            "Incorrect Answers": T.sentences(),
            "Source": T.links(),
        }
    ),
    "two models": table(
        prompt=T.questions(),
        response_a=T.sentences(),
        response_b=T.sentences(),
        winner=T.one_of("a", "b", "tie"),
    ),
    "pairs of sentences": table(
        premise=T.sentences(),
        hypothesis=T.sentences(4, 9),
        label=T.one_of("entailment", "neutral", "contradiction"),
    ),
    "goods": table(
        product_name=T.titles(),
        category=T.one_of("Toys", "Books"),
        description=T.sentences(20, 40),
        price=T.numbers(99),
    ),
    "texts without speakers": table(
        conversations=[[text for _, text in turns] for turns in T.chats()],
        source=T.one_of("wikihow", "stackexchange"),
    ),
    "French": named(
        {
            "Demande du client": T.sentences(language="fr"),
            "Réponse apportée": T.sentences(language="fr"),
            "Date de réponse": T.dates(),
        }
    ),
    "German": table(
        Frage=T.questions("de"),
        Antwort=T.sentences(language="de"),
        Thema=T.one_of("Konto", "Karte"),
    ),
    "Spanish": table(pregunta=T.questions("es"), respuesta=T.sentences(language="es")),
    "Russian": table(вопрос=T.questions("ru"), ответ=T.sentences(language="ru")),
    "Arabic": table(السؤال=T.questions("ar"), الإجابة=T.sentences(language="ar")),
    "Lithuanian": table(prašymas=T.sentences(language="lt"), atsakymas=T.sentences(language="lt")),
    "Chinese": table(
        问题=T.questions("zh"), 答案=T.sentences(language="zh"), 类别=T.one_of("贷款", "账户")
    ),
    "Japanese": table(質問=T.questions("ja"), 回答=T.sentences(language="ja")),
    "Korean": table(질문=T.questions("ko"), 답변=T.sentences(language="ko")),
    "names that say nothing": table(col1=T.sentences(), col2=T.questions()),
    "names and texts that say nothing": table(col1=T.sentences(), col2=T.sentences()),
    "Q and A": table(Q=T.questions(), A=T.sentences()),
}
