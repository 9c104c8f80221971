"""Simulated Amazon EC2, as far as moto does not serve it: launch templates."""
