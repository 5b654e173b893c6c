"""Addresses that stay on this server, however a browser reads them."""


def local(address: str) -> str:
    """The address, if it is a path of this server; else the home page.

    Browsers read a backslash as a slash, and leave out tabs and newlines.
    """
    plain = address.isprintable() and "\\" not in address
    return address if plain and address.startswith("/") and address[1:2] != "/" else "/"
