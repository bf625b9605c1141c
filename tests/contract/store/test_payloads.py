import pytest

from orchestrator.store import Payload


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\x00\xff" * 100], ids=["empty", "json", "bytes"])
async def test_a_payload_comes_back_as_it_was_saved(store, build, content):
    payload = Payload("d" * 24, content, "application/octet-stream")
    await store.save_payload(build.run_id(1), payload)
    assert await store.read_payload("d" * 24) == payload


@pytest.mark.slow
async def test_a_payload_of_many_chunks_comes_back_whole(store, build):
    payload = Payload("d" * 24, bytes(range(256)) * (17 * 4096) + b"end")
    await store.save_payload(build.run_id(1), payload)
    assert await store.read_payload("d" * 24) == payload


async def test_a_payload_that_is_saved_again_replaces_itself(store, build):
    await store.save_payload(build.run_id(1), Payload("d" * 24, b"first"))
    await store.save_payload(build.run_id(1), Payload("d" * 24, b"second"))
    assert await store.read_payload("d" * 24) == Payload("d" * 24, b"second")


async def test_a_payload_that_does_not_exist_is_none(store):
    assert await store.read_payload("e" * 24) is None


async def test_a_payload_that_its_run_lets_go_of_is_gone_and_another_runs_stays(store, build):
    for each in ("a", "b", "c"):
        await store.save_payload(build.run_id(1), Payload(each * 24, b"1"))
    assert await store.keep_payloads(build.run_id(2), ["b" * 24])

    await store.release_payloads(build.run_id(1), ["a" * 24, "b" * 24, "f" * 24])
    await store.release_payloads(build.run_id(1), ["a" * 24])

    assert [await store.read_payload(each * 24) is None for each in ("a", "b", "c")] == [True, False, False]
    await store.release_payloads(build.run_id(2), ["b" * 24])
    assert await store.read_payload("b" * 24) is None
