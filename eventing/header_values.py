"""Header values with parameters, such as ``text/plain; charset=utf-8``, and the character sets that they may name."""

import codecs
import re

from python_multipart.multipart import parse_options_header

from flume.errors import RequestError

# Names of codecs as Python normalizes them. A fixed list, because among Python's codecs are compressors and others
# that a caller could make work very long.
_CHARSETS = frozenset(
    {"utf-8", "ascii", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "koi8-r", "koi8-u"}
    | {f"iso8859-{part}" for part in range(1, 17)}
    | {f"cp{page}" for page in (874, 932, 949, *range(1250, 1259))}
    | {"euc_kr", "euc_jp", "shift_jis", "iso2022_jp", "iso2022_kr", "gb2312", "gbk", "gb18030", "big5", "tis-620"}
)
_CHARSET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}", re.ASCII)
_BYTE_ORDER_MARK = "\ufeff"


def split_parameters(value: str) -> tuple[str, dict[str, str]]:
    """The lower-case value and its parameters, whose names are lower-case: ``text/plain``, ``{"charset": "utf-8"}``.

    ``value`` is Latin-1 text as HTTP servers give it; parameters are read as UTF-8 where they are that. Never raises.
    """
    main, parameters = parse_options_header(value.encode("latin-1", "replace").decode("latin-1"))
    return main.decode("latin-1"), {name.decode("latin-1"): _text(content) for name, content in parameters.items()}


def decode_text(content: bytes, charset: str) -> str:
    """The text of ``content``, without a byte order mark; ``charset`` empty means UTF-8.

    Raises `flume.errors.RequestError` for a character set that is not known and for bytes that it does not have.
    """
    name = _codec(charset or "utf-8")
    try:
        return content.decode(name).removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        message = f"byte {error.start} of the body is not valid {charset or 'UTF-8'}"
        raise RequestError(message, code="bad-body", hint="name the character set in Content-Type") from error


def _codec(charset: str) -> str:
    try:
        name = codecs.lookup(charset).name if _CHARSET_NAME.fullmatch(charset) else ""
    except LookupError:
        name = ""
    if name not in _CHARSETS:
        raise RequestError(f"the character set '{charset[:40]}' is not known", code="bad-body", hint="send UTF-8")
    return name


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")
