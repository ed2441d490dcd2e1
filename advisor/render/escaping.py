"""How a text of the user's becomes harmless: one way for each form of output.

Names, paths, messages of exceptions and snippets come from users' code and files. They must not
steer a terminal, open HTML in Markdown, mention people, or end a command of a service.
"""

import html
import re

#: Typography that a terminal without Unicode cannot show, and what it is there.
_ASCII = str.maketrans(
    {
        "\N{MICRO SIGN}": "u", "·": "-", "•": "*", "→": "->", "…": "...", "≤": "<=",
        "─": "-", "━": "-", "│": "|", "┃": "|", "█": "#", "▓": "=", "▒": ":", "░": ".",
        "╶": "-", "╴": "-", "±": "+-",
    }
)  # fmt: skip


def printable(text: str) -> str:
    """``text`` without control, direction and other unseen characters; newlines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def one_line(text: str) -> str:
    """``text`` printable and on one line."""
    return text if text.isprintable() else printable(re.sub(r"\s", " ", text))


def to_ascii(text: str) -> str:
    """``text`` for a terminal that has no Unicode."""
    return text.translate(_ASCII)


# --- Markdown ----------------------------------------------------------------------------------


def markdown(text: str) -> str:
    """``text`` as plain words in Markdown: no markup, no HTML, no mention, one line."""
    escaped = re.sub(r"([\\`*_\[\]<>|~#])", r"\\\1", one_line(text))
    return escaped.replace("&", "&amp;").replace("@", "@\N{ZERO WIDTH SPACE}")


def markdown_line(markup: str) -> str:
    """A line of escaped ``markup`` that begins neither a list nor an underlined heading."""
    markup = re.sub(r"^(\d+)(?=[.)](\s|$))", r"\1\\", markup.strip())
    return re.sub(r"^(?=[-+=]+(\s|$))", r"\\", markup)


def markdown_code(text: str, *, cell: bool = False) -> str:
    """``text`` as inline code, whatever backticks it holds.

    In a ``cell`` no escape is safe inside of code: there, what would end the cell is plain words.
    """
    text = one_line(text).strip()
    if not text or (cell and ("|" in text or "\\" in text)):
        return markdown(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if len(fence) > 1 else ""
    return f"{fence}{space}{text}{space}{fence}"


def markdown_block(text: str, language: str = "") -> str:
    """``text`` as a fenced block, whatever fences it holds."""
    text = printable(text).rstrip()
    fence = "`" * (1 + max(map(len, re.findall("`{3,}", text)), default=2))
    return f"{fence}{language}\n{text}\n{fence}"


def html_in_markdown(text: str) -> str:
    """``text`` inside of an HTML element in Markdown, where backslashes escape nothing."""
    return html.escape(one_line(text)).replace("@", "@\N{ZERO WIDTH SPACE}")


# --- services ----------------------------------------------------------------------------------


def github_data(text: str) -> str:
    """The text of a GitHub workflow command (its toolkit's ``escapeData``)."""
    return printable(text.replace("\r", "")).replace("%", "%25").replace("\n", "%0A")


def github_property(text: str) -> str:
    """A property of a GitHub workflow command (its toolkit's ``escapeProperty``)."""
    return github_data(text).replace(":", "%3A").replace(",", "%2C")
