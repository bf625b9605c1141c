"""What is left of function processes when the command that started them ends: nothing, however it ends."""

import signal
import time

import pytest

pytestmark = pytest.mark.slow

PATIENCE_S = 20


@pytest.fixture
def run_blocked(command, document, nodes, tmp_path, began, eventually):
    """``flume run`` with a node at work in a function; the command and the function's process."""

    def start(node_type):
        (tmp_path / "p.json").write_text(document(node_type, {"folder": str(tmp_path)}))
        process = command("run", "p.json", "--nodes", nodes)
        [(pid, _)] = eventually(began)
        return process, pid

    return start


@pytest.mark.parametrize("node_type", ["sleeps", "work", "holds"])
def test_control_c_ends_the_command_and_its_function_soon_whatever_the_node_does(
    run_blocked, is_alive, eventually, node_type
):
    process, pid = run_blocked(node_type)

    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=PATIENCE_S)

    assert (process.returncode, "cancelled" in said) == (130, True), said
    assert time.monotonic() - before < 5
    assert not is_alive(pid)


@pytest.mark.parametrize("node_type", ["sleeps", "work", "holds"])
def test_a_command_that_is_killed_leaves_no_function_process(run_blocked, is_alive, eventually, node_type):
    process, pid = run_blocked(node_type)

    process.kill()

    eventually(lambda: not is_alive(pid))


def test_dev_that_is_killed_leaves_no_function_process(
    command, document, nodes, tmp_path, began, is_alive, eventually, served_at, call
):
    (nodes.parent / "p.json").write_text(document("sleeps", {"folder": str(tmp_path)}))
    process = command("dev", nodes.parent, "--port", 0)
    url = served_at(process)
    call("POST", f"{url}/api/v1/pipelines/sleeps/invoke", b"{}")
    [(pid, _)] = eventually(began)

    process.kill()

    eventually(lambda: not is_alive(pid))


@pytest.mark.parametrize("dispatch", ["direct", "broker"])
def test_an_orchestrator_that_is_killed_amid_a_call_has_the_work_done_once_more_with_the_same_key(
    command, document, nodes, tmp_path, began, is_alive, eventually, served_at, call, dispatch
):
    settings = {"FLUME_NODES": str(nodes), "FLUME_DISPATCH": dispatch}
    process = command("orchestrator", "--port", 0, **settings)
    url = served_at(process)
    call("POST", f"{url}/api/v1/pipelines", document("work", {"folder": str(tmp_path)}).encode())
    run_id = call("POST", f"{url}/api/v1/pipelines/work/invoke", b"{}")["id"]
    [(pid, key)] = eventually(began)

    process.kill()

    eventually(lambda: not is_alive(pid))
    url = served_at(command("orchestrator", "--port", 0, **settings))
    assert eventually(lambda: len(began()) == 2)
    (tmp_path / "go").touch()
    run = eventually(lambda: (found := call("GET", f"{url}/api/v1/runs/{run_id}"))["status"] != "running" and found)
    assert (run["status"], run["output"]) == ("completed", key)
    assert [each for _, each in began()] == [key, key]
