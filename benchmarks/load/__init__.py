"""The load AWS: a server of the reads of a large, converged fleet, made of the simulator's answers for a small one."""
