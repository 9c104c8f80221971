"""Remove from an environment what the image never uses: run it with the Python of that environment.

Most of botocore's 440 service models belong to services that ecsync does not call. Two thirds of the environment go.
"""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Services that botocore itself calls for credentials: roles, single sign-on, `aws login`.
CREDENTIALS = frozenset({"sts", "sso", "sso-oidc", "signin"})


def kept_services() -> frozenset[str]:
    """Return the services that this ecsync or its credentials may call, as botocore names them."""
    from ecsync.offline.permissions.table import ALL_OPERATIONS
    from ecsync.verify.rights import VERIFY_READS

    return CREDENTIALS.union(operation.partition(".")[0] for operation in (*ALL_OPERATIONS, *VERIFY_READS))


def superfluous(packages: Path, kept: frozenset[str]) -> Iterator[Path]:
    """Yield the files and folders of site-packages to remove. Raises ValueError if a model to keep is not there."""
    data = packages / "botocore" / "data"
    models = {folder.name: folder for folder in sorted(data.iterdir()) if folder.is_dir()}
    if missing := kept - models.keys():
        raise ValueError(f"botocore has no model of {', '.join(sorted(missing))}: {data}")
    for name, folder in models.items():
        if name in kept:
            yield from sorted(folder.glob("*/examples-*"))
        else:
            yield folder
    yield from sorted(packages.glob("boto3/examples"))
    yield from sorted(packages.glob("*/tests"))  # of packages that install their tests


def main() -> None:
    """Remove them, and print how much was removed."""
    packages = Path(sysconfig.get_path("purelib"))
    before = _bytes(packages)
    for path in superfluous(packages, kept_services()):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    print(f"removed {(before - _bytes(packages)) / 1e6:.1f} of {before / 1e6:.1f} MB in {packages}")


def _bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


if __name__ == "__main__":
    main()
