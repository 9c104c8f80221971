"""The shell: where threads live. It sequences; what is right is decided in the core."""
