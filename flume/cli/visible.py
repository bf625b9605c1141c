"""Text that came from elsewhere, made fit for a terminal: a terminal obeys control characters, and a person can't see them.

What models, nodes and servers say may hold anything. All that commands print for people passes here; what goes into a file or
another program does not, since there each character counts.
"""

_KEPT = "\n\t"

_PICTURES = {code: 0x2400 + code for code in range(0x20) if chr(code) not in _KEPT} | {0x7F: 0x2421}
"""A control character of ASCII becomes the picture that Unicode has of it, such as ␛."""

_C1 = range(0x80, 0xA0)
_DIRECTIONS = (0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_SEPARATORS = (0x2028, 0x2029)

_TABLE = _PICTURES | dict.fromkeys((*_C1, *_DIRECTIONS, *_SEPARATORS), 0xFFFD)


def visible(text: str) -> str:
    """``text`` without what would move the cursor, color, ring, or turn the direction of writing. Lines and tabs stay."""
    if text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_TABLE)
