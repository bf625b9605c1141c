"""Templates and expressions: ``{{ … }}`` evaluated in bounds, on hostile text and hostile data (spec 1.3).

Jinja's parser gives the tree; checking, translation and evaluation are Flume's own. Templates in whole documents, such
as a node's ``config``, are in `flume.templates`."""

from flume.expressions.budget import MAX_ELEMENTS, MAX_STEPS, MAX_TEXT, Budget
from flume.expressions.errors import TemplateSyntaxError
from flume.expressions.references import Reference
from flume.expressions.rendering import as_text, is_true
from flume.expressions.secrets import MASK, SecretNames, conceal, mask_markers, reveal
from flume.expressions.template import Template, parse_expression, parse_template

__all__ = [
    "MASK",
    "MAX_ELEMENTS",
    "MAX_STEPS",
    "MAX_TEXT",
    "Budget",
    "Reference",
    "SecretNames",
    "Template",
    "TemplateSyntaxError",
    "as_text",
    "conceal",
    "is_true",
    "mask_markers",
    "parse_expression",
    "parse_template",
    "reveal",
]
