"""Random task definitions for Fargate and for instances."""

from __future__ import annotations

from contextlib import suppress

from botocore.exceptions import ClientError

from tests.importer.account import ACCOUNT, REGION, Body
from tests.importer.random_account.values import FARGATE_SIZES, NAMES, ROLE, RandomValues


class RandomTaskDefinitions(RandomValues):
    """Registers task definitions, and creates the roles and log groups that they refer to."""

    def task_definition(self, number: int, *, fargate: bool) -> tuple[str, Body]:
        """Return a new task definition, or at times an existing one or another revision of its family."""
        if self.task_definitions and self.maybe(0.2):
            arn, body = self.pick(self.task_definitions)
            if ("FARGATE" in body["requiresCompatibilities"]) is fargate:
                return arn, body
        family = self.pick((f"task{number}", f"Task_{number}", f"shared{number}" if self.recreatable else "shared"))
        body = self.task_definition_body(family, fargate=fargate)
        created = self.aws.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"]
        self.task_definitions.append((created, body))
        return created, body

    def task_definition_body(self, family: str, *, fargate: bool) -> Body:
        """Return a request of RegisterTaskDefinition."""
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
        return self.sample(kinds, 2) if self.maybe(0.4) else []

    def container(self, name: str, names: list[str], volumes: list[Body], mode: str, *, fargate: bool) -> Body:
        """Return a container that suits the network mode."""
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
        return body | self.container_options(mode, fargate=fargate)

    def container_options(self, mode: str, *, fargate: bool) -> Body:
        """Return random optional members of a container."""
        pairs = lambda: [{"name": one, "value": self.text()} for one in self.sample(NAMES, 6)]  # noqa: E731
        labels = lambda: {one: self.text() for one in self.sample([n for n in NAMES if "${" not in n])}  # noqa: E731
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
                extraHosts=lambda: [{"hostname": "db", "ipAddress": "10.0.0.1"}] if mode != "awsvpc" else "",
                dnsServers=lambda: ["10.0.0.2"],
                hostname=lambda: "h" if mode == "bridge" else "",
            )
        log = ours.get("logConfiguration")
        if fargate and log and log["logDriver"] == "json-file":
            del ours["logConfiguration"]  # Fargate has no such driver
        return {name: value for name, value in ours.items() if value not in ("", {})}

    def logging(self) -> Body:
        """Return a log configuration: to an existing log group, to a missing one, or without a log group."""
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
