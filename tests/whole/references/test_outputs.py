"""What `${Kind/name.output}` is in the account, for every output of the kinds; and what is read for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from ecsync.kinds import BY_NAME
from tests.whole.support.blue_green import deploy_blue_green
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

NAMES = {
    "Network": "main", "SecurityGroup": "web", "Role": "nodes", "LogGroup": "web", "Repository": "web",
    "LaunchTemplate": "nodes", "AutoScalingGroup": "nodes", "Alarm": "errors", "CapacityProvider": "nodes",
    "Cluster": "main", "TaskDefinition": "web", "TargetGroup": "web", "LoadBalancer": "web", "Listener": "http",
    "ListenerRule": "web", "Service": "web", "ScalableTarget": "web", "ScalingPolicy": "requests",
    "ScheduledAction": "night",
}  # fmt: skip
MORE = """
apiVersion: ecsync/v1
resources:
  SecurityGroup/inside:
    VpcId: ${Network/main}
    Description: What the VPC may reach
    IpPermissions: [{IpProtocol: tcp, FromPort: 443, ToPort: 443, IpRanges: [{CidrIp: "${Network/main.cidr}"}]}]
  Repository/web: {}
  Role/nodes:
    RoleName: nodes
    Path: /shop/
    InstanceProfile: true
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ec2.amazonaws.com}, Action: sts:AssumeRole}]
    Policies:
      run:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: ecs:RunTask, Resource: "${TaskDefinition/web.familyArn}:*"}]
  LaunchTemplate/nodes:
    LaunchTemplateData:
      ImageId: ami-12345678
      InstanceType: t3.small
      IamInstanceProfile: {Name: "${Role/nodes.instanceProfileName}"}
      SecurityGroupIds: ["${Network/main.defaultSecurityGroupId}"]
  AutoScalingGroup/nodes:
    MinSize: 0
    MaxSize: 0
    LaunchTemplate: {LaunchTemplateId: "${LaunchTemplate/nodes}", Version: "${LaunchTemplate/nodes.latestVersion}"}
    VPCZoneIdentifier: ${Network/main.publicSubnetIds}
  CapacityProvider/nodes:
    autoScalingGroupProvider: {autoScalingGroupArn: "${AutoScalingGroup/nodes.arn}"}
  Alarm/errors:
    Namespace: AWS/ApplicationELB
    MetricName: HTTPCode_Target_5XX_Count
    Dimensions: {LoadBalancer: "${LoadBalancer/web.fullName}", TargetGroup: "${TargetGroup/web.fullName}"}
    Statistic: Sum
    Period: 60
    EvaluationPeriods: 3
    Threshold: 10
    ComparisonOperator: GreaterThanThreshold
  ScalableTarget/web: {Service: "${Service/web}", MinCapacity: 2, MaxCapacity: 4}
  ScheduledAction/night:
    Service: ${Service/web}
    Schedule: cron(0 22 * * ? *)
    ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 2}
  ScalingPolicy/requests:
    Service: ${Service/web}
    PolicyType: TargetTrackingScaling
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 100
      PredefinedMetricSpecification:
        PredefinedMetricType: ALBRequestCountPerTarget
        ResourceLabel: ${LoadBalancer/web.fullName}/${TargetGroup/web.fullName}
  TaskDefinition/printed:
    cpu: 256
    memory: 512
    containerDefinitions:
      - name: printed
        image: web
        memory: 64
        environment:
"""
NONE = ("Network.ipv6Cidr", "Network.privateSubnetIds")  # the default VPC of the account has none


@pytest.fixture
def printed(environment: Environment) -> Mapping[str, str]:
    """The value of every output of every kind, as the environment of a container; all of it from nothing.

    Inside a longer text, a list is joined with commas.
    """
    outputs = [
        (f"{kind}/{name}.{output}", f"{kind}.{output}")
        for kind, name in NAMES.items()
        for output in BY_NAME[kind].outputs
        if f"{kind}.{output}" not in NONE
    ]
    lines = [f'          {called}: "={{{reference}}}"\n'.replace("{", "${") for reference, called in outputs]
    (environment.manifests / "more.yaml").write_text(MORE + "".join(lines))
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    assert controller.catalogue.problems == ()
    described = environment.aws("ecs").describe_task_definition(taskDefinition="printed")["taskDefinition"]
    (container,) = described["containerDefinitions"]
    return {one["name"]: one["value"].removeprefix("=") for one in container["environment"]}


def test_every_output_of_every_kind_has_its_value_in_the_account(
    environment: Environment, printed: Mapping[str, str]
) -> None:
    """Those of resources that the same plan creates, too."""
    aws = environment.aws
    assert NAMES.keys() == BY_NAME.keys()
    expected = {f"{kind}.{output}" for kind in NAMES for output in BY_NAME[kind].outputs} - {*NONE}
    assert printed.keys() == expected
    assert [name for name, value in printed.items() if not value or "${" in value] == []
    (vpc,) = aws("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    groups = aws("ec2").describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc["VpcId"]]}])
    balancer, group = printed["LoadBalancer.fullName"], printed["TargetGroup.fullName"]
    (default,) = (
        rule["RuleArn"]
        for rule in aws("elbv2").describe_rules(ListenerArn=printed["Listener.arn"])["Rules"]
        if rule["IsDefault"]
    )
    scaling = aws("application-autoscaling")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    found = {
        "Network.cidr": vpc["CidrBlock"],
        "Network.defaultSecurityGroupId": next(
            one["GroupId"] for one in groups["SecurityGroups"] if one["GroupName"] == "default"
        ),
        "Role.instanceProfileName": "nodes",
        "TaskDefinition.familyArn": "arn:aws:ecs:eu-west-1:123456789012:task-definition/quickstart-web",
        "Listener.defaultRule": default,
        "ScalableTarget.arn": target["ScalableTargetARN"],
    }
    assert {name: printed[name] for name in found} == found
    assert balancer.startswith("app/quickstart/")
    assert group.startswith("targetgroup/quickstart-web/")
    assert printed["LoadBalancer.arn"].endswith(f":loadbalancer/{balancer}")
    assert printed["TargetGroup.arn"].endswith(f":{group}")
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    metric = policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
    assert metric["ResourceLabel"] == f"{balancer}/{group}"


def test_a_resource_without_an_output_is_named(environment: Environment) -> None:
    """In place of a wait that never ends: not each VPC has a range of IPv6."""
    rule = '{IpProtocol: tcp, FromPort: 443, ToPort: 443, Ipv6Ranges: [{CidrIpv6: "${Network/main.ipv6Cidr}"}]}'
    inside = (
        f"  SecurityGroup/inside:\n    VpcId: ${{Network/main}}\n    Description: in\n    IpPermissions: [{rule}]\n"
    )
    (environment.manifests / "inside.yaml").write_text(f"apiVersion: ecsync/v1\nresources:\n{inside}")
    controller = environment.controller()
    controller.run_passes(3)
    assert controller.status("SecurityGroup/inside").message == "Network/main has no ipv6Cidr in AWS"


# ---------------------------------------------------------------- what is read for it


def reads(controller: Controller) -> list[str]:
    """Return the reads of a pass that has nothing to do."""
    ledger = controller.environment.simulator.ledger
    mark = len(ledger)
    controller.run_pass()
    return operations(ledger.entries(mark))


def test_an_output_with_a_call_of_its_own_is_read_only_where_a_document_uses_it(environment: Environment) -> None:
    """Without a reference, a pass makes no call for it; with one, it makes one."""
    forward_by_default(environment)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    before = reads(controller)
    both = "ONE: '${Listener/http.defaultRule}', TWO: '${Network/main.defaultSecurityGroupId}'"
    environment.edit("GREETING: hello", f"GREETING: hello, {both}")
    controller.read()
    controller.converge(pause=SETTLE_SECONDS)
    after = reads(controller)
    assert "elbv2.DescribeRules" not in before
    assert Counter(after) - Counter(before) == Counter({"elbv2.DescribeRules": 1, "ec2.DescribeSecurityGroups": 1})


# ---------------------------------------------------------------- the rule of the default actions

FIXED = """      - Type: fixed-response
        FixedResponseConfig: {StatusCode: 404, ContentType: text/plain, MessageBody: nothing here}
"""


def forward_by_default(environment: Environment) -> None:
    """Have the listener send all traffic to the target group, without a rule."""
    network = environment.manifests / "network.yaml"
    before, _, rest = network.read_text().partition("  ListenerRule/web:")
    network.write_text(before + "  TargetGroup/web:" + rest.partition("  TargetGroup/web:")[2])
    environment.edit(FIXED, '      - {Type: forward, TargetGroupArn: "${TargetGroup/web}"}\n', "network.yaml")


def weights(environment: Environment) -> dict[str, int]:
    """Return the weights of the default actions, by target group."""
    elbv2 = environment.aws("elbv2")
    (balancer,) = elbv2.describe_load_balancers()["LoadBalancers"]
    (listener,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    (action,) = listener["DefaultActions"]
    groups: list[dict[str, Any]] = action["ForwardConfig"]["TargetGroups"]
    return {one["TargetGroupArn"].split("/")[1]: one["Weight"] for one in groups}


def test_a_blue_green_service_moves_the_traffic_of_the_default_rule(environment: Environment) -> None:
    """ECS moves it with each deployment, and ecsync leaves it there."""
    forward_by_default(environment)
    deploy_blue_green(environment, "${Listener/http.defaultRule}")
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    assert weights(environment) == {"quickstart-web": 100, "quickstart-green": 0}
    environment.edit("nginx:1.27", "nginx:1.28", "application.yaml")
    controller.read()
    with environment.writes() as writes:
        controller.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.RegisterTaskDefinition", "ecs.UpdateService"]
    assert weights(environment) == {"quickstart-web": 0, "quickstart-green": 100}
    with environment.writes() as later:
        controller.run_passes(5)
    assert operations(later) == []
