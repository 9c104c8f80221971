"""The class of each AWS error: one table, in which the first matching row decides. Each row has its source.

Rows with a message come before rows with codes only, because AWS uses one code for several errors. Specific codes come
before general ones. Codes and operations are patterns as of file names; `message` is a lower-case part of the text.
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
    message: str = ""


def _text(kind: ErrorClass, service: str, codes: str, message: str, source: str, operations: str = "*") -> Row:
    return Row(
        kind=kind,
        service=service,
        codes=tuple(codes.split()),
        message=message,
        source=source,
        operations=tuple(operations.split()),
    )


def _codes(kind: ErrorClass, codes: str, source: str, service: str = "*") -> Row:
    return Row(kind=kind, codes=tuple(codes.split()), source=source, service=service)


_MESSAGES = (
    # Throttling under another code.
    _text("throttled", "*", "*", "rate exceeded", "terraform-provider-aws #1428: FailedResourceAccessException"),
    _text("throttled", "ecs", "ClientException", "too many concurrent attempts", "ECS, RegisterTaskDefinition"),
    # Denied, with any code: ECS returns ClientException for a missing iam:PassRole.
    _text("denied", "*", "*", "not authorized to perform", _COMMON),
    # The right call, too early (docs/rules.md R23).
    _text("settling", "*", "*", "invalid iam instance profile", f"{_TERRAFORM} (CreateAutoScalingGroup)"),
    _text("settling", "*", "*", "unable to assume the service linked role", f"{_TERRAFORM} (ecs)"),
    _text("settling", "ecs", "InvalidParameterException", "service role being passed", f"{_TERRAFORM} (ecs)"),
    _text(
        "settling", "ecs", "InvalidParameterException", "not have an associated load balancer", f"{_TERRAFORM} (ecs)"
    ),
    _text("settling", "ecs", "ClientException", "role is not valid", "fabfuel/ecs-deploy #231"),
    _text("settling", "ecs", "*", "unable to assume the role", "pulumi-awsx #927"),
    _text("settling", "ecs", "InvalidParameterException", "not associated with the cluster", "dask-cloudprovider #328"),
    _text("settling", "ecs", "InvalidParameterException", "not in an active state", "terraform-provider-aws #45693"),
    _text("settling", "iam", "MalformedPolicyDocument", "invalid principal", "terraform-provider-aws #12436"),
    _text("settling", "application-autoscaling", "ValidationException", "service doesn't exist", "spinnaker #4371"),
    _text("settling", "application-autoscaling", "ValidationException", "unable to assume iam role", _TERRAFORM),
    # Another operation must end first (docs/rules.md R4).
    _text("conflict", "ecs", "InvalidParameterException", "still draining", "spinnaker #5476"),
    _text("conflict", "ecs", "InvalidParameterException", "while deployments are active", f"{_TERRAFORM} (ecs)"),
    _text("conflict", "ecs", "InvalidParameterException", "scaled above 0", "ECS, DeleteService"),
    _text("conflict", "ecs", "ClientException", "cluster was not active", "terraform-provider-aws #11285"),
    _text("conflict", "autoscaling", "ValidationError AlreadyExists", "pending delete", "kops #1001"),
    # The resource exists.
    _text("exists", "ecs", "InvalidParameterException", "was not idempotent", "ECS, CreateService"),
    _text("exists", "ecs", "InvalidParameterException", "idempotent request are inconsistent", "terraform #24615"),
    _text("exists", "ecs", "ClientException InvalidParameterException", "already exists", "containers-roadmap #688"),
    # The resource does not exist, under a code that means something else.
    _text("missing", "ecs", "ClientException", "unable to describe task definition", "fabfuel/ecs-deploy, client"),
    _text("missing", "ecs", "ClientException", "task definition does not exist", "ECS, DeregisterTaskDefinition"),
    _text(
        "missing",
        "ecs",
        "InvalidParameterException",
        "capacity provider does not exist",
        "ECS, DescribeCapacityProviders",
        "DescribeCapacityProviders DeleteCapacityProvider UpdateCapacityProvider",
    ),
    _text("missing", "ecs", "InvalidParameterException", "not found", "ECS, ListTagsForResource", "*TagsForResource"),
    _text("missing", "ecs", "InvalidParameterException", "not found", "ECS, UntagResource", "*tagResource TagResource"),
    _text("missing", "autoscaling", "ValidationError", "name not found", "cloud-custodian #250"),
    _text("missing", "autoscaling", "ValidationError", "autoscalinggroup not found", "cloud-custodian #380"),
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
    _codes("denied", "AllAccessDisabled AccountProblem", "S3, Error responses", "s3"),
    _codes("invalid", "PermanentRedirect BadDigest EntityTooLarge", "S3, Error responses", "s3"),
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
