"""What is said of a mistake: one line, by an error or at the end of a command's output."""


def one_line(error) -> str:
    """The message that a command would print: one line, however deep the cause."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


def error_line(text):
    """The last line that the command printed, in which it says what is wrong."""
    assert "Traceback" not in text, text
    assert "Exception ignored" not in text, text
    lines = text.splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 1, text
    assert lines[-1].startswith("error: "), text
    return lines[-1]
