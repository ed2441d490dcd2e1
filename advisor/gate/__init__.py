"""The gate behind ``dynadvise check``: survey base and head, time them in pairs, judge."""
