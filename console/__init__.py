"""The console: Flume's pages in a browser, made on the server from what the orchestrator's HTTP API says.

It holds no state and knows no store; whatever it shows or does is a call of the API in the name of who looks at it.
Begin with `console.app`. ``web/`` is the npm project that builds ``static/dist``; Python never reads it.
"""
