"""``flume nodes manifest`` and ``build``: node files as the resource and the image by which a cluster has them."""

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

from flume.cli.node_files import make_describer
from flume.cli.printing import print_text, say
from flume.errors import NotFoundError, RequestError
from flume.nodes.discovery import load_path
from flume.nodes.registry import Registry, installed_node_types
from flume.nodes.types import NodeType
from flume.pipeline import Lane
from knative.resources.specs import node_type_resource
from knative.yaml_text import yaml_text

BUILDERS = ("docker", "podman", "buildah")
"""What can build an image, in the order in which it is looked for."""


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """An image of node files: ``folder`` is what the builder sees, ``content`` what of it goes into the image."""

    folder: Path
    content: str
    base: str

    @property
    def dockerfile(self) -> str:
        """What the image is made by."""
        return f"FROM {self.base}\nCOPY {self.content} /nodes/\nENV FLUME_NODES=/nodes\n"


def print_manifests(path: Path, *, image: str, namespace: str) -> bool:
    """Print a ``NodeType`` for each type of a file or folder; False, with the reasons on stderr, if there is not one for each."""
    types, is_whole = _types_of(path)
    packaged = [replace(each, image=image or each.image) for each in types if _runs_in_function(each)]
    for name in (each.name for each in types if not _runs_in_function(each)):
        say(f"{path}: '{name}' runs in the engine alone — let its class name another lane: lanes = ('engine', 'cpu')")
    if packaged:
        print_text(yaml_text([node_type_resource(each, namespace) for each in packaged]))
    for name in (each.name for each in packaged if not each.image):
        say(f"note: '{name}' names no image — build one with `flume nodes build`, and give its name with --image")
    return is_whole and len(packaged) == len(types) > 0


def build_image(path: Path, *, tag: str, base: str, only_shows: bool) -> int:
    """Build the image of a file or folder with what builder there is, or print how; the exit code.

    Raises `NotFoundError` for a path that is none, and `RequestError` if there is no builder.
    """
    build = image_build(path, base)
    if only_shows:
        print_text(build.dockerfile)
        return 0
    types, is_whole = _types_of(path)
    if not is_whole or not any(map(_runs_in_function, types)):
        say(f"{path}: not built — `flume nodes describe {path}` shows what of it can be used")
        return 1
    builder = next(filter(None, map(shutil.which, BUILDERS)), None)
    if builder is None:
        raise RequestError(
            f"there is no {', '.join(BUILDERS[:-1])} or {BUILDERS[-1]} to build with",
            hint="install one of them, or build what --print shows elsewhere",
        )
    command = [builder, "build", "--file", "-", "--tag", tag, str(build.folder)]
    # Sent as bytes: the builder's own output goes where ours goes.
    done = subprocess.run(command, input=build.dockerfile.encode(), check=False)
    if done.returncode != 0:
        say(f"{Path(builder).name} could not build {tag}: it ended with exit code {done.returncode}")
        return 1
    say(f"built {tag}; a cluster knows it by `flume nodes manifest {path} --image {tag} | kubectl apply -f -`")
    return 0


def image_build(path: Path, base: str) -> ImageBuild:
    """How an image of a file or folder is built. Raises `NotFoundError`."""
    if path.is_dir():
        return ImageBuild(path, ".", base)
    if path.is_file():
        return ImageBuild(path.parent, path.name, base)
    raise NotFoundError("file", str(path), "name a file or folder with node types")


def _types_of(path: Path) -> tuple[list[NodeType], bool]:
    """The node types of a file or folder, and whether all of it could be understood; if not, why is on stderr."""
    if not path.exists():
        raise NotFoundError("file", str(path), "name a file or folder with node types")
    registry = Registry(installed_node_types)
    loaded = load_path(registry, path, describe=make_describer().describe)
    for failure in loaded.failures:
        say(f"{failure.source}: {failure.reason}")
    if not loaded.names and not loaded.failures:
        say(f"{path}: no node types: a class counts once it is given to registry.register")
    return [registry.get(name) for name in loaded.names], not loaded.failures


def _runs_in_function(node_type: NodeType) -> bool:
    return any(lane is not Lane.ENGINE for lane in node_type.lanes)
