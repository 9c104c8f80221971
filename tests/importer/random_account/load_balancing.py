"""Random target groups, and the load balancers, listeners and rules in front of them."""

from __future__ import annotations

from tests.importer.account import Body
from tests.importer.account_builder import forward
from tests.importer.random_account.task_definitions import RandomTaskDefinitions
from tests.importer.random_account.values import CERTIFICATE


class RandomLoadBalancing(RandomTaskDefinitions):
    """Creates target groups that something forwards to."""

    def target_group(self, number: int, target: str) -> str:
        """Return a new target group, or at times one that another service uses."""
        same = [arn for arn, body in self.target_groups if body["TargetType"] == target]
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
        arn = self.aws.target_group(f"{name}{len(self.target_groups)}", **body)
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
            with self.ignore_refusals("attributes"):
                self.aws.elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=rows)
        self.target_groups.append((arn, body))
        return arn

    def forward_to(self, arn: str) -> None:
        """Make a listener or a rule forward to a target group."""
        balancer = self.pick(("web", "web", "other"))
        self.load_balancer(balancer)
        if self.maybe(0.2):
            self.listener(balancer, self.number(1000, 2000), [forward(arn)])
            return
        port = self.pick((80, 80, 8443))
        listener = self.listener(balancer, port)
        self.last_priority += self.number(1, 5)
        self.aws.elb.create_rule(
            ListenerArn=listener,
            Priority=self.last_priority,
            Conditions=self.conditions(),
            Actions=self.actions(arn),
            **self.any_of(0.2, Tags=lambda: self.tags("Key", "Value")),
        )

    def load_balancer(self, name: str) -> None:
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
        body: Body = {"DefaultActions": actions} if actions else {"DefaultActions": [self.final_action()]}
        if port == 8443:
            body |= {"Protocol": "HTTPS", "Certificates": [{"CertificateArn": CERTIFICATE + "one"}]}
            body |= self.any_of(SslPolicy=lambda: "ELBSecurityPolicy-TLS13-1-2-2021-06")
        arn = self.aws.listener(balancer, port, **body, **self.any_of(0.2, Tags=lambda: self.tags("Key", "Value")))
        if port == 8443 and self.maybe():
            more = [{"CertificateArn": CERTIFICATE + name} for name in self.sample(("two", "three"))]
            self.aws.elb.add_listener_certificates(ListenerArn=arn, Certificates=more)
        return arn

    def final_action(self) -> Body:
        """Return an action that ends the request: a fixed response or a redirect."""
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
            {"Field": "path-pattern", "Values": [f"/{self.last_priority}/*", "/x?"]},
            {"Field": "path-pattern", "PathPatternConfig": {"Values": [f"/{self.last_priority}"]}},
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.com", "a.example.com"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["on", "*"]}},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "POST"]}},
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "a", "Value": "1"}, {"Value": "b"}]}},
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}},
        ]
        chosen = {one["Field"]: one for one in self.sample(every, 3)}
        return list(chosen.values())

    def actions(self, arn: str) -> list[Body]:
        if not self.maybe(0.3):
            return [forward(arn)]
        groups = [{"TargetGroupArn": arn, "Weight": self.number(1, 100)}]
        if self.target_groups and self.maybe():
            other = self.pick(self.target_groups)[0]
            groups += [{"TargetGroupArn": other, "Weight": self.number(0, 100)}] if other != arn else []
        sticky = self.any_of(TargetGroupStickinessConfig=lambda: {"Enabled": True, "DurationSeconds": 300})
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **sticky}}]
