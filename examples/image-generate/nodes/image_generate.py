import asyncio
import hashlib
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, ClassVar

from pydantic import Field

from flume.nodes import Node, NodeConfig, NodeInput, NodeOutput, NodeSettings, registry

Paint = Callable[[str, int, int], bytes]
"""Makes the PNG of a prompt, so many pixels wide and high. Blocks while it does."""


@registry.register
class ImageGenerate(Node):
    """Has a model on a GPU paint an image. Without a GPU, a stand-in paints colors that follow from the prompt."""

    name = "image-generate"
    category = "AI"
    icon = "image"
    run_on = "gpu"
    timeout = "5m"
    resources: ClassVar = {"gpu": 1}
    # The default `concurrency`, 1, is right: one image at a time fills a GPU.

    class Config(NodeConfig):
        width: int = Field(default=512, ge=8, le=1024, multiple_of=8)
        height: int = Field(default=512, ge=8, le=1024, multiple_of=8)

    class Input(NodeInput):
        prompt: str = Field(min_length=1)

    class Output(NodeOutput):
        image: str  # base64, since JSON has no bytes
        content_type: str
        painter: str

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        # Once per process, before its first image: loading a model takes longer than using it.
        return await asyncio.to_thread(open_painter)

    # Not `async def`: it computes, so it gets a thread of its own.
    def execute(self, input: Input) -> Output:
        painter, paint = self.shared
        image = paint(input.prompt, self.config.width, self.config.height)
        self.context.log("painted", painter=painter, size=len(image))
        return self.Output(image=b64encode(image).decode(), content_type="image/png", painter=painter)


def open_painter() -> tuple[str, Paint]:
    if find_spec("torch") and find_spec("diffusers"):
        import torch

        if torch.cuda.is_available():
            return "sdxl-turbo", diffusion_on(torch)
    return "stand-in", stand_in


def diffusion_on(torch: Any) -> Paint:
    """A real model; wants a GPU with 8 GB and downloads 7 GB at first. The tests of this example have neither."""
    import io

    from diffusers import AutoPipelineForText2Image

    pipeline = AutoPipelineForText2Image.from_pretrained(
        "stabilityai/sdxl-turbo", torch_dtype=torch.float16, variant="fp16"
    ).to("cuda")

    def paint(prompt: str, width: int, height: int) -> bytes:
        # A seed of the prompt's own: an attempt that is made again gives the same image.
        seed = torch.Generator("cuda").manual_seed(int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:4]))
        made = pipeline(
            prompt, width=width, height=height, num_inference_steps=1, guidance_scale=0.0, generator=seed
        ).images[0]
        file = io.BytesIO()
        made.save(file, "PNG")
        return file.getvalue()

    return paint


def stand_in(prompt: str, width: int, height: int) -> bytes:
    """From one color of the prompt's hash to another, in a few tenths of a second at most."""
    hashed = hashlib.sha256(prompt.encode()).digest()
    left, right = hashed[:3], hashed[3:6]
    row = bytes(
        (one * (width - 1 - x) + other * x) // (width - 1)
        for x in range(width)
        for one, other in zip(left, right, strict=True)
    )
    return png([row] * height, width)


def png(rows: list[bytes], width: int) -> bytes:
    """A PNG of rows of red, green and blue, a byte each."""
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
