"""Every command's JSON as dataclasses, from which its JSON Schema is generated."""
