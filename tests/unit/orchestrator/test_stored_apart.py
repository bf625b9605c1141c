from orchestrator.records import inline
from orchestrator.state import (
    LoopState,
    ManyOutputs,
    NodeState,
    NodeStatus,
    PayloadRef,
    Run,
    RunOrigin,
    RunStatus,
    Scope,
    SingleOutput,
    TriggerRecord,
)
from orchestrator.stored_apart import payloads_of_item, payloads_of_nodes, payloads_of_origin, payloads_of_run

REFS = [PayloadRef(name, 1) for name in "abcdefg"]
DATA, INPUTS, OUTPUT, ITEMS, LAST, RESULT, OTHER = REFS


def node(**facts):
    return NodeState(NodeStatus.COMPLETED, **facts)


NODES = {
    "x": node(output=OUTPUT),
    "y": node(output=inline(1), loop=LoopState(total=2, items=ITEMS)),
    "z": node(loop=LoopState(total=None, items=inline([]), last=SingleOutput("w", LAST))),
    "again": node(output=OUTPUT),
}


def scope(output=None, nodes=NODES):
    return Scope(RunStatus.COMPLETED, nodes, {}, 0, output=output)


def origin(data, inputs):
    trigger = TriggerRecord("manual", "manual", data)
    return RunOrigin("r", "default", "p", "demo", 1, trigger=trigger, inputs=inputs, created_at=0)


def test_values_of_nodes_are_outputs_and_what_loops_hold_each_once():
    assert payloads_of_nodes(NODES) == (OUTPUT, ITEMS, LAST)


def test_an_item_has_those_of_its_nodes_and_of_its_result():
    item = scope(ManyOutputs({"x": RESULT, "y": OTHER, "z": inline(1)}))
    assert payloads_of_item(item) == (RESULT, OTHER, OUTPUT, ITEMS, LAST)


def test_a_run_has_its_result_its_nodes_and_what_it_was_started_with():
    run = Run(origin(DATA, INPUTS), {"": scope(SingleOutput("x", OUTPUT))})
    assert payloads_of_run(run) == (OUTPUT, ITEMS, LAST, DATA, INPUTS)


def test_what_a_run_holds_itself_is_not_stored_apart():
    assert payloads_of_origin(origin(inline(1), inline({}))) == ()
    assert payloads_of_item(scope(SingleOutput("x", inline(1)), {})) == ()
