"""A fleet of N services in A applications: its manifests, and how many objects it has in AWS.

Application 0 of a site (an account and Region) also declares what the others share: network, cluster, load balancers,
listeners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.limit import Counts

REGION = "eu-west-1"
REGIONS = (REGION, "eu-central-1", "us-east-1", "us-west-2")  # each is one site: AWS counts rates by Region
ACCOUNT = "123456789012"
INSTALLATION = "bench"
RETENTION = 14  # days, of every log group
ROLE = f"arn:aws:iam::{ACCOUNT}:role/bench-execution"  # exists already: applications declare no roles by default
SERVICES_OF_A_BALANCER = 50

_APPLICATION = """\
apiVersion: ecsync/v1
kind: Application
metadata: {{name: {name}}}
spec:
  target: {{region: {region}}}
  sync: {sync}
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
  LogGroup/web-{number}: {{logGroupName: /bench/web-{number}, retentionInDays: {retention}}}
  TaskDefinition/web-{number}:
    family: bench-web-{number}
    requiresCompatibilities: [FARGATE]
    networkMode: awsvpc
    cpu: 256
    memory: 512
    executionRoleArn: {role}
    containerDefinitions:
      - name: web
        image: public.ecr.aws/nginx/nginx:{image}
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
    """N services, evenly in A applications of one account and Region.

    `first` is the number of the first service, `prefix` the beginning of the names of the applications. `image` is the
    tag of the image of all services, `interval` that of all applications: empty for the default.
    """

    services: int
    applications: int
    region: str = REGION
    prefix: str = ""
    first: int = 0
    image: str = "1.27"
    interval: str = ""

    @property
    def numbers(self) -> range:
        """The numbers of the services."""
        return range(self.first, self.first + self.services)

    @property
    def balancer_numbers(self) -> range:
        """The numbers of the shared load balancers, each with one listener."""
        if not self.services:
            return range(0)
        return range(balancer_of(self.first), balancer_of(self.first + self.services - 1) + 1)

    @property
    def balancers(self) -> int:
        """The number of shared load balancers."""
        return len(self.balancer_numbers)

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

    def numbers_of(self, balancer: int) -> range:
        """Return the numbers of the services behind a load balancer."""
        first = balancer * SERVICES_OF_A_BALANCER
        return range(max(first, self.first), min(first + SERVICES_OF_A_BALANCER, self.first + self.services))

    def application_of(self, number: int) -> str:
        """Return the name of the application that declares a service."""
        return f"{self.prefix}app-{number % self.applications}"

    @property
    def shared(self) -> str:
        """The name of the application that declares what all share."""
        return f"{self.prefix}app-0"

    def files(self) -> dict[str, bytes]:
        """Return the manifests: a folder for each application, a file for ten services."""
        return {name: text.encode() for name, text in self._texts()}

    def _texts(self) -> Iterator[tuple[str, str]]:
        balancers = "".join(_BALANCER.format(number=number) for number in self.balancer_numbers)
        yield f"{self.shared}/shared.yaml", _SHARED + balancers
        sync = f"{{mode: enforce, interval: {self.interval}}}" if self.interval else "{mode: enforce}"
        for index in range(self.applications):
            name = f"{self.prefix}app-{index}"
            yield f"{name}/application.yaml", _APPLICATION.format(name=name, region=self.region, sync=sync)
            numbers = [number for number in self.numbers if number % self.applications == index]
            for start in range(0, len(numbers), 10):
                services = "".join(self._service(number, index) for number in numbers[start : start + 10])
                yield f"{name}/services-{start // 10}.yaml", f"apiVersion: ecsync/v1\nresources:\n{services}"

    def _service(self, number: int, application: int) -> str:
        return _SERVICE.format(
            number=number,
            role=ROLE,
            retention=RETENTION,
            region=self.region,
            image=self.image,
            shared=f"app:{self.shared}/" if application else "",
            balancer=balancer_of(number),
            priority=priority_of(number),
        )


def balancer_of(number: int) -> int:
    """Return the number of the load balancer of a service."""
    return number // SERVICES_OF_A_BALANCER


def priority_of(number: int) -> int:
    """Return the priority of the listener rule of a service."""
    return number % SERVICES_OF_A_BALANCER + 1


def sites(services: int, applications: int, count: int = 1, interval: str = "") -> tuple[Fleet, ...]:
    """Return the fleets of `count` sites that have these services and applications together, evenly."""
    if services % count or max(applications, count) % count:
        raise ValueError(f"{services} services and {applications} applications are not even over {count} sites")
    return tuple(
        Fleet(
            services // count,
            max(1, applications // count),
            region=REGIONS[index],
            prefix=f"s{index}-" if index else "",
            interval=interval,
        )
        for index in range(count)
    )


def files_of(fleets: tuple[Fleet, ...]) -> dict[str, bytes]:
    """Return the manifests of several sites."""
    return {name: body for fleet in fleets for name, body in fleet.files().items()}
