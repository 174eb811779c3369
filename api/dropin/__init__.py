"""The protocols of other servers, over the way of `POST /predict`. See docs/decisions/0027-drop-in-protocols.md."""
