"""The roof: composes everything behind the ``flume`` command. Nobody imports it."""
