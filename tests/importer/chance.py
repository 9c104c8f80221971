"""Whatever boto3 can make, by chance: the same seed makes the same account, and what AWS refuses is not in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from random import Random
from typing import Any, TypeVar

from botocore.exceptions import ClientError, ParamValidationError

from tests.importer.account import ACCOUNT, CLUSTER, REGION, Body
from tests.importer.account_builder import AccountBuilder, forward

T = TypeVar("T")

# Text that YAML, a shell or our own references may take for something else.
TEXTS = (
    "plain", "on", "off", "yes", "No", "null", "~", "true", "0755", "007", "22:22", "1e3", "0x1F", "0o17", "1_000",
    ".5", "1.10", "+1", "-0", "12345678901234567890", "2026-01-01", "<<", "=", "---", "...", "- a", "? a", "!x", "&x",
    "*x", "%x", "@x", "`x", "|", ">", "[a]", "{a: b}", '"x"', "'x'", "a\\b", "a: b", "a:", "a # b", "#x", "  lead",
    "trail  ", "\u00a0x", "a\tb", "\tx", "a\nb\n", "a\n b\n\n", "  x\ny ", "\n", "a\r\nb", "a\x85b", "a\u2028b",
    "\ufeffx", "h\u00e9llo \u2603 \U0001f389", "$", "$$", "$${", "${HOME}", "${x:-y}", "${Cluster/prod}",
    "$${Cluster/prod}", "$$${Service/a.arn}", "${var:x} ${env:HOME} ${ssm:/x} ${image:x}", "x" * 2000, "word " * 300,
    '{"a": {"b": "${X}"}}', "a\x1bb", "0", "443",
)  # fmt: skip
NAMES = ("A", "a", "no", "ON", "with.dots", "with space", "1", "null", "${Cluster/prod}", "a:b", "#x", "<<", "=")
TAG_KEYS = ("team", "Team", "a b", "a:b/c=+-@", "yes", "1", "null", "<<", "cost.center", "é")
ROLE = f"arn:aws:iam::{ACCOUNT}:role/"
CERTIFICATE = f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/"
NAMESPACE = f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-abcdefgh12345678"
FARGATE_SIZES = (("256", "512"), ("256", "1024"), ("512", "2048"), ("1024", "4096"))


class Chance:
    """Somebody who makes things in an account without thinking.

    `plain`: nothing that can be made only once, such as an older revision of a family.
    """

    def __init__(self, aws: AccountBuilder, seed: int, *, plain: bool = False) -> None:
        self.aws = aws
        self.plain = plain
        self.random = Random(seed)  # noqa: S311  # the same account for the same seed
        self.refused: list[str] = []
        self.made: list[str] = []
        self.tasks: list[tuple[str, Body]] = []
        self.groups: list[tuple[str, Body]] = []
        self.rules = 0

    def account(self, services: int) -> None:
        """Fill the account."""
        with self.allowed("cluster"):
            self.cluster()
        special = [self.swapped, self.external, self.stored, self.logged, self.static, self.classic]
        special += [] if self.plain else [self.codedeployed]  # whose traffic is CodeDeploy's
        for number in range(services):
            with self.allowed("service"):
                (self.pick(special) if self.maybe(0.3) else self.service)(number)
        self.aws.account.simulator.advance(self.pick((0, 30, 600)))
        for name in self.made:
            if self.maybe(0.2) and not self.plain:
                with self.allowed("change"):
                    self.change(name)
        self.aws.account.simulator.advance(self.pick((0, 30, 600)))

    @contextmanager
    def allowed(self, what: str) -> Iterator[None]:
        """Go on where AWS refuses."""
        try:
            yield
        except (ClientError, ParamValidationError) as refusal:
            self.refused.append(f"{what}: {refusal}")

    # ------------------------------------------------------------ dice

    def maybe(self, likely: float = 0.5) -> bool:
        return self.random.random() < likely

    def pick(self, among: Sequence[T]) -> T:
        return self.random.choice(among)

    def some(self, among: Sequence[T], most: int = 3) -> list[T]:
        return self.random.sample(list(among), self.random.randint(1, min(most, len(among))))

    def any_of(self, likely: float = 0.3, /, **members: Callable[[], Any]) -> Body:
        """Some of the members."""
        return {name: make() for name, make in members.items() if self.maybe(likely)}

    def text(self) -> str:
        return self.pick(TEXTS)

    def number(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def flag(self) -> bool:
        return self.maybe()

    def tags(self, name: str = "key", value: str = "value") -> list[Body]:
        return [{name: key, value: self.pick(("", *TEXTS[:20], "${Cluster/prod}"))} for key in self.some(TAG_KEYS)]

    # ------------------------------------------------------------ the cluster

    def cluster(self) -> None:
        ecs = self.aws.ecs
        if self.maybe():
            level = self.pick(("enabled", "disabled", "enhanced"))
            ecs.update_cluster(cluster=CLUSTER, settings=[{"name": "containerInsights", "value": level}])
        if self.maybe(0.3):
            logging = {"kmsKeyId": "key", "logging": "DEFAULT"}
            ecs.update_cluster(cluster=CLUSTER, configuration={"executeCommandConfiguration": logging})
        if self.maybe(0.3):
            strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}, {"capacityProvider": "FARGATE_SPOT"}]
            ecs.put_cluster_capacity_providers(
                cluster=CLUSTER,
                capacityProviders=["FARGATE_SPOT", "FARGATE"],
                defaultCapacityProviderStrategy=self.some(strategy, 2),
            )
        if self.maybe(0.3):
            arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
            ecs.tag_resource(resourceArn=arn, tags=self.tags())
        if self.maybe(0.3) and not self.plain:
            self.aws.provider("machines")

    # ------------------------------------------------------------ task definitions

    def task(self, number: int, *, fargate: bool) -> tuple[str, Body]:
        """A task definition; at times one that is there already, or another revision of its family."""
        if self.tasks and self.maybe(0.2):
            arn, body = self.pick(self.tasks)
            if ("FARGATE" in body["requiresCompatibilities"]) is fargate:
                return arn, body
        family = self.pick((f"task{number}", f"Task_{number}", f"shared{number}" if self.plain else "shared"))
        body = self.definition(family, fargate=fargate)
        made = self.aws.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
        self.tasks.append((made, body))
        return made, body

    def definition(self, family: str, *, fargate: bool) -> Body:
        """What RegisterTaskDefinition takes."""
        cpu, memory = self.pick(FARGATE_SIZES)
        mode = "awsvpc" if fargate else self.pick(("bridge", "host", "awsvpc", "none"))
        volumes = self.volumes(fargate=fargate)
        names = ["app", "side", "Third_1"][: self.number(1, 3)]
        containers = [self.container(name, names, volumes, mode, fargate=fargate) for name in names]
        sized = {"cpu": cpu, "memory": memory} if fargate or self.maybe(0.3) else {}
        own = {"executionRoleArn": self.role("execution")} if fargate or self.maybe() else {}
        return {
            "family": family,
            "requiresCompatibilities": ["FARGATE"] if fargate else self.pick((["EC2"], [])),
            "containerDefinitions": containers,
            **({"networkMode": mode} if fargate or self.maybe(0.8) else {}),
            **({"volumes": volumes} if volumes else {}),
            **sized,
            **own,
            **self.any_of(
                0.2,
                taskRoleArn=lambda: self.role("task"),
                tags=self.tags,
                **(
                    {
                        "ephemeralStorage": lambda: {"sizeInGiB": self.number(21, 100)},
                        "runtimePlatform": lambda: {
                            "cpuArchitecture": self.pick(("ARM64", "X86_64")),
                            "operatingSystemFamily": "LINUX",
                        },
                    }
                    if fargate
                    else {
                        "pidMode": lambda: self.pick(("host", "task")),
                        "ipcMode": lambda: self.pick(("host", "task", "none")),
                        "placementConstraints": lambda: [
                            {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}
                        ],
                    }
                ),
            ),
        }

    def role(self, name: str) -> str:
        with suppress(ClientError):
            self.aws.role(name)
        return ROLE + name

    def volumes(self, *, fargate: bool) -> list[Body]:
        efs: Body = {
            "fileSystemId": "fs-12345678",
            **self.any_of(
                rootDirectory=lambda: self.pick(("/", "/data")),
                transitEncryption=lambda: "ENABLED",
                authorizationConfig=lambda: {"iam": "DISABLED"},
            ),
        }
        kinds: list[Body] = [{"name": "efs", "efsVolumeConfiguration": efs}, {"name": "scratch"}]
        if not fargate:
            kinds.append({"name": "host", "host": {"sourcePath": "/var/x"}})
            docker = {"scope": "task", "driver": "local", "labels": {"a": self.text() or "x"}}
            kinds.append({"name": "docker", "dockerVolumeConfiguration": docker})
        return self.some(kinds, 2) if self.maybe(0.4) else []

    def container(self, name: str, names: list[str], volumes: list[Body], mode: str, *, fargate: bool) -> Body:
        """One container, with what suits its network."""
        others = [other for other in names if other != name and names.index(other) < names.index(name)]
        body: Body = {
            "name": name,
            "image": self.pick(("nginx:1", "public.ecr.aws/nginx/nginx@sha256:" + "0" * 64, "nginx")),
            "essential": name == "app" or self.flag(),
        }
        if not fargate or self.maybe(0.3):
            body |= self.pick(({"memory": 128}, {"memoryReservation": 64}, {"memory": 256, "memoryReservation": 64}))
        if name == "app" and mode != "none":
            port: Body = {"containerPort": 80}
            if mode == "bridge":
                port |= self.any_of(hostPort=lambda: self.pick((0, 8080)))
            port |= self.any_of(protocol=lambda: "tcp", name=lambda: "http")
            if "name" in port:
                port |= self.any_of(appProtocol=lambda: self.pick(("http", "grpc")))
            body["portMappings"] = [port]
        if others and self.maybe():
            body["dependsOn"] = [{"containerName": others[0], "condition": "START"}]
        if volumes:
            where = [{"sourceVolume": one["name"], "containerPath": f"/{one['name']}"} for one in volumes]
            body["mountPoints"] = [{**one, **self.any_of(readOnly=self.flag)} for one in where]
        return body | self.details(mode, fargate=fargate)

    def details(self, mode: str, *, fargate: bool) -> Body:
        """What any container may say."""
        pairs = lambda: [{"name": one, "value": self.text()} for one in self.some(NAMES, 6)]  # noqa: E731
        labels = lambda: {one: self.text() for one in self.some([n for n in NAMES if "${" not in n])}  # noqa: E731
        ours = self.any_of(
            0.25,
            cpu=lambda: self.pick((0, 10, 128)),
            environment=pairs,
            secrets=lambda: [
                {"name": "KEY", "valueFrom": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/key"},
                {"name": "OTHER", "valueFrom": "other"},
            ],
            environmentFiles=lambda: [{"type": "s3", "value": "arn:aws:s3:::bucket/app.env"}],
            command=lambda: [self.text() for _ in range(self.number(1, 4))],
            entryPoint=lambda: ["sh", "-c", self.text()],
            workingDirectory=lambda: "/srv",
            user=lambda: self.pick(("1000", "1000:1000", "app")),
            dockerLabels=labels,
            healthCheck=lambda: {
                "command": ["CMD-SHELL", "curl -f localhost || exit 1"],
                **self.any_of(interval=lambda: 15, timeout=lambda: 5, retries=lambda: 3, startPeriod=lambda: 10),
            },
            ulimits=lambda: [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
            readonlyRootFilesystem=self.flag,
            stopTimeout=lambda: self.number(2, 120),
            startTimeout=lambda: self.number(2, 120),
            linuxParameters=lambda: {"initProcessEnabled": self.flag(), "capabilities": {"drop": ["ALL"]}},
            systemControls=lambda: [{"namespace": "net.core.somaxconn", "value": "1024"}],
            interactive=self.flag,
            pseudoTerminal=self.flag,
            versionConsistency=lambda: self.pick(("enabled", "disabled")),
            restartPolicy=lambda: {"enabled": True, **self.any_of(restartAttemptPeriod=lambda: 120)},
            repositoryCredentials=lambda: {
                "credentialsParameter": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:registry-AbCdEf"
            },
            logConfiguration=self.logging,
        )
        if not fargate:
            ours |= self.any_of(
                0.15,
                privileged=self.flag,
                extraHosts=lambda: [{"hostname": "db", "ipAddress": "10.0.0.1"}],
                dnsServers=lambda: ["10.0.0.2"],
                hostname=lambda: "h" if mode == "bridge" else "",
            )
        return {name: value for name, value in ours.items() if value not in ("", {})}

    def logging(self) -> Body:
        """Logs to a group that is there, to one that is not, or to something else."""
        group = self.pick(("/ecs/one", "/ecs/two", "/ecs/nested/three", "flat-group"))
        options = {"awslogs-group": group, "awslogs-region": REGION, "awslogs-stream-prefix": "app"}
        if self.maybe(0.7):
            with suppress(ClientError):
                self.aws.log_group(group, self.pick((7, 14, 30)))
        options |= self.any_of(
            **{"awslogs-create-group": lambda: "true", "mode": lambda: "non-blocking", "max-buffer-size": lambda: "4m"}
        )
        json = {"logDriver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}
        return self.pick(
            ({"logDriver": "awslogs", "options": options}, {"logDriver": "awslogs", "options": options}, json)
        )

    # ------------------------------------------------------------ what forwards to services

    def group(self, number: int, target: str) -> str:
        """A target group; at times one that another service uses."""
        same = [arn for arn, body in self.groups if body["TargetType"] == target]
        if same and self.maybe(0.15):
            return self.pick(same)
        checked = self.any_of(
            HealthCheckPath=lambda: self.pick(("/healthz", "/")),
            HealthCheckIntervalSeconds=lambda: self.pick((10, 30)),
            HealthCheckTimeoutSeconds=lambda: self.pick((2, 5)),
            HealthyThresholdCount=lambda: self.number(2, 5),
            UnhealthyThresholdCount=lambda: self.number(2, 5),
            Matcher=lambda: {"HttpCode": self.pick(("200", "200-399"))},
            HealthCheckPort=lambda: self.pick(("traffic-port", "8080")),
            ProtocolVersion=lambda: "HTTP2",
            Tags=lambda: self.tags("Key", "Value"),
        )
        body = {"TargetType": target, "Port": self.pick((80, 8080)), **checked}
        name = self.pick((f"group-{number}", f"{'long-' * 5}{number}", f"Group-{number}"))
        arn = self.aws.target_group(f"{name}{len(self.groups)}", **body)
        attributes = self.any_of(
            0.2,
            **{
                "deregistration_delay.timeout_seconds": lambda: self.pick(("0", "30", "300")),
                "stickiness.enabled": lambda: "true",
                "slow_start.duration_seconds": lambda: "60",
                "load_balancing.algorithm.type": lambda: "least_outstanding_requests",
                "load_balancing.cross_zone.enabled": lambda: self.pick(("true", "use_load_balancer_configuration")),
            },
        )
        if attributes:
            rows = [{"Key": key, "Value": value} for key, value in attributes.items()]
            with self.allowed("attributes"):
                self.aws.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=rows)
        self.groups.append((arn, body))
        return arn

    def reached(self, arn: str) -> None:
        """Let a listener or a rule forward to a target group."""
        balancer = self.pick(("web", "web", "other"))
        self.balancer(balancer)
        if self.maybe(0.2):
            self.listener(balancer, self.number(1000, 2000), [forward(arn)])
            return
        port = self.pick((80, 80, 8443))
        listener = self.listener(balancer, port)
        self.rules += self.number(1, 5)
        self.aws.elb.create_rule(
            ListenerArn=listener,
            Priority=self.rules,
            Conditions=self.conditions(),
            Actions=self.actions(arn),
            **self.any_of(0.2, Tags=lambda: self.tags("Key", "Value")),
        )

    def balancer(self, name: str) -> None:
        if name in self.aws.arns:
            return
        arn = self.aws.load_balancer(name, **self.any_of(Tags=lambda: self.tags("Key", "Value")))
        attributes = self.any_of(
            **{
                "idle_timeout.timeout_seconds": lambda: self.pick(("60", "120")),
                "deletion_protection.enabled": lambda: "true",
                "routing.http.drop_invalid_header_fields.enabled": lambda: "true",
                "routing.http2.enabled": lambda: "false",
            }
        )
        if attributes:
            rows = [{"Key": key, "Value": value} for key, value in attributes.items()]
            self.aws.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=rows)

    def listener(self, balancer: str, port: int, actions: list[Body] | None = None) -> str:
        if f"{balancer}:{port}" in self.aws.arns:
            return self.aws.arns[f"{balancer}:{port}"]
        body: Body = {"DefaultActions": actions} if actions else {"DefaultActions": [self.answer()]}
        if port == 8443:
            body |= {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": CERTIFICATE + "one"}]}
            body |= self.any_of(SslPolicy=lambda: "ELBSecurityPolicy-TLS13-1-2-2021-06")
        arn = self.aws.listener(balancer, port, **body, **self.any_of(0.2, Tags=lambda: self.tags("Key", "Value")))
        if port == 8443 and self.maybe():
            more = [{"CertificateArn": CERTIFICATE + name} for name in self.some(("two", "three"))]
            self.aws.elb.add_listener_certificates(ListenerArn=arn, Certificates=more)
        return arn

    def answer(self) -> Body:
        """An action that forwards nowhere."""
        redirect = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301", "Host": "#{host}", "Path": "/#{path}"}
        fixed = {"StatusCode": self.pick(("404", "503")), **self.any_of(ContentType=lambda: "text/plain")}
        return self.pick(
            (
                {"Type": "fixed-response", "FixedResponseConfig": fixed},
                {"Type": "redirect", "RedirectConfig": redirect},
            )
        )

    def conditions(self) -> list[Body]:
        every: list[Body] = [
            {"Field": "path-pattern", "Values": [f"/{self.rules}/*", "/x?"]},
            {"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{self.rules}"]}},
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com", "a.example.com"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["on", "*"]}},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "POST"]}},
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "1"}, {"Value": "b"}]}},
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
        ]
        chosen = {one["Field"]: one for one in self.some(every, 3)}
        return list(chosen.values())

    def actions(self, arn: str) -> list[Body]:
        if not self.maybe(0.3):
            return [forward(arn)]
        groups = [{"TargetGroupArn": arn, "Weight": self.number(1, 100)}]
        if self.groups and self.maybe():
            other = self.pick(self.groups)[0]
            groups += [{"TargetGroupArn": other, "Weight": self.number(0, 100)}] if other != arn else []
        sticky = self.any_of(TargetGroupStickinessConfig=lambda: {"Enabled": True, "DurationSeconds": 300})
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **sticky}}]

    # ------------------------------------------------------------ services

    def service(self, number: int) -> None:
        """A service, with all that it needs and some that it does not."""
        fargate = self.maybe(0.7)
        task, definition = self.task(number, fargate=fargate)
        name = self.pick((f"service{number}", f"Service{number}", f"a_{number}", f"-{number}", f"{'s' * 70}{number}"))
        mode = definition.get("networkMode", "bridge")
        body: Body = {"taskDefinition": task, **self.capacity(fargate=fargate)}
        daemon = not fargate and "capacityProviderStrategy" not in body and self.maybe(0.2)
        body |= {"schedulingStrategy": "DAEMON"} if daemon else {"desiredCount": self.number(0, 3)}
        if mode == "awsvpc":
            groups = self.any_of(assignPublicIp=lambda: self.pick(("ENABLED", "DISABLED"))) if fargate else {}
            subnets = self.some(self.aws.subnets)
            body["networkConfiguration"] = {"awsvpcConfiguration": {"subnets": subnets, **groups}}
        if mode in ("awsvpc", "bridge") and self.maybe(0.5):
            arn = self.group(number, "ip" if mode == "awsvpc" else "instance")
            self.reached(arn)
            body["loadBalancers"] = [{"targetGroupArn": arn, "containerName": "app", "containerPort": 80}]
            body |= self.any_of(healthCheckGracePeriodSeconds=lambda: self.pick((0, 60)))
        body |= self.manners(fargate=fargate, daemon=daemon)
        port = next((one.get("name") for one in definition["containerDefinitions"][0].get("portMappings", ())), None)
        if port and self.maybe(0.5):
            offered = [{"portName": port, "clientAliases": [{"port": 80}]}]
            body["serviceConnectConfiguration"] = {"enabled": True, "namespace": NAMESPACE, "services": offered}
        self.aws.ecs.create_service(cluster=CLUSTER, serviceName=name, **body)
        self.made.append(name)
        if not daemon and self.maybe(0.4):
            self.scaling(name, body.get("desiredCount", 1))

    def swapped(self, number: int) -> None:
        """A service that ECS deploys beside itself, maybe in the middle of it."""
        name = f"swapped{number}"
        blue, green = (self.aws.target_group(f"{name}-{colour}") for colour in ("blue", "green"))
        weighted = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
        rule = self.aws.rule(name, {"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}, port=81)
        advanced = {
            "alternateTargetGroupArn": green,
            "productionListenerRule": rule,
            "roleArn": self.role("infrastructure"),
        }
        balanced = {"targetGroupArn": blue, "containerName": "app", "containerPort": 80}
        strategies: list[Body] = [
            {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": self.pick((1, 5))},
            {"strategy": "LINEAR", "bakeTimeInMinutes": 1, "linearConfiguration": {"stepPercent": 25.0}},
            {"strategy": "CANARY", "bakeTimeInMinutes": 1, "canaryConfiguration": {"canaryPercent": 10.0}},
        ]
        self.aws.service(
            name,
            loadBalancers=[{**balanced, "advancedConfiguration": advanced}],
            deploymentConfiguration=self.pick(strategies),
        )
        self.made.append(name)
        if self.maybe() and not self.plain:
            self.aws.account.simulator.advance(600)
            self.aws.update(name, taskDefinition=self.aws.task(name, container={"image": "nginx:2"}))
            self.aws.account.simulator.advance(self.pick((5, 60, 200)))

    def codedeployed(self, number: int) -> None:
        """A service that CodeDeploy deploys."""
        name = f"codedeployed{number}"
        balanced = self.aws.routed_target_group(name)
        self.aws.service(name, deploymentController={"type": "CODE_DEPLOY"}, loadBalancers=[balanced])
        self.made.append(name)

    def external(self, number: int) -> None:
        """A service whose task sets somebody else makes."""
        self.aws.ecs.create_service(
            cluster=CLUSTER, serviceName=f"external{number}", deploymentController={"type": "EXTERNAL"}, desiredCount=1
        )

    def stored(self, number: int) -> None:
        """A service with a volume that is configured when it starts."""
        name = f"stored{number}"
        mounts = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
        task = self.aws.task(name, container=mounts, volumes=[{"name": "data", "configuredAtLaunch": True}])
        disk: Body = {
            "roleArn": self.role("infrastructure"),
            "sizeInGiB": 20,
            **self.any_of(
                volumeType=lambda: "gp3",
                encrypted=lambda: True,
                filesystemType=lambda: self.pick(("ext4", "xfs")),
                tagSpecifications=lambda: [{"resourceType": "volume", "tags": self.tags()}],
            ),
        }
        self.aws.service(name, taskDefinition=task, volumeConfigurations=[{"name": "data", "managedEBSVolume": disk}])
        self.made.append(name)

    def logged(self, number: int) -> None:
        """A service whose logs a container of its own sends on."""
        options = {"Name": "cloudwatch", "region": REGION, "log_group_name": "/ecs/router", "auto_create_group": "true"}
        sent = {"logConfiguration": {"logDriver": "awsfirelens", "options": options}}
        router: Body = {
            "name": "log_router",
            "image": "fluent-bit:stable",
            "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
            **self.any_of(logConfiguration=self.logging, memoryReservation=lambda: 50),
        }
        own = {"executionRoleArn": self.role("execution")}
        self.aws.service(
            f"logged{number}", taskDefinition=self.aws.task(f"logged{number}", router, container=sent, **own)
        )
        self.made.append(f"logged{number}")

    def static(self, number: int) -> None:
        """A service behind a network load balancer, maybe with addresses of its own."""
        name = f"static{number}"
        ec2 = self.aws.account.aws("ec2")
        subnets = self.aws.subnets[:2]
        mapped = [
            {"SubnetId": one, "AllocationId": ec2.allocate_address(Domain="vpc")["AllocationId"]} for one in subnets
        ]
        placed: Body = self.pick(
            (
                {"Subnets": subnets},
                {"Subnets": subnets, "Scheme": "internal"},
                {"SubnetMappings": mapped},
                {
                    "SubnetMappings": [{"SubnetId": subnets[0], "PrivateIPv4Address": "172.31.0.9"}],
                    "Scheme": "internal",
                },
            )
        )
        if self.plain and "SubnetMappings" in placed:
            return  # an address is only once in the world
        made = self.aws.elb.create_load_balancer(Name=name, Type="network", **placed)["LoadBalancers"][0]
        self.aws.arns[name] = made["LoadBalancerArn"]
        protocol = self.pick(("TCP", "UDP", "TCP_UDP"))
        group = self.aws.target_group(name, Protocol=protocol, Port=53)
        attributes = {"preserve_client_ip.enabled": self.pick(("true", "false")), "proxy_protocol_v2.enabled": "true"}
        rows = [{"Key": key, "Value": value} for key, value in attributes.items() if self.maybe()]
        if rows:
            self.aws.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=rows)
        self.aws.listener(name, 53, Protocol=protocol, DefaultActions=[forward(group)])
        task = self.aws.task(
            name, container={"portMappings": [{"containerPort": 80, "protocol": protocol[-3:].lower()}]}
        )
        balanced = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
        self.aws.service(name, taskDefinition=task, loadBalancers=[balanced])
        self.made.append(name)

    def classic(self, number: int) -> None:
        """A service behind a load balancer of the first generation."""
        name = f"classic{number}"
        balanced = {"loadBalancerName": "classic", "containerName": "app", "containerPort": 80}
        self.aws.ec2_service(name, taskDefinition=self.aws.ec2_task(name), loadBalancers=[balanced])
        self.made.append(name)

    def capacity(self, *, fargate: bool) -> Body:
        if not fargate:
            return {"launchType": "EC2"}
        strategy = [
            {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
            {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        ]
        return self.pick(
            (
                {"launchType": "FARGATE"},
                {"launchType": "FARGATE", "platformVersion": self.pick(("LATEST", "1.4.0"))},
                {"capacityProviderStrategy": self.some(strategy, 2)},
            )
        )

    def manners(self, *, fargate: bool, daemon: bool) -> Body:
        """How it is deployed, placed and tagged."""
        breaker = lambda: {"enable": self.flag(), "rollback": self.flag()}  # noqa: E731
        alarms = lambda: {"alarmNames": self.some(("b", "a")), "enable": self.flag(), "rollback": self.flag()}  # noqa: E731
        percents: Body = {} if daemon else {"maximumPercent": lambda: self.pick((150, 200))}
        deployment = lambda: self.any_of(  # noqa: E731
            0.4,
            minimumHealthyPercent=lambda: self.pick((0, 50, 100)),
            deploymentCircuitBreaker=breaker,
            alarms=alarms,
            **percents,
        )
        spread = [
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            {"type": "binpack", "field": "MEMORY"},
        ]
        only = [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}, {"type": "distinctInstance"}]
        placed: Body = {} if fargate else {"placementConstraints": lambda: self.some(only)}
        placed |= {} if fargate or daemon else {"placementStrategy": lambda: self.some(spread)}
        return self.any_of(
            0.25,
            deploymentConfiguration=deployment,
            tags=self.tags,
            propagateTags=lambda: self.pick(("SERVICE", "TASK_DEFINITION", "NONE")),
            enableECSManagedTags=self.flag,
            enableExecuteCommand=self.flag,
            availabilityZoneRebalancing=lambda: self.pick(("ENABLED", "DISABLED")),
            serviceRegistries=lambda: [
                {"registryArn": f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:service/srv-abc", "containerName": "app"}
            ],
            **placed,
        )

    def scaling(self, name: str, count: int) -> None:
        """Scale a service within bounds that it is in."""
        suspended = lambda: {"DynamicScalingInSuspended": self.flag(), "ScheduledScalingSuspended": self.flag()}  # noqa: E731
        target = self.aws.make_scalable(
            name, min(count, 1), max(count, 1) + self.number(0, 3), **self.any_of(SuspendedState=suspended)
        )
        put = self.aws.scaling.put_scaling_policy
        tracking: Body = {
            "TargetValue": self.pick((60.0, 55.5)),
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
            **self.any_of(ScaleInCooldown=lambda: 60, ScaleOutCooldown=lambda: 0, DisableScaleIn=self.flag),
        }
        custom = {
            "TargetValue": 10.0,
            "CustomizedMetricSpecification": {
                "MetricName": "Depth",
                "Namespace": "Queue",
                "Statistic": "Average",
                "Dimensions": [{"Name": "Queue", "Value": "q"}],
            },
        }
        steps = {
            "AdjustmentType": self.pick(("ChangeInCapacity", "PercentChangeInCapacity")),
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
            **self.any_of(Cooldown=lambda: 60, MetricAggregationType=lambda: "Maximum"),
        }
        if self.maybe():
            configuration = self.pick((tracking, custom))
            put(**target, PolicyName=self.pick(("cpu", "a/b c")), PolicyType="TargetTrackingScaling",
                TargetTrackingScalingPolicyConfiguration=configuration)  # fmt: skip
        if self.maybe(0.3):
            put(**target, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps)
        if self.maybe(0.3):
            self.aws.scaling.put_scheduled_action(
                **target,
                ScheduledActionName=self.pick(("down", "Up at 7")),
                Schedule="cron(0 20 * * ? *)",
                ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 9},
                **self.any_of(Timezone=lambda: "Europe/Berlin"),
            )

    # ------------------------------------------------------------ later

    def change(self, name: str) -> None:
        """Somebody does something to a service."""
        found = self.aws.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]
        match self.number(0, 3):
            case 0:
                self.aws.ecs.delete_service(cluster=CLUSTER, service=name, force=True)
            case 1:
                family = found["taskDefinition"].rsplit("/", 1)[-1].split(":")[0]
                known = [body for arn, body in self.tasks if arn == found["taskDefinition"]]
                if known:
                    again = self.aws.ecs.register_task_definition(**{**known[0], "family": family})
                    self.aws.update(name, taskDefinition=again["taskDefinition"]["taskDefinitionArn"])
            case 2:
                self.aws.ecs.deregister_task_definition(taskDefinition=found["taskDefinition"])
            case _:
                self.aws.update(name, enableExecuteCommand=True, forceNewDeployment=True)
