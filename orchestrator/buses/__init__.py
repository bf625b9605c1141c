"""What carries messages of the live bus: within one process, and between replicas."""
