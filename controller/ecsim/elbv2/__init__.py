"""Simulated Elastic Load Balancing: load balancers, listeners, rules, target groups, target health."""
