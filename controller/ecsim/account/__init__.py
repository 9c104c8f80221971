"""The ground floor of a simulated account: clock, settings, errors, paging, faults, ledger, state."""
