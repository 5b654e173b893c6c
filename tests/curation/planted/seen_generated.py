"""What chatbots, templates and broken generation leave in a row, for tuning."""

from tests.curation.planted.forms import Forms, asks, talks

FORMS: Forms = {
    "chat_markers": (
        asks(
            "<|im_start|>user\nWhat does numpy.tile do?<|im_end|>",
            "It repeats an array a given number of times along each axis.",
        ),
        asks(
            "What does pandas.get_dummies make?",
            "One column of zeros and ones for each category.<|endoftext|>",
        ),
        asks(
            "[INST] What does heapq.heappop return? [/INST]",
            "The least item, which leaves the heap.</s>",
        ),
    ),
    "chatbot_opening": (
        asks(
            "What does numpy.clip do?",
            "Sure! Here is a short summary: it limits the values to a range.",
        ),
        asks(
            "Which module reads INI files?",
            "Great question! The module configparser reads and writes them.",
        ),
        asks(
            "What does bisect.insort keep?",
            "Certainly, I'd be happy to help you with that. It keeps a list in order.",
        ),
    ),
    "ai_self_reference": (
        asks(
            "Which plotting library is the nicest?",
            "As an AI language model, I have no taste, but many people like seaborn.",
        ),
        asks(
            "When was scipy 1.0 published?",
            "It came out in October 2017; my training data may be out of date on later ones.",
        ),
        asks(
            "Do you use pandas yourself?",
            "I am ChatGPT, a large language model trained by OpenAI, so I do not run code.",
        ),
    ),
    "refusal": (
        asks("How do I read the process table on Linux?", "I'm sorry, but I can't help with that."),
        asks(
            "Write a loop that pings a server each minute.",
            "I cannot fulfil this request, since it may be used to disturb a service.",
        ),
        asks(
            "How can I unpickle an object safely?",
            "Unfortunately, I am not able to provide assistance with that topic.",
        ),
    ),
    "cut_off": (
        asks(
            "What does sklearn.decomposition.NMF factor?",
            "It factors a matrix without negative entries into two smaller ones, so that the",
        ),
        asks(
            "How does a B-tree find a key?",
            "It starts at the root, compares the key with those of the node, and then des",
        ),
        asks(
            "Which checks does assert_frame_equal make?",
            "It compares the index, the columns, the types of the columns, and,",
        ),
    ),
    "loop": (
        asks(
            "What does numpy.roll do?",
            "It shifts the items. It shifts the items. It shifts the items. It shifts the items. "
            "It shifts the items. It shifts the items.",
        ),
        asks(
            "What does the word recursion mean?",
            "A function that calls calls calls calls calls calls calls calls calls calls calls "
            "calls calls itself.",
        ),
        asks(
            "How do I sort a frame by two columns?",
            "- pass a list to sort_values\n- pass a list to sort_values\n"
            "- pass a list to sort_values\n- pass a list to sort_values\n"
            "- pass a list to sort_values",
        ),
    ),
    "keyboard_mash": (
        asks("What does numpy.hstack join?", "asdfjkl; asdkfj qwpoeiru zxcmvn asldkfj weoriu"),
        asks("sdfgsdfg hjklhjkl wertwert dfgh", "It marks the entries that are not finite."),
        asks("Which type holds bytes that change?", "gfhdjskal bnvmcx ytrueiw qpwoei fjdksla"),
    ),
    "encoded_blob": (
        asks(
            "What does base64.b64decode return?",
            "VGhlIGJ5dGVzIHRoYXQgdGhlIHRleHQgc3RhbmRzIGZvciwgd2l0aG91dCBsaW5lIGJyZWFrcy4gSXQg"
            "cmFpc2VzIGFuIGVycm9yIGZvciBiYWQgcGFkZGluZy4=",
        ),
        asks(
            "Which colour is at the corner of the plot?",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4"
            "//8/w38GIAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg==",
        ),
        asks(
            "What is the magic number of a gzip file?",
            "1f8b0800000000000003cb48cdc9c95728cf2fca4951f0c8cccb2c51282e294acc4b4f55c84d2d4acf"
            "4c53284acd4bcc4d05007a2c1b2e2d000000",
        ),
    ),
    "shouting": (
        asks(
            "What does shutil.rmtree delete?",
            "IT DELETES THE WHOLE FOLDER AND ALL THAT IS IN IT, WITHOUT ANY QUESTION.",
        ),
        asks(
            "WHY DOES MY LOOP OVER THE LIST SKIP EVERY SECOND ITEM WHEN I REMOVE THINGS?",
            "Removing an item shifts the others, so loop over a copy.",
        ),
        asks(
            "Is pickle safe for files from strangers?",
            "NO! NEVER LOAD A PICKLE FROM SOMEBODY WHOM YOU DO NOT KNOW!!! It can run code.",
        ),
    ),
    "unfilled_template": (
        asks(
            "What does {{function_name}} in the random module do?", "It shuffles a list in place."
        ),
        asks(
            "When will the next release of the package come?",
            "The release is planned for [INSERT DATE].",
        ),
        asks(
            "How do I report a bug in the solver?",
            "Write to XXXX and name the version, which is printed at the start.",
        ),
    ),
    "turn_order": (
        talks(
            ("user", "What does numpy.cumsum do?"),
            ("user", "I mean for a matrix."),
            ("assistant", "It adds up along an axis, or over the flat array."),
        ),
        talks(
            ("user", "What is a closure?"),
            ("assistant", "A function with the names that it saw where it was made."),
            ("user", "Thanks, that was clear."),
        ),
        talks(
            ("user", "Which loop runs at least once?"),
            ("system", "Answer in one sentence about Python."),
            ("assistant", "None: one writes while True and breaks at the end."),
        ),
    ),
}
