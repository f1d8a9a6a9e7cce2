"""Importers, one file each; `FORMATS` lists them in the order in which a file is tried."""
