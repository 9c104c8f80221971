"""What ECS accepts of the ports and the logs of containers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ecsync.core.constraints.rows import Constraint, Constraints, OneOf, Pattern, Range, Spot
from ecsync.core.trees import Body
from ecsync.core.wording import listed, quoted
from ecsync.kinds._constraint_parts import blocks, is_whole, member, number, text
from ecsync.kinds.ecs.constraints.task import in_modes, is_fargate, mode

_C = "containerDefinitions[]"
_P = f"{_C}.portMappings[]"
_LOG = f"{_C}.logConfiguration"
_MAPPING = "API Reference ecs.PortMapping"
_PORT_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


def _mappings(body: Body) -> Iterator[tuple[tuple[int, int], Body]]:
    """Yield ((container, mapping), port mapping) of every container."""
    for index, container in enumerate(blocks(body.get("containerDefinitions"))):
        for position, mapping in enumerate(blocks(container.get("portMappings"))):
            yield (index, position), mapping


def _at(spot: Spot) -> tuple[int, int]:
    return int(spot.path[1]), int(spot.path[3])


# ---------------------------------------------------------------- ports


def _no_ports_in_none(spot: Spot) -> str:
    return "network mode none has no ports; remove portMappings, or use another network mode" if spot.value else ""


def _host_port_in_host_mode(spot: Spot) -> str:
    host, port = number(spot.value), number(spot.block.get("containerPort"))
    if not host or not port or host == port:
        return ""
    return f"hostPort {host} must be containerPort {port} with network mode host; use {port}, or leave it out"


def _port_or_range(spot: Spot) -> str:
    if not isinstance(spot.value, Mapping):
        return ""
    port, ports = spot.value.get("containerPort"), spot.value.get("containerPortRange")
    if port and ports:
        return "it has containerPort and containerPortRange; keep one of them"
    return "" if port or ports else "it has no port; declare containerPort"


def _port_range(spot: Spot) -> str:
    if not text(spot.value):
        return ""
    found = _PORT_RANGE.fullmatch(spot.value)
    if not found or not 1 <= int(found.group(1)) < int(found.group(2)) <= 65535:
        return f"{quoted(spot.value)} is not a range of ports; write first-last, such as 7000-7010"
    return ""


def _host_port_is_free(spot: Spot) -> str:
    """Return the note of a port of the host, or of the task's network interface, that two mappings have."""
    shared = mode(spot.body) in ("awsvpc", "host")
    own = number(spot.block.get("containerPort")) if shared else number(spot.value)
    if not own:
        return ""
    protocol, at = str(spot.block.get("protocol") or "tcp"), _at(spot)
    for place, other in _mappings(spot.body):
        port = number(other.get("containerPort")) if shared else number(other.get("hostPort"))
        if place < at and port == own and str(other.get("protocol") or "tcp") == protocol:
            where = "containers of the task share one network" if shared else "a host has each port once"
            return f"port {own}/{protocol} is declared twice, and {where}; use another port"
    return ""


_AGENT_PORTS = frozenset((22, 2375, 2376, 51678, 51679, 51680))


def _host_port_of_the_agent(spot: Spot) -> str:
    if number(spot.value) not in _AGENT_PORTS or str(spot.block.get("protocol") or "tcp") != "tcp":
        return ""
    return f"an instance has {spot.value} for SSH, Docker or the ECS agent, so no task starts; use another port"


def _name_once(spot: Spot) -> str:
    at = _at(spot)
    if not text(spot.value):
        return ""
    taken = any(place < at and other.get("name") == spot.value for place, other in _mappings(spot.body))
    return f"another port has the name {quoted(spot.value)}, too; use another name" if taken else ""


def _protocol_needs_name(spot: Spot) -> str:
    if not spot.value or spot.block.get("name"):
        return ""
    return "appProtocol is for Service Connect, which finds a port by its name; declare name too"


# ---------------------------------------------------------------- logs


def _driver_of_fargate(spot: Spot) -> str:
    if spot.value in ("awslogs", "splunk", "awsfirelens") or not text(spot.value):
        return ""
    return f"Fargate has no log driver {spot.value}; use awslogs, splunk or awsfirelens"


def _options(spot: Spot) -> Body | None:
    """Return the options of a log driver; None if they are not known."""
    options = spot.block.get("options")
    return options if isinstance(options, Mapping) else {} if options is None else None


def _awslogs_options(spot: Spot) -> str:
    options = _options(spot)
    if spot.value != "awslogs" or options is None:
        return ""
    missing = [name for name in ("awslogs-group", "awslogs-region") if options.get(name) in (None, "")]
    return f"the options lack {listed(missing)}; add {'them' if len(missing) > 1 else 'it'}" if missing else ""


def _stream_prefix(spot: Spot) -> str:
    options = _options(spot)
    if spot.value != "awslogs" or options is None or options.get("awslogs-stream-prefix"):
        return ""
    return "the options lack awslogs-stream-prefix, which Fargate needs; add it, such as the container's name"


def _splunk_options(spot: Spot) -> str:
    options = _options(spot)
    if spot.value != "splunk" or options is None:
        return ""
    secret = {text(one.get("name")) for one in blocks(spot.block.get("secretOptions"))}
    missing = [name for name in ("splunk-url", "splunk-token") if name not in options and name not in secret]
    return f"the options lack {listed(missing)}; add them, or secretOptions" if missing else ""


_AWSLOGS = (
    "awslogs-create-group", "awslogs-create-stream", "awslogs-credentials-endpoint", "awslogs-datetime-format",
    "awslogs-endpoint", "awslogs-force-flush-interval-seconds", "awslogs-format", "awslogs-group",
    "awslogs-max-buffered-events", "awslogs-multiline-pattern", "awslogs-region", "awslogs-stream",
    "awslogs-stream-prefix", "max-buffer-size", "mode", "tag",
)  # fmt: skip


def _known_options(spot: Spot) -> str:
    options = _options(spot)
    unknown = sorted(set(options or ()) - set(_AWSLOGS)) if spot.value == "awslogs" else []
    return f"awslogs has no option {listed(unknown)}; remove it" if unknown else ""


def _pattern_or_format(spot: Spot) -> str:
    if not spot.value or not spot.block.get("awslogs-multiline-pattern"):
        return ""
    return "awslogs-datetime-format and awslogs-multiline-pattern exclude each other; keep one"


def _router(spot: Spot) -> str:
    containers = spot.body.get("containerDefinitions")
    routers = [one for one in blocks(containers) if one.get("firelensConfiguration")]
    if spot.value != "awsfirelens" or routers or not is_whole(containers):
        return ""
    return "awsfirelens needs a log router; add a container with firelensConfiguration"


def _one_router(spot: Spot) -> str:
    if not spot.value:
        return ""
    before = blocks(spot.body.get("containerDefinitions"))[: int(spot.path[1])]
    routers = [one for one in before if one.get("firelensConfiguration")]
    if not routers:
        return ""
    return f"container {quoted(routers[0].get('name', ''))} is a log router already; keep one firelensConfiguration"


def _router_logs_to_itself(spot: Spot) -> str:
    own = spot.body["containerDefinitions"][spot.path[1]]
    if spot.value != "awsfirelens" or not own.get("firelensConfiguration"):
        return ""
    return "the log router would send its own logs to itself; use awslogs for it"


def _file_on_fargate(spot: Spot) -> str:
    return "Fargate reads a file of the image alone; use file" if spot.value == "s3" else ""


def _in_options(spot: Spot) -> str:
    own = spot.body["containerDefinitions"][spot.path[1]]["logConfiguration"]
    if not text(spot.value) or member(own.get("options"), spot.value) is None:
        return ""
    return f"{quoted(spot.value)} is in options too; remove it from options"


_FLAGS = ("true", "false", "True", "False", "TRUE", "FALSE", "1", "0", "t", "f")

ROWS: Constraints = (
    Constraint(path=f"{_C}.portMappings", rule="not with network mode none", test=_no_ports_in_none,
               when=in_modes("none"), source="botocore ecs-2014-11-13 RegisterTaskDefinition.networkMode"),
    Constraint(path=_P, rule="containerPort or containerPortRange", test=_port_or_range, source=_MAPPING),
    Constraint(path=f"{_P}.containerPort", rule="1 to 65535", test=Range(least=1, most=65535, also=(0,)),
               source=_MAPPING, answer="Invalid 'containerPort' setting for container"),
    Constraint(path=f"{_P}.hostPort", rule="0 to 65535", test=Range(least=0, most=65535), source=_MAPPING,
               answer="Invalid 'hostPort' setting for container"),
    Constraint(path=f"{_P}.hostPort", rule="containerPort with network mode host", test=_host_port_in_host_mode,
               when=in_modes("host"), source=_MAPPING,
               answer="When networkMode=host, the host ports and container ports in port mappings must match"),
    Constraint(path=f"{_P}.hostPort", rule="each port once", test=_host_port_is_free, level="note", absent=True,
               source=_MAPPING),
    Constraint(path=f"{_P}.hostPort", rule="no port of SSH, Docker or the ECS agent", test=_host_port_of_the_agent,
               when=in_modes("bridge", "host"), level="note",
               source="API Reference ecs.PortMapping: the default reserved ports"),
    Constraint(path=f"{_P}.containerPortRange", rule="first-last", test=_port_range, source=_MAPPING),
    Constraint(path=f"{_P}.name", rule="lower-case letters, digits, _ and -, not - first, at most 64",
               test=Pattern(allowed=r"[a-z0-9_][a-z0-9_-]{0,63}",
                            text="lower-case letters, digits, _ and -, at most 64, and no - at the start"),
               source=_MAPPING),
    Constraint(path=f"{_P}.name", rule="each name once", test=_name_once, source=_MAPPING),
    Constraint(path=f"{_P}.appProtocol", rule="with name", test=_protocol_needs_name, level="note", source=_MAPPING),
    Constraint(path=f"{_LOG}.logDriver", rule="awslogs, splunk or awsfirelens on Fargate", test=_driver_of_fargate,
               when=is_fargate, source="botocore ecs-2014-11-13 LogConfiguration.logDriver"),
    Constraint(path=f"{_LOG}.logDriver", rule="awslogs with awslogs-group and awslogs-region on Fargate",
               test=_awslogs_options, when=is_fargate, source="developer guide, awslogs: required options",
               answer="Log driver awslogs requires options"),
    Constraint(path=f"{_LOG}.logDriver", rule="awslogs with awslogs-group and awslogs-region", test=_awslogs_options,
               when=lambda body: not is_fargate(body), source="developer guide, awslogs: required options",
               level="note"),
    Constraint(path=f"{_LOG}.logDriver", rule="awslogs with awslogs-stream-prefix on Fargate", test=_stream_prefix,
               when=is_fargate, source="developer guide, awslogs: the prefix is required on Fargate",
               answer="Log driver awslogs requires options: awslogs-stream-prefix"),
    Constraint(path=f"{_LOG}.logDriver", rule="awslogs with its options alone", test=_known_options, level="note",
               source="developer guide, awslogs: options"),
    Constraint(path=f"{_LOG}.logDriver", rule="splunk with splunk-url and splunk-token", test=_splunk_options,
               level="note", source="developer guide, splunk: required options"),
    Constraint(path=f"{_LOG}.logDriver", rule="awsfirelens with a log router", test=_router,
               source="developer guide, FireLens: a container with firelensConfiguration is required"),
    Constraint(path=f"{_LOG}.logDriver", rule="not awsfirelens in the log router", test=_router_logs_to_itself,
               level="note", source="developer guide, FireLens"),
    Constraint(path=f"{_LOG}.options.mode", rule="blocking or non-blocking", test=OneOf(("blocking", "non-blocking")),
               source="developer guide, awslogs: mode"),
    Constraint(path=f"{_LOG}.options.awslogs-create-group", rule="true or false", test=OneOf(_FLAGS),
               source="developer guide, awslogs: awslogs-create-group"),
    Constraint(path=f"{_LOG}.options.awslogs-group", rule="letters, digits and . - _ / #, at most 512",
               test=Pattern(allowed=r"[.\-_/#A-Za-z0-9]{1,512}", text="letters, digits and . - _ / #, at most 512"),
               source="botocore logs-2014-03-28 LogGroupName", level="note"),
    Constraint(path=f"{_LOG}.options.awslogs-region", rule="the name of a Region",
               test=Pattern(allowed=r"[a-z]{2,4}(-[a-z]+)+-\d", text="the name of a Region, such as eu-west-1"),
               source="developer guide, awslogs: awslogs-region", level="note"),
    Constraint(path=f"{_LOG}.options.awslogs-datetime-format", rule="not with awslogs-multiline-pattern",
               test=_pattern_or_format, source="developer guide, awslogs: awslogs-datetime-format"),
    Constraint(path=f"{_LOG}.secretOptions[].name", rule="no name of an option", test=_in_options,
               source="API Reference ecs.LogConfiguration", level="note"),
    Constraint(path=f"{_C}.firelensConfiguration", rule="in one container", test=_one_router,
               source="developer guide, FireLens: one log router"),
    Constraint(path=f"{_C}.firelensConfiguration.options.config-file-type", rule="file on Fargate",
               test=_file_on_fargate, when=is_fargate, source="botocore ecs-2014-11-13 FirelensConfiguration.options"),
)  # fmt: skip
