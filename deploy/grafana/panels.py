"""The parts that the dashboards are made of: queries, panels and variables with one look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    piechart,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.piechart import PieChartLegendValues
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = look.DataSourceRef(type_val="prometheus", uid="${datasource}")
Colour: TypeAlias = Literal["green", "yellow", "orange", "red", "blue", "purple", "text", "gray"]
Steps: TypeAlias = Sequence[tuple[float | None, Colour]]  # from this value on; None: from the lowest
Panel: TypeAlias = Builder[model.Panel]
_Any = TypeVar("_Any", timeseries.Panel, stat.Panel, table.Panel, piechart.Panel, bargauge.Panel, heatmap.Panel,
               statetimeline.Panel)  # fmt: skip

GOOD_IF_ZERO: Steps = ((None, "green"), (1, "red"))
WARN_IF_ANY: Steps = ((None, "green"), (1, "orange"))
BAD_IF_ZERO: Steps = ((None, "red"), (1, "green"))
NEUTRAL: Steps = ((None, "blue"),)
STATES: Mapping[str, Colour] = {
    "Synced": "green", "OutOfSync": "orange", "Unknown": "gray", "Healthy": "green", "Progressing": "blue",
    "Degraded": "red", "Suspended": "purple", "Missing": "red",
}  # fmt: skip


def query(expr: str, legend: str = "") -> prometheus.Dataquery:
    """Return a query over the time range of the dashboard; `legend` may have labels as `{{kind}}`."""
    return prometheus.Dataquery().datasource(SOURCE).expr(expr).legend_format(legend or "__auto").range()


def now(expr: str, legend: str = "") -> prometheus.Dataquery:
    """Return a query of the latest values."""
    return prometheus.Dataquery().datasource(SOURCE).expr(expr).legend_format(legend or "__auto").instant()


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    """Return the colours by value."""
    values = [model.Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(values)


def _base(panel: _Any, title: str, about: str, queries: Sequence[prometheus.Dataquery], unit: str, size: Size) -> _Any:
    width, height = size
    made = panel.title(title).description(about).datasource(SOURCE).unit(unit).span(width).height(height)
    for letter, one in zip("ABCDEFGHIJ", queries, strict=False):
        made = made.with_target(one.ref_id(letter))
    return made


Size: TypeAlias = tuple[int, int]  # columns of 24, rows
SMALL: Size = (4, 4)
HALF: Size = (12, 8)
THIRD: Size = (8, 8)
WIDE: Size = (24, 8)


def number(
    title: str,
    about: str,
    expr: str,
    *,
    unit: str = "none",
    steps: Steps = NEUTRAL,
    size: Size = SMALL,
    legend: str = "",
    link: str = "",
    texts: Mapping[str, tuple[str, Colour]] | None = None,
    decimals: int | None = None,
) -> Panel:
    """Return a panel with the latest value in large. `legend` of several series is shown beside each value."""
    made = _base(stat.Panel(), title, about, [now(expr, legend)], unit, size)
    made = made.thresholds(thresholds(steps)).color_mode(look.BigValueColorMode.VALUE)
    made = made.graph_mode(look.BigValueGraphMode.NONE).reduce_options(_last()).no_value("none")
    if legend:
        made = made.text_mode(look.BigValueTextMode.VALUE_AND_NAME)
    if decimals is not None:
        made = made.decimals(decimals)
    if texts:
        made = made.mappings([_mapping(texts)])
    if link:
        made = made.links([_link("Details", link)])
    return made


def names(title: str, about: str, expr: str, legend: str, *, size: Size = SMALL, link: str = "") -> Panel:
    """Return a panel with labels in large, such as a version."""
    made = _base(stat.Panel(), title, about, [now(expr, legend)], "none", size).thresholds(thresholds(NEUTRAL))
    made = made.text_mode(look.BigValueTextMode.NAME).graph_mode(look.BigValueGraphMode.NONE).no_value("none")
    made = made.color_mode(look.BigValueColorMode.NONE).reduce_options(_last())
    return made.links([_link("Details", link)]) if link else made


def lines(
    title: str,
    about: str,
    *queries: prometheus.Dataquery,
    unit: str = "short",
    size: Size = HALF,
    stacked: bool = False,
    steps: Steps = (),
    most: float | None = None,
    link: str = "",
) -> Panel:
    """Return a graph over time. `steps` are drawn as dashed lines; `most` is the end of the axis."""
    made = _base(timeseries.Panel(), title, about, queries, unit, size).min(0)
    legend = common.VizLegendOptions().display_mode(look.LegendDisplayMode.LIST).show_legend(True)
    made = made.legend(legend.placement(look.LegendPlacement.BOTTOM).calcs([]))
    made = made.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    made = made.fill_opacity(60 if stacked else 8).line_width(1).show_points(look.VisibilityMode.NEVER)
    if stacked:
        made = made.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode.DASHED)
        made = made.thresholds(thresholds(steps)).thresholds_style(style)
    if most is not None:
        made = made.max(most)
    return made.links([_link("Details", link)]) if link else made


def bars(
    title: str, about: str, *queries: prometheus.Dataquery, unit: str = "short", size: Size = HALF, link: str = ""
) -> Panel:
    """Return counts in each interval as stacked bars; the queries use `increase(…[$__interval])`."""
    made = _base(timeseries.Panel(), title, about, queries, unit, size).min(0).interval("1m")
    legend = common.VizLegendOptions().display_mode(look.LegendDisplayMode.LIST).show_legend(True)
    made = made.legend(legend.placement(look.LegendPlacement.BOTTOM).calcs(["sum"]))
    made = made.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING))
    made = made.draw_style(look.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
    made = made.stacking(common.StackingConfig().mode(look.StackingMode.NORMAL).group("A"))
    return made.links([_link("Details", link)]) if link else made


def pie(title: str, about: str, expr: str, legend: str, *, size: Size = (6, 8)) -> Panel:
    """Return a ring of the latest values by a label, in the colours of the states."""
    made = _base(piechart.Panel(), title, about, [now(expr, legend)], "none", size).reduce_options(_last())
    made = made.legend(
        piechart.PieChartLegendOptions()
        .display_mode(look.LegendDisplayMode.TABLE)
        .placement(look.LegendPlacement.RIGHT)
        .show_legend(True)
        .calcs([])
        .values([PieChartLegendValues.VALUE])
    )
    made = made.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.SINGLE).sort(look.SortOrder.NONE))
    for state, colour in STATES.items():
        fixed = model.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})
        made = made.override_by_name(state, [fixed])
    return made


def ranking(title: str, about: str, expr: str, legend: str, *, unit: str, size: Size = HALF, steps: Steps) -> Panel:
    """Return the latest values as horizontal bars."""
    made = _base(bargauge.Panel(), title, about, [now(expr, legend)], unit, size).min(0)
    made = made.thresholds(thresholds(steps)).orientation(look.VizOrientation.HORIZONTAL)
    made = made.display_mode(look.BarGaugeDisplayMode.BASIC).reduce_options(_last())
    return made.legend(
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .show_legend(False)
        .calcs([])
    )


def spectrum(title: str, about: str, expr: str, *, size: Size = HALF) -> Panel:
    """Return a heat map of the buckets of a histogram, in seconds."""
    buckets = query(expr, "{{le}}").format(PromQueryFormat.HEATMAP)
    made = _base(heatmap.Panel(), title, about, [buckets], "none", size).calculate(False)
    made = made.color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(32))
    return made.y_axis(heatmap.YAxisConfig().unit("s").axis_placement(look.AxisPlacement.LEFT)).show_legend()


def timeline(
    title: str, about: str, expr: str, legend: str, texts: Mapping[str, tuple[str, Colour]], *, size: Size = WIDE
) -> Panel:
    """Return a line for each series, coloured by its value over time."""
    made = _base(statetimeline.Panel(), title, about, [query(expr, legend)], "none", size)
    made = made.mappings([_mapping(texts)]).show_value(look.VisibilityMode.NEVER).merge_values(True)
    made = made.tooltip(common.VizTooltipOptions().mode(look.TooltipDisplayMode.SINGLE).sort(look.SortOrder.NONE))
    return made.row_height(0.8).legend(
        common.VizLegendOptions()
        .display_mode(look.LegendDisplayMode.LIST)
        .placement(look.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )


def rows(
    title: str,
    about: str,
    columns: Sequence[tuple[str, str]],
    values: Sequence[tuple[str, str, str]],
    *,
    size: Size = WIDE,
    hidden: Sequence[str] = (),
    link: tuple[str, str] | None = None,
) -> Panel:
    """Return a table with one line for each series.

    `columns` are labels and their titles. `values` are queries of the latest values, with titles and units. Lines of
    several queries are merged where their common labels are equal. `hidden` are titles that are left out. `link` is
    the title of a column and the URL behind its cells.
    """
    queries = [now(expr).format(PromQueryFormat.TABLE) for expr, _, _ in values]
    made = _base(table.Panel(), title, about, queries, "none", size).show_header(True).no_value("nothing")
    made = made.cell_options(look.TableAutoCellOptions())
    letters = ["Value"] if len(values) == 1 else [f"Value #{letter}" for letter in "ABCDE"[: len(values)]]
    wanted = dict(columns) | {letter: text for letter, (_, text, _) in zip(letters, values, strict=True)}
    if len(values) > 1:
        made = made.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    wanted = {name: text for name, text in wanted.items() if text not in hidden}
    made = made.with_transformation(
        model.DataTransformerConfig(id_val="filterFieldsByName", options={"include": {"names": list(wanted)}})
    )
    made = made.with_transformation(
        model.DataTransformerConfig(
            id_val="organize",
            options={
                "indexByName": {name: index for index, name in enumerate(wanted)},
                "renameByName": wanted,
            },
        )
    )
    for _, text, unit in values:
        if unit:
            made = made.override_by_name(text, [model.DynamicConfigValue(id_val="unit", value=unit)])
    if link:
        made = made.override_by_name(
            link[0], [model.DynamicConfigValue(id_val="links", value=[{"title": "Open", "url": link[1]}])]
        )
    states = [_text_mapping(STATES)]
    colours = [
        model.DynamicConfigValue(id_val="mappings", value=states),
        model.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"}),
    ]
    for text in ("Sync", "Health"):
        if any(text == one for _, one in columns):
            made = made.override_by_name(text, colours)
    return made


def board(uid: str, title: str, about: str, variables: Sequence[str]) -> dashboard.Dashboard:
    """Return an empty dashboard with its variables and the links to the others."""
    made = dashboard.Dashboard(title).uid(uid).description(about).tags(["ecsync"]).readonly()
    made = made.refresh("30s").time("now-6h", "now").timezone(look.TimeZoneBrowser)
    made = made.tooltip(model.DashboardCursorSync.CROSSHAIR)
    made = made.with_variable(
        dashboard.DatasourceVariable("datasource")
        .label("Prometheus")
        .type("prometheus")
        .description("The data source.")
    )
    for name in variables:
        made = made.with_variable(_VARIABLES[name]())
    link = dashboard.DashboardLink("ecsync").type(model.DashboardLinkType.DASHBOARDS).tags(["ecsync"])
    return made.link(link.include_vars(True).keep_time(True).tooltip("The other dashboards of ecsync"))


def mark(name: str, expr: str, title: str, colour: Colour) -> dashboard.AnnotationQuery:
    """Return a query with results that are drawn as lines in all graphs; `title` may have labels as `{{outcome}}`."""
    made = dashboard.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour)
    return made.expr(expr).step("60s").title_format(title)


def _variable(name: str, label: str, about: str, values: str, *, several: bool = True) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).description(about).datasource(SOURCE)
    made = made.query({"query": values, "refId": "variable"})
    made = made.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
    if several:
        made = made.multi(True).include_all(True).all_value(".*")
        made = made.current(model.VariableOption(selected=True, text="All", value="$__all"))
    return made


_VARIABLES = {
    "job": lambda: _variable(
        "job", "Job", "The installations of ecsync, by the job of Prometheus.", "label_values(ecsync_build_info, job)"
    ),
    "application": lambda: _variable(
        "application", "Application", "The applications.", 'label_values(ecsync_app_info{job=~"$job"}, app)'
    ),
    "one application": lambda: _variable(
        "app",
        "Application",
        "One application.",
        'label_values(ecsync_app_info{job=~"$job"}, app)',
        several=False,
    ),
    "instance": lambda: _variable(
        "instance", "Instance", "The processes.", 'label_values(ecsync_build_info{job=~"$job"}, instance)'
    ),
    "service": lambda: _variable(
        "service",
        "AWS service",
        "As AWS's SDK names it.",
        'label_values(ecsync_aws_retries_total{job=~"$job"}, service)',
    ),
    "account": lambda: _variable(
        "account", "Account", "The AWS accounts.", 'label_values(ecsync_inventory_answers{job=~"$job"}, account)'
    ),
}


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _mapping(texts: Mapping[str, tuple[str, Colour]]) -> model.ValueMap:
    results = {
        value: model.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(texts.items())
    }
    return model.ValueMap(options=results)


def _text_mapping(states: Mapping[str, Colour]) -> Mapping[str, object]:
    options = {state: {"color": colour, "index": index} for index, (state, colour) in enumerate(states.items())}
    return {"type": "value", "options": options}


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).url(url).type(model.DashboardLinkType.LINK)
