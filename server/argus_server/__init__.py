"""The receiver and the command line: a thin edge around the library ``argus_lab``."""
