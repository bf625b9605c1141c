"""What nodes print in function processes reaches the person who started them, and no log."""

import pytest

pytestmark = pytest.mark.slow

NODE = '''
from flume.nodes import Node, NodeInput, registry


@registry.register
class Chatty(Node):
    """Prints what it works on."""

    name = "chatty"
    run_on = "cpu"

    class Input(NodeInput):
        text: str

    def execute(self, input):
        print("working on", input.text, "\\x1b[31min red", flush=True)
        return input.text
'''

SAID = "  chatty: working on gold ␛[31min red\n"


@pytest.fixture
def chatty(tmp_path, document):
    """A folder with the node's file and a pipeline of it."""
    folder = tmp_path / "w"
    folder.mkdir()
    (folder / "chatty.py").write_text(NODE)
    (folder / "p.json").write_text(document("chatty", {"text": "gold"}))
    return folder


def test_run_shows_it_on_stderr_among_the_steps_and_keeps_stdout_clean(command, chatty):
    process = command("run", chatty / "p.json", "--nodes", chatty / "chatty.py")

    said, _ = process.communicate(timeout=60)

    assert process.returncode == 0, said
    assert SAID in said
    assert said.index(SAID) < said.index("n: done")
    assert said.endswith("gold\n")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_server_shows_it_too_as_it_is_and_not_as_a_line_of_its_log(command, chatty, served_at, call, document, form):
    process = command("orchestrator", "--port", 0, FLUME_NODES=str(chatty), LOG_FORMAT=form, LOG_LEVEL="debug")
    url = served_at(process)
    call("POST", f"{url}/api/v1/pipelines", document("chatty", {"text": "gold"}).encode())
    call("POST", f"{url}/api/v1/pipelines/chatty/invoke", b"{}")

    lines = []
    while not lines or lines[-1] != SAID:
        lines.append(process.stdout.readline())
        assert lines[-1], "it ended"

    assert [line for line in lines[:-1] if "gold" in line] == []


def test_the_key_of_the_model_server_is_masked_like_a_secret(command, chatty, document):
    (chatty / "p.json").write_text(document("chatty", {"text": "key-of-the-model-server"}))
    process = command("run", chatty / "p.json", "--nodes", chatty / "chatty.py", VLLM_API_KEY="key-of-the-model-server")

    said, _ = process.communicate(timeout=60)

    assert "  chatty: working on •••" in said
