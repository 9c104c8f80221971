"""Alarms that services name: imported with the service, and referred to."""

from __future__ import annotations

from tests.importer.account import ImportedApplication
from tests.importer.account_builder import AccountBuilder

NAMED = {"alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}}


def test_an_alarm_is_imported_with_the_service_that_names_it(builder: AccountBuilder) -> None:
    """By reference, and the plan of the files is empty."""
    builder.account.aws("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "ServiceName", "Value": "api"}],
        ExtendedStatistic="p99",
        Period=60,
        EvaluationPeriods=2,
        Threshold=80,
        ComparisonOperator="GreaterThanThreshold",
        Tags=[{"Key": "team", "Value": "web"}],
    )
    builder.service("api", deploymentConfiguration=NAMED)
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    text = "".join(generated.files.values())
    assert "  Alarm/errors:\n" in text
    assert "${Alarm/errors}" in text
    imported = ImportedApplication(builder.account, dict(generated.files))
    assert imported.plan().empty
    adopted = {str(step.id.key) for step in imported.plan().steps}
    assert "Alarm/errors" in adopted


def test_an_alarm_that_does_not_exist_stays_a_name(builder: AccountBuilder) -> None:
    """ECS accepts it; the import notes it."""
    builder.service("api", deploymentConfiguration=NAMED)
    builder.account.simulator.advance(300)
    generated = builder.account.import_cluster()
    text = "".join(generated.files.values())
    assert "Alarm/" not in text
    assert "errors" in text
    assert any("Alarm errors does not exist" in note for note in generated.notes)
