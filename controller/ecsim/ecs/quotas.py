"""The quotas of Amazon ECS and Fargate, as Service Quotas lists them."""

from __future__ import annotations

from ecsim.account.world import Body, Call, Handler

# ECS Developer Guide, Service quotas: code, name, default value; by the code of the service.
QUOTAS = {
    "ecs": (("L-21C621EB", "Clusters per account", 10000), ("L-9EF96962", "Services per cluster", 5000)),
    "fargate": (("L-3032A538", "Fargate On-Demand vCPU resource count", 6),),
}


def list_service_quotas(call: Call) -> Body:
    """Return the quotas of a service; those of the account's settings take the place of the defaults."""
    own, service = call.world.settings.quotas, call.params["ServiceCode"]
    return {
        "Quotas": [
            {"ServiceCode": service, "QuotaCode": code, "QuotaName": name, "Value": float(own.get(code, value))}
            for code, name, value in QUOTAS.get(service, ())
        ]
    }


OPERATIONS: dict[str, Handler] = {"ListServiceQuotas": list_service_quotas}
