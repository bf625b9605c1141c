"""The variables that say which servers database nodes speak to, as a user sets them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

pytestmark = pytest.mark.slow

DOCUMENT = """apiVersion: flume/v1
kind: Pipeline
metadata: {name: databases}
nodes:
  - id: insert
    type: mongodb-insert
    config: {database: DATABASE, collection: articles}
    inputs: {document: {title: "바다", at: "{{$now}}"}}
  - id: count
    type: mongodb-query
    config: {database: DATABASE, collection: articles, operation: count}
    inputs: {filter: {_id: {$oid: "{{ insert.output }}"}, at: {$type: date, $lte: "{{ $now }}"}}}
  - id: set
    type: redis-set
    config: {key: "DATABASE:count"}
    inputs: {value: {count: "{{ count.output }}"}}
  - id: get
    type: redis-get
    config: {key: "DATABASE:count", parse: true}
edges:
  - {from: insert, to: count}
  - {from: count, to: set}
  - {from: set, to: get}
"""


def run(path: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FLUME_") and name not in ("MONGODB_URL", "REDIS_URL", "DB_NAME")
    }
    command = [sys.executable, "-P", "-m", "flume", "run", str(path)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**environment, **variables}, check=False
    )


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "databases.yaml"
    path.write_text(DOCUMENT.replace("DATABASE", f"test-{uuid4().hex[:12]}"))
    return path


def test_a_pipeline_speaks_to_the_servers_that_the_environment_names(
    document: Path, mongodb_url: str, redis_url: str
) -> None:
    done = run(document, MONGODB_URL=mongodb_url, REDIS_URL=redis_url)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"count": 1}


def test_the_variables_for_nodes_alone_come_first(document: Path, mongodb_url: str, redis_url: str) -> None:
    nowhere = {"MONGODB_URL": "mongodb://127.0.0.1:1/", "REDIS_URL": "redis://127.0.0.1:1"}

    done = run(document, **nowhere, FLUME_NODE_MONGODB_URL=mongodb_url, FLUME_NODE_REDIS_URL=redis_url)

    assert done.returncode == 0, done.stderr


def test_the_platforms_database_may_have_another_name(document: Path, mongodb_url: str) -> None:
    text = document.read_text()
    database = text.partition("database: ")[2].partition(",")[0]
    document.write_text(text.replace("articles", "runs"))

    done = run(document, MONGODB_URL=mongodb_url, DB_NAME=database)

    assert done.returncode != 0
    assert "platform-data" in done.stdout + done.stderr


def test_without_a_server_the_message_names_the_variable(document: Path) -> None:
    done = run(document)

    assert done.returncode != 0
    assert "set MONGODB_URL" in done.stdout + done.stderr
