"""Forms of output; each renders what it is handed and returns text. No clock, no Dagster."""
