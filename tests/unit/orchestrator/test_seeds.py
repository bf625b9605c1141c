from types import SimpleNamespace

import pytest

from flume.errors import RequestError
from orchestrator.records import inline
from orchestrator.seeds import Seeds, items_to_redo, seeds_for_rerun, seeds_for_retry
from orchestrator.state import LoopState, NodeState, NodeStatus


def run_of(**nodes):
    return SimpleNamespace(root=SimpleNamespace(nodes=nodes))


def plan_of(*ids, edges=()):
    outgoing = {node: [SimpleNamespace(to_node=target) for source, target in edges if source == node] for node in ids}
    nodes = {node: SimpleNamespace(outgoing=outgoing[node]) for node in ids}
    return SimpleNamespace(root=SimpleNamespace(nodes=nodes, order=ids))


def completed(value=1):
    return NodeState(NodeStatus.COMPLETED, attempt=1, output=inline(value))


def test_a_retry_takes_over_what_completed_and_nothing_else():
    run = run_of(
        done=completed(),
        failed=NodeState(NodeStatus.FAILED),
        skipped=NodeState(NodeStatus.SKIPPED),
        nap=NodeState(NodeStatus.CANCELLED),
    )
    seeds = seeds_for_retry(run)
    assert (set(seeds.nodes), seeds.loops) == ({"done"}, ())
    assert seeds.nodes["done"] is run.root.nodes["done"]


@pytest.mark.parametrize("items", [None, inline([1, 2, 3])])
def test_a_loop_of_known_length_is_taken_over_as_far_as_it_came(items):
    loop = LoopState(total=3, next=2, active=(1,), succeeded=1, items=items)
    seeds = seeds_for_retry(run_of(each=NodeState(NodeStatus.FAILED, attempt=1, ready_at=5, loop=loop)))
    assert seeds.loops == ("each",)
    assert (seeds.nodes["each"].status, seeds.nodes["each"].loop, seeds.nodes["each"].ready_at) == (
        NodeStatus.RUNNING,
        loop,
        5,
    )


def test_a_while_loop_begins_anew():
    state = NodeState(NodeStatus.FAILED, attempt=1, loop=LoopState(total=None, next=2))
    assert seeds_for_retry(run_of(each=state)) == Seeds({}, ())


def test_items_that_did_not_succeed_run_again():
    loop = LoopState(total=5, next=4, active=(2, 3), succeeded=1, failed=1, gathering=True)
    again = items_to_redo(loop, {0, 2})
    assert (again.redo, again.active, again.succeeded, again.failed, again.gathering) == ((1, 3), (), 2, 0, False)


def test_a_rerun_leaves_out_its_node_and_all_behind_it():
    plan = plan_of("a", "b", "c", "d", edges=[("a", "b"), ("b", "c")])
    run = run_of(a=completed(), b=completed(), c=completed(), d=completed())
    assert set(seeds_for_rerun(plan, run, "b").nodes) == {"a", "d"}
    with pytest.raises(RequestError, match="no node 'x'") as refused:
        seeds_for_rerun(plan, run, "x")
    assert (refused.value.pointer, refused.value.hint) == ("/from", "nodes: a, b, c, d")
