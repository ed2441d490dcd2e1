"""What touches clocks and processes: timing the user's ops, probes, hot spots, this machine."""
