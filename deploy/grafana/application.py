"""Application: what one application is doing, since when, and why it does not write."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import (
    THIRD,
    WARN_IF_ANY,
    Colour,
    bars,
    board,
    lines,
    mark,
    names,
    number,
    query,
    timeline,
)
from deploy.grafana.queries import added, or_none

_APP = 'job=~"$job", app="$app"'
_CONDITIONS: Mapping[str, tuple[str, Colour]] = {"0": ("no", "gray"), "1": ("yes", "blue")}
_STATE: Mapping[str, tuple[str, Colour]] = {"1": ("yes", "blue")}


def build() -> Dashboard:
    """Return the dashboard."""
    made = board(
        "ecsync-application",
        "ecsync / Application",
        "One application: state, drift, changes and deployments.",
        ["job", "one application"],
    )
    made = made.annotation(
        mark(
            "Deployments",
            f"sum by (outcome) (increase(ecsync_deployments_total{{{_APP}}}[1m])) > 0",
            "deployment: {{outcome}}",
            "purple",
        )
    )
    made = made.with_row(Row("Now"))
    for title, about, label in (
        ("Sync", "Whether live resources are as the manifests declare.", "sync_status"),
        ("Health", "The worst health of the resources.", "health_status"),
        ("Mode", "enforce: ecsync repairs. observe: ecsync only reports.", "mode"),
    ):
        made = made.with_panel(names(title, about, f"sum by ({label}) (ecsync_app_info{{{_APP}}})", f"{{{{{label}}}}}"))
    made = made.with_panel(
        number(
            "Last success",
            "Time since the last pass without an error.",
            f"time() - max(ecsync_app_last_success_timestamp_seconds{{{_APP}}})",
            unit="s",
            steps=((None, "green"), (600, "orange"), (3600, "red")),
            decimals=0,
        )
    ).with_panel(
        number(
            "Resources with drift",
            "Resources that were changed or deleted outside ecsync and are not repaired yet.",
            f"sum(ecsync_drifted_resources{{{_APP}}}) or vector(0)",
            steps=WARN_IF_ANY,
            link="/d/ecsync-drift?var-application=$app",
        )
    )
    made = made.with_panel(
        number(
            "Held changes",
            "Changes and deletions that ecsync does not make; `ecsync status` has the reason of each.",
            f"(sum(ecsync_held_changes{{{_APP}}}) or vector(0)) + (sum(ecsync_prune_blocked{{{_APP}}}) or vector(0))",
            steps=WARN_IF_ANY,
        )
    )
    made = made.with_panel(
        timeline(
            "Conditions",
            "Ready: in sync, healthy, without an error. SourceReady: the manifests can be read. Valid: no problem in "
            "them. Drifted: changed outside ecsync. Terminal: AWS refuses a change. PruneBlocked: deletions are held.",
            f"max by (type) (ecsync_app_condition{{{_APP}}})",
            "{{type}}",
            _CONDITIONS,
        )
    )
    made = made.with_panel(
        timeline(
            "Sync and health over time",
            "The states in which the application was.",
            f"max by (sync_status, health_status) (ecsync_app_info{{{_APP}}})",
            "{{sync_status}} · {{health_status}}",
            _STATE,
            size=(12, 6),
        )
    ).with_panel(
        timeline(
            "Why nothing is written",
            "Why passes wrote nothing: the mode is observe, the operator does not allow writes (not_enabled), "
            "another process has the lease, a suspension, a freeze, or an application that comes before (after). "
            "`none`: ecsync may write.",
            f'max by (reason) (ecsync_app_read_only{{{_APP}}}) or label_replace(vector(1), "reason", "none", "", "") '
            f"unless on () ecsync_app_read_only{{{_APP}}}",
            "{{reason}}",
            _STATE,
            size=(12, 6),
        )
    )
    made = made.with_row(Row("Differences"))
    made = made.with_panel(
        lines(
            "Drift by kind",
            "Resources that differ because another client changed or deleted them.",
            query(
                or_none(f"sum by (kind) (ecsync_drifted_resources{{{_APP}}})", "kind"),
                "{{kind}}",
            ),
            stacked=True,
            size=THIRD,
        )
    ).with_panel(
        lines(
            "Changes in the plan",
            "Changes of the last plan by action. They go to 0 when all is in sync.",
            query(
                or_none(f"sum by (action) (ecsync_plan_changes{{{_APP}}})", "action"),
                "{{action}}",
            ),
            stacked=True,
            size=THIRD,
        )
    )
    made = made.with_panel(
        lines(
            "Held, by reason",
            "Changes and deletions that ecsync does not make. The runbook of EcsyncChangesHeld has each reason.",
            query(
                or_none(f"sum by (reason) (ecsync_held_changes{{{_APP}}})", "reason"),
                "{{reason}}",
            ),
            query(f"sum by (reason) (ecsync_prune_blocked{{{_APP}}})", "deletion: {{reason}}"),
            stacked=True,
            size=THIRD,
        )
    )
    made = made.with_row(Row("What happened"))
    return (
        made.with_panel(
            bars(
                "Drift found",
                "Times that a resource was found changed (modified) or deleted (missing) outside ecsync.",
                query(added("ecsync_drift_detected_total", _APP, "action"), "{{action}}"),
                size=THIRD,
            )
        )
        .with_panel(
            bars(
                "Deployments by outcome",
                "Deployments of services: completed, failed, or rolled back by ECS.",
                query(added("ecsync_deployments_total", _APP, "outcome"), "{{outcome}}"),
                size=THIRD,
            )
        )
        .with_panel(
            lines(
                "Time since the last pass",
                "It grows to the interval of the application, and falls with each pass.",
                query(f"time() - max(ecsync_app_last_reconcile_timestamp_seconds{{{_APP}}})", "last pass"),
                query(f"time() - max(ecsync_app_last_success_timestamp_seconds{{{_APP}}})", "last success"),
                unit="s",
                size=THIRD,
            )
        )
        .with_panel(
            number(
                "Left behind",
                "Resources in an account or Region that the manifests do not mean any more. They stay there.",
                f"sum(ecsync_left_behind_resources{{{_APP}}}) or vector(0)",
                steps=WARN_IF_ANY,
            )
        )
    )
