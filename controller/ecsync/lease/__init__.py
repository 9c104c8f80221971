"""The lease: of all processes with one installation and one source, a single one writes (docs/rules.md R32)."""
