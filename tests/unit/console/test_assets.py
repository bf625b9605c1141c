import pytest

from console.assets import SHELL, Assets, Entry, NotBuiltError, read_manifest

MANIFEST = {
    "_react.js": {"file": "assets/react-1.js"},
    "_flow.js": {"file": "assets/flow-1.js", "css": ["assets/flow-1.css"], "imports": ["_react.js"]},
    "src/entries/run.tsx": {
        "file": "assets/run-1.js",
        "isEntry": True,
        "css": ["assets/run-1.css"],
        "imports": ["_flow.js", "_react.js"],
        "dynamicImports": ["src/later.ts"],
    },
    "src/later.ts": {"file": "assets/later-1.js", "css": ["assets/later-1.css"], "imports": ["_react.js"]},
}


def test_an_entry_brings_the_styles_of_what_it_imports_and_its_own_last():
    entries = read_manifest(MANIFEST)
    assert entries == {
        "src/entries/run.tsx": Entry(
            scripts=("/static/dist/assets/run-1.js",),
            styles=("/static/dist/assets/flow-1.css", "/static/dist/assets/run-1.css"),
            preloads=("/static/dist/assets/react-1.js", "/static/dist/assets/flow-1.js"),
        )
    }


def test_chunks_that_import_one_another_in_a_circle_are_taken_once():
    circle = {
        "a": {"file": "a.js", "isEntry": True, "imports": ["b"]},
        "b": {"file": "b.js", "imports": ["a"]},
    }
    assert read_manifest(circle)["a"].preloads == ("/static/dist/b.js",)


def test_a_missing_build_says_how_to_make_one(tmp_path):
    with pytest.raises(NotBuiltError, match=r"there is no .*manifest\.json") as caught:
        Assets.built(tmp_path)
    assert "make install" in caught.value.hint


def test_an_entry_that_was_not_built_loads_nothing():
    assert Assets.none().entry(SHELL) == Entry()


def test_the_pages_load_from_the_server_of_vite_if_it_is_named():
    entry = Assets.of_vite("http://localhost:5173").entry(SHELL)
    assert entry.scripts == ("http://localhost:5173/@vite/client", "http://localhost:5173/src/entries/shell.ts")
