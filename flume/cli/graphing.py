"""``flume graph``: a pipeline document as a picture. Needs no node types and no server."""

from flume.cli.arguments import read_text
from flume.cli.graph_levels import level_of
from flume.cli.graph_mermaid import graph_mermaid
from flume.cli.graph_svg import graph_svg
from flume.cli.graph_text import graph_text
from flume.cli.options import Picture
from flume.cli.printing import print_text, say
from flume.cli.problem_lines import line_of
from flume.document import parse_text

_DRAW = {Picture.TEXT: graph_text, Picture.MERMAID: graph_mermaid, Picture.SVG: graph_svg}


def draw_file(file: str, picture: Picture) -> bool:
    """Print the graph of a document; False, with the problems on stderr, if it can't be read."""
    parsed = parse_text(read_text(file, "FILE"), name=file)
    if parsed.pipeline is None:
        for problem in parsed.problems:
            say(line_of(problem, file))
        return False
    print_text(_DRAW[picture](level_of(parsed.pipeline.nodes, parsed.pipeline.edges)))
    return True
