"""Faust agents: the loop between the transport and scoring."""
