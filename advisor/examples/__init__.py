"""Runnable Dagster jobs that do real work on data that they make themselves.

The README, the tests and the benchmark use them. Each module has its job, a ``Definitions`` for
Dagster's own command line, and runs as a script; the results are the same however it is run.
"""
