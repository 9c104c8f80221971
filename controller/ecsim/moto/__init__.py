"""All code that uses moto: the services that moto serves, and corrections of its answers."""
