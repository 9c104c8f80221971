"""Images: the tag or digest is in its ECR repository, and has the platform of the task."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ecsync.core.ports import AwsError
from ecsync.core.trees import Body, Json
from ecsync.verify.ask import Ask, parts, refusal
from ecsync.verify.model import Check, Document, Finding, Place, Refusal, Scope, containers, is_known

CHECK = Check("images")
_MOST = 100  # ecr.DescribeImages, ecr.BatchGetImage: imageIds has at most 100 elements
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.]+/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]+))?"
)
# OCI Image Format and Docker Image Manifest V2: a list of images, one for each platform.
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}  # ecs, CPUArchitecture -> OCI, platform.architecture


@dataclass(frozen=True, slots=True)
class Image:
    """An image in a private repository of ECR."""

    account: str
    region: str
    repository: str
    tag: str
    digest: str

    @property
    def id(self) -> Mapping[str, str]:
        """AWS's identifier; a digest decides where there is a tag too."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag}

    @property
    def called(self) -> str:
        """The digest or the tag, for people."""
        return f"digest {self.digest}" if self.digest else f"tag {self.tag}"


def image_of(text: Json) -> Image | None:
    """Return the image of a text, if it is in a private repository of ECR."""
    found = _ECR.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    digest = found["digest"] or ""
    return Image(found["account"], found["region"], found["repository"], found["tag"] or "latest", digest)


def images(scope: Scope, ask: Ask) -> Iterator[Finding]:
    """Yield a finding for each container of each task definition."""
    used: dict[Image, list[tuple[Document, Place, str]]] = {}
    for document in scope.of_kind("TaskDefinition"):
        for index, container in containers(document):
            place, text = document.place("containerDefinitions", index, "image"), container.get("image")
            image = image_of(text)
            if image is not None and image.region == scope.region:
                used.setdefault(image, []).append((document, place, str(text)))
            else:
                yield _elsewhere(scope, place, text, image)
    repositories: dict[tuple[str, str], list[Image]] = {}
    for image in used:
        repositories.setdefault((image.account, image.repository), []).append(image)
    for (account, repository), wanted in repositories.items():
        found = _found(ask, account, repository, wanted)
        for image in wanted:
            for document, place, text in used[image]:
                yield _judged(scope, ask, image, found[image], document, place, text)


def _elsewhere(scope: Scope, place: Place, text: Json, image: Image | None) -> Finding:
    if image is not None:
        return CHECK.unchecked(place, str(text), f"the repository is in {image.region}, not in {scope.region}")
    if is_known(text):
        return CHECK.unchecked(place, str(text), "not in a private repository of ECR: AWS has no answer about it")
    repository = scope.declared("Repository", text)
    if repository is not None and repository.added:
        return CHECK.failed(
            place,
            str(text),
            f"{repository.key} does not exist yet, so it has no image",
            "create the repository and push the image before the service",
        )
    return CHECK.unchecked(place, str(text), scope.why_unknown(text))


_Details = Body | Refusal | str  # what AWS has of an image, why it did not answer, or why there is none


def _found(ask: Ask, account: str, repository: str, wanted: list[Image]) -> dict[Image, _Details]:
    """Return what AWS has of some images of one repository. One that is missing fails the call for all of them."""
    found: dict[Image, _Details] = {}
    for part in parts(wanted, _MOST):
        try:
            details = _described(ask, account, repository, [image.id for image in part])
            found.update({image: _detail(details, image) for image in part})
            continue
        except AwsError as error:
            if error.kind != "missing" or error.code == "RepositoryNotFoundException":
                found.update(dict.fromkeys(part, _no_repository(ask, repository, error)))
                continue
        for image in part:
            try:
                found[image] = _detail(_described(ask, account, repository, [image.id]), image)
            except AwsError as error:
                found[image] = f"repository {repository} has no {image.called}"
                if error.kind != "missing":
                    found[image] = refusal(error)
    return found


def _described(ask: Ask, account: str, repository: str, ids: list[Mapping[str, str]]) -> list[Body]:
    answer = ask.call("ecr", "DescribeImages", registryId=account, repositoryName=repository, imageIds=ids)
    return list(answer.get("imageDetails") or ())


def _detail(details: list[Body], image: Image) -> _Details:
    for one in details:
        if image.digest == one.get("imageDigest") or (not image.digest and image.tag in (one.get("imageTags") or ())):
            return one
    return f"repository {image.repository} has no {image.called}"


def _no_repository(ask: Ask, repository: str, error: AwsError) -> _Details:
    """Return why there is no repository; one of a pull through cache is created by the first pull."""
    if error.kind != "missing":
        return refusal(error)
    try:
        rules = ask.items("ecr", "DescribePullThroughCacheRules", "pullThroughCacheRules")
    except AwsError as refused:
        return refusal(refused)
    for rule in rules:
        prefix = str(rule.get("ecrRepositoryPrefix", ""))
        if prefix == "ROOT" or repository.startswith(f"{prefix}/"):
            return Refusal(f"the first pull creates repository {repository} (a pull through cache of {prefix})")
    return f"there is no repository {repository}"


def _judged(
    scope: Scope, ask: Ask, image: Image, found: _Details, document: Document, place: Place, text: str
) -> Finding:
    if isinstance(found, Refusal):
        return CHECK.refused(place, text, found)
    if isinstance(found, str):
        declared = scope.declared("Repository", image.repository)
        if declared is not None and declared.added:
            found = f"{declared.key} does not exist yet, so it has no image"
        return CHECK.failed(place, text, found, "push the image, or correct the name, the tag or the digest")
    if found.get("imageManifestMediaType") not in _INDEXES:
        return CHECK.passed(place, text, f"{image.called} is in repository {image.repository}")
    wanted = _platform(document)
    if wanted is None:
        return CHECK.unchecked(place, text, "the image is there; its platform depends on the instances of the cluster")
    try:
        platforms = _platforms(ask, image, str(found["imageDigest"]))
    except AwsError as error:
        return CHECK.refused(place, text, refusal(error))
    if not platforms or wanted in platforms:
        return CHECK.passed(place, text, f"{image.called} is in repository {image.repository}, for {wanted}")
    return CHECK.failed(
        place,
        text,
        f"{image.called} is for {', '.join(platforms)}, and the task runs on {wanted}",
        f"push the image for {wanted}, or change runtimePlatform",
    )


def _platform(document: Document) -> str | None:
    """Return the platform of a task, `linux/amd64`; None if the instances of the cluster decide it."""
    declared = document.get("runtimePlatform") or {}
    architecture, system = declared.get("cpuArchitecture"), str(declared.get("operatingSystemFamily") or "LINUX")
    if architecture is None and "FARGATE" not in (document.get("requiresCompatibilities") or ()):
        return None
    # ecs.RegisterTaskDefinition, runtimePlatform: on Fargate the default is X86_64 and LINUX.
    return f"{'windows' if system.startswith('WINDOWS') else 'linux'}/{_ARCHITECTURES.get(str(architecture), 'amd64')}"


def _platforms(ask: Ask, image: Image, digest: str) -> list[str]:
    """Return the platforms of an index of images; none if the index does not state them."""
    answer = ask.call(
        "ecr",
        "BatchGetImage",
        registryId=image.account,
        repositoryName=image.repository,
        imageIds=[{"imageDigest": digest}],
        acceptedMediaTypes=list(_INDEXES),
    )
    found: dict[str, None] = {}
    for one in answer.get("images") or ():
        try:
            manifests = json.loads(one.get("imageManifest") or "{}").get("manifests") or ()
        except (ValueError, AttributeError):
            continue
        for manifest in manifests:
            platform = manifest.get("platform") or {}
            if platform.get("os") not in (None, "unknown"):  # unknown: attestations of a build
                found[f"{platform['os']}/{platform.get('architecture')}"] = None
    return list(found)
