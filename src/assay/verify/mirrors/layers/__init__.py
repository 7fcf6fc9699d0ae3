"""The verify/mirrors/layers room."""
