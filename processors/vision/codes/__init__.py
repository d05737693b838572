"""Reads barcodes and two-dimensional codes on labels and boards; says nothing rather than something wrong."""
