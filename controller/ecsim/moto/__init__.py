"""Everything that leans on moto: the services that it answers, and the corrections to its answers."""
