"""The engine: threads, the queue, and passes that observe, plan and apply. The core makes the decisions."""
