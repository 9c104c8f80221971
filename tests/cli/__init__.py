"""The command line: exit codes, what goes to which stream, help."""
