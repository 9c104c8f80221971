"""A random account: resources that boto3 can create. Requests that AWS refuses are skipped."""

from __future__ import annotations

from tests.importer.account import ACCOUNT, CLUSTER, REGION
from tests.importer.random_account.special_services import SpecialServices


class RandomAccount(SpecialServices):
    """Fills an account with a cluster and services, and changes some of them later."""

    def fill(self, services: int) -> None:
        """Fill the account."""
        with self.ignore_refusals("cluster"):
            self.cluster()
        special = [
            self.blue_green,
            self.external_controller,
            self.with_volume,
            self.with_log_router,
            self.behind_network_load_balancer,
            self.behind_classic_load_balancer,
        ]
        special += (
            [] if self.recreatable else [self.deployed_by_codedeploy]
        )  # CodeDeploy, not the import, shifts its traffic
        for number in range(services):
            with self.ignore_refusals("service"):
                (self.pick(special) if self.maybe(0.3) else self.service)(number)
        self.aws.account.simulator.advance(self.pick((0, 30, 600)))
        for name in self.service_names:
            if self.maybe(0.2) and not self.recreatable:
                with self.ignore_refusals("change"):
                    self.change_service(name)
        self.aws.account.simulator.advance(self.pick((0, 30, 600)))

    def cluster(self) -> None:
        ecs = self.aws.ecs
        if self.maybe():
            level = self.pick(("enabled", "disabled", "enhanced"))
            ecs.update_cluster(cluster=CLUSTER, settings=[{"name": "containerInsights", "value": level}])
        if self.maybe(0.3):
            logging = {"kmsKeyId": "key", "logging": "DEFAULT"}
            ecs.update_cluster(cluster=CLUSTER, configuration={"executeCommandConfiguration": logging})
        if self.maybe(0.3):
            strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}, {"capacityProvider": "FARGATE_SPOT"}]
            ecs.put_cluster_capacity_providers(
                cluster=CLUSTER,
                capacityProviders=["FARGATE_SPOT", "FARGATE"],
                defaultCapacityProviderStrategy=self.sample(strategy, 2),
            )
        if self.maybe(0.3):
            arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
            ecs.tag_resource(resourceArn=arn, tags=self.tags())
        if self.maybe(0.3) and not self.recreatable:
            self.aws.provider("machines")

    def change_service(self, name: str) -> None:
        """Delete, deploy or update a service, or deregister its revision."""
        found = self.aws.ecs.describe_services(cluster=CLUSTER, services=[name])["services"][0]
        match self.number(0, 3):
            case 0:
                self.aws.ecs.delete_service(cluster=CLUSTER, service=name, force=True)
            case 1:
                family = found["taskDefinition"].rsplit("/", 1)[-1].split(":")[0]
                known = [body for arn, body in self.task_definitions if arn == found["taskDefinition"]]
                if known:
                    again = self.aws.ecs.register_task_definition(**{**known[0], "family": family})
                    self.aws.update(name, taskDefinition=again["taskDefinition"]["taskDefinitionArn"])
            case 2:
                self.aws.ecs.deregister_task_definition(taskDefinition=found["taskDefinition"])
            case _:
                self.aws.update(name, enableExecuteCommand=True, forceNewDeployment=True)
