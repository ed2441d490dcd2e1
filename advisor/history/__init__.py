"""What past runs tell: the feature behind ``dynadvise analyze`` and ``profile --from-runs``."""
