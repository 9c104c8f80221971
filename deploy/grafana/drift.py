"""Drift: what differs now, for how long, what was repaired and how fast, what is held and why."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import (
    GOOD_IF_ZERO,
    HALF,
    THIRD,
    WARN_IF_ANY,
    Steps,
    bars,
    board,
    lines,
    number,
    query,
    ranking,
    rows,
    spectrum,
)
from deploy.grafana.queries import added, or_none, quantile

_APP = 'job=~"$job", app=~"$application"'
_JOB = 'job=~"$job"'
_OLD: Steps = ((None, "green"), (600, "orange"), (1800, "red"))


def build() -> Dashboard:
    """Return the dashboard."""
    made = board(
        "ecsync-drift",
        "ecsync / Drift",
        "Changes that were made outside ecsync: what differs, for how long, what was repaired, and what is held.",
        ["job", "application"],
    )
    made = made.with_row(Row("What differs now"))
    made = made.with_panel(
        number(
            "Resources with drift",
            "Resources that were changed or deleted outside ecsync and are not repaired yet.",
            f"sum(ecsync_drifted_resources{{{_APP}}}) or vector(0)",
            steps=WARN_IF_ANY,
        )
    ).with_panel(
        number(
            "Applications with drift",
            "Applications with at least one such resource.",
            f'count(ecsync_app_condition{{{_APP}, type="Drifted"}} == 1) or vector(0)',
            steps=WARN_IF_ANY,
        )
    )
    made = made.with_panel(
        number(
            "Oldest drift",
            "Time since the oldest drift that still exists was found.",
            f"max(ecsync_drift_oldest_age_seconds{{{_APP}}})",
            unit="s",
            steps=_OLD,
            decimals=0,
        )
    ).with_panel(
        number(
            "Repaired",
            "Drift that ecsync repaired within the time range.",
            added("ecsync_drift_resolved_total", f'{_JOB}, by="ecsync"', over="$__range"),
            decimals=0,
        )
    )
    made = made.with_panel(
        number(
            "Time to repair",
            "Half of the drift that ecsync repaired within the time range was repaired within this time.",
            quantile(0.5, "ecsync_drift_duration_seconds", f'{_JOB}, by="ecsync"', over="$__range"),
            unit="s",
            steps=((None, "green"), (300, "orange"), (1800, "red")),
            decimals=0,
        )
    ).with_panel(
        number(
            "Not converging",
            "Changes that ecsync wrote three times in vain: AWS does not show the value, or another client writes too.",
            f'sum(ecsync_held_changes{{{_APP}, reason="not_converging"}}) or vector(0)',
            steps=GOOD_IF_ZERO,
        )
    )
    made = made.with_panel(
        rows(
            "What differs, by application and kind",
            "`ecsync status` and `ecsync events --type drift.*` name the resources, the fields, and both values.",
            [("app", "Application"), ("kind", "Kind")],
            [(f"sum by (app, kind) (ecsync_drifted_resources{{{_APP}}})", "Resources", "short")],
            size=HALF,
            link=("Application", "/d/ecsync-application?var-app=${__value.text}"),
        )
    ).with_panel(
        ranking(
            "For how long",
            "Age of the oldest drift of each application; 0 without drift.",
            f"topk(20, max by (app) (ecsync_drift_oldest_age_seconds{{{_APP}}}))",
            "{{app}}",
            unit="s",
            steps=_OLD,
        )
    )
    made = made.with_row(Row("Over time"))
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
        bars(
            "Opened, by application",
            "Times that a resource was found changed or deleted outside ecsync.",
            query(
                added("ecsync_drift_detected_total", _APP, "app", "action"),
                "{{app}} {{action}}",
            ),
            size=THIRD,
        )
    )
    made = made.with_panel(
        bars(
            "Opened, by kind",
            "The same by kind. changed: the drift of a resource became another one.",
            query(
                added("ecsync_resource_drift_total", f'{_JOB}, state!="resolved"', "kind", "state"),
                "{{kind}} {{state}}",
            ),
            size=THIRD,
        )
    ).with_panel(
        bars(
            "Ended",
            "Drift that ended: ecsync repaired it, or another client changed it back or the manifest follows (other).",
            query(added("ecsync_drift_resolved_total", _JOB, "by"), "{{by}}"),
            size=THIRD,
        )
    )
    made = made.with_panel(
        lines(
            "Time to repair",
            "From the report of the drift until it is repaired: half of the repairs, and 19 of 20.",
            query(
                quantile(0.5, "ecsync_drift_duration_seconds", f'{_JOB}, by="ecsync"', over="$__range"),
                "half",
            ),
            query(
                quantile(0.95, "ecsync_drift_duration_seconds", f'{_JOB}, by="ecsync"', over="$__range"),
                "19 of 20",
            ),
            unit="s",
            size=THIRD,
        )
    ).with_panel(
        spectrum(
            "How long drift lasted",
            "Each column has the drift that ended in it, by how long it lasted.",
            added("ecsync_drift_duration_seconds_bucket", _JOB, "le"),
            size=THIRD,
        )
    )
    made = made.with_row(Row("What is held, and why"))
    return (
        made.with_panel(
            rows(
                "Held changes",
                "Changes that ecsync does not make. The runbook of EcsyncChangesHeld has each reason.",
                [("app", "Application"), ("reason", "Reason")],
                [(f"sum by (app, reason) (ecsync_held_changes{{{_APP}}})", "Changes", "short")],
                size=THIRD,
            )
        )
        .with_panel(
            rows(
                "Held deletions",
                "Resources that are no longer declared and that ecsync does not delete. "
                "The runbook of EcsyncPruneBlocked explains each reason.",
                [("app", "Application"), ("reason", "Reason")],
                [(f"sum by (app, reason) (ecsync_prune_blocked{{{_APP}}})", "Deletions", "short")],
                size=THIRD,
            )
        )
        .with_panel(
            lines(
                "Waiting for an approval",
                "Applications with a replacement or a deletion that waits for a person: `ecsync approve`.",
                query(f"sum(ecsync_approvals_pending{{{_JOB}}})", "applications"),
                size=THIRD,
            )
        )
        .with_panel(
            lines(
                "Budgets of an hour",
                "Part of the removals and changes of an hour that were made. At 100 %, further ones wait.",
                query(
                    f"ecsync_budget_used{{{_JOB}}} / (ecsync_budget_limit{{{_JOB}}} > 0)",
                    "{{account}}/{{region}} {{budget}}",
                ),
                unit="percentunit",
                most=1,
                steps=((None, "green"), (0.8, "orange"), (1, "red")),
            )
        )
    )
