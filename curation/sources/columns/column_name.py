"""What a column's name says about it, in any language and any way of writing names."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import regex

# --- name words -----------------------------------------------------------------------------------

# The words of which people make the names of columns, and what each speaks for.
#
# A word may be missing here: then the values alone say what its column is. One that stands twice
# speaks for what it stands at first.

Role = Literal[
    "question",
    "instruction",
    "answer",
    "user",  # who asks
    "assistant",  # who answers
    "chat",
    "system",
    "context",  # what a question is about: part of the prompt
    "title",
    "body",  # a text; other words say whose
    "aside",  # an answer where there is no better one: a summary, an explanation
    "label",  # the answer of a classifier, or a slice
    "kind",  # a slice
    "name",  # of whatever the other words say; alone, a person's
    "author",
    "chosen",
    "rejected",
    "feedback",
    "split",
    "group",
    "id",
    "count",
    "date",
    "link",
    "e-mail",
    "score",
    "other",  # what the row comes with: a file, a picture
]

WORDS: dict[Role, str] = {
    "question": """question query prompt request inquiry enquiry problem ask asked utterance
        input frage anfrage anliegen rückfrage eingabe pregunta consulta solicitud entrada
        demande requête pergunta questão dúvida domanda quesito richiesta vraag pytanie вопрос
        запрос питання запитання otázka dotaz fråga spørgsmål spørsmål kysymys küsimus
        jautājums klausimas užklausa prašymas kérdés întrebare въпрос ερώτηση soru سؤال السؤال
        שאלה سوال پرسش प्रश्न सवाल প্রশ্ন คำถาม hỏi pertanyaan soalan swali 问题 問題 提问 问句
        题目 输入 質問 問い 設問 入力 問い合わせ 질문 문의 문제 입력""",
    "instruction": """instruction task command anweisung aufgabe instrucción consigne
        instrução istruzione instructie instrukcja инструкция задание 指令 指示 命令 지시""",
    "answer": """answer response completion reply output solution resolution target truth gold
        reference antwort lösung ausgabe respuesta solución salida réponse resposta solução
        risposta soluzione antwoord oplossing odpowiedź rozwiązanie ответ решение відповідь
        рішення odpověď řešení svar vastaus vastus atbilde atsakymas sprendimas válasz
        megoldás răspuns отговор απάντηση cevap yanıt çözüm جواب الجواب إجابة الإجابة اجابة
        תשובה پاسخ उत्तर जवाब উত্তর คำตอบ trả jawaban jawapan jibu 答案 回答 答复 回复 解答 输出
        応答 返答 返信 返事 出力 답변 대답 응답 출력 정답""",
    "user": """user customer client human visitor patient student caller ticket issue case
        incident complaint kunde kunden benutzer nutzer cliente usuario usuário utilisateur
        utente klant klient клиент пользователь 用户 客户 顧客 ユーザー 사용자 고객""",
    "assistant": """assistant agent bot chatbot ai gpt chatgpt support operator advisor expert
        doctor tutor teacher llm staff assistent berater asistente agente assistente оператор
        эксперт 助手 客服 医生 アシスタント 상담원""",
    "chat": """messages conversation dialogue dialog chat turns transcript history gespräch
        konversation conversación diálogo диалог беседа 对话 会话 会話 対話 대화""",
    "system": "system systemprompt persona 系统 システム",
    "context": """context premise hypothesis passage paragraph document article knowledge
        evidence background story abstract kontext textstelle artikel contexto artículo
        contexte contesto articolo artigo контекст документ статья 上下文 文章 背景 文脈 문맥
        지문""",
    "title": """title subject headline heading titel betreff überschrift título asunto titre
        assunto titolo oggetto onderwerp tytuł заголовок тема 标题 タイトル 件名 제목""",
    "body": """text body content description message details comment post review sentence
        selftext note code snippet opinion tweet beschreibung nachricht inhalt kommentar
        beschrijving bericht tekst texto contenido descripción mensaje comentario reseña texte
        contenu commentaire avis conteúdo descrição mensagem comentário testo contenuto
        descrizione messaggio commento текст описание сообщение содержание отзыв комментарий
        aprašymas žinutė tekstas opis treść wiadomość metin açıklama نص النص محتوى 内容 正文
        描述 文本 评论 消息 テキスト 本文 説明 コメント メッセージ レビュー 내용 설명 텍스트
        리뷰""",
    "aside": """summary highlights translation explanation rationale reasoning reason thought
        cot analysis hint docstring tldr definition correction rewrite paraphrase
        zusammenfassung erklärung übersetzung resumen explicación traducción résumé
        explication traduction resumo explicação tradução riassunto spiegazione traduzione
        перевод объяснение 摘要 总结 翻译 解析 解释 要約 翻訳 解説 요약 번역 해설""",
    "label": """label intent class category sentiment emotion intention klasse kategorie clase
        categoría etiqueta intención catégorie classe categoria etichetta intenção класс
        категория метка 类别 分类 标签 意图 カテゴリ カテゴリー 分類 ラベル 카테고리 분류 라벨""",
    "kind": """type kind topic tag theme product language lang source origin difficulty level
        domain department queue priority channel status region country section field area
        genre style format subset skill severity gender role model art thema produkt sprache
        quelle schwierigkeit abteilung priorität tipo producto idioma fuente dificultad canal
        estado produit langue niveau produto língua fonte prodotto lingua тип продукт язык
        источник сложность раздел тематика 类型 主题 语言 来源 难度 领域 种类 产品 種類 言語
        出典 難易度 製品 유형 언어 출처 난이도 종류 주제 분야""",
    "name": "name names vorname nachname nombre nom nome naam nazwa имя фио 姓名 名前 이름",
    "author": """author username sachbearbeiter bearbeiter assignee editor 回答者 提问者
        質問者 by owner creator poster reviewer annotator responder respondent answerer
        questioner asker requester sender recipient contact nickname firstname lastname worker
        autor auteur autore автор 作者 作成者 著者 작성자""",
    "chosen": "chosen preferred better winner winning",
    "rejected": "rejected dispreferred worse loser losing incorrect wrong distractor",
    "feedback": """feedback thumb thumbsup liked upvoted helpful correct correctness accepted
        approved good""",
    "split": "split partition fold subset set 划分",
    "group": "group thread session family cluster tree parent video book chapter",
    "id": """id ids uuid guid index idx no nr num number key hash unnamed serial row rownum
        identifier ref nummer numero número identificador номер 编号 序号 番号 번호""",
    "count": """count counts tokens length len chars total size anzahl cantidad количество
        数量""",
    "date": """date time datetime timestamp created updated modified at year month day hours
        deadline datum zeit fecha hora heure дата время 日期 时间 日時 日付 날짜 시간""",
    "link": "url uri link href website web permalink enlace lien ссылка 链接 リンク 링크",
    "e-mail": "email mail correo courriel emailaddress почта 邮箱 メール 이메일",
    "score": """score rating satisfaction csat nps stars votes upvotes downvotes views likes
        rank confidence quality weight probability toxicity rouge bleu grade points price amount
        age bewertung puntuación calificación оценка рейтинг 评分 得分 分数 評価 점수 평점""",
    "other": """path file filename version license licence metadata meta embedding image
        picture audio phone address ip zip telefon teléfono options choices choice option""",
}

# Between two words of them, the first says what it is: "fecha de respuesta" is a date.
OF = frozenset({"of", "to", "for", "from", "de", "del", "della", "du", "da", "do", "di", "des"})
# They tell one column from another, though they look like words above.
SAYS_WHICH = frozenset({"original", "customs"})
# They say nothing.
SILENT = frozenset({"the", "a", "an", "my", "our", "your", "this", "is", "in", "and", "full"})


# --- column name ----------------------------------------------------------------------------------

ACCENTS = re.compile("[\u0300-\u036f]")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
PART = regex.compile(r"[\p{L}\p{M}]+|\p{N}+")  # a letter of Hindi may be a mark
# Scripts without spaces, where a word is found inside of others.
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\u0e00-\u0e7f]")
# Roles that a text never has: where they stand, the name is not of a text.
NO_TEXT: tuple[Role, ...] = (
    *("kind", "name", "author", "split", "group", "id", "count", "date", "link", "e-mail"),
    *("score", "other", "feedback"),
)
ALWAYS: tuple[Role, ...] = ("id", "count")  # wherever in the name: `num_answers`, `id_pregunta`
WHOSE: tuple[Role, ...] = ("system", "chat", "question", "instruction", "answer", "aside")
SHORT: dict[tuple[str, ...], str] = {("q",): "question", ("a",): "answer"}
STEM = 5  # letters of a word that are enough to know it by


@dataclass(frozen=True)
class NameSays:
    role: Role | None
    text_role: Role | None  # the role if the values turn out to be texts
    roles: frozenset[Role]  # of all its words
    variant: tuple[str, ...]  # what is left: a language, a number
    part: Role | None = None  # title or body, of what the role says


def bare(text: str) -> str:
    """Without case and accents."""
    plain = ACCENTS.sub("", unicodedata.normalize("NFKD", text).casefold())
    return unicodedata.normalize("NFKC", plain)


ROLE_OF: dict[str, Role] = {
    bare(word): role for role, words in reversed(WORDS.items()) for word in words.split()
}
UNSPACED_WORDS = sorted(filter(UNSPACED.search, ROLE_OF), key=len, reverse=True)
INSIDE = re.compile("|".join(map(re.escape, UNSPACED_WORDS)))


def read_names(names: Iterable[str]) -> dict[str, NameSays]:
    """What each name says. Q and A are question and answer, but not where there is a B."""
    parts = {name: tuple(parts_of(name)) for name in names}
    there = set(parts.values())
    meant = SHORT if set(SHORT) <= there and ("b",) not in there else {}
    return {name: read_name(meant.get(part, name)) for name, part in parts.items()}


@cache
def read_name(name: str) -> NameSays:
    words = [word for part in parts_of(name) for word in known_words(part)]
    said = [(word, None if word in SAYS_WHICH else role_of_word(word)) for word in words]
    if "answer" in [role for _, role in said]:  # of people, beside those of a model
        said = [(word, None if word == "human" else role) for word, role in said]
    told = [role for _, role in said if role]
    first = any(word in OF for word in words)
    texts = [role for role in told if role not in NO_TEXT]
    return NameSays(
        role=head_role(told, first=first),
        text_role=head_role(texts, first=first),
        roles=frozenset(told),
        variant=tuple(w for w, role in said if not role and w not in OF | SILENT),
        part=next((role for role in ("title", "body") if role in texts), None),
    )


def parts_of(name: str) -> list[str]:
    """The words that blanks, marks, digits and capitals set apart."""
    return [bare(word) for part in PART.findall(name) for word in CAMEL.split(part)]


def known_words(part: str) -> Iterator[str]:
    """The words of which a part is made: `questionid` of two, 用户问题 of two, `answer` of one."""
    if UNSPACED.search(part):
        yield from INSIDE.findall(part) or [part]
    else:
        yield from (part,) if part in ROLE_OF else pieces(part) or (part,)


@cache
def pieces(part: str) -> tuple[str, ...]:
    """Known words that make up all of a part, at least one of them long; () where none do."""
    for at in range(len(part) - 2, 1, -1):
        head, rest = part[:at], part[at:]
        known = rest in ROLE_OF or rest in SILENT
        if head in ROLE_OF and known and max(len(head), len(rest)) >= STEM:
            return head, rest
    return ()


@cache
def role_of_word(word: str) -> Role | None:
    """The role of a known word, also with an ending (`questions`, ответа), with another ending
    (klausimai for klausimas), or behind others (Kundenfrage).
    """
    return ROLE_OF.get(word) or with_ending(word) or other_ending(word) or behind_others(word)


def with_ending(word: str) -> Role | None:
    stems = (word[:-letters] for letters in (1, 2, 3))
    return next((ROLE_OF[stem] for stem in stems if len(stem) >= STEM and stem in ROLE_OF), None)


def other_ending(word: str) -> Role | None:
    for known, role in ROLE_OF.items():
        same = next((i for i, (a, b) in enumerate(zip(known, word, strict=False)) if a != b), 0)
        if same > STEM and max(len(word), len(known)) - same <= 2:
            return role
    return None


def behind_others(word: str) -> Role | None:
    ends = (ROLE_OF.get(word[at:]) for at in range(2, len(word) - STEM + 1))
    return next((role for role in ends if role in (*WHOSE, "title", "body", "id")), None)


def head_role(roles: list[Role], *, first: bool) -> Role | None:
    """What the words make together: the last one is what a thing is, the others say whose."""
    if not roles:
        return None
    for role in (*ALWAYS, "chosen", "rejected"):
        if role in roles:
            return role
    head = roles[0] if first else roles[-1]
    whose = [role for role in roles if role != head]
    if head == "name":
        return next((r for r in whose if r in ("kind", "label", "group", "context")), "author")
    if head in NO_TEXT or head == "label":
        return head
    return whose_text(head, whose, named_first=first)


def whose_text(head: Role, whose: list[Role], *, named_first: bool) -> Role | None:
    if "system" in whose and head in ("question", "instruction", "body"):
        return "system"
    if head in ("title", "body", "user", "assistant"):
        return next((r for r in (*WHOSE, "user", "assistant", "label") if r in whose), head)
    if head == "answer" and not named_first and ("question" in whose or "user" in whose):
        return None  # both, or the answer of one who asks
    return head
