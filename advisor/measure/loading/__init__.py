"""What a process loads before it can call an op: its imports, and those worth a preload."""
