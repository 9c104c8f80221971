"""A fleet of N services in A applications: its manifests, and how many objects it has in AWS.

Application 0 also declares what the others share: network, cluster, load balancers, listeners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.limit import Counts

REGION = "eu-west-1"
ACCOUNT = "123456789012"
INSTALLATION = "bench"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench-execution"  # exists already: applications declare no roles by default
SERVICES_OF_A_BALANCER = 50

_APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  target: {{region: {region}}}
  sync: {{mode: enforce}}
"""
_SHARED = """\
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
  Cluster/main: {clusterName: bench}
  SecurityGroup/web:
    GroupName: bench-web
    Description: HTTP
    VpcId: ${Network/main}
    IpPermissions: [{IpProtocol: tcp, FromPort: 80, ToPort: 80, IpRanges: [{CidrIp: 0.0.0.0/0}]}]
"""
_BALANCER = """\
  LoadBalancer/lb-{number}:
    Name: bench-{number}
    Scheme: internet-facing
    Subnets: ${{Network/main.publicSubnetIds}}
    SecurityGroups: ["${{SecurityGroup/web}}"]
  Listener/lb-{number}:
    LoadBalancerArn: ${{LoadBalancer/lb-{number}}}
    Protocol: HTTP
    Port: 80
    DefaultActions:
      - {{Type: fixed-response, FixedResponseConfig: {{StatusCode: 404, ContentType: text/plain, MessageBody: none}}}}
"""
_SERVICE = """\
  LogGroup/web-{number}: {{logGroupName: /bench/web-{number}, retentionInDays: 14}}
  TaskDefinition/web-{number}:
    family: bench-web-{number}
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    executionRoleArn: {role}
    containerDefinitions:
      - name: web
        image: public.ecr.aws/nginx/nginx:1.27
        portMappings: [{{containerPort: 80}}]
        environment: {{NUMBER: "{number}", GREETING: hello}}
        logConfiguration:
          logDriver: awslogs
          options: {{awslogs-group: "${{LogGroup/web-{number}}}", awslogs-region: {region}, awslogs-stream-prefix: web}}
  TargetGroup/web-{number}:
    Name: bench-web-{number}
    Protocol: HTTP
    Port: 80
    TargetType: ip
    VpcId: ${{{shared}Network/main}}
    HealthCheckPath: /
    HealthCheckIntervalSeconds: 10
    Attributes: {{deregistration_delay.timeout_seconds: 30}}
  ListenerRule/web-{number}:
    ListenerArn: ${{{shared}Listener/lb-{balancer}}}
    Priority: {priority}
    Conditions: [{{Field: host-header, Values: [web-{number}.example.com]}}]
    Actions: [{{Type: forward, TargetGroupArn: "${{TargetGroup/web-{number}}}"}}]
  Service/web-{number}:
    serviceName: web-{number}
    cluster: ${{{shared}Cluster/main}}
    taskDefinition: ${{TaskDefinition/web-{number}}}
    launchType: FARGATE
    desiredCount: 1
    deploymentConfiguration: {{deploymentCircuitBreaker: {{enable: true, rollback: true}}}}
    networkConfiguration:
      awsvpcConfiguration:
        subnets: ${{{shared}Network/main.publicSubnetIds}}
        securityGroups: ["${{{shared}SecurityGroup/web}}"]
        assignPublicIp: ENABLED
    loadBalancers: [{{targetGroupArn: "${{TargetGroup/web-{number}}}", containerName: web, containerPort: 80}}]
    tags: {{team: bench}}
  ScalableTarget/web-{number}: {{Service: "${{Service/web-{number}}}", MinCapacity: 1, MaxCapacity: 4}}
  ScalingPolicy/web-{number}:
    Service: ${{Service/web-{number}}}
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 60
      PredefinedMetricSpecification: {{PredefinedMetricType: ECSServiceAverageCPUUtilization}}
"""


@dataclass(frozen=True, slots=True)
class Fleet:
    """N services, evenly in A applications of one account and Region."""

    services: int
    applications: int

    @property
    def balancers(self) -> int:
        """The number of shared load balancers, each with one listener."""
        return -(-self.services // SERVICES_OF_A_BALANCER)

    @property
    def counts(self) -> Counts:
        """The objects of the fleet."""
        return Counts(
            services=self.services,
            clusters=1,
            scalable_targets=self.services,
            scaling_policies=self.services,
            target_groups=self.services,
            load_balancers=self.balancers,
            listeners=self.balancers,
            rules=self.services,
            log_groups=self.services,
            networks=1,
            security_groups=1,
        )

    def files(self) -> dict[str, bytes]:
        """Return the manifests: a folder for each application, a file for ten services."""
        return {name: text.encode() for name, text in self._texts()}

    def _texts(self) -> Iterator[tuple[str, str]]:
        balancers = "".join(_BALANCER.format(number=number) for number in range(self.balancers))
        yield "app-0/shared.yaml", _SHARED + balancers
        for index in range(self.applications):
            name = f"app-{index}"
            yield f"{name}/application.yaml", _APPLICATION.format(name=name, region=REGION)
            numbers = range(index, self.services, self.applications)
            for start in range(0, len(numbers), 10):
                services = "".join(_service(number, index) for number in numbers[start : start + 10])
                yield f"{name}/services-{start // 10}.yaml", f"apiVersion: ecsync/v1\nresources:\n{services}"


def _service(number: int, application: int) -> str:
    return _SERVICE.format(
        number=number,
        role=ROLE,
        region=REGION,
        shared="app:app-0/" if application else "",
        balancer=number // SERVICES_OF_A_BALANCER,
        priority=number % SERVICES_OF_A_BALANCER + 1,
    )
