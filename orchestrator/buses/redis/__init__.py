"""What replicas tell each other through Redis: the live bus, and how much of each limit is taken. Nothing durable."""
