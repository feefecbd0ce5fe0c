"""Text on a terminal: verdicts and warnings in colour, all else as it is."""

import sys


def show(text: str) -> None:
    """Print a text; in colour where a person reads it on a terminal that has some."""
    if not sys.stdout.isatty():
        print(text, flush=True)
        return
    from rich.console import Console
    from rich.highlighter import RegexHighlighter
    from rich.theme import Theme

    class Words(RegexHighlighter):
        base_style = "word."
        highlights = [  # noqa: RUF012  (as the base class has it)
            r"(?P<emergent>\bemergent\b)",
            r"(?P<smooth>\bsmooth\b)",
            r"(?P<open>\b(flat|undetermined)\b)",
            r"(?P<warning>\bwarning:)",
        ]

    colours = {"emergent": "bold green", "smooth": "cyan", "open": "dim", "warning": "yellow"}
    theme = Theme({f"word.{name}": style for name, style in colours.items()})
    console = Console(theme=theme, highlighter=Words(), markup=False, emoji=False)
    console.print(text, soft_wrap=True)
