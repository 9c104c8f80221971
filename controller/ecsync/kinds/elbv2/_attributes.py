"""The defaults of attributes of load balancers, listeners and target groups.

Only declared attributes are compared. An attribute that is removed from a document goes back to its value here.
The values are those that AWS returned for resources on which no attribute was set.
"""

from __future__ import annotations

from ecsync.core.trees import Body

_LOAD_BALANCER = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.enabled": "false",
    "deletion_protection.enabled": "false",
    "dns_record.client_routing_policy": "any_availability_zone",
    "health_check_logs.s3.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
_LISTENER = {"tcp.idle_timeout.seconds": "350", "routing.http.response.server.enabled": "true"}
_HEADER = ("routing.http.request.", "routing.http.response.")
_TARGET_GROUP = {
    "deregistration_delay.timeout_seconds": "300",
    "lambda.multi_value_headers.enabled": "false",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "proxy_protocol_v2.enabled": "false",
    "slow_start.duration_seconds": "0",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.enabled": "false",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_failover.on_deregistration": "no_rebalance",
    "target_failover.on_unhealthy": "no_rebalance",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
    "target_health_state.unhealthy.connection_termination.enabled": "true",
    "target_health_state.unhealthy.draining_interval_seconds": "0",
}
_DATAGRAMS = ("UDP", "TCP_UDP")


def of_load_balancer(key: str, body: Body) -> str | None:
    """Return AWS's default of an attribute of a load balancer; None if it is not known."""
    if key == "load_balancing.cross_zone.enabled":
        return "true" if body.get("Type", "application") == "application" else "false"
    return _LOAD_BALANCER.get(key)


def of_listener(key: str, _: Body) -> str | None:
    """Return AWS's default of an attribute of a listener; None if it is not known."""
    header = key.startswith(_HEADER) and key.endswith((".header_name", ".header_value"))
    return "" if header else _LISTENER.get(key)


def of_target_group(key: str, body: Body) -> str | None:
    """Return AWS's default of an attribute of a target group; None if it is not known."""
    protocol = body.get("Protocol")
    match key:
        case "stickiness.type":
            return _stickiness(protocol)
        case "deregistration_delay.connection_termination.enabled":
            return "true" if protocol in _DATAGRAMS else "false"
        case "preserve_client_ip.enabled":
            return "false" if body.get("TargetType") == "ip" and protocol not in _DATAGRAMS else "true"
        case _:
            return _TARGET_GROUP.get(key)


def _stickiness(protocol: object) -> str:
    if protocol == "GENEVE":
        return "source_ip_dest_ip_proto"
    return "lb_cookie" if protocol in ("HTTP", "HTTPS") else "source_ip"
