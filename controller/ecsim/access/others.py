"""What IAM checks for requests to the services beside Amazon ECS and Elastic Load Balancing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ecsim.access.resources import NEW, arn, ec2_arn, linked_role, on, passed, requested, role_arn
from ecsim.account.policy import Check
from ecsim.account.world import Call
from ecsim.application_autoscaling.store import AppAutoScalingRegion
from ecsim.autoscaling.store import AutoScalingRegion
from ecsim.ec2.store import Ec2Region
from ecsim.moto import seams

Checks = Callable[[Call, str], Iterator[Check]]


def ec2(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to EC2."""
    params, action = call.params, f"ec2:{operation}"
    if operation.startswith("Describe"):
        yield Check(action)
    elif operation in ("CreateSecurityGroup", "CreateLaunchTemplate"):
        specified = [tag for one in params.get("TagSpecifications", []) for tag in one.get("Tags", [])]
        tags, kind = requested(specified), "sg" if operation == "CreateSecurityGroup" else "lt"
        created = ec2_arn(call, f"{kind}-{NEW}")
        yield Check(action, created, tags)
        if "VpcId" in params:
            yield Check(action, ec2_arn(call, params["VpcId"]))
        if tags:
            yield Check("ec2:CreateTags", created, {**tags, "ec2:CreateAction": (operation,)})
        yield from _image(call)
    elif operation in ("CreateTags", "DeleteTags"):
        tags = requested([{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in params.get("Tags", [])])
        yield from on(call, action, (ec2_arn(call, one) for one in params.get("Resources", [])), tags)
    else:
        named = params.get("GroupId") or _template(call, params)
        yield from on(call, action, [ec2_arn(call, named)] if named else ["*"])
        yield from _image(call)


def _image(call: Call) -> Iterator[Check]:
    """Yield the check for the parameter of an image id; parameters of AWS have no account."""
    image = str((call.params.get("LaunchTemplateData") or {}).get("ImageId", ""))
    if image.startswith("resolve:ssm:"):
        name = image.removeprefix("resolve:ssm:").split(":")[0].lstrip("/")
        owner = "" if name.startswith("aws/") else call.account
        yield Check("ssm:GetParameters", f"arn:aws:ssm:{call.region}:{owner}:parameter/{name}")


def _template(call: Call, params: Any) -> str:
    templates = call.store(Ec2Region).templates.values()
    found = (one for one in templates if one["LaunchTemplateName"] == params.get("LaunchTemplateName"))
    return str(params.get("LaunchTemplateId") or next((one["LaunchTemplateId"] for one in found), ""))


def autoscaling(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to EC2 Auto Scaling, also those for its launch template."""
    params, action = call.params, f"autoscaling:{operation}"
    if operation.startswith("Describe"):
        yield Check(action)
        return
    names = [params["AutoScalingGroupName"]] if "AutoScalingGroupName" in params else []
    names = names or list(dict.fromkeys(tag["ResourceId"] for tag in params.get("Tags", [])))
    groups = call.store(AutoScalingRegion).groups
    for name in names:
        path = f"autoScalingGroup:{NEW}:autoScalingGroupName/{name}"
        yield Check(action, groups[name].arn if name in groups else arn(call, "autoscaling", path))
    if operation == "CreateAutoScalingGroup" and not groups:
        yield linked_role(call, "autoscaling.amazonaws.com")
    template = _template(call, params.get("LaunchTemplate") or {})
    if template:
        yield from _launch(call, template)


def _launch(call: Call, template: str) -> Iterator[Check]:
    context = {"ec2:LaunchTemplate": (ec2_arn(call, template),)}
    for of in ("instance/i-0", "network-interface/eni-0", "security-group/sg-0", "subnet/subnet-0", "volume/vol-0"):
        yield Check("ec2:RunInstances", arn(call, "ec2", of), context)
    yield Check("ec2:RunInstances", f"arn:aws:ec2:{call.region}::image/ami-0", context)
    yield Check("ec2:RunInstances", ec2_arn(call, template), context)
    yield Check("ec2:CreateTags", arn(call, "ec2", "instance/i-0"), {"ec2:CreateAction": ("RunInstances",)})
    versions = call.store(Ec2Region).templates.get(template, {}).get("versions", {})
    for version in list(versions.values())[-1:]:
        profile = (version["LaunchTemplateData"].get("IamInstanceProfile") or {}).get("Arn", "")
        found = seams.instance_profile(call.account, profile)
        for role in found.roles if found else ():
            yield from passed(call, role.arn, "ec2.amazonaws.com")


def application_autoscaling(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to Application Auto Scaling, also those on the service and on alarms."""
    params, action = call.params, f"application-autoscaling:{operation}"
    if operation.startswith("Describe"):
        yield Check(action)
        return
    tags = requested(params.get("Tags"))
    path = params.get("ResourceARN") or arn(call, "application-autoscaling", f"scalable-target/{NEW}")
    context = {f"application-autoscaling:{key}": (params[member],) for key, member in _KEYS if member in params}
    yield Check(action, path, {**context, **tags})
    service = arn(call, "ecs", str(params.get("ResourceId")))
    if operation == "RegisterScalableTarget":
        if tags:
            yield Check("application-autoscaling:TagResource", path, tags)
        yield from on(call, "ecs:DescribeServices", [service])
        yield from on(call, "ecs:UpdateService", [service])
        if not call.store(AppAutoScalingRegion).targets:
            yield linked_role(call, "ecs.application-autoscaling.amazonaws.com")
    if operation == "PutScalingPolicy" and params.get("PolicyType") == "TargetTrackingScaling":
        alarm = arn(call, "cloudwatch", f"alarm:TargetTracking-{params['ResourceId']}-AlarmHigh-{NEW}")
        yield Check("cloudwatch:DescribeAlarms")
        yield Check("cloudwatch:PutMetricAlarm", alarm)
        yield Check("cloudwatch:DeleteAlarms", alarm)


_KEYS = (("scalable-dimension", "ScalableDimension"), ("service-namespace", "ServiceNamespace"))


def cloudwatch(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to CloudWatch."""
    params, action = call.params, f"cloudwatch:{operation}"
    names = params.get("AlarmNames", []) or ([params["AlarmName"]] if "AlarmName" in params else [])
    named = [arn(call, "cloudwatch", f"alarm:{name}") for name in names]
    tags = requested(params.get("Tags"))
    if operation == "DescribeAlarms":
        yield Check(action)
        return
    resources = [params["ResourceARN"]] if "ResourceARN" in params else named
    yield from on(call, action, resources or ["*"], tags)
    if operation == "PutMetricAlarm" and tags:
        yield from on(call, "cloudwatch:TagResource", named, tags)


def ecr(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to ECR."""
    params, action, tags = call.params, f"ecr:{operation}", requested(call.params.get("tags"))
    names = params.get("repositoryNames") or [params.get("repositoryName", "*")]
    named = [arn(call, "ecr", f"repository/{name}") for name in names]
    yield from on(call, action, [params["resourceArn"]] if "resourceArn" in params else named, tags)
    if operation == "CreateRepository" and tags:
        yield from on(call, "ecr:TagResource", named, tags)


def iam(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to IAM."""
    params, action = call.params, f"iam:{operation}"
    tags, name, path = requested(params.get("Tags")), params.get("RoleName"), params.get("Path", "/")
    if operation.endswith("InstanceProfile"):
        profile = params["InstanceProfileName"]
        found = seams.instance_profile(call.account, profile)
        new = arn(call, "iam", f"instance-profile{path}{profile}", region=False)
        yield Check(action, str(found.arn) if found else new, tags)
        if operation == "AddRoleToInstanceProfile":
            yield from passed(call, name, "ec2.amazonaws.com")
    elif name is None:
        yield Check(action)
    else:
        created = arn(call, "iam", f"role{path}{name}", region=False)
        role = created if operation == "CreateRole" else role_arn(call, name)
        policy = {"iam:PolicyARN": (params["PolicyArn"],)} if "PolicyArn" in params else {}
        yield Check(action, role, {**tags, **policy})
        if operation == "CreateRole" and tags:
            yield Check("iam:TagRole", role, tags)


def logs(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to CloudWatch Logs. Its tag calls name a group without `:*` at the end."""
    params, action, tags = call.params, f"logs:{operation}", requested(call.params.get("tags"))
    group = arn(call, "logs", f"log-group:{params.get('logGroupName')}")
    if "resourceArn" in params:
        yield Check(action, params["resourceArn"], tags)
    elif "logGroupName" in params:
        yield Check(action, f"{group}:*", tags)
    else:
        yield Check(action)
    if operation == "CreateLogGroup" and tags:
        yield Check("logs:TagResource", group, tags)


def s3(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to S3."""
    params = call.params
    bucket = f"arn:aws:s3:::{params.get('Bucket', '')}"
    if operation.startswith("ListObjects"):
        prefix = {"s3:prefix": (str(params["Prefix"]),)} if params.get("Prefix") else {}
        yield Check("s3:ListBucket", bucket, prefix)
        return
    key = params.get("Key")
    yield Check(f"s3:{operation}", f"{bucket}/{key}" if key else bucket)
    if operation == "GetObject" and not seams.has_object(call.account, params["Bucket"], params["Key"]):
        yield Check("s3:ListBucket", bucket)  # without it S3 answers 403, and not that there is no such key


def dynamodb(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request to DynamoDB."""
    yield Check(f"dynamodb:{operation}", arn(call, "dynamodb", f"table/{call.params.get('TableName', '*')}"))


def ssm(call: Call, operation: str) -> Iterator[Check]:
    """Yield the check of a request to Systems Manager on one parameter."""
    name = str(call.params.get("Name", "*")).lstrip("/")
    yield Check(f"ssm:{operation}", arn(call, "ssm", f"parameter/{name}"))


SERVICES: dict[str, Checks] = {
    "application-autoscaling": application_autoscaling,
    "autoscaling": autoscaling,
    "cloudwatch": cloudwatch,
    "dynamodb": dynamodb,
    "ec2": ec2,
    "ecr": ecr,
    "iam": iam,
    "logs": logs,
    "s3": s3,
    "ssm": ssm,
}
