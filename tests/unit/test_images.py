"""The Dockerfile keeps its rules, and the packages that it installs are those that the code of each image imports."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import flume

ROOT = Path(__file__).parents[2]
OUTSIDE = {"flume.cli", "flume.testing", "flume.__main__"}
"""Parts of the library that a function never loads."""

INSTRUCTION = re.compile(r"^([A-Z]+)\s+((?:.*\\\n)*.*)$", re.MULTILINE)


@pytest.fixture(scope="module")
def stages():
    """The instructions of each stage of the Dockerfile, ``(word, rest)``, by its name; those of its parents come first."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found, current = {}, []
    for word, rest in INSTRUCTION.findall(text):
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            current = found[name] = list(found.get(parent, [("FROM", parent)]))
        else:
            current.append((word, rest))
    return found


def said(stage, word):
    return [rest for each, rest in stage if each == word]


@pytest.mark.parametrize("image", ["control", "function"])
def test_an_image_is_run_by_a_number_that_is_not_root(stages, image):
    assert said(stages[image], "USER") == ["65532:65532"]


def test_every_image_stands_on_a_base_by_digest_that_has_no_default(stages):
    assert {said(stage, "FROM")[0] for stage in stages.values()} == {"${BASE}"}
    assert re.findall(r"^ARG BASE.*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["ARG BASE", "ARG BASE"]
    assert any("*@sha256:*" in command for command in said(stages["build"], "RUN"))


@pytest.mark.parametrize("image", ["control", "function"])
def test_nothing_is_built_or_added_from_outside_in_an_image(stages, image):
    stage = stages[image]
    assert said(stage, "RUN") == said(stage, "ADD") == []
    assert all(rest.startswith("--from=") for rest in said(stage, "COPY"))


@pytest.mark.parametrize("image", ["control", "function"])
def test_an_image_loads_no_code_from_where_it_is_started_and_writes_none(stages, image):
    variables = " ".join(said(stages[image], "ENV"))
    assert "PYTHONSAFEPATH=1" in variables
    assert "PYTHONDONTWRITEBYTECODE=1" in variables
    assert any("compileall" in command for command in said(stages[f"{image}-files"], "RUN"))


@pytest.mark.parametrize("image", ["control", "function"])
def test_an_image_tells_what_it_is_and_whether_it_lives(stages, image):
    labels = " ".join(said(stages[image], "LABEL"))
    for name in ("title", "description", "version", "revision", "licenses", "vendor"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert len(said(stages[image], "HEALTHCHECK")) == 1


@pytest.mark.parametrize("image", ["control", "function"])
def test_all_packages_are_locked_by_hashes_and_none_is_compiled(stages, image):
    installed = [command for command in said(stages[f"{image}-files"], "RUN") if " install " in command]
    assert len(installed) == 2
    assert "--require-hashes" in installed[0]
    assert "--only-binary :all:" in installed[0]
    assert "--no-index" in installed[1]


def test_the_version_in_labels_and_tags_is_that_of_flume(stages):
    assert f"VERSION={flume.__version__}" in said(stages["control"], "ARG")
    tagged = [
        file for file in (ROOT / "knative/config").rglob("kustomization.yaml") if "flume-control" in file.read_text()
    ]
    assert tagged
    for file in tagged:
        tags = re.findall(r"- name: flume-control\n(?:  newName: .*\n)?  newTag: (.*)", file.read_text())
        assert tags == [flume.__version__], file


def locked(*roots):
    command = [sys.executable, ROOT / "docker" / "locked.py", *roots]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def names_in(lock):
    return set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


@pytest.fixture(scope="module")
def function_lock():
    roots = (ROOT / "docker" / "function-packages.txt").read_text().split()
    return locked(*roots).stdout


def imported_by(module):
    for node in ast.walk(ast.parse(module.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (each.name.partition(".")[0] for each in names)
            case ast.ImportFrom(module=str(name), level=0):
                yield name.partition(".")[0]


def modules_of_functions():
    for package in ("flume", "eventing", "functions"):
        for file in (ROOT / package).rglob("*.py"):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            if not any(name == each or name.startswith(f"{each}.") for each in OUTSIDE):
                yield file


@pytest.mark.slow
def test_a_function_has_each_package_that_its_code_imports(function_lock):
    owners = packages_distributions()
    needed = {
        re.sub(r"[-_.]+", "-", owner).lower()
        for file in modules_of_functions()
        for name in imported_by(file)
        if name not in sys.stdlib_module_names
        for owner in owners.get(name, [name])[:1]
    }
    ours = {"flume", "eventing", "functions", "orchestrator", "console", "knative"}
    assert needed - ours <= names_in(function_lock)


@pytest.mark.slow
def test_a_function_has_nothing_of_the_control_plane_or_of_tests(function_lock):
    assert not names_in(function_lock) & {
        "fastapi",
        "starlette",
        "kopf",
        "kubernetes",
        "typer",
        "rich",
        "pytest",
        "opentelemetry-sdk",
    }


@pytest.mark.slow
def test_the_control_plane_has_all_that_flume_declares_and_no_tools():
    names = names_in(locked("flume").stdout)
    assert {"fastapi", "kopf", "pymongo", "redis", "uvicorn", "starlette", "opentelemetry-sdk"} <= names
    assert not names & {"kubernetes", "pytest", "mypy", "ruff", "hatchling", "playwright"}


@pytest.mark.slow
def test_every_package_keeps_its_hashes(function_lock):
    blocks = re.split(r"^(?=[a-z0-9])", function_lock, flags=re.MULTILINE)
    assert all("--hash=sha256:" in block for block in blocks if block.strip())


@pytest.mark.slow
def test_a_package_that_the_lock_does_not_know_ends_the_build():
    result = locked("httpx", "no-such-package")
    assert (result.returncode, result.stdout) == (2, "")
    assert "no-such-package" in result.stderr


def test_nothing_of_a_working_copy_is_sent_to_the_build_unless_it_is_named():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} <= set(os.listdir(ROOT))
    assert not {"!.git", "!tests", "!flume-data"} & set(rules)


def make_images(tmp_path, *arguments):
    """Run ``make images`` with a builder that notes its arguments; how it ended, and what was noted."""
    noted, builder = tmp_path / "noted", tmp_path / "builder"
    builder.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n')
    builder.chmod(0o755)
    done = subprocess.run(
        ["make", "--silent", "images", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done, noted.read_text().splitlines() if noted.exists() else []


def test_make_images_builds_both_from_the_base_that_is_named(tmp_path):
    base = "python:3.13-slim@sha256:" + "0" * 64
    done, noted = make_images(tmp_path, f"BUILDER={tmp_path}/builder", f"BASE={base}", "IMAGE_PREFIX=dev.local/")
    assert done.returncode == 0, done.stderr
    assert len(noted) == 2
    for line, image in zip(noted, ("control", "function"), strict=True):
        assert f"--build-arg BASE={base} " in line
        assert line.endswith(f"--target {image} --tag dev.local/flume-{image}:{flume.__version__} .")


def test_make_images_says_what_is_missing(tmp_path):
    done, noted = make_images(tmp_path, f"BUILDER={tmp_path}/builder", "BASE=")
    assert (done.returncode, noted) == (2, [])
    assert "set BASE to a Python image by its digest" in done.stderr
    assert "there is no docker, podman or buildah" in make_images(tmp_path, "BUILDER=")[0].stderr
