"""Every finding that has a code, one rule a file: of jobs, of gates and of runs that happened."""
