"""Reading a response's body in bounds."""

import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest

from functions.nodes.http_body import BodyTooLargeError, UnreadableBodyError, read_body


async def chunked(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_072, 131_101, 131_300, 200_000])
@pytest.mark.parametrize("step", [7, 100_000])
@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate)]
)
async def test_nothing_is_lost_wherever_the_pieces_end(size: int, step: int, encoding: str, pack: object) -> None:
    data = b"a" * size
    packed: bytes = pack(data)  # type: ignore[operator]
    pieces = [packed[start : start + step] for start in range(0, len(packed), step)]

    assert await read_body(chunked(pieces), encoding, 1_000_000) == data


async def test_a_bomb_takes_no_more_memory_than_the_limit_and_a_little() -> None:
    bomb = gzip.compress(bytes(30_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(BodyTooLargeError):
            await read_body(chunked([bomb]), "gzip", 1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4_000_000


async def test_endless_data_that_unpacks_to_nothing_is_cut() -> None:
    packer = zlib.compressobj(wbits=31)
    start = packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH)
    empty_blocks = b"\x00\x00\x00\xff\xff" * 10_000
    endless = itertools.chain([start], itertools.repeat(empty_blocks, 200))

    with pytest.raises(BodyTooLargeError):
        await read_body(chunked(endless), "gzip", 1_000_000)


async def test_data_after_the_end_of_a_deflate_stream_is_refused() -> None:
    with pytest.raises(UnreadableBodyError, match="followed by something else"):
        await read_body(chunked([zlib.compress(b"x"), b"more"]), "deflate", 100)


async def test_an_unknown_encoding_of_an_empty_body_does_no_harm() -> None:
    assert await read_body(chunked([]), "br", 100) == b""
