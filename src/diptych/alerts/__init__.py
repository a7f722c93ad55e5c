"""Alerts at the edge: the state is read, `domain.alerts` decides, messages are kept with the decision and delivered."""
