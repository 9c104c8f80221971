# On what the controller writes to its log.

locals {
  alarms = {
    stopped = {
      description = "The controller does not run, or a loop of it is stuck"
      metric      = "HeartbeatAge"
      periods     = 5
      threshold   = 180
      missing     = "breaching"
    }
    drift = {
      description = "A change from outside is neither repaired nor accepted since 15 minutes"
      metric      = "OldestDrift"
      periods     = 3
      threshold   = 900
      missing     = "notBreaching"
    }
    source = {
      description = "The manifests cannot be read since 10 minutes"
      metric      = "SourceAge"
      periods     = 3
      threshold   = 600
      missing     = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "controller" {
  for_each            = var.alarms ? local.alarms : {}
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "ecsync"
  metric_name         = each.value.metric
  dimensions          = { Installation = var.installation }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = each.value.missing
  alarm_actions       = var.alarm_topic == "" ? [] : [var.alarm_topic]
  ok_actions          = var.alarm_topic == "" ? [] : [var.alarm_topic]
}
