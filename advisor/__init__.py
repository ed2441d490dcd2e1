"""dynadvise: how to run a Dagster dynamic-output workload, from measurements."""
