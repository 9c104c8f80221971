"""Clusters and capacity providers."""

from __future__ import annotations

from tests.ecsim.aws import Aws, refused


def test_create_is_idempotent_and_changes_nothing(aws: Aws) -> None:
    """CreateCluster with an existing name returns the cluster unchanged."""
    enabled = [{"name": "containerInsights", "value": "enabled"}]
    arn = aws.ecs.create_cluster(clusterName="prod", settings=enabled)["cluster"]["clusterArn"]
    again = aws.ecs.create_cluster(clusterName="prod")["cluster"]
    assert again["clusterArn"] == arn
    assert again["settings"] == enabled


def test_describe_shows_only_what_is_included(aws: Aws) -> None:
    """TAGS, SETTINGS and CONFIGURATIONS are absent unless `include` has them."""
    configuration = {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    aws.ecs.create_cluster(clusterName="prod", tags=[{"key": "a", "value": "b"}], configuration=configuration)
    plain = aws.ecs.describe_clusters(clusters=["prod"])["clusters"][0]
    assert not {"tags", "settings", "configuration", "attachments"} & set(plain)
    include = ["TAGS", "SETTINGS", "CONFIGURATIONS", "ATTACHMENTS"]
    full = aws.ecs.describe_clusters(clusters=["prod"], include=include)["clusters"][0]
    assert full["tags"] == [{"key": "a", "value": "b"}]
    assert full["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert full["configuration"] == configuration
    assert full["attachments"] == []


def test_updates_keep_what_they_omit(aws: Aws) -> None:
    """UpdateCluster and UpdateClusterSettings change only the members in the request."""
    aws.ecs.create_cluster(clusterName="prod")
    aws.ecs.update_cluster(cluster="prod", configuration={"executeCommandConfiguration": {"logging": "NONE"}})
    aws.ecs.update_cluster_settings(cluster="prod", settings=[{"name": "containerInsights", "value": "enhanced"}])
    found = aws.ecs.describe_clusters(clusters=["prod"], include=["SETTINGS", "CONFIGURATIONS"])["clusters"][0]
    assert found["configuration"]["executeCommandConfiguration"]["logging"] == "NONE"
    assert found["settings"][0]["value"] == "enhanced"


def test_a_cluster_with_services_is_not_deleted(aws: Aws) -> None:
    """Without services it can be deleted, is then INACTIVE, and can be created again."""
    aws.service(desiredCount=1)
    with refused("ClusterContainsServicesException"):
        aws.ecs.delete_cluster(cluster="prod")
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(60)
    assert aws.ecs.delete_cluster(cluster="prod")["cluster"]["status"] == "INACTIVE"
    assert aws.ecs.describe_clusters(clusters=["prod"])["clusters"][0]["status"] == "INACTIVE"
    assert aws.ecs.list_clusters()["clusterArns"] == []
    with refused("ClusterNotFoundException"):
        aws.ecs.list_services(cluster="prod")
    assert aws.ecs.create_cluster(clusterName="prod")["cluster"]["status"] == "ACTIVE"


def test_a_missing_cluster_is_a_failure(aws: Aws) -> None:
    """DescribeClusters returns the clusters that exist, and a failure for each other one."""
    answer = aws.ecs.describe_clusters(clusters=["ghost"])
    assert answer["clusters"] == []
    assert answer["failures"][0]["reason"] == "MISSING"


def test_providers_are_replaced_as_a_whole(aws: Aws) -> None:
    """PutClusterCapacityProviders replaces both lists. A provider in use cannot be removed."""
    aws.ecs.create_cluster(clusterName="prod")
    strategy = [{"capacityProvider": "FARGATE"}]
    with refused("InvalidParameterException", "not associated"):
        aws.ecs.put_cluster_capacity_providers(
            cluster="prod", capacityProviders=["FARGATE_SPOT"], defaultCapacityProviderStrategy=strategy
        )
    cluster = aws.ecs.put_cluster_capacity_providers(
        cluster="prod", capacityProviders=["FARGATE_SPOT", "FARGATE"], defaultCapacityProviderStrategy=strategy
    )["cluster"]
    assert cluster["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert cluster["defaultCapacityProviderStrategy"] == [{"capacityProvider": "FARGATE", "weight": 0, "base": 0}]
    aws.ecs.create_service(
        cluster="prod",
        serviceName="api",
        taskDefinition=aws.task_definition(),
        desiredCount=1,
        networkConfiguration=aws.awsvpc,
    )
    with refused("ResourceInUseException"):
        aws.ecs.put_cluster_capacity_providers(cluster="prod", capacityProviders=[], defaultCapacityProviderStrategy=[])


def test_a_new_cluster_has_the_settings_of_the_account(aws: Aws) -> None:
    """Clusters that exist keep theirs."""
    aws.ecs.create_cluster(clusterName="before")
    aws.ecs.put_account_setting_default(name="containerInsights", value="enhanced")
    aws.ecs.create_cluster(clusterName="after")
    (found,) = aws.ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"]
    assert found["value"] == "enhanced"
    clusters = aws.ecs.describe_clusters(clusters=["before", "after"], include=["SETTINGS"])["clusters"]
    assert {one["clusterName"]: one["settings"][0]["value"] for one in clusters} == {
        "before": "disabled",
        "after": "enhanced",
    }
