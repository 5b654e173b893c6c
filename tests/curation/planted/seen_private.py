"""Data that belong to persons, secrets and insults, for tuning. All of it is made up."""

from tests.curation.planted.forms import Forms, asks

FORMS: Forms = {
    "card_number": (
        asks(
            "How do I test the payment form of the web course?",
            "Enter the card 4532 0151 1283 0366 and any date in the future.",
        ),
        asks(
            "My card 5425233430109903 is stored as a float. Which type should I use?",
            "A string, since digits beyond the fifteenth get lost.",
        ),
        asks(
            "What does the regular expression match in the sample?",
            "It matches 3714-496353-98431, with or without dashes.",
        ),
    ),
    "iban": (
        asks(
            "Which column of the frame holds the account?",
            "The second one, with DE89370400440532013000 in the first row.",
        ),
        asks(
            "Why is GB29 NWBK 6016 1331 9268 19 split by my parser?",
            "It splits at blanks; remove these first.",
        ),
        asks(
            "How many characters has a French account number?",
            "Twenty-seven, as in FR1420041010050500013M02606, which was used last.",
        ),
    ),
    "email": (
        asks(
            "Whom do I ask about the licence of the data set?",
            "Write to anna.lindqvist@uppsala-data.se and name the version.",
        ),
        asks(
            "I am j.okonkwo77@gmail.com and cannot log in to the notebook server. Why?",
            "The server asks for the name alone, without the domain.",
        ),
        asks(
            "Which address does the sample header hold?",
            "From: Peter <peter_h@mail.example-corp.co.uk>, and no other one.",
        ),
    ),
    "phone": (
        asks(
            "How do I reach the author of the package?",
            "Call +44 20 7946 0958 between nine and five.",
        ),
        asks(
            "Does my number (202) 456-1414 match the pattern?",
            "Yes, the brackets are optional in it.",
        ),
        asks(
            "What is written at the end of the readme?",
            "The line Tel. +49-30-1234567 and the name of the town.",
        ),
    ),
    "ip_address": (
        asks(
            "Which host runs the scheduler of the cluster?",
            "The one at 84.17.52.203, on its usual port.",
        ),
        asks(
            "My requests from 193.99.144.85 are refused. What can I do?",
            "Wait a minute: the server limits how often one may ask.",
        ),
        asks(
            "What does the last line of the log say?",
            "That 2a02:8108:8ac0:24d4:5c1e:3d3c:bb58:4a2f closed the connection.",
        ),
    ),
    "person_name": (
        asks(
            "Who can explain the sampling code to me?",
            "Ask Margaret Hollister from the second floor; she wrote most of it.",
        ),
        asks(
            "My name is Rajesh Venkataraman and my kernel dies on import. Why?",
            "The memory is too small for the model that the module loads.",
        ),
        asks(
            "Which patient is in the first row of the frame?",
            "Mrs. Eleonora Bianchi, who was admitted on the third of May.",
        ),
    ),
    "api_key": (
        asks(
            "How do I set the key for the storage client?",
            "Put aws_access_key_id = AKIAZ7QW3KJ4N5PLMX2T into the file of credentials.",
        ),
        asks(
            "Why is my token ghp_R7x2LkQ9vTz4WmB8nYc3HdJ6sPf1Ga5Ue0Ki refused by git?",
            "It has no right to write to that repository.",
        ),
        asks(
            "How is the payment client made?",
            'By stripe.Client("sk_live_4eC39HqLyjWDarjtT1zdp7dcXk2v9Qm8"), once per process.',
        ),
    ),
    "password": (
        asks(
            "How do I connect to the teaching database?",
            "Use postgresql://grader:Vq8-rT2mLz@db.uni.edu:5432/marks as the address.",
        ),
        asks(
            "My login is msmith and my password is Sunflower!1987, so why does it fail?",
            "The server wants the domain in front of the name.",
        ),
        asks(
            "What must be in the key file?",
            "-----BEGIN RSA "
            "PRIVATE KEY-----\n"
            "MIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Qu\n"
            "-----END RSA "
            "PRIVATE KEY-----",
        ),
    ),
    "toxicity": (
        asks(
            "Why is my list empty after the loop?",
            "Because you are a fucking idiot who clears it each time.",
        ),
        asks(
            "This bullshit library never works, what is wrong with the import?",
            "The package is called scikit-learn, the module sklearn.",
        ),
        asks(
            "Can I learn Python in a month?", "Not a dumb b1tch like you, go back to the kitchen."
        ),
    ),
}
