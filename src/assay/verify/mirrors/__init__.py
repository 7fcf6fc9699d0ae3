"""The verify/mirrors room."""
