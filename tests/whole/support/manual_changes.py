"""Manual changes of the account of `tests/cases/all_fields`, and its content without ids and times."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.whole.support.environment import Body, Environment

WEB = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}
SET_BY_AWS = (
    "Alarms", "CreatedTime", "CreationTime", "DefaultVersionNumber", "Instances", "ResponseMetadata",
    "ScheduledActionARN", "createdAt",
)  # fmt: skip
DEFAULTS = {"ScaleInCooldown": 300, "Timezone": "UTC", "DesiredCapacityType": "units", "ReturnData": True}
SETS = ("TargetGroupARNs", "TrafficSources", "Tags", "tags", "EnabledMetrics")


class ManualChanges:
    """Another client of the account, which changes one field at a time."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.ecr, self.ec2, self.ecs = environment.aws("ecr"), environment.aws("ec2"), environment.aws("ecs")
        self.groups, self.scaling = environment.aws("autoscaling"), environment.aws("application-autoscaling")

    def tag(self, arn: str, **tags: str) -> None:
        """Tag a repository or an ECS resource."""
        if ":ecr:" in arn:
            self.ecr.tag_resource(resourceArn=arn, tags=[{"Key": key, "Value": value} for key, value in tags.items()])
        else:
            self.ecs.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value} for key, value in tags.items()])

    def update_template(self, name: str, **data: Any) -> None:
        """Create a template version with changed data and make it the default; None removes a member."""
        versions = self.ec2.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Default"])
        changed = {**versions["LaunchTemplateVersions"][0]["LaunchTemplateData"], **data}
        whole = {member: value for member, value in changed.items() if value is not None}
        created = self.ec2.create_launch_template_version(LaunchTemplateName=name, LaunchTemplateData=whole)
        number = str(created["LaunchTemplateVersion"]["VersionNumber"])
        self.ec2.modify_launch_template(LaunchTemplateName=name, DefaultVersion=number)

    def update_group(self, name: str, **members: Any) -> None:
        """Change an Auto Scaling group."""
        self.groups.update_auto_scaling_group(AutoScalingGroupName=name, **members)

    def update_mixed_instances(self, change: Callable[[Body], object]) -> None:
        """Change the mixed instances policy of the group `mixed`."""
        found = self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=["mixed"])["AutoScalingGroups"][0]
        policy = found["MixedInstancesPolicy"]
        specification = policy["LaunchTemplate"]["LaunchTemplateSpecification"]
        del specification["LaunchTemplateId"]  # AWS accepts the id or the name, not both
        for override in policy["LaunchTemplate"]["Overrides"]:
            override.get("LaunchTemplateSpecification", {}).pop("LaunchTemplateName", None)
        change(policy)
        self.update_group("mixed", MixedInstancesPolicy=policy)

    def tag_group(self, name: str, key: str, value: str, propagate: bool) -> None:
        """Tag an Auto Scaling group."""
        tag = {"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key, "Value": value}
        self.groups.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": propagate}])

    def update_provider(self, name: str, **members: Any) -> None:
        """Change a capacity provider."""
        self.ecs.update_capacity_provider(name=name, autoScalingGroupProvider=members)

    def update_scalable_target(self, **members: Any) -> None:
        """Change the scalable target."""
        self.scaling.register_scalable_target(**WEB, **members)

    def update_policy(self, name: str, change: Callable[[Body], object]) -> None:
        """Change the configuration of a scaling policy."""
        policies = self.scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=[name])
        (found,) = policies["ScalingPolicies"]
        block = next(member for member in found if member.endswith("Configuration"))
        change(found[block])
        self.scaling.put_scaling_policy(**WEB, PolicyName=name, PolicyType=found["PolicyType"], **{block: found[block]})

    def update_action(self, name: str, **members: Any) -> None:
        """Change a scheduled action. Its times are sent again, because AWS removes them otherwise."""
        actions = self.scaling.describe_scheduled_actions(ServiceNamespace="ecs", ScheduledActionNames=[name])
        times = {member: actions["ScheduledActions"][0].get(member) for member in ("StartTime", "EndTime")}
        request = {member: value for member, value in {**times, **members}.items() if value is not None}
        self.scaling.put_scheduled_action(**WEB, ScheduledActionName=name, **request)

    def set_cluster_providers(self, providers: list[str], *strategy: Body) -> None:
        """Change the capacity providers of the cluster."""
        self.ecs.put_cluster_capacity_providers(
            cluster="main", capacityProviders=providers, defaultCapacityProviderStrategy=list(strategy)
        )

    def put_lifecycle_policy(self, count: int, repository: str = "team/images") -> None:
        """Put a lifecycle policy."""
        selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
        rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
        self.ecr.put_lifecycle_policy(repositoryName=repository, lifecyclePolicyText=json.dumps({"rules": [rule]}))

    def put_repository_policy(self, action: str) -> None:
        """Put a repository policy."""
        statement = {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": action}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.ecr.set_repository_policy(repositoryName="team/images", policyText=json.dumps(document))

    # ------------------------------------------------------------ the content of the account

    def one_subnet(self) -> str:
        """Return the id of one subnet."""
        return str(self.ec2.describe_subnets()["Subnets"][0]["SubnetId"])

    def target_groups(self) -> list[str]:
        """Return the ARNs of the target groups."""
        found = self.environment.aws("elbv2").describe_target_groups()["TargetGroups"]
        return [one["TargetGroupArn"] for one in found]

    def repository_arn(self) -> str:
        """Return the ARN of the repository with every field."""
        return str(self.ecr.describe_repositories(repositoryNames=["team/images"])["repositories"][0]["repositoryArn"])

    def template_id(self) -> str:
        """Return the id of the template with every field."""
        found = self.ec2.describe_launch_templates(LaunchTemplateNames=["nodes"])["LaunchTemplates"]
        return str(found[0]["LaunchTemplateId"])

    def provider_arn(self) -> str:
        """Return the ARN of the provider with every field."""
        found = self.ecs.describe_capacity_providers(capacityProviders=["nodes"])["capacityProviders"]
        return str(found[0]["capacityProviderArn"])

    def target_arn(self) -> str:
        """Return the ARN of the scalable target."""
        return str(
            self.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]["ScalableTargetARN"]
        )

    def contents(self) -> Body:
        """Return the resources of these kinds, without the members that AWS sets."""
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
            "providers": [
                {name: value for name, value in one.items() if name != "updateStatus"}  # of the last update
                for one in self.ecs.describe_capacity_providers(include=["TAGS"])["capacityProviders"]
            ],
            "clusters": self.ecs.describe_clusters(clusters=["main"], include=["SETTINGS", "TAGS"])["clusters"],
            "targets": self.scaling.describe_scalable_targets(**ecs)["ScalableTargets"],
            "target tags": self.scaling.list_tags_for_resource(ResourceARN=self.target_arn()),
            "policies": self.scaling.describe_scaling_policies(**ecs)["ScalingPolicies"],
            "actions": self.scaling.describe_scheduled_actions(**ecs)["ScheduledActions"],
        }
        contents: Body = json.loads(json.dumps(_without_aws_members(found), sort_keys=True, default=str))
        return contents

    def _documents(self, repository: str) -> list[str]:
        texts = []
        for get, member in (
            (self.ecr.get_lifecycle_policy, "lifecyclePolicyText"),
            (self.ecr.get_repository_policy, "policyText"),
        ):
            try:
                texts.append(get(repositoryName=repository)[member])
            except (
                self.ecr.exceptions.LifecyclePolicyNotFoundException,
                self.ecr.exceptions.RepositoryPolicyNotFoundException,
            ):
                texts.append("")
        return texts


def _without_aws_members(tree: Any, member: str = "") -> Any:
    if isinstance(tree, dict):
        declared = {key: value for key, value in tree.items() if key not in SET_BY_AWS and DEFAULTS.get(key) != value}
        return {key: _without_aws_members(value, key) for key, value in declared.items()}
    if isinstance(tree, (list, tuple)):
        elements = [_without_aws_members(value) for value in tree]
        return sorted(elements, key=str) if member in SETS else elements
    return sorted(tree.split(",")) if member == "VPCZoneIdentifier" else tree
