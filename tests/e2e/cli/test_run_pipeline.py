import pytest

from flume.errors import DefinitionError, RequestError
from flume.testing import run_pipeline

pytestmark = pytest.mark.slow


async def test_a_document_is_run_to_its_end_with_outputs_errors_and_logs(pipeline):
    nodes = (
        "  - {id: say, type: log, inputs: {message: '{{ inputs.word }}'}}\n"
        "  - {id: boom, type: error, config: {message: no good}, onError: continue}\n"
        "  - {id: end, type: template, config: {template: '{{ say.output }}!'}}"
    )
    more = "inputs: {word: {type: string}}\nedges: [{from: say, to: boom}, {from: boom, to: end}, {from: say, to: end}]"
    run = await run_pipeline(pipeline(nodes, more), data={"word": "hey"})
    assert (run.status, run.output, run.error) == ("completed", "hey!", None)
    assert run.nodes["boom"].error is not None
    assert run.nodes["boom"].error.code == "raised"
    assert run.logs == (("say", "info", "hey"),)


async def test_pins_stand_in_for_nodes_and_until_ends_the_run_early(pipeline):
    nodes = (
        "  - {id: a, type: error, config: {message: never}}\n"
        "  - {id: b, type: template, config: {template: '{{ a.output }}'}}\n"
        "  - {id: c, type: error, config: {message: never}}"
    )
    document = pipeline(nodes, "edges: [{from: a, to: b}, {from: b, to: c}]")
    run = await run_pipeline(document, pins={"a": "pinned"}, until="b")
    assert (run.status, run.output) == ("completed", "pinned")
    assert "c" not in run.nodes


async def test_a_file_with_nodes_of_its_own_runs_and_secrets_are_masked(write, pipeline):
    nodes = write(
        "n.py",
        "from flume.nodes import Node, NodeInput, registry\n"
        "@registry.register\n"
        "class Tell(Node):\n"
        '    name = "tell"\n'
        "    class Input(NodeInput):\n"
        "        text: str\n"
        "    async def execute(self, input: Input) -> str:\n"
        "        return input.text + str(len(input.text))\n",
    )
    file = write("p.yaml", pipeline("  - {id: t, type: tell, inputs: {text: '{{ secrets.KEY }}'}}"))
    run = await run_pipeline(file, nodes=[nodes], secrets={"KEY": "hush-hush"})
    assert run.output == "•••9"


async def test_what_cannot_run_is_raised(pipeline, tmp_path, write):
    with pytest.raises(DefinitionError):
        await run_pipeline(pipeline("  - {id: a, type: templat}"))
    with pytest.raises(RequestError):
        await run_pipeline(pipeline("  - {id: a, type: log, inputs: {message: x}}"), until="b")
    with pytest.raises(ImportError, match="broken"):
        await run_pipeline("", nodes=[write("broken.py", "raise ValueError\n")])
