"""The custom resources of group ``flume.dev``: ``Pipeline``, ``NodeType``, ``Model`` and ``Run``.

- ``specs``: what a person writes under ``spec`` of the latter three, as pydantic models, and what they become inside.
- ``statuses``: what the operator writes under ``status``.
- ``structural``: JSON Schema in the narrower form that Kubernetes takes.
- ``definitions``: the CustomResourceDefinitions. ``make crds`` writes them to ``crds/``.

The spec of a ``Pipeline`` is the pipeline document, whose schema is `flume.schema`.
"""
