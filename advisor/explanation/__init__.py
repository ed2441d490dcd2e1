"""An advice in words: the reasons and costs of a way, what else would help, what to do next."""
