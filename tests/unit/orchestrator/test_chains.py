"""What a chain of runs may start, and when that is told."""

from eventing.cloudevents import CloudEvent
from flume.ids import PipelineId
from orchestrator.chains import MAX_CHAINS, MAX_STARTS, Chains


def event(number=1, root="r"):
    extensions = {"flumeroot": root} if root else {}
    return CloudEvent(
        id=f"{number}.completed",
        source="/flume/n/p",
        type="dev.flume.run.completed",
        subject="s",
        extensions=extensions,
    )


def full(root="r"):
    chains = Chains()
    assert all(chains.admits(event(number, root), PipelineId("a")) for number in range(MAX_STARTS))
    return chains


def test_a_chain_starts_so_many_and_no_more():
    chains = full()
    assert not chains.admits(event(MAX_STARTS), PipelineId("a"))
    assert not chains.admits(event(1), PipelineId("b"))
    assert chains.admits(event(MAX_STARTS, root="other"), PipelineId("a"))


def test_the_same_event_again_is_the_same_start():
    assert full().admits(event(1), PipelineId("a"))


def test_without_a_root_the_run_of_the_event_is_one():
    assert not full("s").admits(event(MAX_STARTS, root=""), PipelineId("a"))


def test_a_refusal_is_news_once_in_each_chain():
    chains = full()
    assert [chains.is_news(event(number)) for number in (1, 2)] == [True, False]
    assert chains.is_news(event(root="other"))


def test_of_very_many_chains_the_quietest_is_forgotten():
    chains = full()
    for number in range(MAX_CHAINS - 1):
        chains.admits(event(root=f"other-{number}"), PipelineId("a"))
    assert not chains.admits(event(MAX_STARTS), PipelineId("a"))
    for number in range(MAX_CHAINS):
        chains.admits(event(root=f"more-{number}"), PipelineId("a"))
    assert chains.admits(event(MAX_STARTS), PipelineId("a"))
