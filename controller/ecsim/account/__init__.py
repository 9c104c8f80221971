"""A simulated account, whatever its services: state, clock, settings, ledger, faults, errors, paging, tags."""
