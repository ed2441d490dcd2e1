"""Everything that touches Dagster: the user's code, their jobs' structure, runs, event logs."""
