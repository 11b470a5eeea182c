"""Start operations on machines reached over ssh, and bring their runs home."""

__version__ = "0.1.0"
