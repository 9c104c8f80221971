"""One account and Region of the load AWS: the answers of the hot reads, with AWS's limits of batches and pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.fleet import ACCOUNT, REGION, RETENTION, Fleet
from benchmarks.load.record import FLEET, Recording
from benchmarks.load.values import Values, mark_id
from ecsim.account.errors import AwsError, invalid_parameter, validation_error, validation_exception
from ecsync.core import marks

Params = Mapping[str, Any]

GROUP = re.compile(r":targetgroup/bench-web-(\d+)/([0-9a-f]+)$")
BALANCER = re.compile(r":loadbalancer/app/bench-(\d+)/([0-9a-f]+)$")
LISTENER = re.compile(r":listener/app/bench-(\d+)/[0-9a-f]+/([0-9a-f]+)$")
RULE = re.compile(r":listener-rule/app/bench-(\d+)/[0-9a-f]+/[0-9a-f]+/([0-9a-f]+)$")
XMLNS = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
# The types of the tagging API, by the kind of the mark.
TYPES = {
    "LogGroup": "logs:log-group",
    "SecurityGroup": "ec2:security-group",
    "Cluster": "ecs:cluster",
    "LoadBalancer": "elasticloadbalancing:loadbalancer",
    "Listener": "elasticloadbalancing:listener",
    "TargetGroup": "elasticloadbalancing:targetgroup",
    "ListenerRule": "elasticloadbalancing:listener-rule",
    "TaskDefinition": "ecs:task-definition",
    "Service": "ecs:service",
    "ScalableTarget": "application-autoscaling:scalable-target",
}
STEADY = 360  # minutes after which ECS writes again that a service is steady
SINCE = 1_767_312_000.0  # 2026-01-02T00:00:00Z: minute 0
OF_THE_SITE, OF_A_BALANCER = ("SecurityGroup", "Cluster"), ("LoadBalancer", "Listener")


class Site:
    """The converged fleet of one account and Region. `answer` returns the body of an answer or raises AwsError.

    `drifted` has the retention in days of each log group that a person changed, by the number of its service.
    `minutes` is the time since the start: each service has an event that it is steady, of a minute of its own.
    """

    def __init__(self, fleet: Fleet, recording: Recording) -> None:
        self.fleet = fleet
        self.drifted: dict[int, int] = {}
        self.minutes = 0
        self._recording = recording
        self._values = Values(fleet, recording.applied)
        self._rules = {self._values.hexadecimal("rule", number): number for number in fleet.numbers}
        self._targets = {self._values.hexadecimal("target", number, 36): number for number in fleet.numbers}
        self._texts = tuple(self._replaced())
        self._tagged = tuple(self._tagged_resources())
        self._json: dict[str, Callable[[Params], bytes]] = {
            "ecs.DescribeServices": self._describe_services,
            "ecs.ListServices": self._list_services,
            "ecs.DescribeTaskDefinition": self._describe_task_definition,
            "ecs.ListTaskDefinitions": self._list_task_definitions,
            "ecs.ListTagsForResource": self._ecs_tags,
            "application-autoscaling.DescribeScalableTargets": self._describe_scalable_targets,
            "application-autoscaling.DescribeScalingPolicies": self._describe_scaling_policies,
            "application-autoscaling.ListTagsForResource": self._scaling_tags,
            "logs.DescribeLogGroups": self._describe_log_groups,
            "logs.ListTagsForResource": self._log_tags,
            "resourcegroupstaggingapi.GetResources": self._get_resources,
        }
        self._xml: dict[str, Callable[[Params], bytes]] = {
            "elbv2.DescribeTargetGroups": self._describe_target_groups,
            "elbv2.DescribeLoadBalancers": self._describe_load_balancers,
            "elbv2.DescribeListeners": self._describe_listeners,
            "elbv2.DescribeRules": self._describe_rules,
            "elbv2.DescribeTags": self._describe_tags,
            "elbv2.DescribeTargetGroupAttributes": lambda params: self._one(GROUP, params, "group attributes"),
            "elbv2.DescribeTargetHealth": lambda params: self._one(GROUP, params, "group health"),
            "elbv2.DescribeLoadBalancerAttributes": lambda params: self._one(BALANCER, params, "balancer attributes"),
            "elbv2.DescribeListenerAttributes": lambda params: self._one(LISTENER, params, "listener attributes"),
        }

    @property
    def operations(self) -> frozenset[str]:
        """The operations that are answered here."""
        return frozenset({*self._json, *self._xml})

    def answer(self, name: str, params: Params) -> bytes | None:
        """Return the body of an answer; None where it has to come from the simulator."""
        if name in self._json:
            return self._json[name](params) or None
        operation = name.partition(".")[2]
        return b"".join(
            (
                f'<{operation}Response xmlns="{XMLNS}"><{operation}Result>'.encode(),
                self._xml[name](params),
                f"</{operation}Result><ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId>"
                f"</ResponseMetadata></{operation}Response>".encode(),
            )
        )

    def repair(self, name: str, params: Params) -> bool:
        """Undo what a person did to a log group, if a write does that; return whether it did."""
        number = self._number(str(params.get("logGroupName")))
        declared = name == "logs.PutRetentionPolicy" and params.get("retentionInDays") == RETENTION
        return declared and number is not None and self.drifted.pop(number, None) is not None

    def localised(self, body: bytes) -> bytes:
        """Return an answer of the simulator as this site would give it: its Region, and the marks of what is shared."""
        for text, own in self._texts:
            body = body.replace(text, own)
        return body

    def _replaced(self) -> Iterable[tuple[bytes, bytes]]:
        names = {"Cluster": "bench", "SecurityGroup": f"{self._recording.vpc}/bench-web"}
        yield REGION.encode(), self.fleet.region.encode()
        yield f"v1/bench/{FLEET.shared}/".encode(), f"v1/bench/{self.fleet.shared}/".encode()
        for tags in self._recording.shared.values():
            key = marks.key_of(tags[marks.OWNER])
            assert key is not None
            kind = key[1].kind
            yield tags[marks.ID].encode(), mark_id(kind, names[kind], self.fleet.region).encode()

    def _fill(self, template: str, number: int) -> bytes:
        return self._recording.templates[template].fill(self._values.of(number))

    def _fill_balancer(self, template: str, balancer: int) -> bytes:
        return self._fill(template, self._first_of(balancer))

    def _first_of(self, balancer: int) -> int:
        return self.fleet.numbers_of(balancer)[0]

    # ------------------------------------------------------------ ecs

    def _number(self, name: str, prefix: str = "web-") -> int | None:
        """Return the number in a name or ARN; None where the fleet has no such service."""
        short = name.rpartition("/")[2]
        text = short.removeprefix(prefix)
        number = int(text) if text.isdecimal() and text != short else -1
        return number if number in self.fleet.numbers else None

    def _cluster(self, params: Params) -> None:
        if str(params.get("cluster", "default")).rpartition("/")[2] != "bench":
            raise AwsError("ClusterNotFoundException", "Cluster not found.")

    def _describe_services(self, params: Params) -> bytes:
        self._cluster(params)
        names = params.get("services") or []
        if not names:
            raise invalid_parameter("Services cannot be empty.")
        if len(names) > 10:
            raise invalid_parameter("Services cannot have more than 10 elements.")
        form = "service" if "TAGS" in params.get("include", ()) else "service untagged"
        found, missing = [], []
        for name in names:
            number = self._number(name)
            if number is None:
                arn = f"arn:aws:ecs:{self.fleet.region}:{ACCOUNT}:service/bench/{name.rpartition('/')[2]}"
                missing.append({"arn": arn, "reason": "MISSING"})
            else:
                found.append(self._steady(self._fill(form, number), number))
        return b'{"services": [%b], "failures": %b}' % (b", ".join(found), json.dumps(missing).encode())

    def _steady(self, service: bytes, number: int) -> bytes:
        """Return a service with the last event that ECS wrote since the start, because it is still steady."""
        turn = (self.minutes + number % STEADY) // STEADY
        if not turn:
            return service
        at = SINCE + 60.0 * (turn * STEADY - number % STEADY)
        event = {"id": f"{turn:08x}", "createdAt": at, "message": f"(service web-{number}) has reached a steady state."}
        return service.replace(b'"events": [', b'"events": [%b, ' % json.dumps(event).encode(), 1)

    def _list_services(self, params: Params) -> bytes:
        self._cluster(params)
        size = int(params.get("maxResults", 10))
        if not 1 <= size <= 100:
            raise invalid_parameter("maxResults must be between 1 and 100.")
        shown, token = _page(self.fleet.numbers, size, params.get("nextToken"), invalid_parameter)
        prefix = f"arn:aws:ecs:{self.fleet.region}:{ACCOUNT}:service/bench/web-"
        arns = [f"{prefix}{number}" for number in shown]
        return json.dumps({"serviceArns": arns, **({"nextToken": token} if token else {})}).encode()

    def _definition(self, name: str) -> int:
        number = self._number(name.removesuffix(":1"), "bench-web-")
        if number is None:
            raise AwsError("ClientException", "Unable to describe task definition.")
        return number

    def _describe_task_definition(self, params: Params) -> bytes:
        form = "definition" if "TAGS" in params.get("include", ()) else "definition untagged"
        return self._fill(form, self._definition(str(params.get("taskDefinition"))))

    def _list_task_definitions(self, params: Params) -> bytes:
        family, numbers = params.get("familyPrefix"), list(self.fleet.numbers)
        if family is not None:
            number = self._number(family, "bench-web-")
            numbers = [] if number is None or "/" in family else [number]
        if params.get("status", "ACTIVE") != "ACTIVE":
            numbers = []
        if params.get("sort") == "DESC":
            numbers.reverse()
        size = min(100, int(params.get("maxResults", 100)))
        shown, token = _page(numbers, size, params.get("nextToken"), invalid_parameter)
        prefix = f"arn:aws:ecs:{self.fleet.region}:{ACCOUNT}:task-definition/bench-web-"
        arns = [f"{prefix}{number}:1" for number in shown]
        return json.dumps({"taskDefinitionArns": arns, **({"nextToken": token} if token else {})}).encode()

    def _ecs_tags(self, params: Params) -> bytes:
        arn = str(params.get("resourceArn"))
        if ":task-definition/" in arn:
            return self._fill("definition tags", self._definition(arn))
        if ":service/" in arn:
            number = self._number(arn)
            if number is None:
                raise AwsError("ServiceNotFoundException", "Service not found.")
            return self._fill("service tags", number)
        return b""  # of the cluster: the simulator has it

    # ------------------------------------------------------------ application auto scaling

    def _scaled(self, resource: str) -> int | None:
        return self._number(resource) if resource.startswith("service/bench/") else None

    def _describe_scalable_targets(self, params: Params) -> bytes:
        ids = params.get("ResourceIds")
        if ids is not None and len(ids) > 50:
            raise validation_exception("ResourceIds cannot have more than 50 elements.")
        numbers: Sequence[int] = self.fleet.numbers
        if ids:
            numbers = [number for one in ids if (number := self._scaled(one)) is not None]
        return self._scaling_page("ScalableTargets", "target", numbers, params, 50)

    def _describe_scaling_policies(self, params: Params) -> bytes:
        names, resource = params.get("PolicyNames"), params.get("ResourceId")
        if names is not None and len(names) > 50:
            raise validation_exception("PolicyNames cannot have more than 50 elements.")
        numbers: Sequence[int] = self.fleet.numbers
        if resource is not None:
            number = self._scaled(resource)
            numbers = [] if number is None else [number]
        if names:
            wanted = {number for name in names if "/" not in name and (number := self._number(name)) is not None}
            numbers = sorted(wanted.intersection(numbers))
        return self._scaling_page("ScalingPolicies", "policy", numbers, params, 10)

    def _scaling_page(self, member: str, form: str, numbers: Sequence[int], params: Params, most: int) -> bytes:
        size = min(most, int(params.get("MaxResults", most)))
        shown, token = _page(numbers, size, params.get("NextToken"), _invalid_token)
        end = f', "NextToken": "{token}"' if token else ""
        items = b", ".join(self._fill(form, number) for number in shown)
        return b'{"%b": [%b]%b}' % (member.encode(), items, end.encode())

    def _scaling_tags(self, params: Params) -> bytes:
        number = self._targets.get(str(params.get("ResourceARN")).rpartition("/")[2])
        if number is None:
            raise AwsError(
                "ResourceNotFoundException", f"No scalable target found for ARN: {params.get('ResourceARN')}"
            )
        return self._fill("target tags", number)

    # ------------------------------------------------------------ logs and tags

    def _describe_log_groups(self, params: Params) -> bytes:
        numbers: Sequence[int] = self.fleet.numbers
        names, prefix = params.get("logGroupIdentifiers"), params.get("logGroupNamePrefix", "")
        if names is not None:
            if len(names) > 50:
                raise invalid_parameter("logGroupIdentifiers cannot have more than 50 elements.")
            own = [self._number(name) for name in names if name.rpartition(":")[2].startswith("/bench/")]
            numbers = [number for number in own if number is not None]
        if prefix:
            numbers = [number for number in numbers if f"/bench/web-{number}".startswith(prefix)]
        shown, token = _page(numbers, min(50, int(params.get("limit", 50))), params.get("nextToken"), invalid_parameter)
        items = b", ".join(map(self._log_group, shown))
        return b'{"logGroups": [%b]%b}' % (items, f', "nextToken": "{token}"'.encode() if token else b"")

    def _log_group(self, number: int) -> bytes:
        retention = str(self.drifted.get(number, RETENTION)).encode()
        return self._recording.templates["logs"].fill({**self._values.of(number), "retention": retention})

    def _log_tags(self, params: Params) -> bytes:
        number = self._number(str(params.get("resourceArn")))
        if number is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return self._fill("logs tags", number)

    def _tagged_resources(self) -> Iterable[tuple[str, str, int]]:
        """Yield (type, template, number of a service) of everything that carries a mark."""
        for kind, its_type in TYPES.items():
            template = f"tagged {kind}"
            if template not in self._recording.templates or not self.fleet.services:
                continue
            numbers: Iterable[int] = self.fleet.numbers
            if kind in OF_THE_SITE:
                numbers = [self.fleet.first]
            elif kind in OF_A_BALANCER:
                numbers = [self._first_of(balancer) for balancer in self.fleet.balancer_numbers]
            for number in numbers:
                yield its_type, template, number

    def _get_resources(self, params: Params) -> bytes:
        types, filters = params.get("ResourceTypeFilters") or [], params.get("TagFilters") or []
        size = int(params.get("ResourcesPerPage", 50))  # AWS documents no default; this is that of the simulator
        if not 1 <= size <= 100:
            raise invalid_parameter("ResourcesPerPage must be between 1 and 100")
        wanted = [one for one in self._tagged if not types or any(_is_type(one[0], each) for each in types)]
        if any(one["Key"] != marks.OWNER or one.get("Values") for one in filters):
            wanted = [one for one in wanted if _has_tags(self._tagged_item(*one[1:]), filters)]
        shown, token = _page(wanted, size, params.get("PaginationToken"), invalid_parameter)
        items = b", ".join(self._tagged_item(template, number) for _, template, number in shown)
        end = f', "PaginationToken": "{token}"' if token else ""
        return b'{"ResourceTagMappingList": [%b]%b}' % (items, end.encode())

    def _tagged_item(self, template: str, number: int) -> bytes:
        item = self._fill(template, number)
        return self.localised(item) if template.partition(" ")[2] in OF_THE_SITE else item

    # ------------------------------------------------------------ elastic load balancing

    def _describe_target_groups(self, params: Params) -> bytes:
        numbers: Sequence[int | None] = self.fleet.numbers
        if "TargetGroupArns" in params:
            numbers = [self._of_arn(GROUP, arn) for arn in params["TargetGroupArns"]]
        elif "Names" in params:
            numbers = [self._number(name, "bench-web-") for name in params["Names"]]
        elif "LoadBalancerArn" in params:
            balancer = self._of_arn(BALANCER, params["LoadBalancerArn"])
            numbers = [None] if balancer is None else self.fleet.numbers_of(balancer)
        if None in numbers:
            raise AwsError("TargetGroupNotFound", "One or more target groups not found")
        return _xml_page("TargetGroups", numbers, params, lambda number: self._fill("group", number))

    def _describe_load_balancers(self, params: Params) -> bytes:
        balancers: Sequence[int | None] = self.fleet.balancer_numbers
        named = params.get("LoadBalancerArns") or params.get("Names")
        if named and len(named) > 20:
            raise validation_error(
                "The maximum number of load balancers that can be specified in a describe call is 20"
            )
        if "LoadBalancerArns" in params:
            balancers = [self._of_arn(BALANCER, arn) for arn in params["LoadBalancerArns"]]
        elif "Names" in params:
            known = {f"bench-{balancer}": balancer for balancer in self.fleet.balancer_numbers}
            balancers = [known.get(name) for name in params["Names"]]
        if None in balancers:
            raise AwsError("LoadBalancerNotFound", f"Load balancers '[{', '.join(named or ())}]' not found")
        return _xml_page("LoadBalancers", balancers, params, lambda one: self._fill_balancer("balancer", one))

    def _describe_listeners(self, params: Params) -> bytes:
        if "ListenerArns" in params:
            balancers = [self._of_arn(LISTENER, arn) for arn in params["ListenerArns"]]
        else:
            balancers = [self._of_arn(BALANCER, params.get("LoadBalancerArn", ""))]
        if None in balancers:
            raise AwsError("ListenerNotFound", "One or more listeners not found")
        return _xml_page("Listeners", balancers, params, lambda one: self._fill_balancer("listener", one))

    def _describe_rules(self, params: Params) -> bytes:
        """Return rules; the negative number of a balancer, less one, stands for its default rule."""
        rules: list[int | None] = []
        if "RuleArns" in params:
            rules = [self._of_arn(RULE, arn) for arn in params["RuleArns"]]
        else:
            balancer = self._of_arn(LISTENER, params.get("ListenerArn", ""))
            if balancer is None:
                raise AwsError("ListenerNotFound", "One or more listeners not found")
            rules = [*self.fleet.numbers_of(balancer), -balancer - 1]
        if None in rules:
            raise AwsError("RuleNotFound", "One or more rules not found")
        return _xml_page("Rules", rules, params, self._rule)

    def _rule(self, number: int) -> bytes:
        return self._fill("rule", number) if number >= 0 else self._fill_balancer("default rule", -number - 1)

    def _describe_tags(self, params: Params) -> bytes:
        arns = params.get("ResourceArns") or []
        if len(arns) > 20:
            raise validation_error("The number of resource ARNs must be between 1 and 20")
        return b"<TagDescriptions>%b</TagDescriptions>" % b"".join(map(self._elb_tags, arns))

    def _elb_tags(self, arn: str) -> bytes:
        for pattern, form in ((GROUP, "group"), (RULE, "rule")):
            number = self._of_arn(pattern, arn)
            if number is not None and number >= 0:
                return self._fill(f"{form} tags", number)
            if number is not None:
                return b"<member><ResourceArn>%b</ResourceArn><Tags></Tags></member>" % arn.encode()
        for pattern, form in ((BALANCER, "balancer"), (LISTENER, "listener")):
            balancer = self._of_arn(pattern, arn)
            if balancer is not None:
                return self._fill_balancer(f"{form} tags", balancer)
        raise AwsError("TargetGroupNotFound", f"'{arn}' not found")

    def _one(self, pattern: re.Pattern[str], params: Params, form: str) -> bytes:
        """Return what AWS returns for one object per call, which is the same for all."""
        arn = next((str(value) for name, value in params.items() if name.endswith("Arn")), "")
        number = self._of_arn(pattern, arn)
        if number is None:
            raise AwsError("TargetGroupNotFound", f"'{arn}' not found")
        return self._fill(form, number if pattern is GROUP else self._first_of(number))

    def _of_arn(self, pattern: re.Pattern[str], arn: str) -> int | None:
        """Return the number of the service or balancer of an ARN; None where the fleet does not have it."""
        found = pattern.search(arn)
        if found is None:
            return None
        number = int(found[1])
        if pattern is RULE:
            is_default = self._values.hexadecimal("default rule", number) == found[2]
            return -number - 1 if is_default else self._rules.get(found[2])
        what = {GROUP: "group", BALANCER: "balancer", LISTENER: "listener"}[pattern]
        known = self.fleet.numbers if pattern is GROUP else self.fleet.balancer_numbers
        return number if number in known and self._values.hexadecimal(what, number) == found[2] else None


def _page(items: Sequence[Any], size: int, token: Any, error: Callable[[str], AwsError]) -> tuple[Sequence[Any], str]:
    """Return a page and the token of the next one, its offset; empty on the last page."""
    if token and not str(token).isdigit():
        raise error("Invalid token.")
    start = int(token or 0)
    end = start + size
    return items[start:end], (str(end) if end < len(items) else "")


def _invalid_token(text: str) -> AwsError:
    return AwsError("InvalidNextTokenException", text)


def _xml_page(member: str, items: Sequence[Any], params: Params, fill: Callable[[int], bytes]) -> bytes:
    size = min(400, int(params.get("PageSize", 400)))
    shown, marker = _page(items, size, params.get("Marker"), validation_error)
    end = f"<NextMarker>{marker}</NextMarker>" if marker else ""
    return b"<%b>%b</%b>%b" % (member.encode(), b"".join(map(fill, shown)), member.encode(), end.encode())


def _is_type(its_type: str, wanted: str) -> bool:
    return wanted in (its_type, its_type.partition(":")[0]) or wanted.startswith(f"{its_type}/")


def _has_tags(item: bytes, filters: Iterable[Any]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in json.loads(item)["Tags"]}
    return all(one["Key"] in tags and (not one.get("Values") or tags[one["Key"]] in one["Values"]) for one in filters)
