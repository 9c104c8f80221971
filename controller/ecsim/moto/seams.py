"""Every use of the moto library. No other module imports it.

moto serves the operations that ecsim does not implement (EC2, IAM, CloudWatch Logs, S3, STS, ...), and its parsers
decode requests. Where moto's services read its own ECS or load balancers, they get those of ecsim instead.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import moto
from moto.core import base_backend, model_instances, parse, resource_tagging, responses, routing
from moto.core import utils as moto_utils
from moto.core.model import OperationModel, ServiceModel
from moto.core.request import Request, determine_request_protocol
from moto.ec2.models import EC2Backend, ec2_backends
from moto.ecr.models import ECRBackend, ecr_backends
from moto.ecs.models import EC2ContainerServiceBackend, ecs_backends
from moto.elbv2.models import ELBv2Backend, elbv2_backends
from moto.iam import aws_managed_policies
from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.moto_api._internal import mock_random
from moto.moto_server import werkzeug_app
from moto.s3.models import FakeBucket, s3_backends

RequestHandler = werkzeug_app.MotoRequestHandler
TaggedLookup = Callable[[str, str], Iterator[tuple[str, dict[str, str], str]]]

# Object, attribute, required parameters: checked at the start.
SEAMS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (werkzeug_app, "create_backend_app", ("service",)),
    (werkzeug_app.DomainDispatcherApplication, "__call__", ("environ", "start_response")),
    (werkzeug_app.DomainDispatcherApplication, "get_backend_for_host", ("host",)),
    (base_backend.BackendDict, "_instances", ()),
    (base_backend, "backend_lock", ()),
    (model_instances, "reset_model_data", ()),
    (parse, "PROTOCOL_PARSERS", ()),
    (parse.RequestParser, "parse", ("request_dict",)),
    (routing, "get_service_router", ("service_name",)),
    (moto_utils, "get_service_model", ("service_name",)),
    (responses, "method_names_from_class", ("clazz",)),
    (resource_tagging, "TaggedResource", ("arn", "tags", "resource_type")),
    (mock_random, "seed", ()),
    (EC2Backend, "get_subnet", ("subnet_id",)),
    (EC2Backend, "get_security_group_from_id", ("group_id",)),
    (EC2Backend, "create_tags", ("resource_ids", "tags")),
    (EC2Backend, "get_launch_template", ("template_id",)),
    (EC2Backend, "run_instances", ("image_id", "count", "user_data", "security_group_names")),
    (EC2Backend, "terminate_instances", ("instance_ids",)),
    (EC2Backend, "get_instance_by_id", ("instance_id",)),
    (EC2Backend, "get_default_security_group", ("vpc_id",)),
    (EC2Backend, "get_default_vpc", ()),
    (EC2Backend, "create_internet_gateway", ()),
    (EC2Backend, "attach_internet_gateway", ("internet_gateway_id", "vpc_id")),
    (EC2Backend, "create_route", ("route_table_id", "destination_cidr_block", "gateway_id")),
    (IAMBackend, "get_role", ("role_name",)),
    (IAMBackend, "get_instance_profiles", ()),
    (AWSManagedPolicy, "from_data", ("name", "account_id", "region_name", "data")),
    (aws_managed_policies, "aws_managed_policies_data", ()),
    (LogsBackend, "create_log_group", ("log_group_name", "tags")),
    (LogsBackend, "delete_log_group", ("log_group_name",)),
    (LogsBackend, "iter_tagged_resources", ()),
    (ECRBackend, "put_image", ("repository_name", "image_manifest", "image_tag")),
    (EC2ContainerServiceBackend, "iter_tagged_resources", ()),
    (ELBv2Backend, "iter_tagged_resources", ()),
    (FakeBucket, "__init__", ("name", "account_id", "region_name")),
)


class SeamError(RuntimeError):
    """The installed moto does not have an interface that ecsim uses."""


def check() -> None:
    """Raise a SeamError with moto's version and the first missing interface."""
    for owner, name, parameters in SEAMS:
        where = f"{getattr(owner, '__name__', owner)}.{name}"
        found = getattr(owner, name, None)
        if found is None:
            raise SeamError(f"moto {moto.__version__} has no {where}; ecsim needs moto 5.2")
        if not parameters:
            continue
        signature = inspect.signature(found).parameters
        missing = [parameter for parameter in parameters if parameter not in signature]
        if missing:
            raise SeamError(f"moto {moto.__version__}: {where} takes no {', '.join(missing)}")


def install(ecs_tagged: TaggedLookup, elb_tagged: TaggedLookup) -> None:
    """Let moto's tagging API read the ECS and load balancers of ecsim instead of its own."""
    # Loading moto's 1,285 default AMIs takes 45 ms per Region and reset.
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

    def tagged(lookup: TaggedLookup) -> Callable[[Any], Iterator[Any]]:
        def iter_tagged_resources(self: Any) -> Iterator[Any]:
            for arn, tags, kind in lookup(self.account_id, self.region_name):
                yield resource_tagging.TaggedResource(arn=arn, tags=tags, resource_type=kind)

        return iter_tagged_resources

    def tagged_log_groups(self: Any) -> Iterator[Any]:
        for group in self.groups.values():  # moto's own type is logs:loggroup
            tags = self.tagger.get_tag_dict_for_resource(group.arn)
            yield resource_tagging.TaggedResource(arn=group.arn, tags=tags, resource_type="logs:log-group")

    ecs: Any = EC2ContainerServiceBackend
    elb: Any = ELBv2Backend
    logs: Any = LogsBackend
    ecs.iter_tagged_resources = tagged(ecs_tagged)
    elb.iter_tagged_resources = tagged(elb_tagged)
    logs.iter_tagged_resources = tagged_log_groups


def reset(seed: int) -> None:
    """Empty all accounts. moto's own reset is slower: it creates each backend again."""
    known: Any = base_backend.BackendDict
    with base_backend.backend_lock:
        for backends in known._instances:
            if backends.service_name == "s3":  # its objects are open temporary files
                for account in backends.values():
                    account.reset()
            backends.clear()
        known._instances.clear()
    model_instances.reset_model_data()
    mock_random.seed(seed)


def application() -> Any:
    """Return moto's WSGI application for all services."""
    application: Any = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    # moto lists its own directory for each request: a third of the time of a read.
    application.get_backend_for_host = functools.cache(application.get_backend_for_host)
    # And it lists the operations of the service: a sixth of what is left.
    requests: Any = responses
    requests.method_names_from_class = functools.cache(moto_utils.method_names_from_class)
    return application


def service_model(service: str) -> ServiceModel:
    """Return the botocore model of a service."""
    return moto_utils.get_service_model(service)


def operation_model(service: str, operation: str) -> OperationModel:
    """Return the botocore model of an operation."""
    model: OperationModel = service_model(service).operation_model(operation)
    return model


def parse_query(service: str, operation: str, values: dict[str, str], protocol: str) -> dict[str, Any]:
    """Return the parameters of a query or ec2 request in boto3's format."""
    parser: Any = parse.PROTOCOL_PARSERS[protocol](operation_model(service, operation))
    return dict(parser.parse({"values": values}))


def parse_rest(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return operation and parameters of a REST request, without its body."""
    request = Request(environ, populate_request=False)
    operation, uri_params = routing.get_service_router(service).match(request)
    protocol = determine_request_protocol(operation.service_model, request.content_type)
    parser = parse.PROTOCOL_PARSERS[protocol](operation)
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.args,
            "headers": request.headers,
            "body": b"",
            "url_path": request.path,
            "url_params": uri_params,
        }
    )
    return str(operation.name), {name: value for name, value in parsed.items() if value is not None}


def wake_tagged(account: str, region: str) -> None:
    """Create the backends that the tagging API reads; it reads only those that exist."""
    _ = ecs_backends[account][region], elbv2_backends[account][region]


def subnet(account: str, region: str, subnet_id: str) -> Any | None:
    """Return a subnet of moto's EC2, or None."""
    for zone in ec2_backends[account][region].subnets.values():
        if subnet_id in zone:
            return zone[subnet_id]
    return None


def default_subnets(account: str, region: str, zones: list[str]) -> list[Any]:
    """Return the default subnets of some zones."""
    known = ec2_backends[account][region].subnets
    return [subnet for zone in zones for subnet in known.get(zone, {}).values() if subnet.default_for_az]


def ec2_tags(account: str, region: str, identifier: str) -> dict[str, str]:
    """Return the tags of an EC2 resource. CreateTags and DeleteTags of moto write them for any identifier."""
    return dict(ec2_backends[account][region].tags.get(identifier, {}))


def remember_template(account: str, region: str, identifier: str, tags: dict[str, str]) -> None:
    """Add a launch template to moto, so that CreateTags of moto's EC2 accepts it."""
    backend: Any = ec2_backends[account][region]
    backend.launch_templates[identifier] = SimpleNamespace(id=identifier)
    backend.create_tags([identifier], tags)


def forget_template(account: str, region: str, identifier: str) -> None:
    """Remove a launch template and its tags from moto."""
    backend = ec2_backends[account][region]
    backend.launch_templates.pop(identifier, None)
    backend.tags.pop(identifier, None)


def run_instance(account: str, region: str, *, image: str, tags: dict[str, str], **members: Any) -> Any:
    """Run one instance and return moto's object for it."""
    reservation = ec2_backends[account][region].run_instances(
        image, 1, None, [], region_name=region, is_instance_type_default=False, tags={"instance": tags}, **members
    )
    return reservation.instances[0]


def terminate_instance(account: str, region: str, identifier: str) -> None:
    """Terminate one instance, if it runs."""
    backend = ec2_backends[account][region]
    found = backend.get_instance_by_id(identifier)
    if found is not None and found.state != "terminated":
        found.disable_api_termination = False
        backend.terminate_instances([identifier])


def instance_profile(account: str, reference: str) -> Any | None:
    """Return an instance profile of moto's IAM by name or ARN, or None."""
    for profile in iam_backends[account]["aws"].get_instance_profiles():
        if reference in (profile.name, profile.arn):
            return profile
    return None


def connect_default_vpc(account: str, region: str) -> None:
    """Give the default VPC an internet gateway and a default route to it, unless it has a gateway."""
    backend = ec2_backends[account][region]
    vpc = backend.get_default_vpc()
    if vpc is None or any(one.vpc and one.vpc.id == vpc.id for one in backend.internet_gateways.values()):
        return
    gateway = backend.create_internet_gateway()
    backend.attach_internet_gateway(gateway.id, vpc.id)
    main = [one for one in backend.route_tables.values() if one.vpc_id == vpc.id and one.main_association_id]
    backend.create_route(main[0].id, "0.0.0.0/0", gateway_id=gateway.id)


def security_group(account: str, region: str, group_id: str) -> Any | None:
    """Return a security group of moto's EC2, or None."""
    return ec2_backends[account][region].get_security_group_from_id(group_id)


def default_security_group(account: str, region: str, vpc_id: str) -> str | None:
    """Return the ID of a VPC's default security group."""
    group = ec2_backends[account][region].get_default_security_group(vpc_id)
    return str(group.id) if group else None


def role(account: str, name: str) -> Any | None:
    """Return a role of moto's IAM by name, or None."""
    for candidate in iam_backends[account]["aws"].get_roles():
        if candidate.name == name:
            return candidate
    return None


def policies_of(role: Any) -> list[str]:
    """Return the documents of the attached and inline policies of a role of moto's IAM."""
    attached = [
        next(version.document for version in policy.versions if version.version_id == policy.default_version_id)
        for policy in role.managed_policies.values()
    ]
    return [*attached, *role.policies.values()]


@functools.cache
def _managed_policies() -> dict[str, tuple[str, dict[str, Any]]]:
    """Return name and data of the AWS managed policies by ARN. moto parses all 1,500 for each new account."""
    known = json.loads(aws_managed_policies.aws_managed_policies_data)
    return {f"arn:aws:iam::aws:policy{data['Path']}{name}": (name, data) for name, data in known.items()}


def load_managed_policy(account: str, arn: str) -> None:
    """Add one AWS managed policy to moto, if the ARN is of one."""
    policies = iam_backends[account]["aws"].managed_policies
    if arn not in policies and arn in _managed_policies():
        name, data = _managed_policies()[arn]
        policies[arn] = AWSManagedPolicy.from_data(name, account, "us-east-1", data)


def load_managed_policies(account: str) -> None:
    """Add all AWS managed policies to moto."""
    for arn in _managed_policies():
        load_managed_policy(account, arn)


def tagged_image(account: str, region: str, repository: str, tag: str) -> str | None:
    """Return the manifest of a tag in an immutable repository of moto's ECR, or None."""
    found = ecr_backends[account][region].repositories.get(repository)
    if found is None or found.image_tag_mutability != "IMMUTABLE":
        return None
    return next((str(image.image_manifest) for image in found.images if tag in image.image_tags), None)


def image_media_types(account: str, region: str, repository: str) -> dict[str, str]:
    """Return the media types of the manifests in a repository of moto's ECR, by digest."""
    found = ecr_backends[account][region].repositories.get(repository)
    types = {image.get_image_digest(): image.image_manifest_media_type for image in (found.images if found else ())}
    return {digest: str(media_type) for digest, media_type in types.items() if media_type}


def tagged_repositories(account: str, region: str) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield the repositories of moto's ECR with their tags; moto's tagging API does not read them."""
    backend = ecr_backends[account][region]
    for repository in list(backend.repositories.values()):
        yield repository.arn, backend.tagger.get_tag_dict_for_resource(repository.arn), "ecr:repository"


def forget_log_group_tags(account: str, region: str, name: str) -> None:
    """Remove the tags of a log group: moto keeps them for the next one with that name."""
    backend = logs_backends[account][region]
    if name in backend.groups:
        backend.tagger.delete_all_tags_for_resource(backend.groups[name].arn)


def log_groups(account: str, region: str) -> Any:
    """Return the log groups of one Region by name."""
    return logs_backends[account][region].groups


def create_log_group(account: str, region: str, name: str) -> None:
    """Create a log group as the awslogs driver does."""
    logs_backends[account][region].create_log_group(name, {})


def has_object(account: str, bucket: str, key: str) -> bool:
    """Return whether a bucket of moto's S3 has an object."""
    found = s3_backends[account]["aws"].buckets.get(bucket)
    return found is not None and key in found.keys


def group_is_referenced(account: str, region: str, group_id: str) -> bool:
    """Return whether a rule of another security group references this one."""
    for groups in ec2_backends[account][region].groups.values():
        for group in groups.values():
            rules = [*group.ingress_rules, *group.egress_rules]
            if group.id != group_id and any(rule.source_group.get("GroupId") == group_id for rule in rules):
                return True
    return False
