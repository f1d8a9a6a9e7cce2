"""The alignment tax with an error bar, from the log line to the weights."""

__version__ = "0.1.0"
