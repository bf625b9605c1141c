"""Flume on Kubernetes with Knative: what pipelines, node types and models become there.

Everything here is plain data in and plain data out, except for what an operator does with it. Where to look:

- ``cluster``: where things go and with which images (`Cluster`): one value that every builder takes.
- ``functions``: the functions that pipelines need (`Function`): one per node type, lane and distinct resources.
- ``models``: a language model (`Model`), as a `Model` resource describes it.
- ``names``: names of objects. An orchestrator that wants to call a function finds it by the same names.
- ``orders``: which function an order is for, and at which address that takes it.
- ``timeouts``: the one value from which every time-out of a function follows.
- ``wanted``: all objects that some pipelines and models want, and what is in the way (`wanted.wanted_objects`).
- ``manifests``: a builder per kind of object; each gives a dict as ``kubectl apply`` takes it.
- ``resources``: the custom resources ``Pipeline``, ``NodeType``, ``Model`` and ``Run``: their schemas and how they are read.
"""
