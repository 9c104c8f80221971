"""Overview: how many applications are in order, which need attention, what changes."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import (
    BAD_IF_ZERO,
    GOOD_IF_ZERO,
    THIRD,
    WARN_IF_ANY,
    bars,
    board,
    lines,
    names,
    number,
    pie,
    query,
    rows,
)
from deploy.grafana.queries import added, or_none, quantile

_APP = 'job=~"$job", app=~"$application"'
_LABELS = "app, account, region, sync_status, health_status, mode, suspended"
_STATE = f"sum by ({_LABELS}) (ecsync_app_info{{{_APP}}})"
_AGE = f"time() - max by (app) (ecsync_app_last_success_timestamp_seconds{{{_APP}}})"
_READY = f'max by (app) (ecsync_app_condition{{{_APP}, type="Ready"}}) == 1'


def build() -> Dashboard:
    """Return the dashboard."""
    made = board(
        "ecsync-overview", "ecsync / Overview", "All applications: state, drift and changes.", ["job", "application"]
    )
    made = made.with_row(Row("Now"))
    made = made.with_panel(
        number("Applications", "Applications that are declared.", 'sum(ecsync_apps{job=~"$job"})')
    ).with_panel(
        number(
            "Not in sync",
            "Applications that differ from their manifests. In the mode observe, ecsync only reports this.",
            'sum(ecsync_apps{job=~"$job", sync_status="OutOfSync"})',
            steps=WARN_IF_ANY,
        )
    )
    made = made.with_panel(
        number(
            "Not healthy",
            "Applications with a resource that is degraded or missing.",
            'sum(ecsync_apps{job=~"$job", health_status=~"Degraded|Missing"})',
            steps=GOOD_IF_ZERO,
        )
    ).with_panel(
        number(
            "Unknown",
            "Applications with an unknown state: ecsync could not read a resource.",
            'sum(ecsync_apps{job=~"$job", sync_status="Unknown"})',
            steps=WARN_IF_ANY,
        )
    )
    made = made.with_panel(
        number(
            "Resources with drift",
            "Resources that were changed or deleted outside ecsync and are not repaired yet.",
            'sum(ecsync_drifted_resources{job=~"$job"}) or vector(0)',
            steps=WARN_IF_ANY,
            link="/d/ecsync-drift",
        )
    ).with_panel(
        number(
            "Firing alerts",
            "Alerts of ecsync that fire now. The pages in docs/runbooks explain what to do.",
            'count(ALERTS{alertname=~"Ecsync.+", alertstate="firing"}) or vector(0)',
            steps=GOOD_IF_ZERO,
        )
    )
    made = made.with_panel(
        rows(
            "Needs attention",
            "Applications that are not both in sync and healthy. Drift: resources changed outside ecsync. "
            "Held: changes that wait for a person or for a condition.",
            [
                ("app", "Application"),
                ("account", "Account"),
                ("region", "Region"),
                ("sync_status", "Sync"),
                ("health_status", "Health"),
                ("mode", "Mode"),
                ("suspended", "Suspended"),
            ],
            [
                (
                    f"{_STATE} unless on (app) {_READY}",
                    "Info",
                    "",
                ),
                (f"sum by (app) (ecsync_drifted_resources{{{_APP}}}) unless on (app) {_READY}", "Drift", "short"),
                (f"sum by (app) (ecsync_held_changes{{{_APP}}}) unless on (app) {_READY}", "Held", "short"),
                (f"{_AGE} unless on (app) {_READY}", "Last success", "s"),
            ],
            size=(24, 9),
            hidden=("Info",),
            link=("Application", "/d/ecsync-application?var-app=${__value.text}"),
        )
    )
    made = made.with_panel(
        pie(
            "Sync",
            "Applications by sync status.",
            'sum by (sync_status) (ecsync_apps{job=~"$job"}) > 0',
            "{{sync_status}}",
        )
    ).with_panel(
        pie(
            "Health",
            "Applications by health: the worst of their resources.",
            'sum by (health_status) (ecsync_apps{job=~"$job"}) > 0',
            "{{health_status}}",
        )
    )
    made = made.with_panel(
        lines(
            "Applications in sync",
            "Part of the applications that are in sync. It needs the recording rules of deploy/prometheus/rules.yaml.",
            query('job:ecsync_apps_in_sync:ratio{job=~"$job"}', "{{job}}"),
            unit="percentunit",
            most=1,
        )
    )
    made = made.with_row(Row("Changes"))
    made = made.with_panel(
        lines(
            "Drift by kind",
            "Resources that differ because another client changed or deleted them.",
            query(
                or_none('sum by (kind) (ecsync_drifted_resources{job=~"$job"})', "kind"),
                "{{kind}}",
            ),
            stacked=True,
            size=THIRD,
            link="/d/ecsync-drift",
        )
    ).with_panel(
        bars(
            "Changes by action",
            "Changes that ecsync made, without those that failed.",
            query(
                'sum by (action) (increase(ecsync_changes_total{job=~"$job", result="done"}[$__interval])) > 0',
                "{{action}}",
            ),
            size=THIRD,
        )
    )
    made = made.with_panel(
        bars(
            "Failed changes by kind",
            "Changes that AWS refused or that did not finish.",
            query(added("ecsync_changes_total", 'job=~"$job", result="failed"', "kind"), "{{kind}}"),
            size=THIRD,
        )
    ).with_panel(
        bars(
            "Deployments by outcome",
            "Deployments of services: completed, failed, or rolled back by ECS.",
            query(added("ecsync_deployments_total", 'job=~"$job"', "outcome"), "{{outcome}}"),
            size=THIRD,
        )
    )
    made = made.with_panel(
        lines(
            "Time from commit to healthy",
            "Time from a commit until its application is in sync and healthy: half of them, and 19 of 20.",
            query(
                quantile(0.5, "ecsync_lead_time_seconds", 'job=~"$job"', over="$__range"),
                "half",
            ),
            query(
                quantile(0.95, "ecsync_lead_time_seconds", 'job=~"$job"', over="$__range"),
                "19 of 20",
            ),
            unit="s",
            size=THIRD,
        )
    ).with_panel(
        number(
            "Deployments that completed",
            "Part of the deployments within the time range that completed.",
            'sum(increase(ecsync_deployments_total{job=~"$job", outcome="completed"}[$__range])) '
            '/ (sum(increase(ecsync_deployments_total{job=~"$job"}[$__range])) > 0)',
            unit="percentunit",
            steps=((None, "red"), (0.9, "orange"), (0.99, "green")),
        )
    )
    made = made.with_row(Row("Controllers"))
    return (
        made.with_panel(
            number(
                "Controllers",
                "Processes of ecsync from which Prometheus gets metrics.",
                'count(ecsync_build_info{job=~"$job"})',
                steps=BAD_IF_ZERO,
                link="/d/ecsync-controller",
            )
        )
        .with_panel(
            number(
                "Guards in force",
                "Freezes, overrides and approvals that are in force.",
                'sum by (guard) (ecsync_guards{job=~"$job"})',
                legend="{{guard}}",
                size=(8, 4),
            )
        )
        .with_panel(
            number(
                "Problems of manifests",
                "Problems that ecsync found in the manifests. `ecsync validate` prints them with file and line.",
                'sum(ecsync_manifest_problems{job=~"$job"})',
                steps=GOOD_IF_ZERO,
            )
        )
        .with_panel(
            names(
                "Version",
                "The versions of ecsync that run.",
                'count by (version) (ecsync_build_info{job=~"$job"})',
                "{{version}}",
            )
        )
    )
