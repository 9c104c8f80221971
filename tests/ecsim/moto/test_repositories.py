"""Repositories of ECR: moto with corrections."""

from __future__ import annotations

import json
from typing import Any

from tests.ecsim.aws import Aws, refused

LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10},
            "action": {"type": "expire"},
        }
    ]
}


def push(aws: Aws, tag: str, size: int) -> None:
    """Push an image with a layer of the given size."""
    layer = {"mediaType": "layer", "size": size, "digest": f"sha256:{size:064x}"}
    config = {"mediaType": "config", "size": 1, "digest": f"sha256:{0:064x}"}
    manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": "manifest", "config": config, "layers": [layer]}
    aws.ecr.put_image(repositoryName="api", imageManifest=json.dumps(manifest), imageTag=tag)


def test_a_repository_is_kept_with_its_policies_and_tags(aws: Aws) -> None:
    """Mutability, scanning and tags are set at creation; lifecycle and resource policy by separate calls."""
    created = aws.ecr.create_repository(
        repositoryName="api", imageScanningConfiguration={"scanOnPush": True}, tags=[{"Key": "team", "Value": "web"}]
    )["repository"]
    assert created["repositoryUri"] == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api"
    found = aws.ecr.describe_repositories(repositoryNames=["api"])["repositories"][0]
    assert (found["imageTagMutability"], found["imageScanningConfiguration"]) == ("MUTABLE", {"scanOnPush": True})
    assert aws.ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"] == [
        {"Key": "team", "Value": "web"}
    ]
    with refused("RepositoryAlreadyExistsException"):
        aws.ecr.create_repository(repositoryName="api")
    with refused("LifecyclePolicyNotFoundException"):
        aws.ecr.get_lifecycle_policy(repositoryName="api")
    aws.ecr.put_lifecycle_policy(repositoryName="api", lifecyclePolicyText=json.dumps(LIFECYCLE))
    assert json.loads(aws.ecr.get_lifecycle_policy(repositoryName="api")["lifecyclePolicyText"]) == LIFECYCLE
    with refused("RepositoryPolicyNotFoundException"):
        aws.ecr.get_repository_policy(repositoryName="api")
    aws.ecr.put_image_tag_mutability(repositoryName="api", imageTagMutability="IMMUTABLE")
    assert aws.ecr.describe_repositories()["repositories"][0]["imageTagMutability"] == "IMMUTABLE"


def test_an_immutable_tag_stays_with_its_image(aws: Aws) -> None:
    """The same tag for another image is refused. A repository with images is deleted only with `force`."""
    aws.ecr.create_repository(repositoryName="api", imageTagMutability="IMMUTABLE")
    push(aws, "1", 100)
    with refused("ImageTagAlreadyExistsException", "cannot be overwritten"):
        push(aws, "1", 200)
    push(aws, "2", 200)
    with refused("RepositoryNotEmptyException"):
        aws.ecr.delete_repository(repositoryName="api")
    aws.ecr.delete_repository(repositoryName="api", force=True)
    with refused("RepositoryNotFoundException"):
        aws.ecr.describe_repositories(repositoryNames=["api"])


def test_a_repository_is_found_by_its_tags(aws: Aws) -> None:
    """The tagging API returns it as ecr:repository with its present tags."""
    arn = aws.ecr.create_repository(repositoryName="api", tags=[{"Key": "team", "Value": "web"}])["repository"][
        "repositoryArn"
    ]
    aws.ecr.create_repository(repositoryName="bare")

    def found(key: str) -> list[str]:
        answer = aws.resourcegroupstaggingapi.get_resources(
            ResourceTypeFilters=["ecr:repository"], TagFilters=[{"Key": key}]
        )
        return [one["ResourceARN"] for one in answer["ResourceTagMappingList"]]

    assert (found("team"), found("other")) == ([arn], [])
    aws.ecr.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert found("team") == []
