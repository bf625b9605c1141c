"""What the platform does to the pods of functions and jobs, told to the orchestrator: a killed process can't speak for itself.

- ``findings``: the state of a pod or a Job -> what happened to it, or what it waits for (`Finding`); pure.
- ``subjects``: whom that concerns: one attempt, for a Job, or all that wait for a function; pure.
- ``function_pods``: which functions have no pod that is ready, and why.
- ``watching``: watches pods and Jobs; ``telling``: what the orchestrator is still to be told.
- ``protocols``: what both ask of the servers.
- ``kubernetes_api``, ``orchestrator_api``: the two servers that it speaks to, over HTTP.
- ``service``: all of it together (`watch_platform`), a coroutine for the operator's roof.
"""
