import pytest

from flume.errors import DefinitionError, RequestError
from flume.ids import NodeId
from orchestrator.runs import TestRun as Trial
from orchestrator.state import NodeStatus, PayloadRef, RunStatus

FLAKY = "  - {id: flaky, type: error, config: {message: 'no', retryable: true}, retry: {attempts: 3, delay: 1ms}}"


async def test_a_chain_of_pure_nodes_is_one_commit(world, monkeypatch):
    # On a busy machine the stretch would end by the clock; what is shown here is that nothing else ends it.
    monkeypatch.setattr("orchestrator.stretch.STRETCH_MS", 60_000)
    nodes = "\n".join(f"  - {{id: n{i}, type: template, config: {{template: 'x'}}}}" for i in range(40))
    edges = "\n".join(f"  - {{from: n{i}, to: n{i + 1}}}" for i in range(39))
    run = await world.run(nodes, edges)
    assert run.status is RunStatus.COMPLETED
    assert (await world.store.load_run(run.id)).rev == 1


async def test_a_durable_node_is_committed_by_itself(world):
    node = "{{id: n{0}, type: template, config: {{template: 'x'}}, durable: true}}"
    nodes = "\n".join("  - " + node.format(i) for i in range(3))
    run = await world.run(nodes, "  - {from: n0, to: n1}\n  - {from: n1, to: n2}")
    assert (await world.store.load_run(run.id)).rev == 4


async def test_a_transient_failure_is_tried_again_and_then_takes_the_error_edge(world):
    rescue = "  - {id: rescue, type: template, config: {template: '{{ flaky.error.code }}'}}"
    run = await world.run(f"{FLAKY}\n{rescue}", "  - {from: flaky, to: rescue, port: error}")
    flaky = run.root.nodes[NodeId("flaky")]
    assert run.status is RunStatus.COMPLETED
    assert (flaky.status, flaky.attempt, len(flaky.attempts)) == (NodeStatus.FAILED, 3, 3)
    assert await world.output(run) == "raised"


async def test_a_permanent_failure_is_not_tried_again_and_fails_the_run(world):
    run = await world.run("  - {id: a, type: error, config: {message: 'no', retryable: false}, retry: {attempts: 5}}")
    assert (run.status, run.root.error.node, run.root.nodes[NodeId("a")].attempt) == (RunStatus.FAILED, "a", 1)


async def test_a_false_condition_skips_what_follows(world):
    nodes = (
        "  - {id: c, type: condition, config: {expression: 'trigger.data.n > 3'}}\n"
        "  - {id: big, type: template, config: {template: big}}\n"
        "  - {id: small, type: template, config: {template: small}}"
    )
    edges = "  - {from: c, to: big, port: 'true'}\n  - {from: c, to: small, port: 'false'}"
    run = await world.run(nodes, edges, data={"n": 2})
    assert await world.output(run) == "small"
    assert run.root.nodes[NodeId("big")].status is NodeStatus.SKIPPED


async def test_ten_thousand_items_give_their_results_in_order(world):
    body = "{nodes: [{id: double, type: json-transform, config: {mapping: '{{ item * 2 }}'}}]}"
    run = await world.run(f"  - {{id: each, type: loop, config: {{times: 10000, body: {body}}}}}")
    assert await world.output(run) == [index * 2 for index in range(10_000)]
    assert len(run.scopes) == 1


async def test_a_failing_item_fails_the_loop_or_is_collected(world):
    body = "{nodes: [{id: c, type: json-transform, config: {mapping: '{{ 1 / item }}'}}]}"
    failed = await world.run(f"  - {{id: each, type: loop, config: {{body: {body}}}, inputs: {{items: [1, 0]}}}}")
    assert (failed.status, failed.root.error.node) == (RunStatus.FAILED, "each[1].c")
    collect = f"  - {{id: each, type: loop, config: {{onItemError: collect, body: {body}}}, inputs: {{items: [1, 0]}}}}"
    run = await world.run(collect)
    first, second = await world.output(run)
    assert first == 1
    assert second["error"]["node"] == "each[1].c"


async def test_a_large_output_is_stored_apart_and_found_again(world):
    nodes = (
        "  - {id: big, type: template, config: {template: '{{ trigger.data.text }}'}}\n"
        "  - {id: size, type: json-transform, config: {mapping: '{{ big.output | length }}'}}"
    )
    run = await world.run(nodes, "  - {from: big, to: size}", data={"text": "x" * 100_000})
    assert isinstance(run.root.nodes[NodeId("big")].output, PayloadRef)
    assert await world.output(run) == 100_000


async def test_a_start_key_starts_once(world):
    record = await world.save("  - {id: a, type: log, inputs: {message: x}}")
    first = await world.start(record, start_key="key:1", body=b"one")
    again = await world.start(record, start_key="key:1", body=b"one")
    assert first.run_id == again.run_id
    with pytest.raises(RequestError, match="another body"):
        await world.start(record, start_key="key:1", body=b"two")


async def test_pins_and_until_bound_a_test_run(world):
    text = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: trial}\nnodes:\n"
        "  - {id: ask, type: http-request, config: {url: 'http://127.0.0.1:1/'}}\n"
        "  - {id: use, type: template, config: {template: 'got {{ ask.output.x }}'}}\n"
        "  - {id: boom, type: error, config: {message: 'no'}}\n"
        "edges:\n  - {from: ask, to: use}\n  - {from: use, to: boom}\n"
    )
    started = await world.orchestrator.runs.test(
        "default", Trial(text, pins={NodeId("ask"): {"x": 1}}, until=NodeId("use"))
    )
    assert await world.output(await world.end(started.run_id)) == "got 1"
    with pytest.raises(DefinitionError):
        await world.orchestrator.runs.test("default", Trial("nodes: 3"))


async def test_cancel_ends_a_sleeping_run_that_has_left_memory(world):
    record = await world.save("  - {id: nap, type: delay, config: {duration: 1h}}")
    started = await world.start(record)
    with world.engine.watch(started.run_id) as watch:
        await watch.until(lambda seen: seen.root.nodes[NodeId("nap")].status is NodeStatus.WAITING)
        assert not world.engine.is_active(started.run_id)
        assert await world.engine.cancel(started.run_id)
        run = await watch.until(lambda seen: seen.status.is_ended)
    assert (run.status, run.root.nodes[NodeId("nap")].status) == (RunStatus.CANCELLED, NodeStatus.CANCELLED)


async def test_a_retry_takes_over_what_completed(world):
    nodes = (
        "  - {id: when, type: template, config: {template: '{{ $now }}'}}\n"
        "  - {id: boom, type: error, config: {message: 'no'}}"
    )
    first = await world.run(nodes, "  - {from: when, to: boom}")
    started = await world.orchestrator.runs.retry(await world.store.load_run(first.id))
    again = await world.end(started.run_id)
    assert (again.origin.retry_of, again.origin.attempt) == (first.id, 2)
    assert again.root.nodes[NodeId("when")].output == first.root.nodes[NodeId("when")].output


async def test_a_secret_reaches_the_node_and_nothing_that_is_stored(open_world, tmp_path):
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "echo.py").write_text(
        "from flume.nodes import Node, NodeInput, registry\n"
        "class Leak(Node):\n"
        '    """Returns and logs what it was given."""\n'
        '    name = "leak"\n'
        "    class Input(NodeInput):\n"
        "        token: str\n"
        "    Output = dict\n"
        "    def execute(self, input):\n"
        "        self.context.log('has ' + input.token)\n"
        "        return {'length': len(input.token), 'token': input.token}\n"
        "registry.register(Leak)\n"
    )
    data = tmp_path / "data"
    async with open_world(data, {"KEY": "open-sesame"}, node_paths=[tmp_path / "nodes"]) as world:
        run = await world.run("  - {id: a, type: leak, inputs: {token: 'Bearer {{ secrets.KEY }}'}}")
        assert await world.output(run) == {"length": 18, "token": "Bearer •••"}
    assert b"open-sesame" not in b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())


async def test_lines_beyond_the_limit_are_dropped_and_counted(open_world, tmp_path):
    (tmp_path / "chatty.py").write_text(
        "from flume.nodes import Node, NodeInput, registry\n"
        "class Chatty(Node):\n"
        '    """Writes too much."""\n'
        '    name = "chatty"\n'
        "    class Input(NodeInput):\n"
        "        lines: int\n"
        "    async def execute(self, input):\n"
        "        for number in range(input.lines):\n"
        "            self.context.log('line')\n"
        "registry.register(Chatty)\n"
    )
    async with open_world(None, node_paths=[tmp_path / "chatty.py"]) as world:
        run = await world.run("  - {id: a, type: chatty, inputs: {lines: 10050}}")
        cursor, lines = None, []
        while page := await world.store.read_logs(run.id, after=cursor, limit=5000):
            if not page.items:
                break
            lines += page.items
            cursor = page.cursor
    assert len(lines) == 10_001
    assert lines[-1].message == "50 further lines were dropped; the limit is 10,000 per attempt"
