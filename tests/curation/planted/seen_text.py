"""Defects of a text's form, for tuning: what encodings, web pages and exports leave behind."""

from tests.curation.planted.forms import Forms, asks

FORMS: Forms = {
    "decomposed_unicode": (
        asks(
            "How does numpy.correlate treat the two series?",
            "It slides one over the other, as in the cafe\u0301 example of the re\u0301sume\u0301.",
        ),
        asks(
            "What does \uff53\uff4f\uff52\uff54\uff45\uff44\uff08\uff09 give back for a list?",
            "A new list with the same items in rising order.",
        ),
        asks(
            "Why does scipy.signal.filtfilt run twice?",
            "The \ufb01rst run shifts the phase, and the second one e\ufb00ectively undoes that.",
        ),
    ),
    "control_characters": (
        asks(
            "What does numpy.triu keep of a matrix?",
            "It keeps the upper\x00 triangle and sets all below to zero.",
        ),
        asks(
            "Which exception does\x0b dict.pop raise\x0c for a missing key?",
            "A KeyError, unless a default was given.",
        ),
        asks(
            "What does the verbose flag of sklearn.svm.SVC print?",
            "\x1b[31mThe steps of libsvm\x1b[0m, as the solver reports them.",
        ),
    ),
    "invisible_characters": (
        asks(
            "What does pandas.Series.nunique count?",
            "The dis\u200btinct val\u200bues of a series, miss\u200bing ones left out.",
        ),
        asks("\ufeffWhat is the result of numpy.eye(3)?", "The identity matrix with three rows."),
        asks(
            "How does zip treat lists of unequal length?",
            "It stops with the short\u00adest one and drops what is left of the oth\u00aders.",
        ),
    ),
    "mojibake": (
        asks(
            "Which plot shows the quartiles of a column?",
            "A box plot; Tukeyâ€™s whiskers reach to 1.5 times the box.",
        ),
        asks(
            "Who is the Fréchet distance named after, and where is it in the library?",
            "After Maurice FrÃ©chet; scipy has only its relative, the directed Hausdorff distance.",
        ),
        asks(
            "Is the temperature column in Â°C or in kelvin?",
            "In kelvin: subtract 273.15 from it before you plot.",
        ),
    ),
    "lost_characters": (
        asks(
            "What does scipy.special.gamma extend?",
            "It extends the factorial to real numbers, as Euler showed in his na\ufffdve proof.",
        ),
        asks(
            "Which test is named after G?nter and M?ller in the old manual?",
            "None that the statistics module has under that name.",
        ),
        asks(
            "What is the unit of the angle that numpy.arctan2 gives?",
            "Radians, from minus \ufffd\ufffd to \ufffd\ufffd.",
        ),
    ),
    "literal_escapes": (
        asks(
            "How do I read a file line by line?",
            "Open it in a with block.\\nLoop over the handle.\\nEach turn gives one line.",
        ),
        asks(
            "What does numpy.ravel return?",
            "A flat view of the array, as in the caf\\u00e9 menu example of the na\\u00efve guide.",
        ),
        asks(
            "Give the steps to install from a wheel.\\r\\n\\r\\nBe brief.",
            "Download the wheel, then let pip install that file.",
        ),
    ),
    "html_tags": (
        asks("What does pandas.DataFrame.melt do?", "<p>It turns <b>columns</b> into rows.</p>"),
        asks(
            '<div class="question"><span>How do I copy an array?</span></div>',
            "Call its copy method; a plain assignment gives a second name only.",
        ),
        asks(
            "What is broadcasting in numpy?",
            "Arrays of other shapes are stretched to fit.<br/><br/>No data is copied for it.",
        ),
    ),
    "html_entities": (
        asks(
            "When does numpy.allclose say yes?",
            "When |a &minus; b| &lt;= atol + rtol &times; |b| holds everywhere.",
        ),
        asks(
            "What&#39;s the default of the ddof argument in numpy&#39;s std?",
            "Zero, so it divides by the number of items.",
        ),
        asks(
            "How are missing values written in a CSV?",
            "As an empty field&nbsp;&mdash;&nbsp;or as any text that na_values names.",
        ),
    ),
    "web_leftovers": (
        asks(
            "What does sklearn.cluster.DBSCAN find?",
            "Clusters of any shape, and points that belong to none. View more",
        ),
        asks(
            "How is the median of an even number of values defined?",
            "Click here to expand. It is the mean of the two values in the middle.",
        ),
        asks(
            "What does scipy.optimize.brentq need?",
            "An interval at whose ends the function has two signs. Read more »",
        ),
    ),
    "cookie_and_share_bars": (
        asks(
            "What does pandas.cut make of numbers?",
            "We use cookies to improve your experience. Accept all cookies\n"
            "It sorts numbers into bins.",
        ),
        asks(
            "How do I transpose a matrix in numpy?",
            "Use its attribute T.\n\nShare on Facebook | Share on Twitter | Email this page",
        ),
        asks(
            "Home > Tutorials > Arrays > Slicing\nWhat does the slice a[::2] select?",
            "Every second item, from the first on.",
        ),
    ),
}
