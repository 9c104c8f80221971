"""Somebody who changes the account of `tests/cases/leaves` by hand, and sees what is in it beside ids and times."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.whole.support.stage import Body, Stage

WEB = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}
BY_AWS = (
    "Alarms", "CreatedTime", "CreationTime", "DefaultVersionNumber", "Instances", "ResponseMetadata",
    "ScheduledActionARN", "createdAt",
)  # fmt: skip
DEFAULTS = {"ScaleInCooldown": 300, "Timezone": "UTC", "DesiredCapacityType": "units", "ReturnData": True}
SETS = ("TargetGroupARNs", "TrafficSources", "Tags", "tags", "EnabledMetrics")


class Hands:
    """Somebody else's, on the account of `tests/cases/leaves`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.ecr, self.ec2, self.ecs = stage.aws("ecr"), stage.aws("ec2"), stage.aws("ecs")
        self.groups, self.scaling = stage.aws("autoscaling"), stage.aws("application-autoscaling")

    def tag_of(self, arn: str, **tags: str) -> None:
        """Tag a repository, or what is of ECS."""
        if ":ecr:" in arn:
            self.ecr.tag_resource(resourceArn=arn, tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        else:
            self.ecs.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in tags.items()])

    def template(self, name: str, **data: Any) -> None:
        """Make a version with other data the default one; None takes a member away."""
        versions = self.ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Default"])
        changed = {**versions["LaunchTemplateVersions"][0]["LaunchTemplateData"], **data}
        whole = {member: value for member, value in changed.items() if value is not None}
        made = self.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=whole)
        number = str(made["LaunchTemplateVersion"]["VersionNumber"])
        self.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=number)

    def group(self, name: str, **members: Any) -> None:
        """Change a group."""
        self.groups.update_auto_scaling_group(AutoScalingGroupName=name, **members)

    def mixed(self, change: Callable[[Body], object]) -> None:
        """Change the mixed instances policy of a group."""
        found = self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=["mixed"])["AutoScalingGroups"][0]
        policy = found["MixedInstancesPolicy"]
        specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        del specification["LaunchTemplateId"]  # AWS takes one of the two
        for override in policy["LaunchTemplate"]["Overrides"]:
            override.get("LaunchTemplateSpecification", {}).pop("LaunchTemplateName", None)
        change(policy)
        self.group("mixed", MixedInstancesPolicy=policy)

    def group_tag(self, name: str, key: str, value: str, passed_on: bool) -> None:
        """Tag a group."""
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
        self.groups.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": passed_on}])

    def provider(self, name: str, **members: Any) -> None:
        """Change a capacity provider."""
        self.ecs.update_capacity_provider(name=name, autoScalingGroupProvider=members)

    def target(self, **members: Any) -> None:
        """Change the scalable target."""
        self.scaling.register_scalable_target(**WEB, **members)

    def policy(self, name: str, change: Callable[[Body], object]) -> None:
        """Change the configuration of a scaling policy."""
        policies = self.scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=[name])
        (found,) = policies["ScalingPolicies"]
        block = next(member for member in found if member.endswith("Configuration"))
        change(found[block])
        self.scaling.put_scaling_policy(**WEB, PolicyName=name, PolicyType=found["PolicyType"], **{block: found[block]})

    def action(self, name: str, **members: Any) -> None:
        """Change a scheduled action; its times are said again, as AWS drops them."""
        actions = self.scaling.describe_scheduled_actions(ServiceNamespace="ecs", ScheduledActionNames=[name])
        times = {member: actions["ScheduledActions"][0].get(member) for member in ("StartTime", "EndTime")}
        said = {member: value for member, value in {**times, **members}.items() if value is not None}
        self.scaling.put_scheduled_action(**WEB, ScheduledActionName=name, **said)

    def associate(self, providers: list[str], *strategy: Body) -> None:
        """Change what the cluster is associated with."""
        self.ecs.put_cluster_capacity_providers(
            cluster="main", capacityProviders=providers, defaultCapacityProviderStrategy=list(strategy)
        )

    def lifecycle(self, count: int, repository: str = "team/images") -> None:
        """Put a lifecycle policy."""
        selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
        rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
        self.ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=json.dumps({"rules": [rule]}))

    def access(self, action: str) -> None:
        """Put a repository policy."""
        statement = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": action}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.ecr.set_repository_policy(repositoryName="team/images", policyText=json.dumps(document))

    # ------------------------------------------------------------ what is there

    def one_subnet(self) -> str:
        """One of the subnets."""
        return str(self.ec2.describe_subnets()["Subnets"][0]["SubnetId"])

    def target_groups(self) -> list[str]:
        """The ARNs of the target groups."""
        found = self.stage.aws("elbv2").describe_target_groups()["TargetGroups"]
        return [one["TargetGroupArn"] for one in found]

    def repository_arn(self) -> str:
        """The ARN of the repository with everything."""
        return str(self.ecr.describe_repositories(repositoryNames=["team/images"])["repositories"][0]["repositoryArn"])

    def template_id(self) -> str:
        """The id of the template with everything."""
        found = self.ec2.describe_launch_templates(LaunchTemplateNames=["nodes"])["LaunchTemplates"]
        return str(found[0]["LaunchTemplateId"])

    def provider_arn(self) -> str:
        """The ARN of the provider with everything."""
        found = self.ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"]
        return str(found[0]["capacityProviderArn"])

    def target_arn(self) -> str:
        """The ARN of the scalable target."""
        return str(
            self.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["ScalableTargetARN"]
        )

    def everything(self) -> Body:
        """What is in the account of these kinds, without what AWS alone decides."""
        repositories = self.ecr.describe_repositories()["repositories"]
        templates = self.ec2.describe_launch_templates()["LaunchTemplates"]
        defaults = self.ec2.describe_launch_template_versions(Versions=["$Default"])["LaunchTemplateVersions"]
        ecs = {"ServiceNamespace": "ecs"}
        found = {
            "repositories": repositories,
            "documents": [self._documents(one["repositoryName"]) for one in repositories],
            "repository tags": [
                self.ecr.list_tags_for_resource(resourceArn=one["repositoryArn"]) for one in repositories
            ],
            "templates": [{"name": one["LaunchTemplateName"], "Tags": one["Tags"]} for one in templates],
            "versions": [(one["LaunchTemplateName"], one["LaunchTemplateData"]) for one in defaults],
            "groups": self.groups.describe_auto_scaling_groups()["AutoScalingGroups"],
            "providers": self.ecs.describe_capacity_providers(include=["TAGS"])["capacityProviders"],
            "clusters": self.ecs.describe_clusters(clusters=["main"], include=["SETTINGS", "TAGS"])["clusters"],
            "targets": self.scaling.describe_scalable_targets(**ecs)["ScalableTargets"],
            "target tags": self.scaling.list_tags_for_resource(ResourceARN=self.target_arn()),
            "policies": self.scaling.describe_scaling_policies(**ecs)["ScalingPolicies"],
            "actions": self.scaling.describe_scheduled_actions(**ecs)["ScheduledActions"],
        }
        seen: Body = json.loads(json.dumps(_timeless(found), sort_keys=True, default=str))
        return seen

    def _documents(self, repository: str) -> list[str]:
        texts = []
        for ask, member in (
            (self.ecr.get_lifecycle_policy, "lifecyclePolicyText"),
            (self.ecr.get_repository_policy, "policyText"),
        ):
            try:
                texts.append(ask(repositoryName=repository)[member])
            except (
                self.ecr.exceptions.LifecyclePolicyNotFoundException,
                self.ecr.exceptions.RepositoryPolicyNotFoundException,
            ):
                texts.append("")
        return texts


def _timeless(tree: Any, member: str = "") -> Any:
    if isinstance(tree, dict):
        said = {key: value for key, value in tree.items() if key not in BY_AWS and DEFAULTS.get(key) != value}
        return {key: _timeless(value, key) for key, value in said.items()}
    if isinstance(tree, (list, tuple)):
        kept = [_timeless(value) for value in tree]
        return sorted(kept, key=str) if member in SETS else kept
    return sorted(tree.split(",")) if member == "VPCZoneIdentifier" else tree
