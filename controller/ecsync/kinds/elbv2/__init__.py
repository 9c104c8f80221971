"""Kinds of Elastic Load Balancing: LoadBalancer, TargetGroup, Listener, ListenerRule."""
