"""Manifests for a live cluster: read it, leave out AWS's defaults, write references, prove that the plan is empty.

survey (reads AWS) ──▶ resources ──▶ bodies without defaults ──▶ names, references ──▶ files ──▶ proof
"""
