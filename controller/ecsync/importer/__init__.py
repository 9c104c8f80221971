"""From a live cluster to manifests that a person would write: a thin reader, then pure functions.

survey ──▶ items ──▶ bodies (what AWS fills in left out) ──▶ names, references ──▶ files ──▶ proof
"""
