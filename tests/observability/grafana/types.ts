// schema.json is made of these types of @grafana/schema (Grafana Labs, Apache-2.0): npm ci && npm run schema
import * as d from '@grafana/schema/dist/types/raw/dashboard/x/types.gen';
import * as timeseries from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen';
import * as stat from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen';
import * as table from '@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen';
import * as piechart from '@grafana/schema/dist/types/raw/composable/piechart/panelcfg/x/types.gen';
import * as bargauge from '@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen';
import * as heatmap from '@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/types.gen';
import * as statetimeline from '@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen';
export interface Grafana {
  Dashboard: d.Dashboard;
  TimeseriesOptions: timeseries.Options;
  TimeseriesFieldConfig: timeseries.FieldConfig;
  StatOptions: stat.Options;
  TableOptions: table.Options;
  TableFieldConfig: table.FieldConfig;
  PiechartOptions: piechart.Options;
  PiechartFieldConfig: piechart.FieldConfig;
  BargaugeOptions: bargauge.Options;
  HeatmapOptions: heatmap.Options;
  HeatmapFieldConfig: heatmap.FieldConfig;
  StatetimelineOptions: statetimeline.Options;
  StatetimelineFieldConfig: statetimeline.FieldConfig;
}
