"""The HTTP API: thin routes over the services that do the work."""
