"""Builders of Kubernetes objects: pure functions from what is wanted to dicts as ``kubectl apply`` takes them.

- ``services``: the Knative Service of a function; ``model_services``: that of a model, and a model server shared by all.
- ``job_sinks``: the JobSink of a function in lane ``job``.
- ``triggers``: what carries orders to functions, answers back, and events to pipelines. ``ping_sources``: cron triggers.
- ``brokers``: Broker, EventPolicies and SinkBinding. ``access``: service accounts and roles.
- ``objects``: metadata that all of them have; ``pods``: what containers have in common.
"""
