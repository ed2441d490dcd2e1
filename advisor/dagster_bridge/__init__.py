"""Everything that touches Dagster: the user's code, their jobs' structure, real runs, event logs."""
