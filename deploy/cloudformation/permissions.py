"""Print a CloudFormation template with what the controller's roles may do: the output of `ecsync permissions`.

    permissions.py --installation production observe.json apply.json prune.json > permissions.json

Each file is what `ecsync permissions --mode observe|apply|prune` prints: a policy, or a list of policies. They become
managed policies of the roles that ecsync.yaml creates. Python's own library is enough.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

PER_ROLE = 10  # managed policies of a role, until AWS grants a higher quota


def main(arguments: list[str] | None = None) -> int:
    """Print the template; return the exit code: 1 if a file cannot be used."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--installation", required=True, help="the name of the controller")
    for mode in ("observe", "apply", "prune"):
        parser.add_argument(mode, type=Path, help=f"the policies of --mode {mode}")
    given = parser.parse_args(arguments)
    name = f"ecsync-{given.installation}"
    roles = {"observe": name, "apply": f"{name}-apply", "prune": f"{name}-prune"}
    resources: dict[str, Any] = {}
    try:
        for mode, role in roles.items():
            for number, policy in enumerate(policies_in(getattr(given, mode)), start=1):
                resources[f"{mode.title()}{number}"] = {
                    "Type": "AWS::IAM::ManagedPolicy",
                    "Properties": {
                        "ManagedPolicyName": f"{name}-{mode}-{number}",
                        "Description": f"ecsync {name}: {mode}",
                        "Roles": [role],
                        "PolicyDocument": policy,
                    },
                }
    except ValueError as error:
        print(f"permissions.py: {error}", file=sys.stderr)
        return 1
    print(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}, indent=1))
    return 0


def policies_in(file: Path) -> list[dict[str, Any]]:
    """Return the policies in a file. Raises ValueError, with the reason, for a file that is not of `permissions`."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read as JSON ({error})") from error
    policies = found if isinstance(found, list) else [found]
    if not policies or not all(isinstance(one, dict) and one.get("Statement") for one in policies):
        raise ValueError(f"{file}: is not what `ecsync permissions` prints")
    if len(policies) > PER_ROLE:
        raise ValueError(f"{file}: {len(policies)} policies, and a role has {PER_ROLE} at most: split the installation")
    return policies


if __name__ == "__main__":
    sys.exit(main())
