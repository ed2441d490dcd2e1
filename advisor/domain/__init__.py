"""What flows through dynadvise: frozen dataclasses, units in the names, no I/O.

Seconds end in ``_s``, bytes in ``_bytes``. Nothing here imports more than the standard library.
"""
