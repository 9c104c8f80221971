"""EC2 instance types: the resources that they offer to tasks, and their architecture."""

from __future__ import annotations

# GiB of memory of a `large` with its two vCPUs, by the first letter of the family.
MEMORY = {"a": 4, "c": 4, "m": 8, "r": 16, "t": 8, "x": 32, "z": 16}
SMALLER = {"nano": 0.5, "micro": 1.0, "small": 2.0, "medium": 4.0}
# Ports that the agent reserves for itself and for the services of the instance.
RESERVED_PORTS = ("22", "2376", "2375", "51678", "51679")


def resources(instance_type: str) -> tuple[int, int]:
    """Return the CPU units and MiB that an instance of a type registers."""
    family, _, size = instance_type.partition(".")
    if size in SMALLER:
        vcpus = (2 if size == "medium" else 1) if family == "t2" else 2 if family[:1] == "t" else 1
        gib = SMALLER[size] if family[:1] == "t" else MEMORY.get(family[:1], 8) / 2
    else:
        times = 1 if size in ("large", "") else 2 * int(size.removesuffix("xlarge").rstrip("n-") or 1)
        vcpus, gib = 2 * times, float(MEMORY.get(family[:1], 8) * times)
    # The kernel and the agent use part of the nominal memory.
    return vcpus * 1024, int(gib * 1024 * 0.955) - 25


def architecture(instance_type: str) -> str:
    """Return the CPU architecture of a type. Graviton families have a g after their number."""
    family = instance_type.partition(".")[0]
    return "arm64" if family == "a1" or "g" in family.lstrip("abcdefghijklmnopqrstuvwxyz") else "x86_64"
