"""What Elastic Load Balancing accepts: the constraints of its kinds."""
