"""``python -P -m flume`` is the ``flume`` command."""

from flume.cli.main import main

if __name__ == "__main__":
    main()
