"""Kinds of Application Auto Scaling: ScalableTarget, ScalingPolicy, ScheduledAction."""
