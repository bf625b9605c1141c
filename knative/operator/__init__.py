"""The operator: makes a cluster and Flume's API agree, again and again.

It looks at everything, decides by a pure function what is to be done, does it, and looks again. Nothing is remembered that a
look would not find, so a restart, a second replica and a missed change cost time and nothing else. Where to look:

- ``kinds``: the kinds of objects that it reads and makes, and how one object is referred to.
- ``world``: all that one look found (`World`).
- ``actions``: all that can be done.
- ``deciding``: `World` -> actions, pure; ``saved_types``, ``pipelines``, ``runs``, ``types_and_models`` and
  ``made_objects`` are its parts.
- ``conditions``, ``readiness``, ``statuses``: what is told of resources under ``status``, and when.
- ``planning``: pipelines of the API -> plans, and node types and models of resources.
- ``kubernetes`` (by ``connection``), ``engine``: the two servers that it is a client of.
- ``watching``: kopf's watch, which says that a look is worth while. What is so, only a look says.
- ``lease``: which of several replicas acts.
- ``looking``, ``acting``: a look, and doing what was decided. ``setbacks``: when what failed is tried again.
- ``reconciling``: the loop.
- ``service``: how all is put together; ``health``: what probes ask;
  ``metrics``.
"""
