"""Environments for requirements, made from a folder of wheels: by a quick installer, and by the real one where it matters."""

import asyncio
import fcntl
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flume.errors import NodeError
from flume.nodes import NodeSettings
from functions.nodes.script_environment import MAX_SHOWN, Environments

Scripts = Any
Make = Callable[..., Environments]

pytestmark = pytest.mark.slow


@pytest.fixture
def make(tmp_path: Path, wheels: Path, quick_installer: Path) -> Make:
    """Environments in one folder, from the wheels; each call is like a process of its own."""

    def environments(**options: Any) -> Environments:
        from_wheels = ("--no-index", "--find-links", str(wheels))
        environ = {**os.environ, "PATH": f"{quick_installer}:{os.environ['PATH']}"}
        return Environments(tmp_path / "cache", environ=environ, options=from_wheels, **options)

    return environments


def version_of(python: Path) -> str:
    code = "import tiny; print(tiny.version)"
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


async def use(environments: Environments, *requirements: str) -> tuple[str, list[str]]:
    """The version of the package in the environment, and what the installer said."""
    lines: list[str] = []
    async with environments.use(requirements, lines.append) as python:
        return await asyncio.to_thread(version_of, python), lines


def folders(tmp_path: Path) -> set[str]:
    return {each.name for each in (tmp_path / "cache").iterdir() if each.is_dir()}


async def test_an_environment_is_made_once_and_holds_what_is_required(make: Make) -> None:
    first, told = await use(make(), "tiny<1.2")
    again, told_again = await use(make(), "tiny<1.2")

    assert (first, again) == ("1.1", "1.1")
    assert told
    assert told_again == []


async def test_several_who_want_the_same_one_make_it_once_and_do_not_wait_for_each_others_scripts(make: Make) -> None:
    makers = []
    using = [asyncio.Event() for _ in range(3)]

    async def take(number: int) -> None:
        lines: list[str] = []
        async with make().use(["tiny"], lines.append):
            using[number].set()
            makers.append(bool(lines))
            # Each leaves when all are in.
            await asyncio.gather(*(event.wait() for event in using))

    async with asyncio.timeout(30):
        await asyncio.gather(*(take(number) for number in range(3)))

    assert sorted(makers) == [False, False, True]


async def test_a_half_made_environment_is_thrown_away(make: Make, tmp_path: Path) -> None:
    await use(make(), "tiny")
    (name,) = folders(tmp_path)
    place = tmp_path / "cache" / name
    (place / "complete").unlink()
    (place / "bin" / "python").unlink()
    (place / "rubbish").touch()

    version, told = await use(make(), "tiny")

    assert version == "1.2"
    assert told
    assert not (place / "rubbish").exists()


async def test_a_cancelled_installation_stops_and_the_next_one_begins_anew(
    make: Make, tmp_path: Path, quick_installer: Path
) -> None:
    (quick_installer / "on-hold").touch()
    begun = asyncio.Event()

    async def first() -> None:
        async with make().use(["tiny"], lambda line: begun.set()):
            raise AssertionError("it was cancelled while it was made")

    making = asyncio.create_task(first())
    await begun.wait()
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making

    (name,) = folders(tmp_path)
    assert not (tmp_path / "cache" / name / "complete").exists()
    (quick_installer / "on-hold").unlink()
    assert (await use(make(), "tiny"))[0] == "1.2"


async def test_who_wants_what_another_process_is_making_waits_for_it(make: Make, tmp_path: Path) -> None:
    await use(make(), "tiny")
    (name,) = folders(tmp_path)
    with (tmp_path / "cache" / f"{name}.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await use(make(), "tiny")

    assert (await use(make(), "tiny"))[1] == []


async def test_the_longest_unused_environments_go_but_none_that_is_in_use(make: Make, tmp_path: Path) -> None:
    environments = make(most=2)
    async with environments.use(["tiny==1.0"], print) as in_use:
        await use(environments, "tiny==1.1")
        in_between = folders(tmp_path)
        await use(environments, "tiny==1.2")
        assert in_use.exists()
        assert len(in_between - folders(tmp_path)) == 0
    await use(environments, "tiny<1.1")

    left = {name for name in folders(tmp_path)}
    assert len(left) == 2
    assert not in_use.exists()
    assert (await use(environments, "tiny==1.2"))[1] == []


async def test_each_use_keeps_an_environment_for_longer(make: Make) -> None:
    environments = make(most=2)
    await use(environments, "tiny==1.0")
    await use(environments, "tiny==1.1")
    await use(environments, "tiny==1.0")
    await use(environments, "tiny==1.2")

    assert (await use(environments, "tiny==1.0"))[1] == []
    assert (await use(environments, "tiny==1.1"))[1] != []


async def test_what_can_not_be_installed_is_told_in_the_installers_words_but_not_in_all_of_them(tmp_path: Path) -> None:
    environments = Environments(tmp_path / "cache", environ=os.environ, options=["--no-index"])

    with pytest.raises(NodeError) as failed:
        await use(environments, "no-such-package-anywhere")

    assert (failed.value.code, failed.value.retryable) == ("requirements-failed", True)
    assert str(failed.value).startswith("the requirements no-such-package-anywhere can't be installed: ")
    assert "no-such-package-anywhere" in str(failed.value).partition("installed: ")[2]
    assert len(str(failed.value)) < MAX_SHOWN + 200


async def test_an_installer_gets_what_is_meant_for_it_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text(f"#!/bin/sh\n/usr/bin/env > {tmp_path}/seen\nexit 7\n")
    uv.chmod(0o755)
    environ = {"PATH": str(uv.parent), "PIP_INDEX_URL": "https://index.example", "FLUME_SECRET_A": "do-not-hand-on"}

    with pytest.raises(NodeError, match=r"uv ended with 7"):
        await use(Environments(tmp_path / "cache", environ=environ), "tiny")

    names = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert names - {"PWD", "SHLVL", "_"} == {"PATH", "PIP_INDEX_URL", "HOME", "TMPDIR"}


async def test_a_script_imports_what_it_requires_and_has_its_programs_from_where_the_operator_says(
    scripts: Scripts, tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for installer in ("PIP", "UV"):
        monkeypatch.setenv(f"{installer}_NO_INDEX", "1")
        monkeypatch.setenv(f"{installer}_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    scripts.settings = NodeSettings(cache=tmp_path / "cache")
    code = "import sys, tiny\ndef main(inputs): return [tiny.version, sys.prefix]"

    result = await scripts.run(code, requirements=["Tiny == 1.0"])
    again = await scripts.run(code, requirements=["tiny==1.0"])

    version, prefix = result.output
    assert version == "1.0"
    assert Path(prefix).parent == tmp_path / "cache" / "script-environments"
    assert f"{prefix}/bin/python" in (Path(prefix) / "bin" / "tiny-says").read_text()
    assert again.output == result.output


async def test_the_deadline_holds_for_the_installation_too(
    scripts: Scripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uv").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    error = await scripts.fail("def main(inputs): pass", requirements=["tiny"], seconds=0.5)

    assert error.code == "timeout"
