import pytest

from flume.cli.developing import watched_places
from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.cli.workspace import Workspace, shown
from flume.source import read_source
from orchestrator.pipelines import CLUSTER
from orchestrator.runs import Start
from orchestrator.state import RunStatus

pytestmark = pytest.mark.slow

GREET = "  - {id: greet, type: template, config: {template: Hello}}"
USES = "  - {id: s, type: shout}"
SHOUT = (
    "from flume.nodes import Node, NodeInput, registry\n"
    "@registry.register\n"
    "class Shout(Node):\n"
    '    name = "shout"\n'
    "    async def execute(self, input: NodeInput) -> str:\n"
    '        return "ONE"\n'
)


class Space:
    """A workspace, what it reported, and what a test asks about it."""

    def __init__(self, orchestrator, folder):
        self.lines = []
        self.orchestrator = orchestrator
        self.workspace = Workspace(orchestrator, [folder], self.lines.append)

    async def load(self):
        self.workspace.load_nodes()
        await self.workspace.load_pipelines()

    async def version_of(self, name):
        record = await self.orchestrator.store.read_pipeline("default", name)
        return None if record is None else record.version

    def said(self, text):
        return any(text in line for line in self.lines)


@pytest.fixture
async def space(tmp_path):
    async with local_orchestrator(Composition(Settings(grace=0), {}, None)) as orchestrator:
        yield Space(orchestrator, tmp_path)


async def test_pipelines_are_saved_and_other_files_are_left_alone(space, write, pipeline):
    write("greet.yaml", pipeline(GREET, name="greeter"))
    write("values.yaml", "a: 1\n")
    write("setup.py", "raise RuntimeError('not a node file')\n")
    await space.load()
    assert await space.version_of("greeter") == 1
    assert len(space.lines) == 1


async def test_a_changed_file_makes_a_version_and_a_broken_one_leaves_the_last_in_use(space, write, pipeline):
    file = write("greet.yaml", pipeline(GREET, name="greeter"))
    await space.load()
    write("greet.yaml", pipeline(GREET.replace("Hello", "Hi"), name="greeter"))
    await space.workspace.update([file])
    assert await space.version_of("greeter") == 2
    write("greet.yaml", pipeline("  - {id: greet, type: templat}", name="greeter"))
    await space.workspace.update([file])
    assert await space.version_of("greeter") == 2
    assert space.said(":5:23: unknown-node-type")
    assert space.said("version 2 of greeter stays in use")


async def test_a_pipeline_that_waits_for_a_node_type_is_saved_once_the_type_is_there(space, write, pipeline):
    write("use.yaml", pipeline(USES, name="uses"))
    await space.load()
    assert await space.version_of("uses") is None
    await space.workspace.update([write("nodes/shout.py", SHOUT)])
    assert await space.version_of("uses") == 1


async def test_a_changed_node_file_takes_effect_and_so_does_a_helper_beside_it(space, write):
    write("nodes/_words.py", 'WORD = "ONE"\n')
    node = SHOUT.replace("@registry", "from ._words import WORD\n@registry", 1).replace('"ONE"', "WORD")
    write("nodes/shout.py", node)
    await space.load()
    await space.workspace.update([write("nodes/_words.py", 'WORD = "TWO"\n')])
    shout = space.orchestrator.registry.get("shout").implementation
    assert await shout(None).execute(None) == "TWO"


async def test_a_node_file_that_breaks_is_told_with_its_line(space, write):
    await space.workspace.update([write("nodes/shout.py", SHOUT + "broken(\n")])
    assert space.said("line 7: SyntaxError")


async def test_a_type_whose_file_breaks_stays_in_use_until_it_is_mended(space, write, pipeline):
    file = write("nodes/shout.py", SHOUT)
    write("use.yaml", pipeline(USES, name="uses"))
    await space.load()
    await space.workspace.update([write("nodes/shout.py", SHOUT + "broken(\n")])
    assert space.said("as it was before, it stays in use: shout")
    record = await space.orchestrator.pipelines.read("default", "uses")
    started = await space.orchestrator.runs.start(record, Start())
    with space.orchestrator.engine.watch(started.run_id) as watch:
        run = await watch.until(lambda seen: seen.status.is_ended)
    assert run.status is RunStatus.COMPLETED
    write("nodes/shout.py", SHOUT.replace("ONE", "TWO"))
    await space.workspace.update([file])
    assert await space.orchestrator.registry.get("shout").implementation(None).execute(None) == "TWO"


async def test_a_change_in_a_folder_leaves_the_types_of_the_folders_below_alone(space, write):
    write("nodes/shout.py", SHOUT)
    await space.load()
    kept = space.orchestrator.registry.get("shout")
    await space.workspace.update([write("whisper.py", SHOUT.replace("shout", "whisper"))])
    assert space.orchestrator.registry.get("shout") is kept
    assert space.orchestrator.registry.get("whisper").name == "whisper"


async def test_the_pipeline_of_a_deleted_file_stays_and_that_is_said(space, write, pipeline):
    file = write("greet.yaml", pipeline(GREET, name="greeter"))
    await space.load()
    file.unlink()
    await space.workspace.update([file])
    assert await space.version_of("greeter") == 1
    assert space.said("flume delete pipeline greeter")


async def test_a_pipeline_that_the_cluster_manages_is_left_alone(space, write, pipeline):
    await space.orchestrator.pipelines.save(read_source(pipeline(GREET, name="greeter")), manager=CLUSTER)
    write("greet.yaml", pipeline(GREET.replace("Hello", "Hi"), name="greeter"))
    await space.load()
    assert await space.version_of("greeter") == 1
    assert space.said("managed by")


async def test_two_files_with_one_name_are_told(space, write, pipeline):
    write("a.yaml", pipeline(GREET, name="greeter"))
    write("b.yaml", pipeline(GREET, name="greeter"))
    await space.load()
    assert space.said("is in ")
    assert space.said("too; the file saved last counts")


async def test_changes_are_files_that_were_written_made_or_deleted_since_the_last_look(space, write, pipeline):
    kept, gone = write("kept.yaml", pipeline(GREET)), write("gone.py", "")
    await space.load()
    assert space.workspace.changes() == []
    gone.unlink()
    made = write("below/made.yaml", "a: 1\n")
    write("kept.yaml", pipeline(GREET, "variables: {a: 1}"))
    assert space.workspace.changes() == sorted([gone, kept, made])
    assert space.workspace.changes() == []


def test_hidden_and_generated_folders_and_the_data_folder_are_not_watched(tmp_path):
    for name in ("a/b", ".git/x", "__pycache__", "store"):
        (tmp_path / name).mkdir(parents=True)
    watched = watched_places([tmp_path], tmp_path / "store")
    assert [str(each.relative_to(tmp_path)) for each in watched] == [".", "a", "a/b"]


async def test_what_is_saved_from_a_file_is_in_the_audit_log_once(space, write, pipeline):
    file = write("greet.yaml", pipeline(GREET, name="greeter"))
    await space.load()
    await space.workspace.update([file])
    write("greet.yaml", pipeline(GREET.replace("Hello", "Hi"), name="greeter"))
    await space.workspace.update([file])
    entries = (await space.orchestrator.store.list_audit("default", limit=10)).items
    assert [(each.action, each.actor, each.target) for each in entries] == [
        ("pipeline.save", "flume dev", "pipelines/greeter"),
        ("pipeline.create", "flume dev", "pipelines/greeter"),
    ]
    assert {each.origin for each in entries} == {shown(file)}
