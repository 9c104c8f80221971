"""The wire protocols of AWS: decode requests, encode responses and errors."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from ecsim.account.errors import AwsError
from ecsim.account.exchange import Request, Response
from ecsim.moto import seams

# Signing name of a service → botocore's name, where they differ.
SIGNING_NAMES = {"elasticloadbalancing": "elbv2", "tagging": "resourcegroupstaggingapi", "monitoring": "cloudwatch"}
CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/([^/]+)/([^/]+)/aws4_request")
RPC_PATH = re.compile(r"/operation/(\w+)$")
XML = {"Content-Type": "text/xml"}
REQUEST_ID = "00000000-0000-0000-0000-000000000000"


def decode(environ: dict[str, Any], body: bytes, default_region: str) -> Request:
    """Decode a request. Parameters that cannot be decoded are raw or empty."""
    signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    access_key, region, service = signed.groups() if signed else ("anonymous", default_region, "unknown")
    service = SIGNING_NAMES.get(service, service)
    caller = f"{access_key} {environ.get('HTTP_USER_AGENT', '')}".strip()
    content_type = environ.get("CONTENT_TYPE", "")
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        params = _json(body)
        return Request(service, target.rsplit(".", 1)[-1], region, "json", params, caller)
    if content_type.startswith("application/x-www-form-urlencoded"):
        values = dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))
        operation = values.get("Action", "")
        protocol = "ec2" if service == "ec2" else "query"
        return Request(service, operation, region, protocol, _query(service, operation, values, protocol), caller)
    rpc = RPC_PATH.search(environ.get("PATH_INFO", ""))
    if rpc:
        return Request(service, rpc.group(1), region, "json", _json(body), caller)
    operation, params = _rest(service, environ)
    return Request(service, operation, region, "rest", params, caller)


def _json(body: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(body or b"{}"))
    except ValueError:
        return {}


def _query(service: str, operation: str, values: dict[str, str], protocol: str) -> dict[str, Any]:
    try:
        return seams.parse_query(service, operation, values, protocol)
    except Exception:  # noqa: BLE001  # moto's parsers raise any exception for an unknown request
        return {name: value for name, value in values.items() if name not in ("Action", "Version")}


def _rest(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    try:
        return seams.parse_rest(service, environ)
    except Exception:  # noqa: BLE001  # as above
        return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}", {}


def encode(request: Request, result: dict[str, Any]) -> Response:
    """Encode the result of an operation that ecsim implements, in the protocol of the request."""
    if request.protocol == "json":
        return Response(200, json.dumps(result).encode(), {"Content-Type": "application/x-amz-json-1.1"})
    model = seams.operation_model(request.service, request.operation)
    namespace = seams.service_model(request.service).metadata.get("xmlNamespace", "")
    name = request.operation
    inner = ""
    if request.protocol == "ec2":
        inner = _members(model.output_shape, result) if model.output_shape is not None else "<return>true</return>"
        text = f'<{name}Response xmlns="{namespace}"><requestId>{REQUEST_ID}</requestId>{inner}</{name}Response>'
        return Response(200, text.encode(), dict(XML))
    if model.output_shape is not None:
        wrapper = model.output_shape.serialization.get("resultWrapper", f"{name}Result")
        inner = f"<{wrapper}>{_members(model.output_shape, result)}</{wrapper}>"
    text = (
        f'<{name}Response xmlns="{namespace}">{inner}'
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{name}Response>"
    )
    return Response(200, text.encode(), dict(XML))


def _members(shape: Any, value: dict[str, Any]) -> str:
    parts = []
    for name, member in shape.members.items():
        if value.get(name) is not None:
            parts.append(_element(member, member.serialization.get("name", name), value[name]))
    return "".join(parts)


def _element(shape: Any, name: str, value: Any) -> str:
    if shape.type_name == "structure":
        return f"<{name}>{_members(shape, value)}</{name}>"
    if shape.type_name == "list":
        member = shape.member.serialization.get("name", "member")
        return f"<{name}>{''.join(_element(shape.member, member, item) for item in value)}</{name}>"
    if shape.type_name == "map":
        key, item = (one.serialization.get("name", name) for one, name in ((shape.key, "key"), (shape.value, "value")))
        entries = (f"{_element(shape.key, key, k)}{_element(shape.value, item, v)}" for k, v in value.items())
        return f"<{name}>{''.join(f'<entry>{entry}</entry>' for entry in entries)}</{name}>"
    if shape.type_name == "timestamp" and not isinstance(value, str):
        value = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
        value = value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if shape.type_name == "boolean":
        value = "true" if value else "false"
    return f"<{name}>{escape(str(value))}</{name}>"


def encode_error(request: Request, error: AwsError) -> Response:
    """Encode an error in the protocol of the request."""
    code, message = error.code, escape(error.message)
    if request.protocol == "json":
        body = json.dumps({"__type": code, "message": error.message})
        return Response(error.status, body.encode(), {"Content-Type": "application/x-amz-json-1.1"})
    if request.protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{REQUEST_ID}</RequestID></Response>"
        )
    elif request.protocol == "rest":
        text = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId></Error>"
    else:
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
        )
    return Response(error.status, text.encode(), dict(XML))
