"""A function with a model server beside it in its pod: it is ready when that one is."""

import socket

import pytest

pytestmark = pytest.mark.slow


async def test_it_is_ready_when_the_server_beside_it_answers_with_200_and_alive_before(start, serve, reply, until):
    answers = ["503 Service Unavailable", "200 OK"]

    async def answer(asked, writer):
        await reply(status=answers[0])(asked, writer)
        if len(answers) > 1 and len(server.asked) >= 2:
            answers.pop(0)

    server = await serve(answer)
    function = await start("template", FLUME_READY_URL=f"{server.url}/health")

    # That it was told its port means that it was ready: the server had to answer with 200 first.
    assert len(server.asked) >= 3
    assert (await function.call("GET", "/readyz")).status == 200


async def test_while_the_server_does_not_answer_it_is_alive_but_not_ready(start, serve, reply, until):
    server = await serve(reply(status="503 Service Unavailable"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    function = await start(
        "template",
        is_ready=False,
        options=("--host", "127.0.0.1", "--port", str(port)),
        FLUME_READY_URL=f"{server.url}/health",
    )
    function.port = port
    await until(lambda: server.asked)

    assert (await function.call("GET", "/healthz")).status == 200
    assert (await function.call("GET", "/readyz")).status == 503
