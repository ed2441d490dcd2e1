"""The model: pure functions from measurements to predictions and advice; no clock, no Dagster."""
