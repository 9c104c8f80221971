"""AWS's defaults for load balancers, listeners and target groups, as read back from AWS."""

from __future__ import annotations

from ecsim.account.world import Body

HTTP = ("HTTP", "HTTPS")
SSL_POLICY = "ELBSecurityPolicy-2016-08"

DENY_IPV6 = "ipv6.deny_all_igw_traffic"  # only load balancers with IPv6 have this attribute
LOAD_BALANCER = {
    "application": {
        "access_logs.s3.bucket": "",
        "access_logs.s3.enabled": "false",
        "access_logs.s3.prefix": "",
        "client_keep_alive.seconds": "3600",
        "connection_logs.s3.bucket": "",
        "connection_logs.s3.enabled": "false",
        "connection_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "health_check_logs.s3.bucket": "",
        "health_check_logs.s3.enabled": "false",
        "health_check_logs.s3.prefix": "",
        "idle_timeout.timeout_seconds": "60",
        "load_balancing.cross_zone.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
        "routing.http.drop_invalid_header_fields.enabled": "false",
        "routing.http.preserve_host_header.enabled": "false",
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
        "routing.http.xff_client_port.enabled": "false",
        "routing.http.xff_header_processing.mode": "append",
        "routing.http2.enabled": "true",
        "waf.fail_open.enabled": "false",
        "zonal_shift.config.enabled": "false",
    },
    "network": {
        "access_logs.s3.bucket": "",
        "access_logs.s3.enabled": "false",
        "access_logs.s3.prefix": "",
        "deletion_protection.enabled": "false",
        "dns_record.client_routing_policy": "any_availability_zone",
        "load_balancing.cross_zone.enabled": "false",
        "secondary_ips.auto_assigned.per_subnet": "0",
        "zonal_shift.config.enabled": "false",
    },
    "gateway": {"deletion_protection.enabled": "false", "load_balancing.cross_zone.enabled": "false"},
}

_RESPONSE_HEADERS = (
    "access_control_allow_credentials", "access_control_allow_headers", "access_control_allow_methods",
    "access_control_allow_origin", "access_control_expose_headers", "access_control_max_age",
    "content_security_policy", "strict_transport_security", "x_content_type_options", "x_frame_options",
)  # fmt: skip
_REQUEST_HEADERS = (
    "x_amzn_mtls_clientcert", "x_amzn_mtls_clientcert_issuer", "x_amzn_mtls_clientcert_leaf",
    "x_amzn_mtls_clientcert_serial_number", "x_amzn_mtls_clientcert_subject", "x_amzn_mtls_clientcert_validity",
    "x_amzn_tls_cipher_suite", "x_amzn_tls_version",
)  # fmt: skip

_GROUP_HEALTH = {
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


def listener_attributes(protocol: str | None) -> dict[str, str]:
    """Return the attributes of a new listener."""
    if protocol not in HTTP:
        return {"tcp.idle_timeout.seconds": "350"} if protocol in (None, "TCP", "TCP_UDP") else {}
    attributes = {"routing.http.response.server.enabled": "true"}
    attributes.update({f"routing.http.response.{name}.header_value": "" for name in _RESPONSE_HEADERS})
    if protocol == "HTTPS":
        attributes.update({f"routing.http.request.{name}.header_name": "" for name in _REQUEST_HEADERS})
    return attributes


def target_group_attributes(protocol: str | None, target_type: str) -> dict[str, str]:
    """Return the attributes of a new target group."""
    if target_type == "lambda":
        return {"lambda.multi_value_headers.enabled": "false"}
    common = {"deregistration_delay.timeout_seconds": "300", "stickiness.enabled": "false"}
    if protocol == "GENEVE":
        return {
            **common,
            "stickiness.type": "source_ip_dest_ip_proto",
            "target_failover.on_deregistration": "no_rebalance",
            "target_failover.on_unhealthy": "no_rebalance",
        }
    common.update(_GROUP_HEALTH, **{"load_balancing.cross_zone.enabled": "use_load_balancer_configuration"})
    if protocol in HTTP:
        return {
            **common,
            "load_balancing.algorithm.anomaly_mitigation": "off",
            "load_balancing.algorithm.type": "round_robin",
            "slow_start.duration_seconds": "0",
            "stickiness.app_cookie.cookie_name": "",
            "stickiness.app_cookie.duration_seconds": "86400",
            "stickiness.lb_cookie.duration_seconds": "86400",
            "stickiness.type": "lb_cookie",
        }
    datagrams = protocol in ("UDP", "TCP_UDP")
    attributes = {
        **common,
        "deregistration_delay.connection_termination.enabled": "true" if datagrams else "false",
        "preserve_client_ip.enabled": "false" if target_type == "ip" and not datagrams else "true",
        "proxy_protocol_v2.enabled": "false",
        "stickiness.type": "source_ip",
    }
    if target_type != "alb":
        attributes["target_health_state.unhealthy.connection_termination.enabled"] = "true"
        attributes["target_health_state.unhealthy.draining_interval_seconds"] = "0"
    return attributes


def health_check(declared: Body) -> Body:
    """Return the default health check of a target group by protocol, target type and protocol version."""
    target_type, protocol = declared.get("TargetType", "instance"), declared.get("Protocol")
    grpc = declared.get("ProtocolVersion") == "GRPC"
    check: Body = {"HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2}
    if target_type == "lambda":
        check.update(HealthCheckEnabled=False, HealthCheckIntervalSeconds=35, HealthCheckTimeoutSeconds=30)
        check.update(HealthCheckPath="/", Matcher={"HttpCode": "200"})
        return check
    if target_type == "alb":
        own, timeout, codes = "HTTP", 6, "200-399"
    elif protocol in HTTP:
        own, timeout, codes = str(protocol), 5, "200"
    else:
        own = declared.get("HealthCheckProtocol") or "TCP"
        timeout, codes = (10, "") if own == "TCP" else (6, "200-399")
    geneve = protocol == "GENEVE"
    check.update(
        HealthCheckEnabled=True,
        HealthCheckProtocol=declared.get("HealthCheckProtocol") or own,
        HealthCheckPort="80" if geneve else "traffic-port",
        HealthCheckIntervalSeconds=10 if geneve else 30,
        HealthCheckTimeoutSeconds=5 if geneve else timeout,
    )
    if check["HealthCheckProtocol"] in HTTP:
        check["HealthCheckPath"] = "/AWS.ALB/healthcheck" if grpc else "/"
        check["Matcher"] = {"GrpcCode": "12"} if grpc else {"HttpCode": codes or "200-399"}
    return check
