"""Constraints: what AWS accepts in a body, as rows of a kind, and their evaluation."""
