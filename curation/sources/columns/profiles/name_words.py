"""The words of which people make the names of columns, and what each speaks for.

A word may be missing here: then the values alone say what its column is. One that stands twice
speaks for what it stands at first.
"""

from typing import Literal

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
