"""Which error of AWS is of which class: one table, the first row that fits decides, each with its source.

Messages come before codes, because AWS says several things under one code; within the codes the particular come
before the general. `code` and `operation` are patterns as of file names, `says` is a part of the message in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecsync.core.ports import ErrorClass

_MODEL = "botocore's service model"
_COMMON = "AWS documentation, Common Errors"
_TERRAFORM = "terraform-provider-aws retries it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: errors with one of these codes, and this message where one is given, are of this class."""

    kind: ErrorClass
    codes: tuple[str, ...]
    source: str
    service: str = "*"
    operations: tuple[str, ...] = ("*",)
    says: str = ""


def _says(kind: ErrorClass, service: str, codes: str, says: str, source: str, operations: str = "*") -> Row:
    return Row(
        kind=kind,
        service=service,
        codes=tuple(codes.split()),
        says=says,
        source=source,
        operations=tuple(operations.split()),
    )


def _codes(kind: ErrorClass, codes: str, source: str, service: str = "*") -> Row:
    return Row(kind=kind, codes=tuple(codes.split()), source=source, service=service)


_MESSAGES = (
    # Throttles in disguise.
    _says("throttled", "*", "*", "rate exceeded", "terraform-provider-aws #1428: FailedResourceAccessException"),
    _says("throttled", "ecs", "ClientException", "too many concurrent attempts", "ECS, RegisterTaskDefinition"),
    # Denied, whatever the code: ECS says so of iam:PassRole under ClientException.
    _says("denied", "*", "*", "not authorized to perform", _COMMON),
    # Rule 23: the right call, too early.
    _says("settling", "*", "*", "invalid iam instance profile", f"{_TERRAFORM} (CreateAutoScalingGroup)"),
    _says("settling", "*", "*", "unable to assume the service linked role", f"{_TERRAFORM} (ecs)"),
    _says("settling", "ecs", "InvalidParameterException", "service role being passed", f"{_TERRAFORM} (ecs)"),
    _says(
        "settling", "ecs", "InvalidParameterException", "not have an associated load balancer", f"{_TERRAFORM} (ecs)"
    ),
    _says("settling", "ecs", "ClientException", "role is not valid", "fabfuel/ecs-deploy #231"),
    _says("settling", "ecs", "*", "unable to assume the role", "pulumi-awsx #927"),
    _says("settling", "ecs", "InvalidParameterException", "not associated with the cluster", "dask-cloudprovider #328"),
    _says("settling", "ecs", "InvalidParameterException", "not in an active state", "terraform-provider-aws #45693"),
    _says("settling", "iam", "MalformedPolicyDocument", "invalid principal", "terraform-provider-aws #12436"),
    _says("settling", "application-autoscaling", "ValidationException", "service doesn't exist", "spinnaker #4371"),
    _says("settling", "application-autoscaling", "ValidationException", "unable to assume iam role", _TERRAFORM),
    # Rule 4: something else must happen first.
    _says("conflict", "ecs", "InvalidParameterException", "still draining", "spinnaker #5476"),
    _says("conflict", "ecs", "InvalidParameterException", "while deployments are active", f"{_TERRAFORM} (ecs)"),
    _says("conflict", "ecs", "InvalidParameterException", "scaled above 0", "ECS, DeleteService"),
    _says("conflict", "ecs", "ClientException", "cluster was not active", "terraform-provider-aws #11285"),
    _says("conflict", "autoscaling", "ValidationError AlreadyExists", "pending delete", "kops #1001"),
    # There already.
    _says("exists", "ecs", "InvalidParameterException", "was not idempotent", "ECS, CreateService"),
    _says("exists", "ecs", "InvalidParameterException", "idempotent request are inconsistent", "terraform #24615"),
    _says("exists", "ecs", "ClientException InvalidParameterException", "already exists", "containers-roadmap #688"),
    # Not there, under a code that says something else.
    _says("missing", "ecs", "ClientException", "unable to describe task definition", "fabfuel/ecs-deploy, client"),
    _says("missing", "ecs", "ClientException", "task definition does not exist", "ECS, DeregisterTaskDefinition"),
    _says(
        "missing",
        "ecs",
        "InvalidParameterException",
        "capacity provider does not exist",
        "ECS, DescribeCapacityProviders",
        "DescribeCapacityProviders DeleteCapacityProvider UpdateCapacityProvider",
    ),
    _says("missing", "ecs", "InvalidParameterException", "not found", "ECS, ListTagsForResource", "*TagsForResource"),
    _says("missing", "ecs", "InvalidParameterException", "not found", "ECS, UntagResource", "*tagResource TagResource"),
    _says("missing", "autoscaling", "ValidationError", "name not found", "cloud-custodian #250"),
    _says("missing", "autoscaling", "ValidationError", "autoscalinggroup not found", "cloud-custodian #380"),
)

_CODES = (
    _codes(
        "credentials",
        "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired InvalidClientTokenId "
        "UnrecognizedClientException InvalidAccessKeyId SignatureDoesNotMatch InvalidSignatureException "
        "MissingAuthenticationToken MissingAuthenticationTokenException IncompleteSignature "
        "IncompleteSignatureException AuthFailure RequestTimeTooSkewed InvalidIdentityToken IDPRejectedClaim",
        _COMMON,
    ),
    _codes("conflict", "PriorRequestNotComplete", f"{_MODEL}: a prior request has not been completed", "elbv2"),
    _codes(
        "throttled",
        "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException "
        "RequestLimitExceeded TooManyRequestsException SlowDown BandwidthLimitExceeded EC2ThrottledException "
        "ProvisionedThroughputExceededException PriorRequestNotComplete TransactionInProgressException",
        "botocore.retries.standard; LimitExceededException is a quota in the services that we call",
    ),
    _codes(
        "denied",
        "AccessDenied AccessDeniedException Unauthorized* AuthorizationError AuthorizationErrorException "
        "NotAuthorized NotAuthorizedException OptInRequired RegionDisabledException BlockedException Blocked "
        "FailedResourceAccessException KmsAccessDeniedException BlockedByOrganizationPolicyException",
        f"{_COMMON}; {_MODEL}",
    ),
    _codes("settling", "ServiceLinkedRoleFailure", f"{_MODEL}: is not yet ready for use", "autoscaling"),
    _codes(
        "conflict",
        "ResourceInUse ResourceInUseException UpdateInProgressException ConflictException ClusterContains* "
        "ServiceNotActiveException",
        _MODEL,
    ),
    _codes("conflict", "DependencyViolation InvalidGroup.InUse IncorrectState *.InUse", "EC2, Error codes"),
    _codes(
        "conflict",
        "ScalingActivityInProgress ResourceContention InstanceRefreshInProgress IdempotentCallInProgress",
        _MODEL,
        "autoscaling",
    ),
    _codes("conflict", "ConcurrentUpdateException", f"{_MODEL}: an update is pending", "application-autoscaling"),
    _codes("conflict", "DeleteConflict EntityTemporarilyUnmodifiable", _MODEL, "iam"),
    _codes("conflict", "ConcurrentModification* OperationAbortedException RepositoryNotEmptyException", _MODEL),
    _codes("conflict", "PriorityInUse", f"{_MODEL}: another rule has it, so look again", "elbv2"),
    _codes("invalid", "DuplicateTagKeys *.Malformed", f"{_MODEL}; EC2, Error codes"),
    _codes("exists", "*AlreadyExists *AlreadyExistsException Duplicate* *.Duplicate", f"{_MODEL}; EC2, Error codes"),
    _codes(
        "missing",
        "*NotFound *NotFoundException *NotFoundFault NoSuch* *.NotFound* *.VersionNotFound *DoesNotExist",
        f"{_MODEL}; EC2, Error codes",
    ),
    _codes(
        "transient",
        "ServerException InternalFailure InternalError InternalServerError InternalServerException "
        "InternalServiceError InternalServiceException ServiceUnavailable ServiceUnavailableException "
        "ServiceFailure Unavailable RequestTimeout RequestTimeoutException HealthUnavailable",
        f"{_COMMON}; {_MODEL}",
    ),
    _codes(
        "invalid",
        "Invalid* Validation* ClientException Malformed* Missing* Unsupported* *NotSupported* Incompatible* "
        "*LimitExceeded* LimitExceededFault *QuotaExceeded* TooMany* *AssociationLimit* OperationNotPermitted* "
        "PlatformUnknownException PlatformTaskDefinitionIncompatibilityException IdempotentParameterMismatch "
        "UnknownOperation* UnknownParameter* UnmodifiableEntity PolicyNotAttachable PackedPolicyTooLarge "
        "IrreversibleInstanceRefresh",
        f"{_COMMON}; {_MODEL}",
    ),
)

ROWS: tuple[Row, ...] = _MESSAGES + _CODES
